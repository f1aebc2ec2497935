//! `ballast exchange apply`: an exchange from nothing, a difference, a key that is another one's.

use crate::stage::{BALLAST, Stage};
use anyhow::{Result, ensure};
use ballast_localnet::CONFIG;
use solana_signer::Signer;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Sets a second exchange up beside that of the stage, with the same mints and feeds.
pub fn by_command(stage: &Stage) -> Result<()> {
    let keys = &stage.exchange.keys;
    // Made by the folder when they are asked for.
    for name in ["other-exchange", "other-board"] {
        stage.folder.key(name)?;
    }
    let path = |name: &str| stage.folder.key_path(name);
    let mut values = vec![
        ("GUARDIAN".to_owned(), keys.guardian.pubkey().to_string()),
        (
            "SURFACE_AUTHORITY".to_owned(),
            keys.surface.pubkey().to_string(),
        ),
    ];
    for token in &stage.exchange.tokens {
        values.push((format!("{}_MINT", token.name), token.mint.to_string()));
    }
    for feed in &stage.exchange.feeds {
        values.push((format!("{}_FEED", feed.ticker()), feed.written_id()));
    }
    let config = stage.folder.path("other.toml");
    fs::write(&config, CONFIG)?;
    let run = |board: Option<&PathBuf>, risk: &str, more: &[&str]| -> Result<(i32, String)> {
        let mut command = Command::new(BALLAST);
        command.args(["exchange", "apply", "--yes", "--url", &stage.cluster.url()]);
        command.arg("--config").arg(&config);
        command.arg("--keypair").arg(path("faucet"));
        command.arg("--admin-keypair").arg(path("admin"));
        command.arg("--risk-keypair").arg(path(risk));
        command
            .arg("--exchange-keypair")
            .arg(path("other-exchange"));
        if let Some(board) = board {
            command.arg("--board-keypair").arg(board);
        }
        let output = command.args(more).envs(values.iter().cloned()).output()?;
        let told = [output.stdout, output.stderr].concat();
        Ok((
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&told).into_owned(),
        ))
    };
    let board = path("other-board");
    let (code, told) = run(None, "risk", &[])?;
    ensure!(
        code == 2 && told.contains("$BOARD has no value"),
        "{code} {told}"
    );
    let (code, told) = run(Some(&board), "risk", &["--dry-run"])?;
    ensure!(
        code == 0 && told.contains("create exchange "),
        "{code} {told}"
    );
    ensure!(told.contains("list market BTC-PERP"), "{told}");
    let (code, told) = run(Some(&board), "risk", &[])?;
    ensure!(
        code == 0 && told.matches("done: ").count() == 11,
        "{code} {told}"
    );
    let (code, told) = run(Some(&board), "risk", &[])?;
    ensure!(
        code == 0 && told.contains("nothing to change"),
        "{code} {told}"
    );

    // Another key's signature is noticed before anything is sent.
    let risk = keys.risk.pubkey().to_string();
    let changed = CONFIG.replace("max_offset = 0.6", "max_offset = 0.5");
    fs::write(&config, changed.replace("$RISK_AUTHORITY", &risk))?;
    let (code, told) = run(Some(&board), "admin", &[])?;
    let expected = format!(
        "exchange: margin max offset 60% -> 50%: {} is not the risk authority, --risk-keypair must be another key",
        keys.admin.pubkey()
    );
    ensure!(code == 2 && told.contains(&expected), "{code} {told}");
    let (code, told) = run(Some(&board), "risk", &[])?;
    ensure!(code == 0, "{code} {told}");
    ensure!(
        told.contains("done: exchange: margin max offset 60% -> 50%"),
        "{told}"
    );

    // What has expired is left alone.
    let mut text = fs::read_to_string(&config)?;
    let perpetual = CONFIG
        .split_once("[markets.SOL-PERP]")
        .map(|(_, rest)| rest);
    let perpetual = perpetual
        .and_then(|rest| rest.split_once("[markets"))
        .map(|(one, _)| one);
    let future = perpetual
        .unwrap_or_default()
        .replace("\"perpetual\"", "\"future\"\nexpiry = \"2025-10-09\"");
    text += &format!("\n[markets.SOL-9OCT25]{future}");
    fs::write(&config, text)?;
    let (code, told) = run(Some(&board), "risk", &[])?;
    ensure!(
        code == 0 && told.contains("SOL-9OCT25 has expired and is left alone"),
        "{code} {told}"
    );
    ensure!(told.contains("nothing to change"), "{told}");
    Ok(())
}

//! What operators of keepers rely on: rehearsals that send nothing, several keepers at once, streams that break, accounts that are let alone,
//! alerts, exit codes.

use crate::stage::{BALLAST, Stage, Trader, USDC};
use crate::{ASK, BID, CALM, LOTS_PER_SOL, SOL, TURN, hurried, skipped};
use anyhow::{Context, Result, ensure};
use ballast_client::state::MarketTerms;
use serde_json::Value;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

const TRADERS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn keepers_rehearse_share_heal_and_tell() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let _turn = TURN.lock().await;
    let stage = Stage::start(None, hurried).await?;
    let exchange = stage.addresses().exchange;
    for name in ["keeper", "second"] {
        stage.trader(name, 200_000).await?;
    }
    stage.publish(&CALM, stage.now().await?).await?;
    let is_priced = async || -> Result<bool> {
        let mirror = stage.connection.exchange(&exchange).await?;
        Ok(mirror.board.prices[..4]
            .iter()
            .all(|entry| entry.publish_time > 0))
    };

    // A rehearsal says what would be done and does nothing; then it is done.
    let config = stage.keeper_config("keeper", 0, "", "")?;
    let once = |arguments: &[&str]| -> Result<Output> {
        let mut command = Command::new(BALLAST);
        command.args(["keeper", "run", "--once", "--output", "json", "--config"]);
        Ok(command.arg(&config).args(arguments).output()?)
    };
    let summary = |output: &Output| -> Result<Value> {
        let problem = || String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), problem());
        serde_json::from_slice(&output.stdout).with_context(problem)
    };
    let rehearsed = summary(&once(&["--dry-run"])?)?;
    ensure!(
        rehearsed["done"].as_u64() > Some(0) && rehearsed["failed"] == 0,
        "{rehearsed}"
    );
    ensure!(!is_priced().await?, "a rehearsal has written prices");
    let done = summary(&once(&[])?)?;
    ensure!(
        done["done"].as_u64() > Some(0) && done["failed"] == 0,
        "{done}"
    );
    ensure!(is_priced().await?);
    let again = summary(&once(&[])?)?;
    ensure!(again["done"] == 0, "there was nothing left: {again}");

    // A second exchange on the same cluster, which the keepers must not mind.
    crate::apply::by_command(&stage)?;

    // Mistakes of the operator.
    let wrong = stage.folder.path("wrong.toml");
    std::fs::write(&wrong, "url = 1")?;
    let refused = Command::new(BALLAST)
        .args(["keeper", "run", "--config"])
        .arg(&wrong)
        .output()?;
    ensure!(refused.status.code() == Some(2), "{refused:?}");
    let text = std::fs::read_to_string(&config)?;
    std::fs::write(
        &wrong,
        text.replace(&stage.cluster.url(), "http://127.0.0.1:9"),
    )?;
    let refused = Command::new(BALLAST)
        .args(["keeper", "run", "--config"])
        .arg(&wrong)
        .output()?;
    ensure!(refused.status.code() == Some(1), "{refused:?}");

    // Two keepers, one of them behind a stream that will break, with a webhook.
    let perpetual = MarketTerms::perpetual(0);
    let (mark, lots) = (SOL * USDC / LOTS_PER_SOL, 100 * LOTS_PER_SOL);
    let alice = stage.trader("alice", 1_000_000).await?;
    let mut traders: Vec<Trader> = Vec::new();
    for number in 0..TRADERS {
        traders.push(stage.trader(&format!("trader{number}"), 5_000).await?);
    }
    let denied = &traders[0];
    let stream = Cut::start(stage.cluster.ws_url()).await?;
    let alerts = Webhook::start().await?;
    let top = format!(
        "websocket = \"{}\"\n[alerts]\nwebhook = \"{}\"\ninsurance_min = 1000000000",
        stream.url(),
        alerts.url
    );
    let policy = format!("deny = [\"{}\"]", denied.account);
    let first = stage.start_keeper("keeper", &top, &policy)?;
    let second = stage.start_keeper("second", "", &policy)?;
    stage
        .place(&alice, &perpetual, ASK, mark, lots * (TRADERS as u64))
        .await?;
    for trader in &traders[1..] {
        stage.place(trader, &perpetual, BID, mark, lots).await?;
    }
    let held = async |trader: &Trader| -> Result<i64> {
        Ok(stage.account(&trader.account).await?.lots(&perpetual))
    };
    for trader in &traders[1..] {
        stage
            .until("orders are matched by one of the two", 60, async || {
                Ok((held(trader).await? == lots as i64).then_some(()))
            })
            .await?;
    }
    // Nobody touches the denied trader's order, so he takes from alice himself.
    stage.place(denied, &perpetual, BID, mark, lots).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(
        held(denied).await? == 0,
        "a denied account's order was filled"
    );
    stage.take(denied, &alice, &perpetual, mark, lots).await?;
    ensure!(held(denied).await? == lots as i64);

    // The first one's stream breaks and the second one ends: what happens then is healed by snapshots.
    stream.cut();
    ensure!(second.errors().is_empty(), "{:#?}", second.errors());
    ensure!(second.stop()?, "the second keeper did not end well");
    let crashed =
        CALM.map(|(name, price)| (name, if name == "SOL" { price * 0.75 } else { price }));
    stage.publish(&crashed, stage.now().await?).await?;
    let is_over = async |trader: &Trader| -> Result<Option<()>> {
        let account = stage.account(&trader.account).await?;
        let is_over = account.lots(&perpetual) < lots as i64 && !account.in_liquidation();
        Ok(is_over.then_some(()))
    };
    stage
        .until(
            "somebody is liquidated by a keeper without a stream",
            90,
            async || {
                for trader in &traders[1..] {
                    if is_over(trader).await?.is_some() {
                        return Ok(Some(()));
                    }
                }
                Ok(None)
            },
        )
        .await?;
    stream.heal();
    let second = stage.start_keeper("second", "", &policy)?;
    for trader in &traders[1..] {
        stage
            .until("everybody is liquidated", 90, async || {
                is_over(trader).await
            })
            .await?;
        ensure!(stage.report(&trader.account).await?.health_maintenance() >= 0);
    }
    let account = stage.account(&denied.account).await?;
    ensure!(account.lots(&perpetual) == lots as i64 && !account.in_liquidation());
    ensure!(stage.report(&denied.account).await?.is_liquidatable());

    stage
        .until("the stream stands again", 60, async || {
            let (_, metrics) = first.page("/metrics")?;
            let lost = metrics.lines().any(|line| {
                line.strip_prefix("ballast_stream_lost_total ")
                    .is_some_and(|count| count != "0")
            });
            Ok((lost && first.page("/health")?.0 == 200).then_some(()))
        })
        .await?;
    let told = alerts.told.lock().expect("nobody panics with it").clone();
    let low = told.iter().find(|alert| alert["kind"] == "insurance_low");
    let low = low.with_context(|| format!("alerts: {told:?}"))?;
    ensure!(low["exchange"] == exchange.to_string() && low["severity"] == "warning");
    for keeper in [first, second] {
        ensure!(keeper.errors().is_empty(), "{:#?}", keeper.errors());
        ensure!(keeper.stop()?, "a keeper did not end well");
    }
    Ok(())
}

/// A relay in front of a websocket that can be cut.
struct Cut {
    port: u16,
    is_cut: Arc<AtomicBool>,
}

impl Cut {
    async fn start(websocket: String) -> Result<Self> {
        let target = websocket
            .trim_start_matches("ws://")
            .trim_end_matches('/')
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let state = is_cut.clone();
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let (state, target) = (state.clone(), target.clone());
                tokio::spawn(async move {
                    if state.load(Ordering::Relaxed) {
                        return;
                    }
                    let Ok(mut to) = TcpStream::connect(&target).await else {
                        return;
                    };
                    let cut = async {
                        while !state.load(Ordering::Relaxed) {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut from, &mut to) => {}
                        () = cut => {}
                    }
                });
            }
        });
        Ok(Self { port, is_cut })
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.port)
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    fn heal(&self) {
        self.is_cut.store(false, Ordering::Relaxed);
    }
}

/// Takes alerts as a chat service would.
struct Webhook {
    url: String,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/alerts", listener.local_addr()?);
        let told = Arc::new(Mutex::new(Vec::new()));
        let all = told.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let all = all.clone();
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    let mut chunk = [0; 4_096];
                    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
                        text.extend_from_slice(&chunk[..read]);
                        let request = String::from_utf8_lossy(&text);
                        let body = request.split_once("\r\n\r\n").map(|(_, body)| body);
                        let alert = body.and_then(|body| serde_json::from_str(body).ok());
                        if let Some(alert) = alert {
                            all.lock().expect("nobody panics with it").push(alert);
                            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                            let _ = stream.write_all(answer).await;
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { url, told })
    }
}

//! Commands that talk to a cluster, as far as they get without one: command line, exit codes, completions.
#![cfg(feature = "cluster")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

const KEY: &str = "7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2";
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Exit code, standard output, standard error. A home of its own: neither configuration nor key of whoever runs the tests.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("home");
    fs::create_dir_all(&home).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ballast"))
        .args(arguments)
        .env("HOME", home)
        .env_remove("BALLAST_EXCHANGE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[track_caller]
fn fails(arguments: &[&str], code: i32, reason: &str) {
    let (ended, output, error) = run(arguments);
    assert_eq!(
        (ended, output.as_str()),
        (code, ""),
        "{arguments:?}: {error}"
    );
    assert!(error.contains(reason), "{arguments:?}: {error}");
    // The same as JSON.
    let arguments = [arguments, &["--output", "json"]].concat();
    let (ended, output, error) = run(&arguments);
    assert_eq!(
        (ended, output.as_str()),
        (code, ""),
        "{arguments:?}: {error}"
    );
    let told = error.lines().last().unwrap_or_default();
    // What was asked stands in front of it on the same line.
    let json: Value = serde_json::from_str(&told[told.find('{').unwrap()..]).unwrap();
    let kinds = ["io", "input", "refused", "not_confirmed", "declined"];
    assert_eq!(json["error"]["kind"], kinds[code as usize - 1], "{error}");
    let message = json["error"]["message"].as_str().unwrap();
    assert!(message.contains(reason), "{message}");
    assert!(json["error"]["code"].is_null() && json["error"]["name"].is_null());
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for (arguments, reason) in [
        (&["account", "shwo"][..], "unrecognized subcommand 'shwo'"),
        (&["account", "deposit", "USDC", "1e5"], "no decimal number"),
        (&["account", "deposit", "USDC", "0"], "more than 0"),
        (&["account", "show", "abc"], "invalid value 'abc'"),
        (
            &["order", "place", "SOL-PERP", "long", "1", "150"],
            "invalid value 'long'",
        ),
        (
            &["exchange", "pause", "everything", "--for", "1h"],
            "must be one of deposit",
        ),
        (&["exchange", "pause", "--for", "soon"], "must be seconds"),
        (
            &["price", "show", "--commitment", "final"],
            "must be processed",
        ),
        (&["price", "show", "--priority-fee", "much"], "must be auto"),
        (&["price", "show", "--url", "main"], "is neither an address"),
        (&["account", "what-if", "--price", "SOL"], "must be a name"),
    ] {
        fails(arguments, 2, reason);
    }
    // What there is to choose from is told.
    let (code, _, error) = run(&["exchange"]);
    assert!(
        code == 2 && error.contains("Usage: ballast exchange"),
        "{error}"
    );
}

#[test]
fn a_node_or_file_that_is_not_there_is_exit_code_1() {
    let exchange = ["--url", NOWHERE, "--exchange", KEY];
    for command in [
        &["exchange", "show"][..],
        &["asset", "list"],
        &["market", "book", "SOL-PERP"],
        &["account", "list", "--owner", KEY],
        &["account", "history", KEY],
        &["liquidation", "list"],
        &["price", "refresh"],
    ] {
        fails(&[command, &exchange].concat(), 1, "the RPC node");
    }
    // Without an exchange it looks for one.
    fails(&["exchange", "show", "--url", NOWHERE], 1, "the RPC node");
    let missing = [
        "exchange",
        "apply",
        "--config",
        "/nowhere/x.toml",
        "--url",
        NOWHERE,
    ];
    fails(&missing, 1, "cannot read /nowhere/x.toml");
    fails(
        &["keeper", "run", "--config", "/nowhere/x.toml"],
        1,
        "cannot read /nowhere/x.toml",
    );
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../migrations/localnet.toml");
    let without_key = ["exchange", "apply", "--config", config.to_str().unwrap()];
    fails(&without_key, 1, "name another by --keypair");
}

#[test]
fn keys_in_addresses_are_not_told() {
    for (address, code) in [
        ("http://me:SECRET@127.0.0.1:1/SECRET?api-key=SECRET", 1),
        ("node.example/?api-key=SECRET", 2),
        ("HTTP://node.example/SECRET", 2),
    ] {
        for more in [&["--exchange", KEY][..], &["--output", "json"]] {
            let command = [&["exchange", "show", "--url", address], more].concat();
            let (ended, _, error) = run(&command);
            assert!(ended == code && !error.contains("SECRET"), "{error}");
        }
    }
    let (code, _, error) = run(&["exchange", "show", "--exchange", "https://a/SECRET"]);
    assert!(
        code == 2 && error.contains("https://a") && !error.contains("SECRET"),
        "{error}"
    );
    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("secret.toml");
    fs::write(&config, "url = \"https://a/SECRET\" 1").unwrap();
    fails(
        &["keeper", "run", "--config", config.to_str().unwrap()],
        2,
        "secret.toml",
    );
    let (_, _, error) = run(&["keeper", "run", "--config", config.to_str().unwrap()]);
    assert!(!error.contains("SECRET"), "{error}");
}

#[test]
fn what_nobody_confirms_is_exit_code_5() {
    let command = [
        "account",
        "delegate",
        "set",
        KEY,
        "--url",
        NOWHERE,
        "--exchange",
        KEY,
    ];
    fails(&command, 5, "not confirmed");
    let (code, _, error) = run(&command);
    assert!(
        code == 5 && error.starts_with(&format!("Let {KEY} trade for account 0")),
        "{error}"
    );
    // Confirmed beforehand, it gets as far as the cluster.
    fails(&[&command[..], &["--yes"]].concat(), 1, "the RPC node");
}

#[test]
fn the_solana_clis_configuration_is_the_default() {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("configured");
    let folder = home.join(".config/solana/cli");
    fs::create_dir_all(&folder).unwrap();
    let config = "---\njson_rpc_url: http://127.0.0.1:2/SECRET\nwebsocket_url: ''\nkeypair_path: /nowhere/id.json\n";
    fs::write(folder.join("config.yml"), config).unwrap();
    let told = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(arguments)
            .env("HOME", &home)
            .env("BALLAST_EXCHANGE", KEY)
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let error = told(&["exchange", "show"]);
    // The path of an address may be a key.
    assert!(
        error.contains("127.0.0.1:2") && !error.contains("SECRET"),
        "{error}"
    );
    let error = told(&["account", "list", "-u", NOWHERE]);
    assert!(error.contains("127.0.0.1:1"), "{error}");
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../migrations/localnet.toml");
    let error = told(&["exchange", "apply", "--config", config.to_str().unwrap()]);
    assert!(error.contains("/nowhere/id.json"), "{error}");
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, error) = run(&["completions", shell]);
        assert_eq!((code, error.as_str()), (0, ""), "{shell}");
        for word in ["ballast", "liquidation", "what-if", "priority-fee"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(run(&["completions", "cmd"]).0, 2);
    // Bash takes it.
    let (_, script, _) = run(&["completions", "bash"]);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("completions.bash");
    fs::write(&path, script).unwrap();
    if let Ok(status) = Command::new("bash").arg("-n").arg(&path).status() {
        assert!(status.success());
    }
}

#[test]
fn help_documents_the_exit_codes() {
    let (code, help, _) = run(&["--help"]);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(code, 0);
    for part in [
        "3 when the program or the runtime refused a transaction",
        "4 when a transaction was not confirmed in time",
        "5 when the user did not confirm",
        "BALLAST_EXCHANGE",
    ] {
        assert!(help.contains(part), "{part}");
    }
}

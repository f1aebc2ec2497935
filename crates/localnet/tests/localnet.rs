//! A whole localnet but for the keeper, against a real validator. `BALLAST_NO_CLUSTER=1` skips it.

use anchor_lang::prelude::Pubkey;
use ballast_client::Mirror;
use ballast_client::state::{MarketTerms, Order, Side};
use ballast_localnet::{
    AppOptions, Command, LAMPORTS, Localnet, LocalnetOptions, WalkOptions, fund,
};
use serde_json::{Value, json};
use solana_signer::Signer;
use std::time::{Duration, Instant};

/// The maker's resting orders, by market and side the best price.
fn best(mirror: &Mirror, owner: &Pubkey, terms: &MarketTerms, side: Side) -> Option<u64> {
    let accounts = mirror
        .accounts
        .values()
        .filter(|account| account.owner == *owner);
    let orders = accounts.flat_map(|account| account.orders.iter());
    let prices = orders
        .filter(|order: &&Order| order.lots > 0 && order.terms == *terms && order.side() == side)
        .map(|order| order.price);
    match side {
        Side::Bid => prices.max(),
        Side::Ask => prices.min(),
    }
}

/// How many markets the maker quotes on both sides, around the mark.
fn quoted(mirror: &Mirror, now: i64, owner: &Pubkey) -> [usize; 3] {
    let view = mirror.view(now);
    let mut counts = [0; 3];
    for terms in mirror.markets.keys() {
        let [bid, ask] = [Side::Bid, Side::Ask].map(|side| best(mirror, owner, terms, side));
        let mark: f64 = view.mark(terms).unwrap().to_num();
        if bid.is_some_and(|bid| bid as f64 <= mark) && ask.is_some_and(|ask| ask as f64 >= mark) {
            let kind = if terms.is_option() {
                2
            } else {
                usize::from(!terms.is_perpetual())
            };
            counts[kind] += 1;
        }
    }
    counts
}

/// The app is told where everything is, and its faucet gives.
async fn check_app(localnet: &Localnet) {
    let url = localnet.app_url().unwrap();
    let description = localnet.folder.description().unwrap();
    assert_eq!(description.app_url.as_ref(), Some(&url));
    let network: Value = reqwest::get(format!("{url}/network.json"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(network["rpcUrl"], description.url);
    assert_eq!(network["exchange"], description.exchange);

    let wallet = Pubkey::new_unique();
    let ask = json!({ "address": wallet.to_string(), "sol": 2, "dollars": 500 });
    let client = reqwest::Client::new();
    let request = client.post(format!("{url}/faucet")).json(&ask);
    let gift: Value = request.send().await.unwrap().json().await.unwrap();
    let usdc = gift["tokens"]["USDC"].as_f64().unwrap();
    assert!((usdc / 500.0 - 1.0).abs() < 0.01, "{gift}");
    let rpc = localnet.cluster.connection();
    let lamports = rpc.rpc().get_balance(&wallet).await.unwrap();
    assert_eq!(lamports, 2 * LAMPORTS);
}

#[tokio::test]
async fn an_exchange_is_quoted_and_follows_a_crash() {
    if std::env::var_os("BALLAST_NO_CLUSTER").is_some_and(|value| value == "1") {
        println!("skipped: BALLAST_NO_CLUSTER=1");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut options = LocalnetOptions::new(folder.path().to_owned());
    options.keeper = false;
    let app = tempfile::tempdir().unwrap();
    std::fs::write(app.path().join("index.html"), "<html>").unwrap();
    options.app = Some(AppOptions {
        folder: app.path().to_owned(),
        port: 0,
    });
    options.prices.every = Duration::from_secs(1);
    options.prices.walk = WalkOptions {
        seed: 3,
        speed: 0.0,
    };
    let mut localnet = Localnet::start(options, |line| println!("{line}"))
        .await
        .unwrap();
    let connection = localnet.cluster.connection();
    let exchange = localnet.exchange.addresses.exchange;
    let maker = localnet.exchange.keys.maker.pubkey();

    let start = Instant::now();
    let wait = |start: Instant| async move {
        assert!(start.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let before = loop {
        let mirror = connection.mirror(&exchange).await.unwrap();
        let now = connection.time().await.unwrap().unix;
        // Three underlyings: two futures each, eight series or those of one expiry in the last hour of the other.
        let [perpetuals, futures, options] = quoted(&mirror, now, &maker);
        if perpetuals == 3 && futures == 6 && options >= 12 {
            break mirror;
        }
        wait(start).await;
    };

    let sol = MarketTerms::perpetual(0);
    let bid = best(&before, &maker, &sol, Side::Bid).unwrap() as f64;
    assert!(localnet.prices.apply(&Command::multiply("SOL", 0.97)));
    let start = Instant::now();
    loop {
        let mirror = connection.mirror(&exchange).await.unwrap();
        let ask = best(&mirror, &maker, &sol, Side::Ask).unwrap_or(u64::MAX) as f64;
        if ask < bid {
            break;
        }
        wait(start).await;
    }

    let wallet = Pubkey::new_unique();
    let usdc = localnet.exchange.token("USDC").unwrap();
    let faucet = &localnet.exchange.keys.faucet;
    fund(&connection, faucet, &wallet, 5, &[(usdc, usdc.amount(7.5))])
        .await
        .unwrap_err();
    fund(
        &connection,
        faucet,
        &wallet,
        1_000_000,
        &[(usdc, usdc.amount(7.5))],
    )
    .await
    .unwrap();
    assert_eq!(
        connection.rpc().get_balance(&wallet).await.unwrap(),
        1_000_000
    );
    check_app(&localnet).await;
    assert_eq!(localnet.check().unwrap(), None);

    // A folder is one localnet's.
    let second = LocalnetOptions::new(folder.path().to_owned());
    let error = Localnet::start(second, |_| ())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("a localnet is running in"), "{error}");
    assert_eq!(
        localnet.folder.description().unwrap().exchange,
        exchange.to_string()
    );
}

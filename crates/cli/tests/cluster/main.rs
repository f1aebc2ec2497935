//! The whole of it on a real validator: traders, a keeper in a process of its own that is killed and started again, a crash, a bankruptcy, an
//! expiry, and everybody's money back. `BALLAST_NO_CLUSTER=1` leaves it out.
#![cfg(feature = "cluster")]

mod apply;
mod operators;
mod stage;

use anchor_spl::associated_token::get_associated_token_address;
use anyhow::{Result, ensure};
use ballast_client::instructions;
use ballast_client::state::{MarketKind, MarketStatus, MarketTerms, QUOTE_ASSET, next_expiry};
use solana_signer::Signer;
use stage::{Stage, Trader, USDC};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;

/// Lots of SOL are hundredths.
const LOTS_PER_SOL: u64 = 100;
const SOL: u64 = 150;
const BID: u8 = 0;
const ASK: u8 = 1;

/// Whether tests may start a validator.
fn skipped() -> bool {
    let skipped = std::env::var_os("BALLAST_NO_CLUSTER").is_some_and(|value| value == "1");
    if skipped {
        println!("skipped: BALLAST_NO_CLUSTER=1");
    }
    skipped
}

/// The localnet's exchange with an auction of minutes, and prices that may be as old as the settlement window is long.
fn hurried(config: &str) -> String {
    let replaced = [
        ("first_s = 900", "first_s = 60"),
        ("zero_s = 7200", "zero_s = 120"),
        ("premium_full_s = 10800", "premium_full_s = 120"),
        ("observation_gap_max_s = 120", "observation_gap_max_s = 60"),
        ("max_age_s = 120", "max_age_s = 3600"),
    ];
    let mut text = config.to_owned();
    for (from, to) in replaced {
        assert!(text.contains(from), "{from} is not in the configuration");
        text = text.replace(from, to);
    }
    text
}

/// One cluster at a time: two would take each other's processors, and time matters here.
static TURN: Mutex<()> = Mutex::const_new(());

const CALM: [(&str, f64); 4] = [
    ("USDC", 1.0),
    ("SOL", SOL as f64),
    ("ETH", 3_000.0),
    ("BTC", 100_000.0),
];

#[tokio::test(flavor = "multi_thread")]
async fn traders_a_keeper_a_crash_and_an_expiry() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let _turn = TURN.lock().await;
    let machine = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let expiry = next_expiry(machine + 600);
    // Three minutes for everything that has to be done before the option expires.
    let stage = Stage::start(Some(expiry - 180), hurried).await?;
    let perpetual = MarketTerms::perpetual(0);
    let put = MarketTerms {
        expiry,
        strike: SOL * USDC / LOTS_PER_SOL,
        kind: MarketKind::Put as u8,
        ..MarketTerms::default()
    };

    // A price that has stood since the settlement window began, then the present one; nothing but the keeper takes them to the board.
    let own = stage.trader("keeper", 200_000).await?;
    stage.publish(&CALM, expiry - 1_790).await?;
    let keeper = stage.start_keeper("keeper", "", "")?;
    let exchange = stage.addresses().exchange;
    stage
        .until("the first prices are on the board", 30, async || {
            let mirror = stage.connection.exchange(&exchange).await?;
            let set = mirror.board.prices[..4]
                .iter()
                .all(|entry| entry.publish_time > 0);
            Ok(set.then_some(()))
        })
        .await?;
    stage.publish(&CALM, stage.now().await?).await?;

    stage.list(&put).await?;
    let alice = stage.trader("alice", 1_000_000).await?;
    let bob = stage.trader("bob", 5_000).await?;
    let carol = stage.trader("carol", 2_600).await?;
    let dave = stage.trader("dave", 2_000).await?;

    // Crossing orders that rest: the keeper matches them for the fee.
    let mark = SOL * USDC / LOTS_PER_SOL;
    let lots = 100 * LOTS_PER_SOL;
    stage.place(&alice, &perpetual, ASK, mark, 2 * lots).await?;
    stage
        .place(&bob, &perpetual, BID, mark + 10_000, lots)
        .await?;
    stage
        .place(&carol, &perpetual, BID, mark + 10_000, lots)
        .await?;
    // A put at the money, minutes before its expiry: two dollars per SOL.
    let premium = 2 * USDC / LOTS_PER_SOL;
    let options = 10 * LOTS_PER_SOL;
    stage.place(&alice, &put, ASK, premium, options).await?;
    stage.place(&dave, &put, BID, premium, options).await?;
    let is_filled = async |trader: &Trader, terms: &MarketTerms, wanted: u64| {
        let lots = stage.account(&trader.account).await?.lots(terms);
        Ok((lots == wanted as i64).then_some(()))
    };
    for (name, trader, terms, wanted) in [
        ("bob", &bob, &perpetual, lots),
        ("carol", &carol, &perpetual, lots),
        ("dave", &dave, &put, options),
    ] {
        let what = format!("the keeper fills {name}'s order");
        stage
            .until(&what, 30, async || is_filled(trader, terms, wanted).await)
            .await?;
    }
    ensure!(
        stage.now().await? < expiry,
        "the set-up took longer than the option lived"
    );
    let paid = stage
        .account(&dave.account)
        .await?
        .position(&put)
        .map(|held| held.quote);
    let paid = paid.expect("dave holds the put");

    // The keeper dies. While nobody looks the price falls by a quarter: bob is below his margin, carol is bankrupt.
    keeper.kill()?;
    let fund = stage.addresses().insurance_fund();
    let insured = stage.cash(&fund).await?;
    let crashed =
        CALM.map(|(name, price)| (name, if name == "SOL" { price * 0.75 } else { price }));
    stage.publish(&crashed, stage.now().await?).await?;
    let keeper = stage.start_keeper("keeper", "", "")?;
    stage
        .until("bob is liquidated", 60, async || {
            let account = stage.account(&bob.account).await?;
            let reduced = account.lots(&perpetual) < lots as i64;
            Ok((reduced && !account.in_liquidation()).then_some(()))
        })
        .await?;
    let report = stage.report(&bob.account).await?;
    ensure!(report.health_maintenance() >= 0 && report.equity_mark > 0);
    stage
        .until("carol's bankruptcy is paid by insurance", 120, async || {
            let account = stage.account(&carol.account).await?;
            Ok((account.lots(&perpetual) == 0 && !account.in_liquidation()).then_some(()))
        })
        .await?;
    ensure!(stage.report(&carol.account).await?.equity_mark >= 0);
    let left = stage.cash(&fund).await?;
    // Her equity was 2,600 - 3,750 before fees.
    ensure!(
        left < insured - 1_000 * USDC as i64,
        "insurance {insured} -> {left}"
    );

    // Killed again, over the expiry. The one after it settles.
    stage.wait_until(expiry - 2).await?;
    keeper.kill()?;
    stage.wait_until(expiry + 2).await?;
    stage.publish(&crashed, stage.now().await?).await?;
    let keeper = stage.start_keeper("keeper", "", "")?;
    let settlement = stage
        .until("the option's settlement price", 60, async || {
            let Some(market) = stage.market(&put).await? else {
                return Ok(None);
            };
            let is_closed = market.status(expiry + 3) == MarketStatus::Closed;
            Ok(is_closed.then_some(market.settlement_price))
        })
        .await?;
    // An average of half an hour of which almost all was before the crash.
    let of_lot = |dollars: u64| dollars * USDC / LOTS_PER_SOL;
    ensure!(
        (of_lot(140)..of_lot(150)).contains(&settlement),
        "settled at {settlement}"
    );
    let payoff = put.payoff(settlement)? * options;
    let cash = stage
        .until("dave's put is paid", 60, async || {
            let account = stage.account(&dave.account).await?;
            let settled = account.positions.iter().all(|slot| slot.is_free());
            Ok(match settled {
                true => Some(stage.cash(&dave.account).await?),
                false => None,
            })
        })
        .await?;
    let expected = 2_000 * USDC as i64 + paid + payoff as i64;
    ensure!(
        (0..=1_000).contains(&(cash - expected)),
        "{cash}, expected {expected}"
    );

    // Everybody who is flat takes all of it home.
    for trader in [&dave, &carol] {
        let owner = trader.key.pubkey();
        let mint = stage.usdc()?.mint;
        let cash = stage.cash(&trader.account).await?;
        if cash == 0 {
            continue;
        }
        let to = get_associated_token_address(&owner, &mint);
        let addresses = stage.addresses();
        let withdraw = instructions::withdraw(
            addresses,
            &mint,
            &trader.account,
            &owner,
            &to,
            u64::MAX,
            false,
        );
        stage.execute(&[withdraw], &trader.key).await?;
        let wallet = stage.wallet(&owner).await? as i64;
        ensure!((0..=10).contains(&(wallet - cash)), "{wallet} of {cash}");
    }

    // What its operator sees.
    let (status, health) = keeper.page("/health")?;
    ensure!(
        status == 200 && health.contains("\"healthy\":true"),
        "{health}"
    );
    let (_, metrics) = keeper.page("/metrics")?;
    for name in [
        "ballast_accounts",
        "ballast_transactions_done_total",
        "ballast_scan_seconds",
    ] {
        ensure!(metrics.contains(name), "no {name} in\n{metrics}");
    }
    let errors = keeper.errors();
    ensure!(errors.is_empty(), "{errors:#?}");
    ensure!(keeper.stop()?, "the keeper did not end well");

    // The bank has every token that it owes.
    let mirror = stage.connection.mirror(&exchange).await?;
    let bank = &mirror.banks[&QUOTE_ASSET];
    let vault = stage
        .connection
        .rpc()
        .get_token_account_balance(&bank.vault)
        .await?;
    let vault: i128 = vault.amount.parse()?;
    let indexes = mirror.board.indexes(QUOTE_ASSET)?;
    let loans = i128::from(ballast_client::state::ledger::loans_total(bank, indexes)?);
    let deposits = i128::from(ballast_client::state::ledger::deposits_total(
        bank, indexes,
    )?);
    let owed = deposits + i128::from(bank.settlement_pools) + i128::from(bank.fees);
    ensure!(
        (0..=100).contains(&(vault + loans - owed)),
        "{vault} + {loans} against {owed}"
    );
    ensure!(mirror.accounts.contains_key(&own.account));
    Ok(())
}

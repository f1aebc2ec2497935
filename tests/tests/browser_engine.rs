//! What the engine for browsers says is allowed, the program allows, and one unit more it refuses for the reason that the engine gives.

use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::OrderArgs;
use ballast_client::errors::program_error;
use ballast_client::instructions;
use ballast_client::state::{Bank, Exchange, MarketKind, MarketTerms, Side};
use ballast_risk_wasm::{Engine, Refusal, Which};
use ballast_sim::Venue;
use ballast_tests::{Code, ETH, SOL, Stage};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_signer::Signer;

const DAY_S: i64 = 86_400;
/// Quote units per lot of SOL at its price on the stage.
const MARK: u64 = 2_000_000;

/// An engine with the accounts of an owner.
fn engine(stage: &Stage, owner: &Keypair) -> Engine {
    let addresses = &stage.venue.addresses;
    let mints = &stage.venue.mints;
    let banks = mints.iter().map(|mint| (Which::Bank, addresses.bank(mint)));
    let accounts = [
        (Which::Exchange, addresses.exchange),
        (Which::Board, addresses.board),
        (Which::Account, stage.account(owner)),
    ];
    let mut engine = Engine::default();
    for (which, key) in accounts.into_iter().chain(banks) {
        let account = stage.world.svm.get_account(&key).unwrap();
        engine.load(which, &account.data).unwrap();
    }
    engine
}

/// The largest size of a change, and the code of what stands against more.
fn largest(stage: &Stage, owner: &Keypair, template: Value) -> (u64, u32) {
    let request = json!({"operation": "largest", "now": stage.world.now(), "changes": [], "template": template});
    let answer = engine(stage, owner).call(request.to_string().as_bytes());
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let answer = &answer["ok"];
    let size = answer["size"].as_str().unwrap().trim_end_matches('n');
    let code = answer["limit"]["code"].as_u64().unwrap();
    (size.parse().unwrap(), code as u32)
}

fn terms(terms: &MarketTerms) -> Value {
    let kinds = ["perpetual", "future", "call", "put"];
    json!({
        "underlying": terms.underlying,
        "kind": kinds[usize::from(terms.kind)],
        "expiry": terms.expiry,
        "strike": format!("{}n", terms.strike),
    })
}

/// Requires that a size goes through and one more does not.
#[track_caller]
fn check(
    stage: &mut Stage,
    owner: &Keypair,
    (size, code): (u64, u32),
    instruction: impl Fn(&Stage, u64) -> Instruction,
) {
    assert!(size > 1, "nothing to check");
    let most = instruction(stage, size);
    if let Err(refusal) = stage.simulate(&[most], &[owner]) {
        panic!("{size} was refused: {refusal}");
    }
    let more = instruction(stage, size + 1);
    stage.refused(&[more], &[owner], Code(code));
}

#[test]
fn refusals_have_the_codes_of_the_program() {
    for refusal in Refusal::ALL {
        let failure = refusal.failure();
        let known = program_error(failure.code).unwrap();
        assert_eq!(format!("{known:?}"), failure.name);
    }
}

#[test]
fn the_largest_orders_and_withdrawals_are_the_programs() {
    let mut stage = Stage::new();
    let lender = stage.trader(1, 1_000_000.0);
    stage.fund(&lender, ETH, 1_000.0);
    let owner = stage.trader(2, 10_000.0);
    stage.fund(&owner, SOL, 20.0);
    stage.venue.accrue(&mut stage.world).unwrap();
    stage
        .venue
        .post_flat_surface(&mut stage.world, SOL, 0.8, 0.0)
        .unwrap();
    let now = stage.world.now();
    let call = MarketTerms {
        expiry: now / DAY_S * DAY_S + 21 * DAY_S + 28_800,
        strike: MARK * 11 / 10,
        underlying: 0,
        kind: MarketKind::Call as u8,
        ..MarketTerms::default()
    };
    stage.venue.list_market(&mut stage.world, &call).unwrap();

    let orders = [
        (Venue::perpetual(SOL), Side::Bid, MARK),
        (Venue::perpetual(SOL), Side::Ask, MARK),
        (call, Side::Ask, 80_000),
        (call, Side::Bid, 80_000),
    ];
    for (market, side, price) in orders {
        let name = if side == Side::Bid { "bid" } else { "ask" };
        let template = json!({
            "kind": "order", "terms": terms(&market), "side": name, "lots": "0n",
            "price": format!("{price}n"), "reduceOnly": false,
        });
        let found = largest(&stage, &owner, template);
        check(&mut stage, &owner, found, |stage, lots| {
            instructions::place_order(
                &stage.venue.addresses,
                &market,
                &stage.account(&owner),
                &owner.pubkey(),
                Venue::limit(side, price, lots),
            )
        });
    }

    // Margin against a loan first, then what was deposited, then with a position.
    for (asset, borrow) in [(ETH, true), (SOL, false), (0, false), (0, true)] {
        let template =
            json!({"kind": "withdraw", "asset": asset, "amount": "0n", "borrow": borrow});
        let found = largest(&stage, &owner, template);
        stage.mint(&owner, asset, 1);
        check(&mut stage, &owner, found, |stage, amount| {
            stage.withdraw(&owner, asset, amount, borrow)
        });
    }
}

#[test]
fn the_limits_of_banks_are_the_programs() {
    let mut stage = Stage::new();
    let lender = stage.trader(1, 1.0);
    stage.fund(&lender, ETH, 10.0);
    let owner = stage.trader(2, 1_000_000.0);
    stage.venue.accrue(&mut stage.world).unwrap();
    stage.mint(&owner, ETH, 2_000_000_000);
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| {
        exchange.assets[ETH].origination_fee_q32 = (1 << 32) / 777;
    });
    let bank = stage.venue.addresses.bank(&stage.venue.mints[ETH]);
    let borrowed = json!({"kind": "withdraw", "asset": ETH, "amount": "0n", "borrow": true});
    type Limit = fn(&mut Bank);
    let limits: [(Limit, Refusal); 3] = [
        (|_| {}, Refusal::InsufficientVaultLiquidity),
        (
            |bank| bank.borrow_cap = 777_777_777,
            Refusal::BorrowCapExceeded,
        ),
        (
            |bank| bank.outflow_limit = 333_333_333,
            Refusal::OutflowLimitExceeded,
        ),
    ];
    for (change, refusal) in limits {
        stage.patch(&bank, change);
        let found = largest(&stage, &owner, borrowed.clone());
        assert_eq!(found.1, refusal.failure().code);
        check(&mut stage, &owner, found, |stage, amount| {
            stage.withdraw(&owner, ETH, amount, true)
        });
    }
    stage.patch::<Bank>(&bank, |bank| bank.deposit_cap = 1_555_555_555);
    let deposited = json!({"kind": "deposit", "asset": ETH, "amount": "0n"});
    let found = largest(&stage, &owner, deposited);
    assert_eq!(found.1, Refusal::DepositCapExceeded.failure().code);
    check(&mut stage, &owner, found, |stage, amount| {
        stage.deposit(&owner, ETH, amount)
    });
}

#[test]
fn a_loan_is_bounded_by_how_much_is_lent_with_it_as_by_the_program() {
    let mut stage = Stage::new();
    let lender = stage.trader(1, 1.0);
    stage.fund(&lender, ETH, 100.0);
    let owner = stage.trader(2, 50_000.0);
    stage.mint(&owner, ETH, 0);
    let exchange = stage.venue.addresses.exchange;
    stage.patch::<Exchange>(&exchange, |exchange| {
        exchange.assets[ETH].haircut_size_start = 9_000_000_000;
    });
    let borrowed = json!({"kind": "withdraw", "asset": ETH, "amount": "0n", "borrow": true});
    let found = largest(&stage, &owner, borrowed);
    assert_eq!(found.1, Refusal::BelowInitialMargin.failure().code);
    // Without it 10 ETH: 40,000 and the haircut.
    assert!((3..6).contains(&(found.0 / 100_000_000)), "{}", found.0);
    check(&mut stage, &owner, found, |stage, amount| {
        stage.withdraw(&owner, ETH, amount, true)
    });
}

#[test]
fn the_largest_fill_is_the_programs() {
    let mut stage = Stage::new();
    let (rich, owner) = (stage.trader(1, 10_000_000.0), stage.trader(2, 1_000.0));
    let order = |side| OrderArgs {
        lots: 6_000,
        ..Venue::limit(side, MARK, 0)
    };
    let template = json!({
        "kind": "trade", "terms": terms(&Venue::perpetual(SOL)), "lots": "1n",
        "price": format!("{MARK}n"), "fee": "taker",
    });
    let found = largest(&stage, &owner, template);
    // The order is affordable without the fee, so that it can be placed for more than can be filled.
    let asks = OrderArgs {
        lots: found.0 + 1,
        ..order(Side::Ask)
    };
    let bids = OrderArgs {
        lots: found.0 + 1,
        ..order(Side::Bid)
    };
    let made = stage.place(&rich, SOL, asks);
    stage.world.send(&[made], &[&rich]).unwrap();
    stage.world.skip_slots(2);
    let taken = stage.place(&owner, SOL, bids);
    stage.world.send(&[taken], &[&owner]).unwrap();
    let fill = |stage: &Stage, lots| stage.fill(SOL, (&rich, 0), (&owner, 0), lots);
    let (most, more) = (fill(&stage, found.0), fill(&stage, found.0 + 1));
    if let Err(refusal) = stage.simulate(&[most], &[]) {
        panic!("{} was refused: {refusal}", found.0);
    }
    stage.refused(&[more], &[], Code(found.1));
}

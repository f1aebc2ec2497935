//! Large portfolios on the real program: what fills between them, their settlement and their liquidation take.

use crate::Row;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::events::Liquidated;
use ballast_client::args::{FeedChoice, FillArgs, LiquidateArgs, OrderArgs, UnderlyingArgs};
use ballast_client::events::decode_all;
use ballast_client::instructions;
use ballast_client::state::health::Purpose;
use ballast_client::state::{
    MarketKind, MarketTerms, ORDERS_MAX, POSITIONS_MAX, Side, next_expiry,
};
use ballast_risk::Q32_ONE;
use ballast_sim::Venue;
use ballast_tests::probe::all_units;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

const DAY_S: i64 = 86_400;

/// A row of the last transaction's dearest instruction of a name.
fn row(stage: &mut Stage, name: &str, instruction: &str, ceiling: u64) -> Row {
    let units = stage.world.compute_units.remove(instruction).unwrap();
    Row {
        name: name.to_owned(),
        units: units.into_iter().max().unwrap(),
        ceiling,
    }
}

/// Lists further underlyings priced as SOL, with their perpetuals, until there are `count`.
fn list_underlyings(stage: &mut Stage, count: u8) {
    let admin = stage.venue.admin.insecure_clone();
    let payer = stage.world.payer.pubkey();
    let addresses = stage.venue.addresses;
    for index in 3..count {
        let mut args = stage.venue.underlying_args(SOL);
        let pair = stage.venue.underlying_args(SOL + 1).correlations[0];
        args = UnderlyingArgs {
            feed: FeedChoice::Existing(SOL as u8),
            correlations: vec![pair; usize::from(index)],
            ..args
        };
        let mut market = stage.venue.market_args(SOL);
        market.terms.underlying = index;
        let list = [
            instructions::add_underlying(&addresses, &admin.pubkey(), args),
            instructions::add_market(&addresses, &admin.pubkey(), &payer, market),
        ];
        stage.world.send(&list, &[&admin]).unwrap();
    }
}

/// Lists further tokens priced as SOL and puts some of each into an account, until it has `count` balances with the quote asset's.
fn fill_balances(stage: &mut Stage, owner: &Keypair, count: usize) {
    let addresses = stage.venue.addresses;
    let mut mints = stage.venue.mints.clone();
    mints.extend(stage.list_tokens((count - mints.len()) as u8));
    for mint in &mints[1..] {
        let amount = 1_000_000;
        let source = stage
            .world
            .mint_tokens(mint, &owner.pubkey(), amount)
            .unwrap();
        let account = stage.account(owner);
        let key = owner.pubkey();
        let put = instructions::deposit(&addresses, mint, &account, &key, &source, amount);
        stage.world.send(&[put], &[owner]).unwrap();
    }
}

/// Options on the first `underlyings`, of two expiries, calls and puts at several strikes.
fn series(stage: &Stage, count: usize, underlyings: usize) -> Vec<MarketTerms> {
    let option = |index: usize| {
        let underlying = index % underlyings;
        let asset = if underlying < 3 { underlying + 1 } else { SOL };
        let spec = &stage.venue.config.assets[asset];
        let round = index / underlyings;
        let steps = (stage.prices[asset] / spec.strike_step).round() + round as f64 - 3.0;
        MarketTerms {
            expiry: next_expiry(stage.world.now() + (1 + 5 * (round as i64 % 2)) * DAY_S),
            strike: stage.venue.price_per_lot(asset, steps * spec.strike_step),
            underlying: underlying as u8,
            kind: if index.is_multiple_of(3) {
                MarketKind::Put as u8
            } else {
                MarketKind::Call as u8
            },
            padding: [0; 6],
        }
    };
    (0..count).map(option).collect()
}

fn post_surfaces(stage: &mut Stage, underlyings: usize) {
    for index in 1..=underlyings {
        stage
            .venue
            .post_flat_surface(&mut stage.world, index, 0.8, 0.05)
            .unwrap();
    }
}

/// A market's mark, on the tick.
fn at_the_mark(stage: &Stage, terms: &MarketTerms) -> u64 {
    let (exchange, board) = (
        stage.venue.exchange(&stage.world).unwrap(),
        stage.venue.board(&stage.world).unwrap(),
    );
    let view = ballast_client::state::health::View {
        exchange: &exchange,
        board: &board,
        now: stage.world.now(),
    };
    let asset = usize::from(terms.underlying).min(2) + 1;
    let tick = stage.venue.config.assets[asset].tick_size.max(100);
    let mark: u64 = view.mark(terms).unwrap().to_num();
    mark.div_ceil(tick) * tick
}

fn buy(stage: &mut Stage, maker: &Keypair, taker: &Keypair, terms: &MarketTerms, lots: u64) {
    let price = at_the_mark(stage, terms);
    let ask = rest(stage, maker, terms, Venue::limit(Side::Ask, price, lots));
    let bid = rest(stage, taker, terms, Venue::limit(Side::Bid, price, lots));
    let fill = instructions::fill_order(
        &stage.venue.addresses,
        terms,
        &stage.account(maker),
        &stage.account(taker),
        None,
        &stage.world.payer.pubkey(),
        FillArgs {
            maker_order_id: ask,
            taker_order_id: bid,
            lots_max: lots,
        },
    );
    send(stage, fill, &[]);
}

/// Rests an order and returns its number.
fn rest(stage: &mut Stage, owner: &Keypair, terms: &MarketTerms, order: OrderArgs) -> u64 {
    let id = stage.state(owner).next_order_id;
    let addresses = stage.venue.addresses;
    let account = stage.account(owner);
    let place = instructions::place_order(&addresses, terms, &account, &owner.pubkey(), order);
    send(stage, place, &[owner]);
    id
}

fn send(stage: &mut Stage, instruction: Instruction, signers: &[&Keypair]) -> Vec<String> {
    let done = stage.world.send(&[all_units(), instruction], signers);
    done.unwrap().logs
}

/// A fill between two accounts that hold eight perpetuals each.
fn fill_between_eight_perpetuals() -> Row {
    let mut stage = Stage::new();
    list_underlyings(&mut stage, 8);
    let (maker, taker) = (stage.trader(1, 100_000.0), stage.trader(2, 100_000.0));
    for underlying in 0..8 {
        buy(
            &mut stage,
            &maker,
            &taker,
            &MarketTerms::perpetual(underlying),
            10,
        );
    }
    stage.world.compute_units.clear();
    buy(&mut stage, &maker, &taker, &MarketTerms::perpetual(0), 10);
    for key in [&maker, &taker] {
        let report = stage
            .venue
            .assess(&stage.world, &stage.account(key), Purpose::AddRisk)
            .unwrap();
        assert_eq!((report.position_count, report.underlying_count), (8, 8));
    }
    row(&mut stage, "fill/8_perps_each", "FillOrder", 90_000)
}

/// A fill between two accounts that hold sixteen options each.
fn fill_between_sixteen_options() -> Row {
    let mut stage = Stage::new();
    let (maker, taker) = (stage.trader(1, 1_000_000.0), stage.trader(2, 1_000_000.0));
    let series = series(&stage, 16, 3);
    post_surfaces(&mut stage, 3);
    for terms in &series {
        stage.venue.list_series(&mut stage.world, terms).unwrap();
        buy(&mut stage, &maker, &taker, terms, 10);
    }
    stage.world.compute_units.clear();
    buy(&mut stage, &maker, &taker, &series[0], 10);
    assert_eq!(positions(&stage, &maker), 16);
    assert_eq!(positions(&stage, &taker), 16);
    row(&mut stage, "fill/16_options_each", "FillOrder", 250_000)
}

fn positions(stage: &Stage, key: &Keypair) -> usize {
    let state = stage.state(key);
    state
        .positions
        .iter()
        .filter(|slot| !slot.is_free())
        .count()
}

/// An account with every slot in use, 16 balances, 32 options and 16 orders, on so many underlyings, trades, is liquidated, and what is left
/// is settled at the expiry: each in one transaction.
fn largest_account(underlyings: u8, name: &str, ceilings: [u64; 4]) -> Vec<Row> {
    let mut stage = Stage::new();
    let (maker, taker, liquidator) = (
        stage.trader(1, 10_000_000.0),
        stage.trader(2, 2_500.0),
        stage.trader(3, 10_000_000.0),
    );
    fill_balances(&mut stage, &taker, 16);
    stage.insure(100_000.0);
    list_underlyings(&mut stage, underlyings);
    let series = series(&stage, POSITIONS_MAX, underlyings.into());
    post_surfaces(&mut stage, underlyings.into());
    for (index, terms) in series.iter().enumerate() {
        stage.venue.list_series(&mut stage.world, terms).unwrap();
        // Short most, long some.
        let (seller, buyer) = match index % 4 {
            0 => (&maker, &taker),
            _ => (&taker, &maker),
        };
        buy(&mut stage, seller, buyer, terms, 100);
    }
    for terms in &series[..ORDERS_MAX - 1] {
        let price = at_the_mark(&stage, terms);
        rest(&mut stage, &taker, terms, Venue::limit(Side::Bid, price, 1));
    }
    let state = stage.state(&taker);
    assert!(state.balances.iter().all(|slot| !slot.is_free()));
    assert_eq!(positions(&stage, &taker), POSITIONS_MAX);
    stage.world.compute_units.clear();
    buy(&mut stage, &taker, &maker, &series[1], 10);
    let mut rows = vec![row(
        &mut stage,
        &format!("fill/{name}"),
        "FillOrder",
        ceilings[0],
    )];
    stage.check_books();

    // A rise takes the short calls into the money.
    let price = at_the_mark(&stage, &series[1]);
    let bid = Venue::limit(Side::Bid, price, 1);
    rest(&mut stage, &taker, &series[1], bid);
    assert!(
        stage
            .state(&taker)
            .orders
            .iter()
            .all(|order| order.lots > 0)
    );
    let addresses = stage.venue.addresses;
    let account = stage.account(&taker);
    let start = instructions::start_liquidation(&addresses, &account);
    while stage.simulate(&[all_units(), start.clone()], &[]).is_err() {
        for asset in 1..4 {
            let price = stage.prices[asset] * 1.2;
            stage.set_price(asset, price);
        }
    }
    send(&mut stage, start, &[]);
    rows.push(row(
        &mut stage,
        &format!("start_liquidation/{name}"),
        "StartLiquidation",
        ceilings[1],
    ));
    let event = liquidate(&mut stage, &account, &liquidator, Q32_ONE / 2);
    assert_eq!(
        (event.balances.len(), event.positions.len()),
        (16, POSITIONS_MAX)
    );
    rows.push(row(
        &mut stage,
        &format!("liquidate/{name}"),
        "Liquidate",
        ceilings[2],
    ));
    stage.check_books();
    settle_what_expires(&mut stage, &series[0], &[&maker, &taker, &liquidator]);
    rows.push(row(
        &mut stage,
        &format!("settle_position/{name}"),
        "SettlePosition",
        ceilings[3],
    ));
    rows
}

/// Settles the first series at its expiry for everybody who has a position in it.
fn settle_what_expires(stage: &mut Stage, terms: &MarketTerms, holders: &[&Keypair]) {
    let addresses = stage.venue.addresses;
    let usdc = stage.venue.mints[0];
    for before_s in (0..=1_200).rev().step_by(60) {
        stage.world.set_time(terms.expiry - before_s);
        let price = stage.prices[SOL];
        stage.set_price(SOL, price);
    }
    let finalize = instructions::finalize_settlement(&addresses, terms);
    stage.world.send(&[finalize], &[]).unwrap();
    for holder in holders {
        let account: Pubkey = stage.account(holder);
        let settle = [
            instructions::settle_position(&addresses, terms, &account),
            instructions::settle_pnl(&addresses, terms, &usdc, &account),
        ];
        // A winner may have to wait for a loser, but not for his payoff.
        if stage.world.send(&settle, &[]).is_err() {
            stage.world.send(&settle[..1], &[]).unwrap();
        }
        assert_eq!(stage.state(holder).lots(terms), 0);
        stage.check_books();
    }
}

/// A slice of an account with eight balances and eight perpetuals.
fn liquidation_of_eight_and_eight() -> Row {
    let mut stage = Stage::new();
    list_underlyings(&mut stage, 8);
    let (maker, taker) = (stage.trader(1, 1_000_000.0), stage.trader(2, 2_500.0));
    let liquidator = stage.trader(3, 1_000_000.0);
    fill_balances(&mut stage, &taker, 8);
    for underlying in 0..8 {
        let perpetual = MarketTerms::perpetual(underlying);
        buy(&mut stage, &maker, &taker, &perpetual, 500);
    }
    for asset in 1..4 {
        let price = stage.prices[asset] * 0.8;
        stage.set_price(asset, price);
    }
    let account = stage.account(&taker);
    let start = instructions::start_liquidation(&stage.venue.addresses, &account);
    send(&mut stage, start, &[]);
    let event = liquidate(&mut stage, &account, &liquidator, Q32_ONE);
    assert_eq!((event.balances.len(), event.positions.len()), (8, 8));
    stage.check_books();
    let name = "liquidate/8_deposits_8_perps";
    row(&mut stage, name, "Liquidate", 120_000)
}

/// Takes a slice of a flagged account.
fn liquidate(stage: &mut Stage, account: &Pubkey, taker: &Keypair, fraction: u64) -> Liquidated {
    let take = LiquidateArgs {
        fraction_max_q32: fraction,
        price_max: i64::MAX,
    };
    let liquidate = instructions::liquidate(
        &stage.venue.addresses,
        &stage.venue.mints[0],
        account,
        &stage.account(taker),
        &taker.pubkey(),
        &[],
        take,
    );
    let logs = send(stage, liquidate, &[taker]);
    let events = decode_all(&logs);
    let taken = events.iter().find_map(|event| event.parse::<Liquidated>());
    taken.expect("a slice was taken")
}

/// Rows of all of them.
pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        fill_between_eight_perpetuals(),
        fill_between_sixteen_options(),
        liquidation_of_eight_and_eight(),
    ];
    let ceilings = [420_000, 190_000, 640_000, 3_000];
    rows.extend(largest_account(4, "largest_account", ceilings));
    let ceilings = [770_000, 330_000, 1_070_000, 3_000];
    rows.extend(largest_account(32, "32_underlyings", ceilings));
    rows
}

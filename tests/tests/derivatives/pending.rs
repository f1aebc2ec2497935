//! Accounts with an expired position that is not settled yet: what they may do, what counts, and how they are liquidated.

use crate::payoffs::Traded;
use crate::scene::{
    DAY_S, EXPIRY, buy, cash, crank, dated, event, finalize, list, pnl, position, refused,
    settle_position, units,
};
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::Liquidated;
use ballast_client::args::{FillArgs, LiquidateArgs};
use ballast_client::instructions;
use ballast_client::state::health::{PositionReport, Purpose};
use ballast_client::state::{MarketKind, Side};
use ballast_sim::Venue;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What an account's only position counts as.
fn counted(stage: &Stage, owner: &Keypair, purpose: Purpose) -> PositionReport {
    let account = stage.account(owner);
    let report = stage.venue.assess(&stage.world, &account, purpose);
    let report = report.unwrap();
    assert_eq!(report.position_count, 1);
    report.positions[0]
}

fn send(stage: &mut Stage, instruction: Instruction, signer: &Keypair) {
    stage.world.send(&[instruction], &[signer]).unwrap();
    stage.check_books();
}

#[test]
fn an_expired_position_holds_up_risk_but_not_what_reduces_it() {
    let mut traded = Traded::new();
    let (future, perpetual) = (traded.future, Venue::perpetual(SOL));
    traded.buy(&future, 1_000, 200.0);
    traded.buy(&perpetual, 1_000, 200.0);
    let [owner, other] = traded.owners();
    let stage = &mut traded.stage;
    let account = stage.account(&owner);
    let second = stage.venue.addresses.margin_account(&owner.pubkey(), 1);
    let (addresses, payer) = (stage.venue.addresses, stage.world.payer.pubkey());
    let open = instructions::open_account(&addresses, &owner.pubkey(), &payer, 1);
    send(stage, open, &owner);
    let price = units(200.0);
    let bid = Venue::limit(Side::Bid, price, 100);
    // Placed before the expiry: one that would open more, one to cancel.
    let resting = stage
        .venue
        .place(&mut stage.world, &owner, SOL, bid)
        .unwrap();
    let unwanted = stage
        .venue
        .place(&mut stage.world, &owner, SOL, bid)
        .unwrap();
    traded.expire_at(200.0);
    let stage = &mut traded.stage;

    let pending = BallastError::SettlementPending;
    let addresses = stage.venue.addresses;
    let usdc = stage.venue.mints[0];
    let held = [
        stage.place(&owner, SOL, bid),
        stage.withdraw(&owner, 0, 1, false),
        instructions::transfer(&addresses, &usdc, &account, &second, &owner.pubkey(), 1),
    ];
    for instruction in held {
        stage.refused(&[instruction], &[&owner], pending);
    }
    // Somebody who has nothing pending could fill the resting bid.
    let third = stage.trader(3, 10_000.0);
    let ask = Venue::limit(Side::Ask, price, 100);
    let crossing = stage
        .venue
        .place(&mut stage.world, &third, SOL, ask)
        .unwrap();
    let fill = stage.fill(SOL, (&owner, resting), (&third, crossing), 100);
    refused(stage, fill, BallastError::SettlementPending);
    // Nothing is traded in the expired market.
    let place = instructions::place_order(&addresses, &future, &account, &owner.pubkey(), ask);
    stage.refused(&[place], &[&owner], BallastError::MarketExpired);

    stage.mint(&owner, 0, 5_000_000);
    let deposit = stage.deposit(&owner, 0, 5_000_000);
    send(stage, deposit, &owner);
    let cancel = instructions::cancel_order(&account, &owner.pubkey(), unwanted);
    send(stage, cancel, &owner);
    assert!(stage.state(&owner).order(unwanted).is_none());
    // Half of the perpetual goes to the third, the price of both orders being in the band.
    let bought = buy(stage, (&third, &owner), &perpetual, 500, price);
    assert_eq!(
        (bought.lots, position(stage, &owner, &perpetual).base_lots),
        (500, 500)
    );
    let too_much = Venue::limit(Side::Ask, price, 501);
    let turn = stage.place(&owner, SOL, too_much);
    stage.refused(&[turn], &[&owner], BallastError::SettlementPending);

    // A settlement price alone changes nothing; settled lots do.
    finalize(stage, &future);
    let place = stage.place(&owner, SOL, bid);
    stage.refused(&[place.clone()], &[&owner], BallastError::SettlementPending);
    cash(stage, &owner, &future);
    send(stage, place, &owner);
    let withdraw = stage.withdraw(&owner, 0, 1, false);
    send(stage, withdraw, &owner);
    let fill = stage.fill(SOL, (&owner, resting), (&third, crossing), 100);
    crank(stage, fill);
    cash(stage, &other, &future);
}

#[test]
fn who_holds_nothing_but_an_expired_position_waits_as_well() {
    let mut traded = Traded::new();
    let future = traded.future;
    traded.buy(&future, 10, 200.0);
    let [long, short] = traded.owners();
    traded.expire_at(200.0);
    let stage = &mut traded.stage;
    for owner in [&long, &short] {
        let withdraw = stage.withdraw(owner, 0, 1, false);
        stage.refused(&[withdraw], &[owner], BallastError::SettlementPending);
    }
    finalize(stage, &future);
    for owner in [&long, &short] {
        cash(stage, owner, &future);
        let withdraw = stage.withdraw(owner, 0, 1, false);
        send(stage, withdraw, owner);
    }
}

#[test]
fn health_counts_the_average_once_it_is_certain() {
    let mut traded = Traded::new();
    let (future, call, put) = (traded.future, traded.call, traded.put);
    let [long, short] = traded.owners();
    // Three pairs, so that each account has one position.
    let kinds = [(future, 200.0), (call, 4.0), (put, 11.0)];
    let mut pairs = vec![[long, short]];
    for number in [3, 5] {
        pairs.push([number, number + 1].map(|number| traded.stage.trader(number, 50_000.0)));
    }
    for ((terms, dollars), [buyer, seller]) in kinds.iter().zip(&pairs) {
        let parties = (buyer, seller);
        buy(&mut traded.stage, parties, terms, 1_000, units(*dollars));
    }
    // The window ends at 230, and the price goes on to 150.
    let (window, stage) = (&mut traded.window, &mut traded.stage);
    window.publish_every(stage, EXPIRY, (1_850, 50), 100, 230.0);
    let (price, seconds) = window.average(EXPIRY);
    assert_eq!(seconds, 1_800);
    let payoffs = [price, price - 2_000_000, 2_100_000u64.saturating_sub(price)];
    stage.world.set_time(EXPIRY);
    let purposes = [Purpose::ReduceRisk, Purpose::Liquidate, Purpose::TakeOver];
    // At the expiry the average is not certain: what counts is the last price, which happens to be the same but for its rounding on the board.
    let value = |stage: &Stage, pair: &[Keypair; 2]| {
        pair.each_ref()
            .map(|owner| counted(stage, owner, Purpose::ReduceRisk).value)
    };
    for ([long, short], payoff) in pairs.iter().zip(payoffs) {
        let expected = payoff as f64 * 1_000.0;
        let [gained, lost] = value(stage, &[long, short].map(Keypair::insecure_clone));
        assert!((gained as f64 - expected).abs() <= 1.0, "{gained}");
        assert!((lost as f64 + expected).abs() <= 1.0, "{lost}");
    }
    window.publish(stage, -1, 150.0);
    for round in 0..3 {
        for (((terms, _), pair), payoff) in kinds.iter().zip(&pairs).zip(payoffs) {
            for (owner, lots) in pair.iter().zip([1_000, -1_000]) {
                let quote = position(stage, owner, terms).quote;
                for purpose in purposes {
                    let counted = counted(stage, owner, purpose);
                    assert_eq!(counted.value, lots * payoff as i64);
                    assert_eq!(counted.profit, lots * payoff as i64 + quote);
                    assert_eq!(counted.delta, 0);
                }
            }
        }
        // Neither prices nor writing it down change that.
        match round {
            0 => window.publish(stage, -600, 400.0),
            _ => kinds.iter().take(round).for_each(|(terms, _)| {
                if crate::scene::market(stage, terms).settlement_price == 0 {
                    finalize(stage, terms);
                }
            }),
        }
    }
}

#[test]
fn before_the_average_is_certain_the_price_counts() {
    let mut traded = Traded::new();
    let future = traded.future;
    traded.buy(&future, 1_000, 200.0);
    let [long, _] = traded.owners();
    // A window that is hardly covered; the price moves on.
    traded.window.publish(&mut traded.stage, 300, 250.0);
    for dollars in [125.0, 250.0] {
        let stage = &mut traded.stage;
        stage.world.set_time(stage.world.now().max(EXPIRY) + 60);
        stage.set_price(SOL, dollars);
        let value = counted(stage, &long, Purpose::ReduceRisk).value;
        assert_eq!(value, 1_000 * units(dollars) as i64);
    }
}

#[test]
fn an_account_with_an_expired_position_is_liquidated() {
    for certain in [false, true] {
        let mut traded = Traded::new();
        let future = traded.future;
        let fallen = traded.stage.trader(3, 3_500.0);
        let taker = traded.stage.trader(4, 100_000.0);
        let dealer = traded.short.insecure_clone();
        let stage = &mut traded.stage;
        let perpetual = Venue::perpetual(SOL);
        // Half of its risk expires. The taker holds the opposite of it, so that the market's totals change.
        buy(stage, (&fallen, &dealer), &future, 5_000, units(200.0));
        buy(stage, (&fallen, &dealer), &perpetual, 5_000, units(200.0));
        buy(stage, (&dealer, &taker), &future, 1_000, units(200.0));
        let price = traded.expire_at(172.0);
        let stage = &mut traded.stage;
        if !certain {
            // Nobody has published anything in the window, it turns out.
            let board = stage.venue.addresses.board;
            stage.patch::<ballast_client::state::Board>(&board, |board| {
                board.prices[SOL].settlement_seconds = 899;
            });
        }
        let (addresses, usdc) = (stage.venue.addresses, stage.venue.mints[0]);
        let [account, buyer] = [&fallen, &taker].map(|owner| stage.account(owner));
        crank(stage, instructions::start_liquidation(&addresses, &account));
        let before = position(stage, &fallen, &future);
        let args = LiquidateArgs {
            fraction_max_q32: 1 << 30,
            price_max: i64::MAX,
        };
        let market = addresses.market(&future);
        let liquidate = |netting: &[_]| {
            let key = taker.pubkey();
            instructions::liquidate(&addresses, &usdc, &account, &buyer, &key, netting, args)
        };
        stage.refused(&[liquidate(&[])], &[&taker], BallastError::MarketRequired);
        let done = stage
            .world
            .send(&[liquidate(&[market])], &[&taker])
            .unwrap();
        stage.check_books();
        let moved = event::<Liquidated>(&done).positions;
        assert_eq!(moved.len(), 2);
        let [expired, open] = [&moved[0], &moved[1]];
        assert_eq!(
            (expired.terms, open.terms),
            (future.into(), perpetual.into())
        );
        assert!((1..=1_250).contains(&expired.base_lots));
        assert_eq!(expired.funding, [0, 0]);
        let rest = position(stage, &fallen, &future);
        assert_eq!(rest.base_lots, 5_000 - expired.base_lots);
        assert_eq!(rest.quote, before.quote - expired.quote);
        let taken = position(stage, &taker, &future).base_lots;
        assert_eq!(taken, expired.base_lots - 1_000);
        // The taker may not add risk now either, and everybody settles in the end.
        let bid = Venue::limit(Side::Bid, units(172.0), 1);
        let place = stage.place(&taker, SOL, bid);
        stage.refused(&[place], &[&taker], BallastError::SettlementPending);
        if !certain {
            let settle = settle_position(stage, &taker, &future);
            refused(stage, settle, BallastError::SettlementPending);
            continue;
        }
        assert_eq!(finalize(stage, &future).settlement_price, price);
        for owner in [&fallen, &taker, &dealer] {
            cash(stage, owner, &future);
        }
        // Losers first.
        let mut owners = [&fallen, &taker, &dealer];
        owners.sort_by_key(|owner| position(stage, owner, &future).quote);
        for owner in owners {
            pnl(stage, owner, &future);
            assert!(position(stage, owner, &future).is_free());
        }
    }
}

#[test]
fn orders_that_rest_in_an_expired_market_do_not_trade() {
    let mut traded = Traded::new();
    let stage = &mut traded.stage;
    let later = dated(MarketKind::Future, EXPIRY + DAY_S, 0.0);
    list(stage, &later);
    let owners = [&traded.long, &traded.short].map(Keypair::insecure_clone);
    let price = units(200.0);
    let mut fills = Vec::new();
    for terms in [traded.future, later] {
        let mut place = |owner, side| {
            let order = Venue::limit(side, price, 10);
            stage
                .venue
                .place_in(&mut stage.world, owner, &terms, order)
                .unwrap()
        };
        let args = FillArgs {
            maker_order_id: place(&owners[0], Side::Bid),
            taker_order_id: place(&owners[1], Side::Ask),
            lots_max: 10,
        };
        let [maker, taker] = [&owners[0], &owners[1]].map(|owner| stage.account(owner));
        let (addresses, payer) = (&stage.venue.addresses, stage.world.payer.pubkey());
        fills.push(instructions::fill_order(
            addresses, &terms, &maker, &taker, None, &payer, args,
        ));
    }
    stage.world.set_time(EXPIRY - 1);
    stage.set_price(SOL, 200.0);
    stage.simulate(&fills[..1], &[]).unwrap();
    stage.world.advance(1);
    refused(stage, fills.remove(0), BallastError::MarketExpired);
    crank(stage, fills.remove(0));
}

//! A surface that nobody posts any more: margin falls back on the realised volatility, and no option is opened.

use crate::payoffs::Traded;
use crate::scene::{buy, dated, list, patch_underlying, post, refused, units};
use ballast::error::BallastError;
use ballast_client::args::FillArgs;
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report};
use ballast_client::state::{Board, MarketKind, MarketTerms, Side};
use ballast_client::units::{from_q32, q32};
use ballast_sim::Venue;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

const DAY_S: i64 = 86_400;

/// A Friday three weeks away, and the strike at the money.
fn call() -> MarketTerms {
    dated(MarketKind::Call, crate::scene::EXPIRY + 21 * DAY_S, 200.0)
}

/// A stage on which the short has sold calls on ten SOL.
struct Scene {
    traded: Traded,
    call: MarketTerms,
}

impl Scene {
    fn new() -> Self {
        let mut traded = Traded::new();
        let call = call();
        list(&mut traded.stage, &call);
        // 200·0.8·√(22/365)·0.4 is about 15.6.
        traded.buy(&call, 1_000, 15.5);
        Self { traded, call }
    }

    /// Lets the surface become so many seconds old, and sets the realised volatility.
    fn age(&mut self, seconds: i64, realised: f64) {
        let stage = &mut self.traded.stage;
        let posted = stage.venue.board(&stage.world).unwrap().underlyings[0].surface_time;
        stage.world.set_time(posted + seconds);
        stage.set_price(SOL, 200.0);
        let board = stage.venue.addresses.board;
        stage.patch::<Board>(&board, |board| {
            board.underlyings[0].volatility_q32 = q32(realised);
        });
        stage.check_books();
    }

    fn report(&self, owner: &Keypair) -> Box<Report> {
        let stage = &self.traded.stage;
        let account = stage.account(owner);
        let report = stage.venue.assess(&stage.world, &account, Purpose::AddRisk);
        report.unwrap()
    }

    fn volatility(&self) -> f64 {
        from_q32(self.report(&self.traded.short).positions[0].volatility_q32)
    }
}

/// Value of a call at the money without carry, in units for a lot: `S·(2·N(σ√T/2) − 1)`, by the integral of the normal density.
fn at_the_money(volatility: f64, seconds: i64) -> f64 {
    let half = volatility * (seconds as f64 / (365 * DAY_S) as f64).sqrt() / 2.0;
    let steps = 10_000;
    let width = 2.0 * half / f64::from(steps);
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let area: f64 = (0..steps)
        .map(|step| density(-half + (f64::from(step) + 0.5) * width) * width)
        .sum();
    2_000_000.0 * area
}

#[test]
fn a_stale_surface_counts_as_no_less_than_the_realised_volatility_and_more() {
    let mut scene = Scene::new();
    // Age, realised, what counts.
    let cases = [
        (3_600, 1.5, 0.8),
        (3_601, 0.3, 0.8),
        (3_602, 0.66, 0.8),
        (3_603, 0.7, 0.84),
        (3_604, 1.5, 1.8),
        (3_605, 3.0, 3.6),
        (3_606, 5.0, 4.0),
    ];
    let short = scene.traded.short.insecure_clone();
    let mut last = (0, 0);
    for (age, realised, expected) in cases {
        scene.age(age, realised);
        assert!((scene.volatility() - expected).abs() < 1e-6, "{realised}");
        let report = scene.report(&short);
        let left = scene.call.expiry - scene.traded.stage.world.now();
        let value = -1_000.0 * at_the_money(expected, left);
        let counted = report.positions[0].value as f64;
        assert!(
            (counted - value).abs() < 1e-4 * value.abs(),
            "{counted} {value}"
        );
        // The short is worth less, and needs more margin.
        let now = (report.equity_maintenance, report.maintenance_margin);
        if expected > 0.8 {
            assert!(
                now.0 < last.0 && now.1 > last.1,
                "{realised}: {now:?} {last:?}"
            );
        }
        last = now;
    }
    // Another multiplier, and none.
    scene.age(4_000, 1.5);
    for (multiplier, expected) in [(2.0, 3.0), (0.5, 0.8), (0.0, 0.8)] {
        patch_underlying(&mut scene.traded.stage, 0, |listed| {
            listed.surface_stale_multiplier_q32 = q32(multiplier);
        });
        assert!((scene.volatility() - expected).abs() < 1e-6);
    }
    // Posting a surface ends it.
    patch_underlying(&mut scene.traded.stage, 0, |listed| {
        listed.surface_stale_multiplier_q32 = q32(2.0);
    });
    post(&mut scene.traded.stage, 0.85, 0.0);
    assert!((scene.volatility() - 0.85).abs() < 1e-6);
}

#[test]
fn a_fresh_surface_hides_a_higher_realised_volatility_and_a_stale_one_liquidates() {
    let mut scene = Scene::new();
    let stage = &mut scene.traded.stage;
    let (poor, long) = (stage.trader(3, 400.0), scene.traded.long.insecure_clone());
    let price = units(15.5);
    buy(stage, (&long, &poor), &scene.call, 800, price);
    let addresses = stage.venue.addresses;
    let start = instructions::start_liquidation(&addresses, &stage.account(&poor));
    scene.age(3_600, 3.0);
    refused(
        &mut scene.traded.stage,
        start.clone(),
        BallastError::NotLiquidatable,
    );
    scene.age(3_601, 3.0);
    scene.traded.stage.world.send(&[start], &[]).unwrap();
    assert!(scene.traded.stage.state(&poor).in_liquidation());
}

#[test]
fn no_option_is_opened_on_a_stale_surface() {
    let mut scene = Scene::new();
    let call = scene.call;
    let [long, short] = scene.traded.owners();
    let stage = &mut scene.traded.stage;
    let third = stage.trader(3, 50_000.0);
    let price = units(15.5);
    let order = |side, lots| Venue::limit(side, price, lots);
    // Two orders that cross and would open, placed in time.
    let place = |stage: &mut Stage, owner: &Keypair, args| {
        stage
            .venue
            .place_in(&mut stage.world, owner, &call, args)
            .unwrap()
    };
    let args = FillArgs {
        maker_order_id: place(stage, &short, order(Side::Ask, 10)),
        taker_order_id: place(stage, &third, order(Side::Bid, 10)),
        lots_max: 10,
    };
    let [maker, taker] = [&short, &third].map(|owner| stage.account(owner));
    let (addresses, payer) = (stage.venue.addresses, stage.world.payer.pubkey());
    let fill = instructions::fill_order(&addresses, &call, &maker, &taker, None, &payer, args);
    let at = |owner: &Keypair, account, args| {
        instructions::place_order(&addresses, &call, account, &owner.pubkey(), args)
    };
    scene.age(3_600, 0.8);
    let stage = &mut scene.traded.stage;
    stage.simulate(&[fill.clone()], &[]).unwrap();
    let open = at(&third, &taker, order(Side::Bid, 10));
    stage.simulate(&[open.clone()], &[&third]).unwrap();

    scene.age(3_601, 0.8);
    let stage = &mut scene.traded.stage;
    refused(stage, fill.clone(), BallastError::StaleSurface);
    stage.refused(&[open], &[&third], BallastError::StaleSurface);
    let more = at(&short, &maker, order(Side::Ask, 10));
    stage.refused(&[more], &[&short], BallastError::StaleSurface);
    let through_zero = at(&short, &maker, order(Side::Bid, 1_001));
    stage.refused(&[through_zero], &[&short], BallastError::StaleSurface);
    let take = instructions::place_and_fill(
        &addresses,
        &call,
        &taker,
        &third.pubkey(),
        order(Side::Bid, 10),
        &[(maker, args.maker_order_id)],
    );
    stage.refused(&[take], &[&third], BallastError::StaleSurface);
    // Both sides may reduce, and a future needs no surface.
    buy(stage, (&short, &long), &call, 300, price);
    let future = scene.traded.future;
    scene.traded.buy(&future, 10, 200.0);
    // A new surface opens the market again.
    let stage = &mut scene.traded.stage;
    post(stage, 0.8, 0.0);
    stage.world.send(&[fill], &[]).unwrap();
    stage.check_books();
}

#[test]
fn without_a_first_surface_no_option_is_opened() {
    let mut stage = Stage::steady();
    let [long, short] = [1, 2].map(|number| stage.trader(number, 50_000.0));
    let call = call();
    list(&mut stage, &call);
    // 1.2 times the realised volatility of 0.8, to stay in the band.
    let order = Venue::limit(Side::Bid, units(18.5), 10);
    for owner in [&long, &short] {
        let account = stage.account(owner);
        let (addresses, key) = (&stage.venue.addresses, owner.pubkey());
        let place = instructions::place_order(addresses, &call, &account, &key, order);
        stage.refused(&[place], &[owner], BallastError::StaleSurface);
    }
    post(&mut stage, 0.9, 0.0);
    buy(&mut stage, (&long, &short), &call, 10, units(17.5));
}

//! The funding rate: what trades do to the premium, how long it stands, what bounds the rate, and when it may be updated.

use crate::funding_model::{Funding, fraction, maximum};
use crate::scene::{
    EXPIRY, buy, crank, dated, event, list, mark_bits, market, pause, refused, sell, units,
};
use anchor_lang::error::ErrorCode;
use ballast::error::BallastError;
use ballast::events::FundingUpdated;
use ballast_client::instructions;
use ballast_client::state::{Board, MarketKind, Pausable};
use ballast_sim::Venue;
use ballast_tests::{Code, ETH, SOL, Stage, with};
use solana_keypair::Keypair;

const HOUR: i64 = 3_600;

/// Two traders, the perpetual on SOL with its rate updated once, and the same in the model.
pub struct Scene {
    pub stage: Stage,
    pub long: Keypair,
    pub short: Keypair,
    pub model: Funding,
}

impl Scene {
    pub fn new() -> Self {
        let mut stage = Stage::steady();
        let (long, short) = (stage.trader(1, 100_000.0), stage.trader(2, 100_000.0));
        let mut scene = Self {
            stage,
            long,
            short,
            model: Funding::default(),
        };
        scene.update();
        scene
    }

    /// The long buys lots from the short at a price in dollars: who offers more than the mark, or less, has the order that rested.
    #[track_caller]
    pub fn trade(&mut self, lots: u64, dollars: f64) {
        let [long, short] = [&self.long, &self.short].map(Keypair::insecure_clone);
        self.trade_of((&long, &short), lots, dollars);
    }

    #[track_caller]
    pub fn trade_of(&mut self, parties: (&Keypair, &Keypair), lots: u64, dollars: f64) {
        let bid = dollars >= self.stage.prices[SOL];
        self.trade_by(bid, parties, lots, dollars);
    }

    /// The same with the order of the buyer, or of the seller, as the one that rested.
    #[track_caller]
    fn trade_by(&mut self, bid: bool, parties: (&Keypair, &Keypair), lots: u64, dollars: f64) {
        let (mark, now) = (mark_bits(&self.stage, SOL), self.stage.world.now());
        let (stage, price) = (&mut self.stage, units(dollars));
        if bid {
            sell(stage, (parties.1, parties.0), &sol(), lots, price);
        } else {
            buy(stage, parties, &sol(), lots, price);
        }
        self.model.trade(bid, lots, price, mark, now);
        let market = market(&self.stage, &sol());
        assert_eq!(i128::from(market.premium_q32), self.model.premium);
        assert_eq!(i128::from(market.premium_set_at), self.model.set_at);
    }

    /// Time passes, and the price of SOL stays what it is.
    pub fn wait(&mut self, seconds: i64) {
        self.stage.world.advance(seconds);
        self.stage.set_price(SOL, self.stage.prices[SOL]);
        self.stage.check_books();
    }

    /// Updates the rate, which must be the model's to the bit, and returns it in parts of one.
    #[track_caller]
    pub fn update(&mut self) -> f64 {
        let (mark, now) = (mark_bits(&self.stage, SOL), self.stage.world.now());
        let update = instructions::update_funding(&self.stage.venue.addresses, 0);
        let updated: FundingUpdated = event(&crank(&mut self.stage, update));
        assert_eq!(updated.market, self.stage.market(SOL));
        assert_eq!(updated.rate_q32, self.model.update(mark, now));
        assert_eq!(updated.index_bits, self.model.index_at(now));
        assert_eq!(updated.per_second_bits, self.model.per_second());
        let board = self.stage.venue.board(&self.stage.world).unwrap();
        let state = board.perpetuals[0];
        assert_eq!(state.index.get().to_bits(), updated.index_bits);
        assert_eq!(state.per_second.get().to_bits(), updated.per_second_bits);
        assert_eq!(state.updated_at, now);
        fraction(updated.rate_q32)
    }
}

pub fn sol() -> ballast_client::state::MarketTerms {
    Venue::perpetual(SOL)
}

/// Asserts that a rate is this, but for the roundings to 2^-32 and of the price.
#[track_caller]
fn near(rate: f64, expected: f64) {
    assert!((rate - expected).abs() < 2e-9, "{rate} is not {expected}");
}

#[test]
fn the_rate_is_the_average_premium_over_the_time_since_the_last_update() {
    let mut scene = Scene::new();
    // Nothing was traded: no rate.
    scene.wait(HOUR);
    assert_eq!(scene.update(), 0.0);
    // A premium of 0.5% for 50 minutes of 60.
    scene.wait(600);
    scene.trade(10_000, 201.0);
    scene.wait(3_000);
    near(scene.update(), 0.005 * 3_000.0 / 3_600.0);
    // It goes on standing until an hour after the trade: 600 seconds more. Then 0.2% below the mark for the rest of 90 minutes.
    scene.wait(1_800);
    scene.trade(5_100, 199.6);
    scene.wait(3_600);
    let average = (0.005 * 600.0 - 0.002 * 3_600.0) / 5_400.0;
    near(scene.update(), average);
    // What a second costs a lot that is worth 2,000,000 units.
    let per_second = scene.model.per_second() as f64 / 2f64.powi(48);
    assert!((per_second - average * 2e6 / 28_800.0).abs() < 1e-6);
}

#[test]
fn a_trade_moves_the_premium_in_proportion_to_its_value() {
    let mut scene = Scene::new();
    let premium = |scene: &Scene| fraction(market(&scene.stage, &sol()).premium_q32);
    // Of the impact value, 10,000 USDC, this is 24.12%, and 0.5% over the mark.
    scene.trade(1_200, 201.0);
    near(premium(&scene), 0.2412 * 0.005);
    assert_eq!(scene.model.set_at, i128::from(scene.stage.world.now()));
    // Half the value half an hour later, at the mark: half the premium, and a quarter of an hour younger.
    let first = scene.stage.world.now();
    scene.wait(1_800);
    scene.trade(2_500, 200.0);
    near(premium(&scene), 0.2412 * 0.0025);
    assert_eq!(market(&scene.stage, &sol()).premium_set_at, first + 900);
    // So it stands for 45 minutes from here, not an hour.
    scene.wait(3_600);
    near(
        scene.update(),
        (0.2412 * 0.005 * 1_800.0 + 0.2412 * 0.0025 * 2_700.0) / 5_400.0,
    );
    // One lot below the impact value moves it almost, at the impact value all the way.
    scene.trade(5_000, 200.0);
    scene.trade(4_975, 201.0);
    near(premium(&scene), 0.999975 * 0.005);
    scene.trade(4_976, 201.0);
    near(premium(&scene), 0.005);
    // A single lot far from the mark says next to nothing: 10% below it, of which the maximum counts.
    scene.trade(1, 180.0);
    near(premium(&scene), 0.005 - 0.0125 * 0.00018);
}

#[test]
fn a_premium_stands_for_one_interval_and_then_counts_nothing() {
    let mut scene = Scene::new();
    scene.trade(10_000, 201.0);
    scene.wait(2 * HOUR);
    near(scene.update(), 0.005 * 3_600.0 / 7_200.0);
    // It is over: the next hour has none.
    scene.wait(HOUR);
    assert_eq!(scene.update(), 0.0);
    // Half the impact value brings half of its own premium, not half of the old one as well.
    scene.trade(2_500, 200.0);
    assert_eq!(scene.model.set_at, i128::from(scene.stage.world.now()));
    near(fraction(scene.model.premium as i64), 0.0);
    // In its last second a premium counts in the mean.
    scene.trade(10_000, 201.0);
    scene.wait(HOUR);
    scene.trade(2_500, 200.0);
    near(fraction(scene.model.premium as i64), 0.0025);
    // A second later it does not.
    scene.trade(10_000, 201.0);
    scene.wait(HOUR + 1);
    scene.trade(2_500, 200.0);
    near(fraction(scene.model.premium as i64), 0.0);
    scene.wait(10);
    near(scene.update(), 0.005 * 7_200.0 / 7_211.0);
}

#[test]
fn the_rate_is_bounded_both_ways() {
    for (dollars, sign) in [(210.0, 1), (190.0, -1)] {
        let mut scene = Scene::new();
        scene.wait(HOUR);
        scene.update();
        // 5% for nine minutes of an hour: what the rate can use of it is the maximum.
        scene.wait(3_060);
        scene.trade(10_000, dollars);
        scene.wait(540);
        let rate = scene.update();
        near(rate, f64::from(sign) * 0.0075 * 540.0 / 3_600.0);
        scene.trade(10_000, dollars);
        scene.wait(HOUR);
        assert_eq!(scene.update(), f64::from(sign) * fraction(maximum() as i64));
        // Just below it is not cut.
        scene.trade(10_000, 200.0 * (1.0 + f64::from(sign) * 0.0074));
        scene.wait(HOUR);
        near(scene.update(), f64::from(sign) * 0.0074);
    }
}

#[test]
fn without_a_fresh_price_a_trade_says_nothing() {
    let mut scene = Scene::new();
    // Both hold something, so that the trade below can only reduce.
    scene.trade(10_000, 200.0);
    scene.wait(600);
    scene.stage.world.advance(121);
    let (long, short) = (scene.long.insecure_clone(), scene.short.insecure_clone());
    let before = market(&scene.stage, &sol());
    sell(
        &mut scene.stage,
        (&long, &short),
        &sol(),
        6_000,
        units(204.0),
    );
    let after = market(&scene.stage, &sol());
    assert_eq!(after.premium_q32, before.premium_q32);
    assert_eq!(after.premium_set_at, before.premium_set_at);
    // The same trade at a fresh price.
    scene.wait(0);
    scene.trade_of((&long, &short), 6_000, 204.0);
    near(fraction(scene.model.premium as i64), 0.0075);
}

#[test]
fn an_offer_counts_only_where_anybody_would_have_taken_it() {
    let mut scene = Scene::new();
    let (long, short) = (scene.long.insecure_clone(), scene.short.insecure_clone());
    let premium = |scene: &Scene| fraction(market(&scene.stage, &sol()).premium_q32);
    // Asks above the mark and bids below it: anybody may offer that for as long as he likes.
    scene.trade_by(false, (&long, &short), 10_000, 201.0);
    assert_eq!(premium(&scene), 0.0);
    scene.trade_by(true, (&long, &short), 10_000, 199.0);
    assert_eq!(premium(&scene), 0.0);
    // A bid above the mark stood open to every seller.
    scene.trade_by(true, (&long, &short), 10_000, 201.0);
    near(premium(&scene), 0.005);
    scene.trade_by(true, (&long, &short), 10_000, 199.0);
    near(premium(&scene), 0.005);
    scene.trade_by(false, (&long, &short), 10_000, 199.0);
    near(premium(&scene), -0.005);
    // At the mark both say that there is none.
    scene.trade_by(true, (&long, &short), 10_000, 200.0);
    assert_eq!(premium(&scene), 0.0);
}

#[test]
fn an_update_waits_for_the_interval_and_a_good_price() {
    let mut scene = Scene::new();
    let update = instructions::update_funding(&scene.stage.venue.addresses, 0);
    scene.trade(10_000, 201.0);
    scene.wait(HOUR - 1);
    refused(&mut scene.stage, update.clone(), BallastError::TooEarly);
    scene.stage.world.advance(121);
    refused(&mut scene.stage, update.clone(), BallastError::StalePrice);
    scene.stage.venue.config.confidence = 0.03;
    scene.wait(0);
    refused(
        &mut scene.stage,
        update.clone(),
        BallastError::UncertainPrice,
    );
    let board = scene.stage.venue.addresses.board;
    scene
        .stage
        .patch::<Board>(&board, |board| board.prices[SOL].publish_time = 0);
    refused(
        &mut scene.stage,
        update.clone(),
        BallastError::PriceNeverSet,
    );
    scene.stage.venue.config.confidence = 0.0005;
    scene.wait(0);
    pause(&mut scene.stage, Some(Pausable::UpdateFunding));
    refused(&mut scene.stage, update, BallastError::Paused);
    pause(&mut scene.stage, Some(Pausable::PostSurface));
    // A second for the last of the prices.
    near(scene.update(), 0.005 * 3_600.0 / 3_721.0);
    // Exactly an interval is enough.
    scene.wait(HOUR);
    scene.update();
}

#[test]
fn only_a_perpetual_of_the_exchange_has_funding() {
    let mut scene = Scene::new();
    scene.wait(HOUR);
    let stage = &mut scene.stage;
    let future = dated(MarketKind::Future, EXPIRY, 0.0);
    let call = dated(MarketKind::Call, EXPIRY, 200.0);
    list(stage, &future);
    list(stage, &call);
    let other = stage.other_venue();
    let (here, there) = (stage.venue.addresses, other.addresses);
    let right = instructions::update_funding(&here, 0);
    let cases = [
        (
            stage.market(SOL),
            here.market(&future),
            BallastError::UnsupportedInstrument.into(),
        ),
        (
            stage.market(SOL),
            here.market(&call),
            BallastError::UnsupportedInstrument.into(),
        ),
        (
            stage.market(SOL),
            there.market(&sol()),
            BallastError::WrongExchange.into(),
        ),
        (here.board, there.board, BallastError::WrongBoard.into()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.into(),
        ),
        (
            stage.market(SOL),
            here.insurance_fund(),
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (from, to, code) in cases {
        refused(stage, with(right.clone(), &from, &to), Code(code));
    }
    // Each perpetual has its own: that of ETH has never been updated, and may be.
    let board = stage.venue.board(&stage.world).unwrap();
    assert_eq!(board.perpetuals[1].updated_at, 0);
    let other_one = with(right.clone(), &stage.market(SOL), &stage.market(ETH));
    crank(stage, other_one);
    let board = stage.venue.board(&stage.world).unwrap();
    assert_eq!(board.perpetuals[1].updated_at, stage.world.now());
    refused(
        stage,
        instructions::update_funding(&here, 1),
        BallastError::TooEarly,
    );
    crank(stage, right);
}

#[test]
fn the_first_rate_has_no_history_to_average() {
    let mut stage = Stage::steady();
    let (long, short) = (stage.trader(1, 100_000.0), stage.trader(2, 100_000.0));
    buy(&mut stage, (&long, &short), &sol(), 10_000, units(210.0));
    stage.world.advance(HOUR);
    stage.set_price(SOL, 200.0);
    // 5% for an hour of fifty-five years.
    let update = instructions::update_funding(&stage.venue.addresses, 0);
    let updated: FundingUpdated = event(&crank(&mut stage, update));
    assert!(updated.rate_q32 >= 0 && fraction(updated.rate_q32) < 2e-7);
    assert_eq!(updated.index_bits, 0);
}

//! Realised volatility, the scan range that follows it, and the slow price, against the formulas in double precision.

use crate::pyth::{entry, refresh};
use ballast_client::state::UnderlyingState;
use ballast_client::state::health::Purpose;
use ballast_client::units::{from_q32, native};
use ballast_tests::{SOL, START, Stage};
use solana_signer::Signer;

const YEAR_S: f64 = 365.0 * 86_400.0;
/// Of the reference parameters: half-lives and interval in seconds, range per unit of volatility, its bounds.
const HALF_LIFE_S: f64 = 4.0 * 3_600.0;
const INTERVAL_S: i64 = 60;
const SLOW_HALF_LIFE_S: f64 = 3_600.0;
const MULTIPLIER: f64 = 0.157;
const RANGE: (f64, f64) = (0.08, 0.35);
/// Confidence over price that the stage writes, and how often it widens the range.
const CONFIDENCE: f64 = 0.0005;
const CONFIDENCE_MULTIPLIER: f64 = 2.0;

/// The model in double precision.
struct Model {
    variance: f64,
    sample: (i64, f64),
    slow: f64,
    /// Time and price of the last update.
    last: (i64, f64),
}

impl Model {
    fn see(&mut self, time: i64, price: f64) {
        // The price that stood gets the weight of the time it stood.
        let (published, stood) = self.last;
        let keep = (-((time - published) as f64) / SLOW_HALF_LIFE_S).exp2();
        self.slow = self.slow * keep + stood * (1.0 - keep);
        self.last = (time, price);
        let (sampled, previous) = self.sample;
        let elapsed = (time - sampled) as f64;
        if time - sampled < INTERVAL_S {
            return;
        }
        let annualised = (price / previous).ln().powi(2) * YEAR_S / elapsed;
        let keep = (-elapsed / HALF_LIFE_S).exp2();
        self.variance = self.variance * keep + annualised * (1.0 - keep);
        self.sample = (time, price);
    }

    fn range(&self) -> f64 {
        let following = MULTIPLIER * self.variance.sqrt();
        following.clamp(RANGE.0, RANGE.1) + CONFIDENCE_MULTIPLIER * CONFIDENCE
    }
}

fn realised(stage: &Stage) -> UnderlyingState {
    stage.venue.board(&stage.world).unwrap().underlyings[SOL - 1]
}

/// The scan range with which the program margins an account that holds SOL.
fn range(stage: &Stage, key: &impl Signer) -> f64 {
    let account = stage.venue.addresses.margin_account(&key.pubkey(), 0);
    let report = stage
        .venue
        .assess(&stage.world, &account, Purpose::ReduceRisk)
        .unwrap();
    from_q32(report.underlyings()[0].range_q32)
}

#[test]
fn both_follow_the_formulas() {
    let mut stage = Stage::new();
    let holder = stage.trader(1, 100.0);
    stage.fund(&holder, SOL, 1.0);
    let mut model = Model {
        variance: 0.8 * 0.8,
        sample: (START, 200.0),
        slow: 200.0,
        last: (START, 200.0),
    };
    // A calm hour, a crash, updates within the interval, a pause, a recovery.
    let mut steps: Vec<(i64, f64)> = (0..60)
        .map(|i| (60, 200.0 + f64::from(i % 3) * 0.1))
        .collect();
    steps.extend([
        (60, 190.0),
        (20, 150.0),
        (39, 120.0),
        (1, 170.0),
        (61, 165.5),
    ]);
    steps.extend([(7_200, 171.25), (60, 171.25), (86_400, 172.0)]);
    let mut ranges = Vec::new();
    for (seconds, price) in steps {
        stage.world.advance(seconds);
        stage.set_price(SOL, price);
        model.see(stage.world.now(), price);
        let state = realised(&stage);
        assert_eq!(state.sample_time, model.sample.0);
        let variance = from_q32(state.variance_q32);
        assert!(
            (variance / model.variance - 1.0).abs() < 1e-6,
            "{variance} {}",
            model.variance
        );
        let volatility = from_q32(state.volatility_q32);
        assert!((volatility / model.variance.sqrt() - 1.0).abs() < 1e-6);
        // Quote units per lamport: a thousandth of dollars per SOL.
        let slow = entry(&stage, SOL as u8).slow.get().to_num::<f64>() * 1e3;
        assert!((slow / model.slow - 1.0).abs() < 1e-7, "{slow}");
        let scan = range(&stage, &holder);
        assert!((scan - model.range()).abs() < 1e-6, "{scan}");
        ranges.push(scan);
    }
    // It moved down with the calm, to its maximum in the crash, and back after a day.
    assert!(ranges[59] < ranges[0]);
    let widest = RANGE.1 + CONFIDENCE_MULTIPLIER * CONFIDENCE;
    assert!((ranges[63] - widest).abs() < 1e-6, "{}", ranges[63]);
    assert!(*ranges.last().unwrap() < ranges[63]);
}

#[test]
fn an_uncertain_price_is_no_sample() {
    let mut stage = Stage::new();
    let before = realised(&stage);
    stage.world.advance(60);
    let mut price = stage.venue.stub_price(&stage.world, SOL, 150.0);
    price.confidence = price.price.unsigned_abs() / 20;
    let write = stage.venue.write_price(&stage.world, SOL, &price);
    stage.world.send(&[write], &[]).unwrap();
    let key = stage.venue.price_account(SOL);
    refresh(&mut stage, &[key]);
    let wide = realised(&stage);
    assert_eq!(bytemuck::bytes_of(&before), bytemuck::bytes_of(&wide));
    stage.world.advance(1);
    stage.set_price(SOL, 150.0);
    assert_eq!(realised(&stage).sample_time, START + 61);
    assert!(realised(&stage).variance_q32 > before.variance_q32);
}

#[test]
fn a_spike_hardly_moves_what_initial_margin_counts() {
    let mut stage = Stage::new();
    let holder = stage.trader(1, 1.0);
    stage.fund(&holder, SOL, 100.0);
    let account = stage.account(&holder);
    let equity = |stage: &Stage| {
        let report = stage
            .venue
            .assess(&stage.world, &account, Purpose::AddRisk)
            .unwrap();
        (report.equity_mark, report.equity_initial)
    };
    let (_, before) = equity(&stage);
    stage.world.advance(30);
    stage.set_price(SOL, 400.0);
    let (mark, initial) = equity(&stage);
    assert!(native(40_001.0, 6).abs_diff(mark as u64) <= 1);
    // Nothing at all at first, and hardly anything after 20 s of a half-life of an hour.
    assert_eq!(initial, before);
    stage.world.advance(20);
    stage.set_price(SOL, 400.0);
    let (_, later) = equity(&stage);
    assert!(later > before && later < before + before / 200, "{later}");
    // Downwards it is the price itself that counts.
    stage.world.advance(5);
    stage.set_price(SOL, 100.0);
    let (mark, initial) = equity(&stage);
    assert!(native(10_001.0, 6).abs_diff(mark as u64) <= 1);
    assert!(initial < mark && initial < before / 2 + before / 100);
}

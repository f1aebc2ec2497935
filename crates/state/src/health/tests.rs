//! Tests of health on the host.

use super::*;
use crate::{MarketKind, MarketTerms, NONE};
use bytemuck::Zeroable;
use bytemuck::allocation::zeroed_box;

pub(crate) const NOW: i64 = 1_700_000_000;

pub(crate) fn q32(x: f64) -> u64 {
    (x * Q32_ONE as f64) as u64
}

/// USDC, SOL at 250 (9 decimals) and ETH at 4,000 (8 decimals), ranges 10%, correlation 0.5 to 0.9.
pub(crate) fn world() -> (Box<Exchange>, Box<Board>) {
    let mut exchange: Box<Exchange> = zeroed_box();
    let mut board: Box<Board> = zeroed_box();
    exchange.asset_count = 3;
    exchange.underlying_count = 2;
    exchange.feed_count = 3;
    exchange.margin.initial_factor_q32 = q32(1.25);
    exchange.margin.max_offset_q32 = q32(0.6);
    exchange.margin.depeg_multiplier_q32 = q32(5.0);
    exchange.margin.wide_confidence_multiplier_q32 = q32(2.0);
    exchange.liquidation.buffer_q32 = q32(0.5);
    for (index, (decimals, price)) in [(6, 1.0), (9, 250.0), (8, 4_000.0)].into_iter().enumerate() {
        let feed = &mut exchange.feeds[index];
        feed.kind = 1;
        feed.unit_decimals = decimals;
        feed.max_age_s = 60;
        feed.max_confidence_q32 = q32(0.02);
        feed.compare_with = NONE;
        let native = I80F48::from_num(price * 10f64.powi(6 - i32::from(decimals)));
        let feed = *feed;
        board.prices[index].update(&feed, native, I80F48::ZERO, native, NOW, 1);
        let asset = &mut exchange.assets[index];
        asset.decimals = decimals;
        asset.feed = index as u8;
        asset.underlying = if index == 0 { NONE } else { index as u8 - 1 };
        if index > 0 {
            asset.deposit_haircut_maintenance_q32 = q32(0.02);
            asset.deposit_haircut_initial_q32 = q32(0.05);
            let underlying = &mut exchange.underlyings[index - 1];
            underlying.feed = index as u8;
            underlying.lot_size = 10u64.pow(u32::from(decimals) - 2);
            underlying.range_minimum_q32 = q32(0.1);
            underlying.range_maximum_q32 = q32(0.3);
            underlying.unsettled_profit_cap = 1_000_000_000;
        }
        let one = I80F48::ONE.into();
        board.assets[index].deposit = one;
        board.assets[index].borrow = one;
    }
    exchange.correlations[0].low_bps = 5_000;
    exchange.correlations[0].high_bps = 9_000;
    (exchange, board)
}

pub(crate) fn deposit(account: &mut MarginAccount, asset: u8, amount: i64) {
    account
        .balance_mut(asset)
        .unwrap()
        .shares
        .set(I80F48::from_num(amount));
}

pub(crate) fn perpetual(account: &mut MarginAccount, underlying: u8, lots: i64, quote: i64) {
    let terms = MarketTerms::perpetual(underlying);
    *account.position_mut(&terms).unwrap() = Position {
        base_lots: lots,
        quote,
        terms,
        ..Position::default()
    };
}

fn assess(
    exchange: &Exchange,
    board: &Board,
    account: &MarginAccount,
    purpose: Purpose,
) -> Result<Box<Report>, StateError> {
    let mut report = Report::boxed();
    let view = View {
        exchange,
        board,
        now: NOW,
    };
    view.assess(account, purpose, &mut report).map(|()| report)
}

#[test]
fn worked_example_of_the_documentation() {
    // 10,000 USDC and 50 SOL deposited, short 50 SOL of perpetual at 260: the hedge needs no margin.
    let (exchange, board) = world();
    let mut account = MarginAccount::zeroed();
    deposit(&mut account, 0, 10_000_000_000);
    deposit(&mut account, 1, 50_000_000_000);
    perpetual(&mut account, 0, -5_000, 13_000_000_000);
    let report = assess(&exchange, &board, &account, Purpose::AddRisk).unwrap();
    assert!(report.underlyings[0].delta.abs() <= 1);
    assert!(report.maintenance_margin <= 1);
    assert_eq!(report.underlyings[0].profit, 500_000_000);
    // 10,000 + 50·250·0.98 + 500
    assert!((report.equity_maintenance - 22_750_000_000).abs() <= 2);
    assert!((report.equity_mark - 23_000_000_000).abs() <= 2);
}

#[test]
fn opposite_underlyings_offset_and_equal_ones_add() {
    let (exchange, board) = world();
    let margin = |sol: i64, eth: i64| {
        let mut account = MarginAccount::zeroed();
        perpetual(&mut account, 0, sol, 0);
        perpetual(&mut account, 1, eth, 0);
        assess(&exchange, &board, &account, Purpose::AddRisk)
            .unwrap()
            .maintenance_margin
    };
    // 4,000 of each at 10%: 400 and 400; √(400²+400²+2·0.9·400²) = 779.7, √(2·400² - 2·0.5·400²) = 400.
    let (added, offset) = (margin(1_600, 100), margin(1_600, -100));
    assert!((added - 779_743_588).abs() < 100, "{added}");
    assert!((offset - 400_000_000).abs() < 100, "{offset}");
}

#[test]
fn profit_beyond_its_cap_counts_for_maintenance_only() {
    let (exchange, board) = world();
    let mut account = MarginAccount::zeroed();
    perpetual(&mut account, 0, 0, 5_000_000_000);
    let report = assess(&exchange, &board, &account, Purpose::AddRisk).unwrap();
    assert_eq!(report.equity_maintenance, 5_000_000_000);
    assert_eq!(report.equity_initial, 1_000_000_000);
}

#[test]
fn uncertain_and_stale_prices_count_by_purpose() {
    let (exchange, mut board) = world();
    let mut saver = MarginAccount::zeroed();
    deposit(&mut saver, 1, 1_000_000_000);
    let mut borrower = MarginAccount::zeroed();
    deposit(&mut borrower, 0, 1_000_000_000);
    deposit(&mut borrower, 1, -1_000_000_000);
    // ±6.25% is wide (limit 2%).
    board.prices[1].confidence.set(I80F48::from_num(0.015625));
    board.prices[1].confidence_ratio_q32 = q32(0.0625);
    let mark = |account: &MarginAccount, board: &Board, purpose| {
        assess(&exchange, board, account, purpose).map(|report| report.equity_mark)
    };
    assert_eq!(mark(&saver, &board, Purpose::AddRisk), Ok(0));
    assert_eq!(mark(&saver, &board, Purpose::ReduceRisk), Ok(250_000_000));
    assert_eq!(mark(&saver, &board, Purpose::Liquidate), Ok(265_625_000));
    assert_eq!(mark(&borrower, &board, Purpose::AddRisk), Ok(718_750_000));
    assert_eq!(mark(&borrower, &board, Purpose::Liquidate), Ok(765_625_000));
    board.prices[1].publish_time = NOW - 61;
    assert_eq!(mark(&saver, &board, Purpose::AddRisk), Ok(0));
    assert_eq!(
        mark(&borrower, &board, Purpose::AddRisk),
        Err(StateError::StalePrice)
    );
    assert_eq!(
        mark(&borrower, &board, Purpose::Liquidate),
        Err(StateError::StalePrice)
    );
    assert!(mark(&borrower, &board, Purpose::ReduceRisk).is_ok());
    // Under 1% of the account's value a stale entry does not hold up its liquidation.
    deposit(&mut borrower, 1, -10_000_000);
    assert!(mark(&borrower, &board, Purpose::Liquidate).is_ok());
    // Without any price a deposit is worth nothing, and a loan nobody knows what.
    board.prices[1].publish_time = 0;
    assert_eq!(mark(&saver, &board, Purpose::ReduceRisk), Ok(0));
    assert_eq!(
        mark(&borrower, &board, Purpose::ReduceRisk),
        Err(StateError::PriceNeverSet)
    );
}

#[test]
fn a_depeg_raises_all_margin() {
    let (exchange, mut board) = world();
    let mut account = MarginAccount::zeroed();
    perpetual(&mut account, 0, 100, 0);
    let margin = |board: &Board| {
        assess(&exchange, board, &account, Purpose::AddRisk)
            .unwrap()
            .maintenance_margin as f64
    };
    let calm = margin(&board);
    board.prices[0].price.set(I80F48::from_num(0.90));
    assert!((margin(&board) / calm - 1.45).abs() < 1e-6);
}

#[test]
fn a_price_apart_from_its_second_source_counts_as_stale() {
    let (mut exchange, mut board) = world();
    exchange.feeds[1].max_divergence_q32 = q32(0.02);
    exchange.feeds[1].compare_with = 2;
    let (feed, other_feed) = (exchange.feeds[1], exchange.feeds[2]);
    let mut other = board.prices[1];
    let entry = &mut board.prices[1];
    let validity = |entry: &mut PriceEntry, other: &PriceEntry| {
        entry.compare(&feed, other, &other_feed, NOW);
        entry.validity(&feed, NOW)
    };
    assert_eq!(validity(entry, &other), Validity::Fresh);
    other.price.set(other.price.get() * I80F48::from_num(1.03));
    assert_eq!(validity(entry, &other), Validity::Stale);
    // A second source that is itself too old says nothing.
    other.publish_time = NOW - 61;
    assert_eq!(validity(entry, &other), Validity::Fresh);
}

/// Standard normal distribution function by Simpson's rule, independent of the engine's table.
fn normal(x: f64) -> f64 {
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let (steps, width) = (2_000, x / 2_000.0);
    let inner: f64 = (1..steps)
        .map(|i| density(f64::from(i) * width) * if i % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    0.5 + (density(0.0) + inner + density(x)) * width / 3.0
}

/// Undiscounted call on a forward, per unit.
fn call(forward: f64, strike: f64, s: f64) -> f64 {
    let d1 = (forward / strike).ln() / s + s / 2.0;
    forward * normal(d1) - strike * normal(d1 - s)
}

/// [`world`] with a flat surface of 80% on SOL and shocks of +60% and -30% whatever the tenor.
pub(crate) fn option_world() -> (Box<Exchange>, Box<Board>) {
    let (mut exchange, mut board) = world();
    let sol = &mut exchange.underlyings[0];
    sol.volatility_shock_up_q32 = q32(0.6);
    sol.volatility_shock_down_q32 = q32(0.3);
    sol.surface_cap_q32 = q32(4.0);
    sol.surface_max_age_s = 3_600;
    sol.surface_stale_multiplier_q32 = q32(1.2);
    sol.short_option_minimum_q32 = q32(0.01);
    sol.long_option_discount_q32 = q32(0.1);
    board.underlyings[0].atm_volatility_q32 = [q32(0.8); 6];
    board.underlyings[0].surface_time = NOW;
    (exchange, board)
}

const MONTH_S: i64 = 30 * 86_400;

pub(crate) fn option(account: &mut MarginAccount, kind: MarketKind, strike: u64, lots: i64) {
    let terms = MarketTerms {
        expiry: NOW + MONTH_S,
        strike: strike * 10_000,
        underlying: 0,
        kind: kind as u8,
        padding: [0; 6],
    };
    *account.position_mut(&terms).unwrap() = Position {
        base_lots: lots,
        terms,
        ..Position::default()
    };
}

#[test]
fn a_short_call_is_margined_at_its_worst_scenario() {
    let (exchange, board) = option_world();
    let mut account = MarginAccount::zeroed();
    // Short 10 calls at 275 with SOL at 250.
    option(&mut account, MarketKind::Call, 275, -1_000);
    let report = assess(&exchange, &board, &account, Purpose::AddRisk).unwrap();
    let s = |days: f64, factor: f64| 0.8 * factor * (days / 365.0).sqrt();
    let now = call(250.0, 275.0, s(30.0, 1.0));
    let worst = [(1.1, 1.0), (1.2, 0.5), (1.3, 0.33)]
        .map(|(level, weight)| weight * (call(250.0 * level, 275.0, s(29.0, 1.6)) - now))
        .into_iter()
        .fold(0.0, f64::max);
    let entry = &report.underlyings[0];
    let dollars = |value: i64| value as f64 / 1e6;
    assert!((dollars(entry.profit) + 10.0 * now).abs() < 1e-3);
    assert!(
        (dollars(entry.scan_loss) - 10.0 * worst).abs() < 1e-2,
        "{} {worst}",
        entry.scan_loss
    );
    assert_eq!(usize::from(entry.worst_scenario), 17);
    let delta = normal((250.0f64 / 275.0).ln() / s(30.0, 1.0) + s(30.0, 1.0) / 2.0);
    assert!((dollars(entry.option_delta) + 2_500.0 * delta).abs() < 1e-2);
    assert_eq!(entry.option_contingency, 25_000_000);
}

#[test]
fn deposits_perpetuals_and_futures_hedge_options() {
    let (exchange, board) = option_world();
    let margin = |hedge: fn(&mut MarginAccount)| {
        let mut account = MarginAccount::zeroed();
        option(&mut account, MarketKind::Call, 275, -1_000);
        hedge(&mut account);
        assess(&exchange, &board, &account, Purpose::AddRisk)
            .unwrap()
            .maintenance_margin
    };
    let naked = margin(|_| {});
    for hedged in [
        margin(|account| deposit(account, 1, 5_000_000_000)),
        margin(|account| perpetual(account, 0, 500, 0)),
        margin(|account| option(account, MarketKind::Call, 300, 1_000)),
    ] {
        assert!(hedged < naked * 7 / 10, "{hedged} {naked}");
    }
}

#[test]
fn long_options_lose_at_most_their_value_and_count_less_initially() {
    let (exchange, board) = option_world();
    let mut account = MarginAccount::zeroed();
    option(&mut account, MarketKind::Put, 250, 1_000);
    let report = assess(&exchange, &board, &account, Purpose::AddRisk).unwrap();
    let entry = &report.underlyings[0];
    assert!(entry.scan_loss > 0 && entry.scan_loss <= entry.profit);
    assert_eq!(entry.long_option_value, entry.profit);
    assert!((report.equity_maintenance - report.equity_initial - entry.profit / 10).abs() <= 1);
    assert_eq!(entry.option_contingency, 0);
}

#[test]
fn a_stale_surface_follows_realised_volatility() {
    let (exchange, mut board) = option_world();
    let mut account = MarginAccount::zeroed();
    option(&mut account, MarketKind::Call, 275, -1_000);
    board.underlyings[0].volatility_q32 = q32(1.5);
    let value = |board: &Board| {
        assess(&exchange, board, &account, Purpose::AddRisk)
            .unwrap()
            .underlyings[0]
            .profit as f64
            / -1e7
    };
    assert!((value(&board) - call(250.0, 275.0, 0.8 * (30f64 / 365.0).sqrt())).abs() < 1e-4);
    board.underlyings[0].surface_time = NOW - 3_601;
    assert!((value(&board) - call(250.0, 275.0, 1.8 * (30f64 / 365.0).sqrt())).abs() < 1e-4);
}

#[test]
fn funding_that_is_not_settled_counts() {
    let (exchange, mut board) = world();
    let mut account = MarginAccount::zeroed();
    perpetual(&mut account, 0, 100, -250_000_000);
    account.positions[0].funding_index = I80F48::from_num(3).into();
    // Two quote units a second and lot: 100 seconds cost 200 more than the 1 that the index had grown by.
    board.perpetuals[0] = crate::FundingState {
        index: I80F48::from_num(4).into(),
        updated_at: NOW - 100,
        stands_until: NOW + 1,
        per_second: I80F48::from_num(2).into(),
    };
    let report = assess(&exchange, &board, &account, Purpose::AddRisk).unwrap();
    assert_eq!(report.positions()[0].profit, -100 * 201);
    assert_eq!(report.equity_mark, -100 * 201);
}

#[test]
fn an_expired_position_waits_for_its_settlement() {
    let (exchange, mut board) = world();
    let mut account = MarginAccount::zeroed();
    // 100 puts on a lot of 2.50 at a strike of 2.60, which expired at the last 08:00.
    let expiry = crate::next_expiry(NOW) - 86_400;
    let terms = MarketTerms {
        expiry,
        strike: 2_600_000,
        kind: MarketKind::Put as u8,
        ..MarketTerms::default()
    };
    *account.position_mut(&terms).unwrap() = Position {
        base_lots: 100,
        quote: -7,
        terms,
        ..Position::default()
    };
    let figures = |board: &Board| {
        let report = assess(&exchange, board, &account, Purpose::Liquidate).unwrap();
        (report.equity_mark, report.maintenance_margin > 0)
    };
    assert_eq!(
        assess(&exchange, &board, &account, Purpose::AddRisk).err(),
        Some(StateError::SettlementPending)
    );
    // At the present price until the window's average is known, from then on at that and without margin.
    assert_eq!(figures(&board), (10_000_000 - 8, true));
    board.prices[1].settlement_expiry = expiry;
    board.prices[1].settlement_seconds = 1_800;
    board.prices[1].settlement_sum = I80F48::from_num(0.234375 * 1_800.0).into();
    assert_eq!(figures(&board), (25_625_000 - 7, false));
    board.prices[1].settlement_seconds = 899;
    assert_eq!(figures(&board), (10_000_000 - 8, true));
}

#[test]
fn an_options_mark_is_its_value_in_a_report() {
    let (mut exchange, mut board) = world();
    exchange.underlyings[0].surface_cap_q32 = q32(4.0);
    exchange.underlyings[0].surface_max_age_s = 1;
    board.underlyings[0].atm_volatility_q32 = [q32(0.8); 6];
    board.underlyings[0].skew_q32 = q32(0.05) as i64;
    board.underlyings[0].carry_q32 = q32(0.04) as i64;
    board.underlyings[0].surface_time = NOW;
    exchange.underlyings[0].price_band_q32 = q32(0.1);
    exchange.underlyings[0].option_price_band_q32 = q32(0.02);
    for (kind, strike) in [(MarketKind::Call, 2_600_000), (MarketKind::Put, 3_100_000)] {
        let terms = MarketTerms {
            expiry: NOW + 20 * 86_400,
            strike,
            kind: kind as u8,
            ..MarketTerms::default()
        };
        let mut account = MarginAccount::zeroed();
        account.positions[0] = Position {
            base_lots: 1_000_000,
            terms,
            ..Position::default()
        };
        let report = assess(&exchange, &board, &account, Purpose::AddRisk).unwrap();
        let view = View {
            exchange: &exchange,
            board: &board,
            now: NOW,
        };
        let mark: f64 = view.mark(&terms).unwrap().to_num();
        let value = report.positions()[0].value as f64 / 1e6;
        assert!((mark - value).abs() < 0.01, "{mark} {value}");
        // The band: a tenth of the mark and 2% of the underlying's.
        let edge = mark * 1.1 + 50_000.0;
        assert_eq!(view.is_within_band(&terms, edge as u64 - 1), Ok(true));
        assert_eq!(view.is_within_band(&terms, edge as u64 + 2), Ok(false));
        let (low, high) = view.price_band(&terms).unwrap();
        assert!((high as f64 - edge).abs() < 1.0 && low < high);
        for (price, within) in [(high, true), (high + 1, false), (low, true)] {
            assert_eq!(view.is_within_band(&terms, price), Ok(within));
        }
        assert!(low == 1 || view.is_within_band(&terms, low - 1) == Ok(false));
    }
    // Fees: of the traded value, for an option of the underlying's, up to a share of the premium.
    for fees in &mut exchange.fees {
        fees.maker_q32 = q32(0.001);
        fees.taker_q32 = q32(0.002);
        fees.premium_cap_q32 = q32(0.1);
    }
    let view = View {
        exchange: &exchange,
        board: &board,
        now: NOW,
    };
    let perpetual = MarketTerms::perpetual(0);
    assert_eq!(view.fee(&perpetual, 10, 2_500_000, true), Ok(25_000));
    assert_eq!(view.fee(&perpetual, 10, 2_500_000, false), Ok(50_000));
    let call = MarketTerms {
        expiry: NOW + 86_400,
        strike: 2_500_000,
        kind: MarketKind::Call as u8,
        ..MarketTerms::default()
    };
    assert_eq!(view.fee(&call, 10, 100_000, false), Ok(50_000));
    assert_eq!(view.fee(&call, 10, 20_000, false), Ok(20_000));
    let too_much = view.fee(&perpetual, u64::MAX, 2, true);
    assert_eq!(too_much, Err(StateError::Overflow));
    // A stale surface goes no lower than the realised volatility times its multiplier.
    let terms = MarketTerms {
        expiry: NOW + 20 * 86_400,
        strike: 2_500_000,
        kind: MarketKind::Call as u8,
        ..MarketTerms::default()
    };
    let view = View {
        exchange: &exchange,
        board: &board,
        now: NOW,
    };
    let fresh = view.mark(&terms).unwrap();
    exchange.underlyings[0].surface_stale_multiplier_q32 = q32(1.5);
    board.underlyings[0].volatility_q32 = q32(0.8);
    board.underlyings[0].surface_time = NOW - 2;
    let view = View {
        exchange: &exchange,
        board: &board,
        now: NOW,
    };
    let stale = view.mark(&terms).unwrap();
    assert!(view.surface_is_stale(0).unwrap() && stale > fresh * 14 / 10);
}

#[test]
fn a_loan_of_an_asset_that_is_lent_out_never_holds_up_a_liquidation() {
    let (mut exchange, mut board) = world();
    exchange.assets[1].haircut_size_start = 1;
    exchange.assets[2].haircut_size_start = 1;
    board.assets[1].loans_total = 1 << 50;
    board.assets[2].loans_total = 1 << 50;
    let mut account = MarginAccount::zeroed();
    deposit(&mut account, 0, 100_000_000);
    deposit(&mut account, 1, -1_000_000_000_000);
    deposit(&mut account, 2, -1_000_000_000);
    for purpose in [Purpose::Liquidate, Purpose::ReduceRisk, Purpose::TakeOver] {
        let report = assess(&exchange, &board, &account, purpose).unwrap();
        assert!(report.is_liquidatable() && report.health_initial() < -(1 << 56));
    }
}

#[test]
fn a_stranger_judges_by_fresh_prices_only_and_by_no_totals() {
    let (mut exchange, mut board) = world();
    exchange.assets[1].haircut_size_start = 1_000_000;
    board.assets[1].deposits_total = 1 << 50;
    let mut account = MarginAccount::zeroed();
    deposit(&mut account, 1, 50_000_000_000);
    let further = Position {
        base_lots: 100,
        quote: -250_000_000,
        terms: MarketTerms::perpetual(0),
        ..Position::default()
    };
    let mut report = Report::boxed();
    let mut judge = |board: &Board, now| {
        let view = View {
            exchange: &exchange,
            board,
            now,
        };
        view.assess_with(&account, Some(&further), Purpose::AddRisk, &mut report)?;
        let own = report.health_initial();
        view.assess_for_stranger(&account, &further, &mut report)?;
        Ok((own, report.health_initial()))
    };
    let (own, judged) = judge(&board, NOW).unwrap();
    assert!(own < 0 && judged > 10_000_000_000);
    assert_eq!(judge(&board, NOW + 61), Err(StateError::StalePrice));
    board.prices[1].confidence_ratio_q32 = u64::MAX;
    assert_eq!(judge(&board, NOW), Err(StateError::UncertainPrice));
    board.prices[1].publish_time = 0;
    assert_eq!(judge(&board, NOW), Err(StateError::PriceNeverSet));
}

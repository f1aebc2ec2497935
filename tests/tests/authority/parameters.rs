//! What the risk authority changes, and within which bounds.

use super::{Accounts, Scene};
use anchor_lang::error::ErrorCode;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::ParametersChanged;
use ballast_client::args::{
    AssetParameters, CorrelationArgs, ExchangeParameters, FeedParameters, FundingParameters,
    MarketArgs, MarketParameters, OptionParameters, SurfaceParameters, UnderlyingParameters,
};
use ballast_client::instructions;
use ballast_client::state::{
    Bank, CorrelationPair, Exchange, Market, MarketKind, MarketTerms, NONE, correlation_index,
    next_expiry,
};
use ballast_client::units::q32;
use ballast_risk::surface::VOLATILITY_MAX_Q32;
use ballast_risk::volatility::RANGE_LIMIT_Q32;
use ballast_sim::Venue;
use ballast_tests::{Bound, ETH, SOL, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

const ONE: u64 = 1 << 32;
const WEEK_S: u64 = 7 * 86_400;
const YEAR_S: u64 = 365 * 86_400;
const USDC: usize = 0;
const OUTSIDE: BallastError = BallastError::ParameterOutOfBounds;

fn exchange_parameters(stage: &Stage) -> ExchangeParameters {
    ExchangeParameters::from(stage.venue.exchange(&stage.world).unwrap().as_ref())
}

fn asset_parameters(stage: &Stage, asset: usize) -> AssetParameters {
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let bank = stage.venue.bank(&stage.world, asset).unwrap();
    AssetParameters::of(&exchange.assets[asset], &bank)
}

fn underlying_parameters(stage: &Stage, index: usize) -> UnderlyingParameters {
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    UnderlyingParameters::from(&exchange.underlyings[index])
}

fn feed_parameters(stage: &Stage, index: usize) -> FeedParameters {
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    FeedParameters::from(&exchange.feeds[index])
}

fn market_parameters(stage: &Stage, asset: usize) -> MarketParameters {
    let market = stage.venue.market(&stage.world, asset).unwrap();
    MarketParameters::from(market.as_ref())
}

fn update_exchange(stage: &Stage, key: &Keypair, parameters: ExchangeParameters) -> Instruction {
    instructions::update_exchange(&stage.venue.addresses, &key.pubkey(), parameters)
}

fn update_asset(
    stage: &Stage,
    key: &Keypair,
    asset: usize,
    parameters: AssetParameters,
) -> Instruction {
    let mint = &stage.venue.mints[asset];
    instructions::update_asset(&stage.venue.addresses, &key.pubkey(), mint, parameters)
}

fn update_underlying(
    stage: &Stage,
    key: &Keypair,
    index: u8,
    parameters: UnderlyingParameters,
) -> Instruction {
    instructions::update_underlying(&stage.venue.addresses, &key.pubkey(), index, parameters)
}

fn update_feed(stage: &Stage, key: &Keypair, index: u8, parameters: FeedParameters) -> Instruction {
    instructions::update_feed(&stage.venue.addresses, &key.pubkey(), index, parameters)
}

fn update_market(
    stage: &Stage,
    key: &Keypair,
    asset: usize,
    parameters: MarketParameters,
) -> Instruction {
    let terms = Venue::perpetual(asset);
    instructions::update_market(&stage.venue.addresses, &key.pubkey(), &terms, parameters)
}

fn set_correlation(
    stage: &Stage,
    key: &Keypair,
    pair: [u8; 2],
    (low_bps, high_bps): (i16, i16),
) -> Instruction {
    let correlation = CorrelationArgs { low_bps, high_bps };
    instructions::set_correlation(&stage.venue.addresses, &key.pubkey(), pair, correlation)
}

fn all_updates(stage: &Stage, key: &Keypair) -> [Instruction; 6] {
    [
        update_exchange(stage, key, exchange_parameters(stage)),
        update_asset(stage, key, SOL, asset_parameters(stage, SOL)),
        update_underlying(stage, key, 0, underlying_parameters(stage, 0)),
        update_feed(stage, key, 1, feed_parameters(stage, 1)),
        update_market(stage, key, SOL, market_parameters(stage, SOL)),
        set_correlation(stage, key, [0, 1], (1, 2)),
    ]
}

fn scene_and_risk() -> (Scene, Keypair) {
    let scene = Scene::new();
    let risk = scene.risk.insecure_clone();
    (scene, risk)
}

#[test]
fn only_the_risk_authority_changes_parameters_and_only_of_its_exchange() {
    let (mut scene, risk) = scene_and_risk();
    let other = scene.stage.other_venue();
    let (here, there) = (scene.stage.venue.addresses, other.addresses);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch;
    for update in all_updates(&scene.stage, &risk) {
        scene.stage.simulate(&[update.clone()], &[&risk]).unwrap();
        let foreign = with(update.clone(), &here.exchange, &there.exchange);
        let refusal = BallastError::NotRiskAuthority;
        scene.stage.refused(&[foreign], &[&risk], refusal);
        let no_exchange = with(update.clone(), &here.exchange, &here.insurance_fund());
        scene.stage.refused(&[no_exchange], &[&risk], mismatch);
        let silent = unsigned(update, &risk.pubkey());
        scene
            .stage
            .refused(&[silent], &[], ErrorCode::AccountNotSigner);
    }
    let others = [&scene.admin, &scene.guardian, &other.admin, &Stage::key(9)];
    for key in others.map(Keypair::insecure_clone) {
        for update in all_updates(&scene.stage, &key) {
            let refusal = BallastError::NotRiskAuthority;
            scene.stage.refused(&[update], &[&key], refusal);
        }
    }

    let [_, asset, _, _, market, _] = all_updates(&scene.stage, &risk);
    let mint = scene.stage.venue.mints[SOL];
    let (bank, foreign) = (here.bank(&mint), there.bank(&other.mints[SOL]));
    let terms = Venue::perpetual(SOL);
    for (update, right, wrong, refusal) in [
        (&asset, bank, foreign, BallastError::WrongExchange),
        (&asset, here.board, there.board, BallastError::WrongBoard),
        (
            &market,
            here.market(&terms),
            there.market(&terms),
            BallastError::WrongExchange,
        ),
    ] {
        let update = with(update.clone(), &right, &wrong);
        scene.stage.refused(&[update], &[&risk], refusal);
    }
    for (update, right, wrong) in [
        (&asset, bank, here.market(&terms)),
        (&market, here.market(&terms), bank),
    ] {
        let update = with(update.clone(), &right, &wrong);
        scene.stage.refused(&[update], &[&risk], mismatch);
    }
}

#[test]
fn an_exchange_takes_new_parameters_and_nothing_else_changes() {
    let (mut scene, risk) = scene_and_risk();
    let exchange = scene.stage.venue.addresses.exchange;
    let mut new = exchange_parameters(&scene.stage);
    new.margin.initial_factor_q32 = q32(1.5);
    new.margin.max_offset_q32 = q32(0.5);
    new.margin.depeg_multiplier_q32 = q32(7.0);
    new.margin.wide_confidence_multiplier_q32 = q32(3.0);
    new.liquidation.discount_start_q32 = q32(0.02);
    new.liquidation.discount_first_q32 = q32(0.2);
    new.liquidation.first_s = 901;
    new.liquidation.zero_s = 7_202;
    new.liquidation.premium_full_s = 10_803;
    new.liquidation.premium_q32 = q32(0.06);
    new.liquidation.buffer_q32 = q32(0.4);
    new.liquidation.insurance_share_q32 = q32(0.3);
    new.liquidation.dust_value = 7_000_000;
    new.liquidation.observation_gap_max_s = 121;
    for (kind, fees) in new.fees.iter_mut().enumerate() {
        let kind = 10 * kind as u64;
        (fees.maker_q32, fees.taker_q32) = (kind + 1, kind + 2);
        (fees.filler_share_q32, fees.premium_cap_q32) = (kind + 3, kind + 4);
    }
    let expected = Accounts::of(&scene.stage).change::<Exchange>(&exchange, |exchange| {
        exchange.margin.initial_factor_q32 = q32(1.5);
        exchange.margin.max_offset_q32 = q32(0.5);
        exchange.margin.depeg_multiplier_q32 = q32(7.0);
        exchange.margin.wide_confidence_multiplier_q32 = q32(3.0);
        exchange.liquidation.discount_start_q32 = q32(0.02);
        exchange.liquidation.discount_first_q32 = q32(0.2);
        exchange.liquidation.first_s = 901;
        exchange.liquidation.zero_s = 7_202;
        exchange.liquidation.premium_full_s = 10_803;
        exchange.liquidation.premium_q32 = q32(0.06);
        exchange.liquidation.buffer_q32 = q32(0.4);
        exchange.liquidation.insurance_share_q32 = q32(0.3);
        exchange.liquidation.dust_value = 7_000_000;
        exchange.liquidation.observation_gap_max_s = 121;
        for (kind, fees) in exchange.fees.iter_mut().enumerate() {
            let kind = 10 * kind as u64;
            (fees.maker_q32, fees.taker_q32) = (kind + 1, kind + 2);
            (fees.filler_share_q32, fees.premium_cap_q32) = (kind + 3, kind + 4);
        }
    });
    let update = update_exchange(&scene.stage, &risk, new);
    let event: ParametersChanged = scene.send(update, &risk, &expected);
    assert_eq!(event.exchange, exchange);
    assert_eq!((event.table, event.index), (0, 0));
    assert_eq!(exchange_parameters(&scene.stage), new);
}

#[test]
fn an_asset_takes_new_parameters_and_nothing_else_changes() {
    let (mut scene, risk) = scene_and_risk();
    let addresses = scene.stage.venue.addresses;
    let bank = addresses.bank(&scene.stage.venue.mints[ETH]);
    let new = AssetParameters {
        deposit_haircut_maintenance_q32: 1,
        deposit_haircut_initial_q32: 2,
        loan_haircut_maintenance_q32: 3,
        loan_haircut_initial_q32: 4,
        haircut_range_multiplier_q32: 5,
        haircut_size_start: 6,
        interest_kinks_q32: [7, 8],
        interest_rates_q32: [9, 10, 11, 12],
        interest_fee_share_q32: 13,
        interest_insurance_share_q32: 14,
        origination_fee_q32: 15,
        deposit_cap: 16,
        borrow_cap: 17,
        outflow_limit: 18,
        outflow_window_s: 119,
        mode: 2,
    };
    let expected = Accounts::of(&scene.stage)
        .change::<Exchange>(&addresses.exchange, |exchange| {
            let asset = &mut exchange.assets[ETH];
            asset.deposit_haircut_maintenance_q32 = 1;
            asset.deposit_haircut_initial_q32 = 2;
            asset.loan_haircut_maintenance_q32 = 3;
            asset.loan_haircut_initial_q32 = 4;
            asset.haircut_range_multiplier_q32 = 5;
            asset.haircut_size_start = 6;
            asset.interest_kinks_q32 = [7, 8];
            asset.interest_rates_q32 = [9, 10, 11, 12];
            asset.interest_fee_share_q32 = 13;
            asset.interest_insurance_share_q32 = 14;
            asset.origination_fee_q32 = 15;
            asset.mode = 2;
        })
        .change::<Bank>(&bank, |bank| {
            (bank.deposit_cap, bank.borrow_cap) = (16, 17);
            (bank.outflow_limit, bank.outflow_window_s) = (18, 119);
        });
    let update = update_asset(&scene.stage, &risk, ETH, new);
    let event: ParametersChanged = scene.send(update, &risk, &expected);
    assert_eq!(event.exchange, addresses.exchange);
    assert_eq!((event.table, event.index), (1, ETH as u8));
    assert_eq!(asset_parameters(&scene.stage, ETH), new);
}

#[test]
fn an_underlying_takes_new_parameters_and_nothing_else_changes() {
    let (mut scene, risk) = scene_and_risk();
    let exchange = scene.stage.venue.addresses.exchange;
    let new = UnderlyingParameters {
        range_volatility_multiplier_q32: 1,
        range_minimum_q32: 2,
        range_maximum_q32: 3,
        range_confidence_multiplier_q32: 4,
        volatility_half_life_s: 65,
        volatility_interval_s: 6,
        size_lambda_q32: 2 * ONE,
        size_depth: 1 << 40,
        size_cap_q32: 9,
        unsettled_profit_cap: 10,
        price_band_q32: 11,
        funding: FundingParameters {
            period_s: 3_612,
            interval_s: 73,
            maximum_q32: 14,
            impact_value: 15,
        },
        options: OptionParameters {
            strike_step: 16,
            strike_span_q32: ONE + 17,
            tick_size: 18,
            open_interest_cap_lots: 19,
            price_band_q32: 20,
            short_minimum_q32: 21,
            long_discount_q32: 22,
            shock_up_q32: 23,
            shock_down_q32: 24,
            shock_exponents_q32: [25, 26],
        },
        surface: SurfaceParameters {
            authority: Stage::key(27).pubkey(),
            floor_q32: 28,
            cap_q32: 29,
            step_q32: 30,
            interval_s: 31,
            max_age_s: 92,
            distance_q32: ONE + 33,
            day_q32: 36,
            carry_maximum_q32: 34,
            stale_multiplier_q32: 35,
        },
    };
    let expected = Accounts::of(&scene.stage).change::<Exchange>(&exchange, |exchange| {
        let underlying = &mut exchange.underlyings[2];
        underlying.range_volatility_multiplier_q32 = 1;
        underlying.range_minimum_q32 = 2;
        underlying.range_maximum_q32 = 3;
        underlying.range_confidence_multiplier_q32 = 4;
        underlying.volatility_half_life_s = 65;
        underlying.volatility_interval_s = 6;
        underlying.size_lambda_q32 = 2 * ONE;
        underlying.size_depth = 1 << 40;
        // λ²/depth·2^80 = 2²/2^40·2^80.
        underlying.size_coefficient_q80 = 1 << 42;
        underlying.size_cap_q32 = 9;
        underlying.unsettled_profit_cap = 10;
        underlying.price_band_q32 = 11;
        underlying.funding_period_s = 3_612;
        underlying.funding_interval_s = 73;
        underlying.funding_maximum_q32 = 14;
        underlying.funding_impact_value = 15;
        underlying.strike_step = 16;
        underlying.strike_span_q32 = ONE + 17;
        underlying.option_tick_size = 18;
        underlying.option_open_interest_cap_lots = 19;
        underlying.option_price_band_q32 = 20;
        underlying.short_option_minimum_q32 = 21;
        underlying.long_option_discount_q32 = 22;
        underlying.volatility_shock_up_q32 = 23;
        underlying.volatility_shock_down_q32 = 24;
        underlying.volatility_shock_exponents_q32 = [25, 26];
        underlying.surface_authority = Stage::key(27).pubkey();
        underlying.surface_floor_q32 = 28;
        underlying.surface_cap_q32 = 29;
        underlying.surface_step_q32 = 30;
        underlying.surface_interval_s = 31;
        underlying.surface_max_age_s = 92;
        underlying.surface_distance_q32 = ONE + 33;
        underlying.surface_day_q32 = 36;
        underlying.carry_maximum_q32 = 34;
        underlying.surface_stale_multiplier_q32 = 35;
    });
    let update = update_underlying(&scene.stage, &risk, 2, new);
    let event: ParametersChanged = scene.send(update, &risk, &expected);
    assert_eq!(event.exchange, exchange);
    assert_eq!((event.table, event.index), (2, 2));
    assert_eq!(underlying_parameters(&scene.stage, 2), new);
}

#[test]
fn a_feed_takes_new_parameters_and_nothing_else_changes() {
    let (mut scene, risk) = scene_and_risk();
    let exchange = scene.stage.venue.addresses.exchange;
    // ETH and BTC have both 8 decimals.
    let new = FeedParameters {
        max_age_s: 1,
        max_confidence_q32: 2,
        max_divergence_q32: 3,
        slow_price_half_life_s: 4,
        compare_with: 2,
    };
    let expected = Accounts::of(&scene.stage).change::<Exchange>(&exchange, |exchange| {
        let feed = &mut exchange.feeds[3];
        (feed.max_age_s, feed.max_confidence_q32) = (1, 2);
        (feed.max_divergence_q32, feed.slow_price_half_life_s) = (3, 4);
        feed.compare_with = 2;
    });
    let update = update_feed(&scene.stage, &risk, 3, new);
    let event: ParametersChanged = scene.send(update, &risk, &expected);
    assert_eq!(event.exchange, exchange);
    assert_eq!((event.table, event.index), (3, 3));
    assert_eq!(feed_parameters(&scene.stage, 3), new);
}

#[test]
fn a_market_takes_new_parameters_and_nothing_else_changes() {
    let (mut scene, risk) = scene_and_risk();
    let addresses = scene.stage.venue.addresses;
    let new = MarketParameters {
        tick_size: 21,
        order_minimum_lots: 22,
        open_interest_cap_lots: 23,
        status: 1,
    };
    let market = addresses.market(&Venue::perpetual(ETH));
    let expected = Accounts::of(&scene.stage).change::<Market>(&market, |market| {
        (market.tick_size, market.order_minimum_lots) = (21, 22);
        (market.open_interest_cap_lots, market.status) = (23, 1);
    });
    let update = update_market(&scene.stage, &risk, ETH, new);
    let event: ParametersChanged = scene.send(update, &risk, &expected);
    assert_eq!(event.exchange, addresses.exchange);
    assert_eq!((event.table, event.index), (4, ETH as u8 - 1));
    assert_eq!(market_parameters(&scene.stage, ETH), new);
}

#[test]
fn a_pair_takes_a_new_correlation_in_either_order_and_nothing_else_changes() {
    let (mut scene, risk) = scene_and_risk();
    let exchange = scene.stage.venue.addresses.exchange;
    for (pair, low_bps, high_bps) in [([0, 2], -7, 9), ([2, 1], 11, 12), ([1, 0], -10_000, 10_000)]
    {
        let expected = Accounts::of(&scene.stage).change::<Exchange>(&exchange, |exchange| {
            let place = correlation_index(pair[0].into(), pair[1].into());
            exchange.correlations[place] = CorrelationPair { low_bps, high_bps };
        });
        let set = set_correlation(&scene.stage, &risk, pair, (low_bps, high_bps));
        let event: ParametersChanged = scene.send(set, &risk, &expected);
        assert_eq!(event.exchange, exchange);
        assert_eq!((event.table, event.index), (2, pair[0].max(pair[1])));
    }
    for (pair, refusal) in [
        ([1, 1], OUTSIDE),
        ([0, 3], BallastError::UnknownIndex),
        ([3, 0], BallastError::UnknownIndex),
        ([3, 3], BallastError::UnknownIndex),
        ([NONE, 0], BallastError::UnknownIndex),
    ] {
        let set = set_correlation(&scene.stage, &risk, pair, (1, 2));
        scene.stage.refused(&[set], &[&risk], refusal);
    }
    for estimates in [
        (-10_001, 0),
        (0, 10_001),
        (1, 0),
        (i16::MIN, i16::MIN),
        (i16::MAX, i16::MAX),
    ] {
        let set = set_correlation(&scene.stage, &risk, [0, 1], estimates);
        scene.stage.refused(&[set], &[&risk], OUTSIDE);
    }
    for estimates in [(-10_000, -10_000), (10_000, 10_000), (-10_000, 10_000)] {
        let set = set_correlation(&scene.stage, &risk, [0, 1], estimates);
        scene.stage.simulate(&[set], &[&risk]).unwrap();
    }
}

#[test]
fn new_parameters_of_an_exchange_have_bounds() {
    let (mut scene, risk) = scene_and_risk();
    #[rustfmt::skip]
    let bounds: [Bound<ExchangeParameters>; 30] = [
        ("initial factor", |p, v| p.margin.initial_factor_q32 = v, ONE, 10 * ONE),
        ("max offset", |p, v| p.margin.max_offset_q32 = v, 0, ONE),
        ("de-peg multiplier", |p, v| p.margin.depeg_multiplier_q32 = v, 0, 100 * ONE),
        ("wide multiplier", |p, v| p.margin.wide_confidence_multiplier_q32 = v, 0, 10 * ONE),
        ("first discount", |p, v| p.liquidation.discount_first_q32 = v, q32(0.01), ONE / 2),
        ("start discount", |p, v| p.liquidation.discount_start_q32 = v, 0, q32(0.15)),
        ("first", |p, v| p.liquidation.first_s = v, 120, 7_140),
        ("gap", |p, v| p.liquidation.observation_gap_max_s = v, 1, 900),
        ("zero", |p, v| p.liquidation.zero_s = v, 960, 10_800),
        ("premium full", |p, v| p.liquidation.premium_full_s = v, 7_200, YEAR_S),
        ("premium", |p, v| p.liquidation.premium_q32 = v, 0, ONE),
        ("buffer", |p, v| p.liquidation.buffer_q32 = v, 0, ONE),
        ("insurance share", |p, v| p.liquidation.insurance_share_q32 = v, 0, ONE),
        ("dust", |p, v| p.liquidation.dust_value = v, 0, 1_000_000_000),
        ("maker fee 0", |p, v| p.fees[0].maker_q32 = v, 0, ONE / 10),
        ("maker fee 1", |p, v| p.fees[1].maker_q32 = v, 0, ONE / 10),
        ("maker fee 2", |p, v| p.fees[2].maker_q32 = v, 0, ONE / 10),
        ("maker fee 3", |p, v| p.fees[3].maker_q32 = v, 0, ONE / 10),
        ("taker fee 0", |p, v| p.fees[0].taker_q32 = v, 0, ONE / 10),
        ("taker fee 1", |p, v| p.fees[1].taker_q32 = v, 0, ONE / 10),
        ("taker fee 2", |p, v| p.fees[2].taker_q32 = v, 0, ONE / 10),
        ("taker fee 3", |p, v| p.fees[3].taker_q32 = v, 0, ONE / 10),
        ("filler share 0", |p, v| p.fees[0].filler_share_q32 = v, 0, ONE),
        ("filler share 1", |p, v| p.fees[1].filler_share_q32 = v, 0, ONE),
        ("filler share 2", |p, v| p.fees[2].filler_share_q32 = v, 0, ONE),
        ("filler share 3", |p, v| p.fees[3].filler_share_q32 = v, 0, ONE),
        ("premium cap 0", |p, v| p.fees[0].premium_cap_q32 = v, 0, ONE),
        ("premium cap 1", |p, v| p.fees[1].premium_cap_q32 = v, 0, ONE),
        ("premium cap 2", |p, v| p.fees[2].premium_cap_q32 = v, 0, ONE),
        ("premium cap 3", |p, v| p.fees[3].premium_cap_q32 = v, 0, ONE),
    ];
    let now = exchange_parameters(&scene.stage);
    let build = |stage: &Stage, new| vec![update_exchange(stage, &risk, new)];
    scene.stage.check_bounds(&now, &bounds, build, &[&risk]);
}

#[test]
fn new_parameters_of_an_asset_have_bounds() {
    let (mut scene, risk) = scene_and_risk();
    #[rustfmt::skip]
    let bounds: [Bound<AssetParameters>; 15] = [
        ("deposit haircut, initial", |p, v| p.deposit_haircut_initial_q32 = v, q32(0.02), ONE),
        ("deposit haircut, maintenance", |p, v| p.deposit_haircut_maintenance_q32 = v, 0, q32(0.05)),
        ("loan haircut, initial", |p, v| p.loan_haircut_initial_q32 = v, q32(0.02), 10 * ONE),
        ("loan haircut, maintenance", |p, v| p.loan_haircut_maintenance_q32 = v, 0, q32(0.05)),
        ("range multiplier", |p, v| p.haircut_range_multiplier_q32 = v, 0, 10 * ONE),
        ("start of the size haircut", |p, v| p.haircut_size_start = v, 0, u64::MAX),
        ("fees of interest", |p, v| p.interest_fee_share_q32 = v, 0, ONE - q32(0.05)),
        ("insurance of interest", |p, v| p.interest_insurance_share_q32 = v, 0, ONE - q32(0.1)),
        ("all of interest", |p, v| (p.interest_fee_share_q32, p.interest_insurance_share_q32) = (v, 0), 0, ONE),
        ("origination fee", |p, v| p.origination_fee_q32 = v, 0, ONE / 20),
        ("deposit cap", |p, v| p.deposit_cap = v, 0, u64::MAX),
        ("borrow cap", |p, v| p.borrow_cap = v, 0, u64::MAX),
        ("outflow limit", |p, v| p.outflow_limit = v, 0, u64::MAX),
        ("outflow window", |p, v| p.outflow_window_s = v, 60, YEAR_S),
        ("mode", |p, v| p.mode = v as u8, 0, 2),
    ];
    let now = asset_parameters(&scene.stage, SOL);
    let build = |stage: &Stage, new| vec![update_asset(stage, &risk, SOL, new)];
    scene.stage.check_bounds(&now, &bounds, build, &[&risk]);

    let kinks = now.interest_kinks_q32;
    let curves = [
        (kinks, [0; 4], true),
        (kinks, [10 * ONE; 4], true),
        ([1, 2], [0, 1, 2, 3], true),
        ([ONE - 2, ONE - 1], [5; 4], true),
        ([0, kinks[1]], [0; 4], false),
        ([kinks[0]; 2], [0; 4], false),
        ([kinks[1], kinks[0]], [0; 4], false),
        ([kinks[0], ONE], [0; 4], false),
        (kinks, [1, 0, 0, 0], false),
        (kinks, [0, 2, 1, 2], false),
        (kinks, [0, 0, 1, 0], false),
        (kinks, [0, 0, 0, 10 * ONE + 1], false),
    ];
    for (interest_kinks_q32, interest_rates_q32, valid) in curves {
        let new = AssetParameters {
            interest_kinks_q32,
            interest_rates_q32,
            ..now
        };
        let update = update_asset(&scene.stage, &risk, SOL, new);
        if valid {
            scene.stage.simulate(&[update], &[&risk]).unwrap();
        } else {
            let refusal = BallastError::InvalidInterestCurve;
            scene.stage.refused(&[update], &[&risk], refusal);
        }
    }
}

#[test]
fn the_quote_asset_never_gets_a_haircut() {
    let (mut scene, risk) = scene_and_risk();
    let now = asset_parameters(&scene.stage, USDC);
    let haircuts: [fn(&mut AssetParameters); 5] = [
        |new| new.deposit_haircut_maintenance_q32 = 1,
        |new| new.deposit_haircut_initial_q32 = 1,
        |new| new.loan_haircut_maintenance_q32 = 1,
        |new| new.loan_haircut_initial_q32 = 1,
        |new| new.haircut_range_multiplier_q32 = 1,
    ];
    for haircut in haircuts {
        let mut new = now;
        haircut(&mut new);
        let update = update_asset(&scene.stage, &risk, USDC, new);
        let refusal = BallastError::InvalidQuoteAsset;
        scene.stage.refused(&[update], &[&risk], refusal);
    }
    let new = AssetParameters {
        deposit_cap: 1,
        borrow_cap: 2,
        outflow_limit: 3,
        ..now
    };
    let update = update_asset(&scene.stage, &risk, USDC, new);
    scene.stage.simulate(&[update], &[&risk]).unwrap();
}

#[test]
fn a_lent_asset_takes_new_parameters_only_with_interest_up_to_now() {
    let mut scene = Scene::on(Stage::with_interest(Default::default()));
    let risk = scene.risk.insecure_clone();
    let stage = &mut scene.stage;
    let (lender, borrower) = (stage.trader(1, 1.0), stage.trader(2, 10_000.0));
    stage.fund(&lender, SOL, 10.0);
    stage.mint(&borrower, SOL, 0);
    let accrue = instructions::accrue_interest(&stage.venue.addresses, &stage.venue.mints[SOL]);
    stage.world.advance(1);
    let update = update_asset(stage, &risk, SOL, asset_parameters(stage, SOL));
    // Nothing is lent yet.
    stage.simulate(&[update.clone()], &[&risk]).unwrap();
    let borrow = stage.withdraw(&borrower, SOL, 1_000, true);
    let both = [accrue.clone(), borrow];
    stage.world.send(&both, &[&borrower]).unwrap();
    stage.simulate(&[update.clone()], &[&risk]).unwrap();
    stage.world.advance(1);
    let refusal = BallastError::AccrueInterestFirst;
    stage.refused(&[update.clone()], &[&risk], refusal);
    stage.simulate(&[accrue, update], &[&risk]).unwrap();
}

#[test]
fn new_parameters_of_an_underlying_have_bounds() {
    let (mut scene, risk) = scene_and_risk();
    #[rustfmt::skip]
    let bounds: [Bound<UnderlyingParameters>; 34] = [
        ("largest range", |p, v| p.range_maximum_q32 = v, q32(0.08), RANGE_LIMIT_Q32),
        ("smallest range", |p, v| p.range_minimum_q32 = v, 1, q32(0.35)),
        ("volatility multiplier", |p, v| p.range_volatility_multiplier_q32 = v, 0, 10 * ONE),
        ("confidence multiplier", |p, v| p.range_confidence_multiplier_q32 = v, 0, 100 * ONE),
        ("half-life", |p, v| p.volatility_half_life_s = v, 60, YEAR_S),
        ("interval", |p, v| p.volatility_interval_s = v, 1, 14_400),
        ("size rate", |p, v| p.size_lambda_q32 = v, 0, 10 * ONE),
        ("size cap", |p, v| p.size_cap_q32 = v, 0, ONE),
        ("profit cap", |p, v| p.unsettled_profit_cap = v, 0, u64::MAX),
        ("price band", |p, v| p.price_band_q32 = v, 0, ONE),
        ("funding period", |p, v| p.funding.period_s = v, 3_600, WEEK_S),
        ("funding interval", |p, v| p.funding.interval_s = v, 60, 28_800),
        ("funding maximum", |p, v| p.funding.maximum_q32 = v, 0, ONE / 10),
        ("impact value", |p, v| p.funding.impact_value = v, 1, 1 << 60),
        ("strike step", |p, v| p.options.strike_step = v, 0, 1 << 50),
        ("strike span", |p, v| p.options.strike_span_q32 = v, ONE, 64 * ONE),
        ("option tick", |p, v| p.options.tick_size = v, 1, 1 << 40),
        ("option cap", |p, v| p.options.open_interest_cap_lots = v, 0, 1 << 50),
        ("option price band", |p, v| p.options.price_band_q32 = v, 0, ONE),
        ("short minimum", |p, v| p.options.short_minimum_q32 = v, 0, ONE),
        ("long discount", |p, v| p.options.long_discount_q32 = v, 0, ONE),
        ("shock up", |p, v| p.options.shock_up_q32 = v, 0, 4 * ONE),
        ("shock down", |p, v| p.options.shock_down_q32 = v, 0, ONE * 9 / 10),
        ("short exponent", |p, v| p.options.shock_exponents_q32[0] = v, 0, ONE),
        ("long exponent", |p, v| p.options.shock_exponents_q32[1] = v, 0, ONE),
        ("surface cap", |p, v| p.surface.cap_q32 = v, q32(0.1), VOLATILITY_MAX_Q32),
        ("surface floor", |p, v| p.surface.floor_q32 = v, 1, q32(4.0)),
        ("surface step", |p, v| p.surface.step_q32 = v, 0, ONE),
        ("surface age", |p, v| p.surface.max_age_s = v, 60, WEEK_S),
        ("surface interval", |p, v| p.surface.interval_s = v, 1, 3_600),
        ("surface distance", |p, v| p.surface.distance_q32 = v, ONE, 100 * ONE),
        ("surface day", |p, v| p.surface.day_q32 = v, 0, ONE),
        ("carry", |p, v| p.surface.carry_maximum_q32 = v, 0, ONE),
        ("stale multiplier", |p, v| p.surface.stale_multiplier_q32 = v, 0, 10 * ONE),
    ];
    let now = underlying_parameters(&scene.stage, 0);
    let build = |stage: &Stage, new| vec![update_underlying(stage, &risk, 0, new)];
    scene.stage.check_bounds(&now, &bounds, build, &[&risk]);

    for size_depth in [0, 1] {
        let new = UnderlyingParameters {
            size_depth,
            size_lambda_q32: 10 * ONE,
            ..now
        };
        let update = update_underlying(&scene.stage, &risk, 0, new);
        scene.stage.refused(&[update], &[&risk], OUTSIDE);
    }
    for index in [3, 31, 32, NONE] {
        let update = update_underlying(&scene.stage, &risk, index, now);
        let refusal = BallastError::UnknownIndex;
        scene.stage.refused(&[update], &[&risk], refusal);
    }
}

#[test]
fn new_parameters_of_a_feed_have_bounds() {
    let (mut scene, risk) = scene_and_risk();
    #[rustfmt::skip]
    let bounds: [Bound<FeedParameters>; 4] = [
        ("age", |p, v| p.max_age_s = v, 1, 86_400),
        ("confidence", |p, v| p.max_confidence_q32 = v, 0, ONE),
        ("divergence", |p, v| p.max_divergence_q32 = v, 0, ONE),
        ("half-life of the slow price", |p, v| p.slow_price_half_life_s = v, 0, YEAR_S),
    ];
    let now = feed_parameters(&scene.stage, ETH);
    let build = |stage: &Stage, new| vec![update_feed(stage, &risk, ETH as u8, new)];
    scene.stage.check_bounds(&now, &bounds, build, &[&risk]);

    for (compare_with, refusal) in [
        // Itself; one with other decimals; none that is listed.
        (2, OUTSIDE),
        (1, BallastError::FeedDecimalsMismatch),
        (4, BallastError::UnknownIndex),
        (64, BallastError::UnknownIndex),
    ] {
        let new = FeedParameters {
            compare_with,
            ..now
        };
        let update = update_feed(&scene.stage, &risk, ETH as u8, new);
        scene.stage.refused(&[update], &[&risk], refusal);
    }
    for index in [4, 63, 64, NONE] {
        let update = update_feed(&scene.stage, &risk, index, now);
        let refusal = BallastError::UnknownIndex;
        scene.stage.refused(&[update], &[&risk], refusal);
    }
}

#[test]
fn new_parameters_of_a_market_have_bounds_and_an_expired_one_takes_none() {
    let (mut scene, risk) = scene_and_risk();
    #[rustfmt::skip]
    let bounds: [Bound<MarketParameters>; 4] = [
        ("tick", |p, v| p.tick_size = v, 1, 1 << 40),
        ("minimum", |p, v| p.order_minimum_lots = v, 1, 1 << 40),
        ("cap", |p, v| p.open_interest_cap_lots = v, 0, 1 << 50),
        ("status", |p, v| p.status = v as u8, 0, 1),
    ];
    let now = market_parameters(&scene.stage, SOL);
    let build = |stage: &Stage, new| vec![update_market(stage, &risk, SOL, new)];
    scene.stage.check_bounds(&now, &bounds, build, &[&risk]);

    let update = update_market(&scene.stage, &risk, SOL, now);
    let market = scene.stage.market(SOL);
    for status in [2, 3, 255] {
        scene
            .stage
            .patch::<Market>(&market, |market| market.status = status);
        let refusal = BallastError::MarketExpired;
        scene.stage.refused(&[update.clone()], &[&risk], refusal);
    }

    let (admin, payer) = (
        scene.admin.insecure_clone(),
        scene.stage.world.payer.pubkey(),
    );
    let (addresses, world) = (scene.stage.venue.addresses, &mut scene.stage.world);
    let terms = MarketTerms {
        kind: MarketKind::Future as u8,
        expiry: next_expiry(world.now() + 1),
        ..Venue::perpetual(SOL)
    };
    let args = MarketArgs {
        terms: terms.into(),
        parameters: now,
    };
    let add = instructions::add_market(&addresses, &admin.pubkey(), &payer, args);
    world.send(&[add], &[&admin]).unwrap();
    let update = instructions::update_market(&addresses, &risk.pubkey(), &terms, now);
    world.set_time(terms.expiry - 1);
    scene.stage.simulate(&[update.clone()], &[&risk]).unwrap();
    scene.stage.world.set_time(terms.expiry);
    let refusal = BallastError::MarketExpired;
    scene.stage.refused(&[update], &[&risk], refusal);
}

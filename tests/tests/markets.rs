//! Underlyings and markets: how the admin lists them, with every bound of their parameters.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{MarketAdded, Terms, UnderlyingAdded};
use ballast_client::args::{
    CorrelationArgs, FeedChoice, MarketArgs, MarketParameters, UnderlyingArgs,
};
use ballast_client::state::{
    EXPIRY_MAX_S, Exchange, Market, MarketKind, MarketTerms, NONE, correlation_index, next_expiry,
};
use ballast_client::units::q32;
use ballast_client::{events, instructions};
use ballast_risk::volatility::RANGE_LIMIT_Q32;
use ballast_tests::{AlreadyInUse, Bound, SOL, Stage, unsigned, with};
use solana_signer::Signer;

const ONE: u64 = 1 << 32;

const DAY_S: i64 = 86_400;
const YEAR_S: u64 = 365 * 86_400;

/// What a fourth underlying is listed with.
fn underlying_args(stage: &Stage) -> UnderlyingArgs {
    UnderlyingArgs {
        name: *b"SOL2\0\0\0\0\0\0\0\0\0\0\0\0",
        correlations: [(-10, 20), (30, 40), (50, 60)]
            .map(|(low_bps, high_bps)| CorrelationArgs { low_bps, high_bps })
            .to_vec(),
        ..stage.venue.underlying_args(SOL)
    }
}

fn add_underlying(stage: &Stage, args: UnderlyingArgs) -> Instruction {
    instructions::add_underlying(&stage.venue.addresses, &stage.venue.admin.pubkey(), args)
}

fn add_market(stage: &Stage, args: MarketArgs) -> Instruction {
    let (admin, payer) = (stage.venue.admin.pubkey(), stage.world.payer.pubkey());
    instructions::add_market(&stage.venue.addresses, &admin, &payer, args)
}

/// A stage whose fourth underlying has no market yet.
fn stage_with_spare_underlying() -> Stage {
    let mut stage = Stage::new();
    let add = add_underlying(&stage, underlying_args(&stage));
    let admin = stage.venue.admin.insecure_clone();
    stage.world.send(&[add], &[&admin]).unwrap();
    stage
}

fn spare_market_args() -> MarketArgs {
    MarketArgs {
        terms: Terms::from(MarketTerms::perpetual(3)),
        parameters: MarketParameters {
            tick_size: 5,
            order_minimum_lots: 7,
            open_interest_cap_lots: 1_000,
            status: 0,
        },
    }
}

#[test]
fn a_listed_underlying_has_its_correlations_and_first_volatility() {
    let stage = stage_with_spare_underlying();
    let args = underlying_args(&stage);
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let (stored, feed) = (&exchange.underlyings[3], &exchange.feeds[4]);
    assert_eq!((exchange.underlying_count, stored.feed), (4, 4));
    assert_eq!((stored.name, stored.lot_size), (args.name, 10_000_000));
    assert_eq!((feed.unit_decimals, feed.id), (9, stage.venue.feed_id(SOL)));
    assert_eq!(stored.range_volatility_multiplier_q32, q32(0.157));
    assert_eq!(stored.range_minimum_q32, q32(0.08));
    assert_eq!(stored.range_maximum_q32, q32(0.35));
    assert_eq!(stored.range_confidence_multiplier_q32, q32(2.0));
    assert_eq!(stored.volatility_half_life_s, 14_400);
    assert_eq!(stored.volatility_interval_s, 60);
    assert_eq!(stored.size_lambda_q32, q32(0.05));
    assert_eq!(stored.size_depth, 100_000_000_000_000);
    // λ²/depth·2^80 with λ in Q32, rounded up.
    let lambda = u128::from(q32(0.05));
    let coefficient = ((lambda * lambda) << 16).div_ceil(100_000_000_000_000);
    assert_eq!(u128::from(stored.size_coefficient_q80), coefficient);
    assert_eq!(stored.size_cap_q32, q32(0.1));
    assert_eq!(stored.unsettled_profit_cap, 100_000_000_000);
    assert_eq!(stored.price_band_q32, q32(0.1));
    for (other, pair) in args.correlations.iter().enumerate() {
        let stored = exchange.correlations[correlation_index(3, other)];
        assert_eq!(
            (stored.low_bps, stored.high_bps),
            (pair.low_bps, pair.high_bps)
        );
    }
    let state = stage.venue.board(&stage.world).unwrap().underlyings[3];
    let volatility = u128::from(q32(0.8));
    assert_eq!(u128::from(state.volatility_q32), volatility);
    assert_eq!(
        u128::from(state.variance_q32),
        (volatility * volatility) >> 32
    );

    let mut stage = Stage::new();
    let add = add_underlying(&stage, args);
    let admin = stage.venue.admin.insecure_clone();
    let done = stage.world.send(&[add], &[&admin]).unwrap();
    let event = events::decode_all(&done.logs)[0]
        .parse::<UnderlyingAdded>()
        .unwrap();
    assert_eq!(event.exchange, stage.venue.addresses.exchange);
    assert_eq!(
        (event.underlying, event.feed, event.lot_size),
        (3, 4, 10_000_000)
    );
}

#[test]
fn an_opened_market_has_its_terms_and_is_unique() {
    let mut stage = stage_with_spare_underlying();
    let add = add_market(&stage, spare_market_args());
    let admin = stage.venue.admin.insecure_clone();
    let done = stage.world.send(&[add.clone()], &[&admin]).unwrap();
    let terms = MarketTerms::perpetual(3);
    let address = stage.venue.addresses.market(&terms);
    let market: Box<Market> = stage.world.read(&address).unwrap();
    let keys = [market.exchange, market.creator];
    assert_eq!(
        keys,
        [stage.venue.addresses.exchange, stage.world.payer.pubkey()]
    );
    assert_eq!((market.terms, market.status), (terms, 0));
    assert_eq!((market.tick_size, market.order_minimum_lots), (5, 7));
    assert_eq!(market.open_interest_cap_lots, 1_000);
    let totals = [
        market.open_interest_lots,
        market.settlement_pool,
        market.fees,
    ];
    assert_eq!(totals, [0; 3]);
    let event = events::decode_all(&done.logs)[0]
        .parse::<MarketAdded>()
        .unwrap();
    assert_eq!((event.market, event.terms), (address, terms.into()));
    stage.refused(&[add], &[&admin], AlreadyInUse);
    for (underlying, kind, error) in [
        (4, 0, BallastError::UnknownIndex),
        (NONE, 0, BallastError::UnknownIndex),
        (3, 1, BallastError::ExpiryNotOnGrid),
        (3, 2, BallastError::ExpiryNotOnGrid),
        (3, 3, BallastError::ExpiryNotOnGrid),
        (3, 4, BallastError::UnsupportedInstrument),
        (3, 255, BallastError::UnsupportedInstrument),
    ] {
        let mut args = spare_market_args();
        (args.terms.underlying, args.terms.kind) = (underlying, kind);
        let add = add_market(&stage, args);
        stage.refused(&[add], &[&admin], error);
    }
}

#[test]
fn the_admin_opens_futures_and_options_of_any_day_within_two_years() {
    let mut stage = stage_with_spare_underlying();
    let admin = stage.venue.admin.insecure_clone();
    let now = next_expiry(stage.world.now());
    stage.world.set_time(now);
    let with_terms = |kind: MarketKind, expiry: i64, strike: u64| {
        let mut args = spare_market_args();
        (args.terms.kind, args.terms.expiry, args.terms.strike) = (kind as u8, expiry, strike);
        args
    };
    for args in [
        with_terms(MarketKind::Future, now + DAY_S, 0),
        with_terms(MarketKind::Call, now + 2 * DAY_S, 1),
        with_terms(MarketKind::Put, now + EXPIRY_MAX_S, 1 << 50),
    ] {
        let add = add_market(&stage, args);
        let done = stage.world.send(&[add.clone()], &[&admin]).unwrap();
        let address = stage.venue.addresses.market(&args.terms.into());
        let market: Box<Market> = stage.world.read(&address).unwrap();
        assert_eq!(Terms::from(market.terms), args.terms);
        assert_eq!(MarketParameters::from(&*market), args.parameters);
        let event: MarketAdded = events::decode_all(&done.logs)[0].parse().unwrap();
        assert_eq!((event.market, event.terms), (address, args.terms));
        assert_eq!(event.creator, stage.world.payer.pubkey());
        stage.refused(&[add], &[&admin], AlreadyInUse);
    }
    for kind in [MarketKind::Future, MarketKind::Call, MarketKind::Put] {
        let strike = u64::from(kind != MarketKind::Future);
        for expiry in [
            now,
            now - DAY_S,
            now + DAY_S - 1,
            now + DAY_S + 1,
            now + EXPIRY_MAX_S + DAY_S,
            0,
            i64::MIN,
            i64::MAX,
        ] {
            let add = add_market(&stage, with_terms(kind, expiry, strike));
            stage.refused(&[add], &[&admin], BallastError::ExpiryNotOnGrid);
        }
    }
    for (kind, strike) in [
        (MarketKind::Future, 1),
        (MarketKind::Call, 0),
        (MarketKind::Put, 0),
        (MarketKind::Call, (1 << 50) + 1),
        (MarketKind::Put, u64::MAX),
    ] {
        let add = add_market(&stage, with_terms(kind, now + 3 * DAY_S, strike));
        stage.refused(&[add], &[&admin], BallastError::ParameterOutOfBounds);
    }
}

#[test]
fn only_the_admin_opens_markets_and_only_on_his_own_exchange() {
    let mut stage = stage_with_spare_underlying();
    let other = stage.other_venue();
    let (admin, payer) = (
        stage.venue.admin.insecure_clone(),
        stage.world.payer.pubkey(),
    );
    let addresses = stage.venue.addresses;
    let mut fifth = underlying_args(&stage);
    fifth.correlations.extend_from_within(..1);
    let (underlying, market) = (
        add_underlying(&stage, fifth),
        add_market(&stage, spare_market_args()),
    );
    let stranger = Stage::key(9);
    for add in [&underlying, &market] {
        let forged = with(add.clone(), &admin.pubkey(), &stranger.pubkey());
        stage.refused(&[forged], &[&stranger], BallastError::NotAdmin);
        let silent = unsigned(add.clone(), &admin.pubkey());
        stage.refused(&[silent], &[], ErrorCode::AccountNotSigner);
        let wrong = with(
            add.clone(),
            &addresses.exchange,
            &addresses.insurance_fund(),
        );
        let mismatch = ErrorCode::AccountDiscriminatorMismatch;
        stage.refused(&[wrong], &[&admin], mismatch);
    }
    let foreign = with(underlying, &addresses.board, &other.addresses.board);
    stage.refused(&[foreign], &[&admin], BallastError::WrongBoard);
    let (there, key) = (&other.addresses, admin.pubkey());
    let add = instructions::add_underlying(there, &key, underlying_args(&stage));
    stage.refused(&[add], &[&admin], BallastError::NotAdmin);
    let mut args = spare_market_args();
    args.terms.underlying = 30;
    let add = instructions::add_market(there, &key, &payer, args);
    stage.refused(&[add], &[&admin], BallastError::NotAdmin);
    let derived = addresses.market(&MarketTerms::perpetual(3));
    let elsewhere = with(market, &derived, &Pubkey::new_unique());
    stage.refused(&[elsewhere], &[&admin], ErrorCode::ConstraintSeeds);
}

#[test]
fn underlying_parameters_have_bounds() {
    let mut stage = Stage::new();
    let admin = stage.venue.admin.insecure_clone();
    #[rustfmt::skip]
    let bounds: [Bound<UnderlyingArgs>; 12] = [
        ("lot", |a, v| a.lot_size = v, 1, 1 << 50),
        ("decimals", |a, v| a.decimals = v as u8, 0, 18),
        ("largest range", |a, v| a.parameters.range_maximum_q32 = v, q32(0.08), RANGE_LIMIT_Q32),
        ("smallest range", |a, v| a.parameters.range_minimum_q32 = v, 1, q32(0.35)),
        ("volatility multiplier", |a, v| a.parameters.range_volatility_multiplier_q32 = v, 0, 10 * ONE),
        ("confidence multiplier", |a, v| a.parameters.range_confidence_multiplier_q32 = v, 0, 100 * ONE),
        ("half-life", |a, v| a.parameters.volatility_half_life_s = v, 60, YEAR_S),
        ("interval", |a, v| a.parameters.volatility_interval_s = v, 1, 14_400),
        ("volatility", |a, v| a.initial_volatility_q32 = v, 0, 16 * ONE),
        ("size rate", |a, v| a.parameters.size_lambda_q32 = v, 0, 10 * ONE),
        ("size cap", |a, v| a.parameters.size_cap_q32 = v, 0, ONE),
        ("price band", |a, v| a.parameters.price_band_q32 = v, 0, ONE),
    ];
    let args = underlying_args(&stage);
    let build = |stage: &Stage, args| vec![add_underlying(stage, args)];
    stage.check_bounds(&args, &bounds, build, &[&admin]);

    let outside = BallastError::ParameterOutOfBounds;
    for size_depth in [0, 1] {
        // λ²/depth must be a number, and fit.
        let mut args = args.clone();
        args.parameters.size_depth = size_depth;
        args.parameters.size_lambda_q32 = 10 * ONE;
        let add = add_underlying(&stage, args);
        stage.refused(&[add], &[&admin], outside);
    }
    for (low_bps, high_bps, valid) in [
        (-10_000, -10_000, true),
        (-10_000, 10_000, true),
        (10_000, 10_000, true),
        (-10_001, 0, false),
        (0, 10_001, false),
        (1, 0, false),
        (i16::MIN, i16::MIN, false),
        (i16::MAX, i16::MAX, false),
    ] {
        let mut args = args.clone();
        args.correlations[1] = CorrelationArgs { low_bps, high_bps };
        let add = add_underlying(&stage, args);
        if valid {
            stage.simulate(&[add], &[&admin]).unwrap();
        } else {
            stage.refused(&[add], &[&admin], outside);
        }
    }
    for count in [0, 2, 4] {
        let mut args = args.clone();
        args.correlations.resize(count, args.correlations[0]);
        let add = add_underlying(&stage, args);
        stage.refused(&[add], &[&admin], BallastError::MissingCorrelations);
    }
    for (feed, error) in [
        (FeedChoice::Existing(4), BallastError::UnknownIndex),
        (FeedChoice::Existing(3), BallastError::FeedDecimalsMismatch),
    ] {
        let args = UnderlyingArgs {
            feed,
            ..args.clone()
        };
        let add = add_underlying(&stage, args);
        stage.refused(&[add], &[&admin], error);
    }
}

#[test]
fn market_parameters_have_bounds() {
    let mut stage = stage_with_spare_underlying();
    let admin = stage.venue.admin.insecure_clone();
    let bounds: [Bound<MarketArgs>; 5] = [
        ("expiry", |a, v| a.terms.expiry = v as i64, 0, 0),
        ("strike", |a, v| a.terms.strike = v, 0, 0),
        ("tick", |a, v| a.parameters.tick_size = v, 1, 1 << 40),
        (
            "minimum",
            |a, v| a.parameters.order_minimum_lots = v,
            1,
            1 << 40,
        ),
        (
            "cap",
            |a, v| a.parameters.open_interest_cap_lots = v,
            0,
            1 << 50,
        ),
    ];
    let build = |stage: &Stage, args| vec![add_market(stage, args)];
    stage.check_bounds(&spare_market_args(), &bounds, build, &[&admin]);
}

#[test]
fn a_full_table_takes_no_further_underlying() {
    let mut stage = Stage::new();
    let admin = stage.venue.admin.insecure_clone();
    let exchange = stage.venue.addresses.exchange;
    let add = add_underlying(&stage, underlying_args(&stage));
    for fill in [
        |exchange: &mut Exchange| exchange.feed_count = 64,
        |exchange: &mut Exchange| (exchange.feed_count, exchange.underlying_count) = (4, 32),
    ] {
        stage.patch(&exchange, fill);
        stage.refused(&[add.clone()], &[&admin], BallastError::TableFull);
    }
}

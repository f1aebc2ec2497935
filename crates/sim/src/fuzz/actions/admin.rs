//! What the authorities do.

use super::crank::expiry;
use super::{Plan, Random, between};
use crate::Venue;
use crate::fuzz::actors;
use crate::fuzz::floor::Floor;
use anchor_lang::prelude::Pubkey;
use ballast_client::args::{
    AssetParameters, CorrelationArgs, ExchangeParameters, FeedChoice, FeedParameters, MarketArgs,
    MarketParameters, Role, UnderlyingParameters,
};
use ballast_client::state::{MarketKind, MarketTerms, NONE};
use ballast_client::units::{native, q32};
use ballast_client::{ExchangeAddresses, instructions};
use rand::Rng;
use rand::seq::IndexedRandom;

pub fn init_exchange(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let taken = |key: &Pubkey| floor.books.account(key).is_some();
    let exchange = floor.actors.spare(taken, random)?;
    let board = floor.actors.spare(taken, random)?;
    if exchange == board {
        return None;
    }
    let addresses = ExchangeAddresses { exchange, board };
    let admin = floor.actors.one_of(actors::STRANGERS, random);
    let rent = |len: usize| 3_480 * 2 * (len as u64 + 128);
    let args = Venue::exchange_args(&admin);
    let mut all = instructions::init_exchange(&addresses, &admin, &floor.payer, rent, args);
    let init = all.pop()?;
    Plan::of(all, init)
}

/// Whether assets and underlyings stand in the order of the venue's specifications.
fn next_listing(floor: &Floor) -> Option<usize> {
    let (assets, _) = floor.listed();
    let in_order = (0..assets).all(|index| floor.mint(index) == floor.home.mints[index]);
    (in_order && assets < floor.home.mints.len()).then_some(assets)
}

pub fn add_underlying(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let index = next_listing(floor)?;
    if floor.listed().1 != index - 1 {
        return None;
    }
    let admin = floor.authority(&floor.exchange().admin, random);
    let args = floor.home.underlying_args(index);
    Plan::only(instructions::add_underlying(
        floor.addresses(),
        &admin,
        args,
    ))
}

pub fn add_asset(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let index = next_listing(floor)?;
    if floor.listed().1 != index {
        return None;
    }
    let admin = floor.authority(&floor.exchange().admin, random);
    let mint = floor.home.mints[index];
    let args = floor
        .home
        .asset_args(index, FeedChoice::Existing(index as u8));
    Plan::only(instructions::add_asset(
        floor.addresses(),
        &admin,
        &floor.payer,
        &mint,
        args,
    ))
}

pub fn add_market(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let (_, underlyings) = floor.listed();
    let underlying = random.random_range(0..underlyings) as u8;
    let tick_size = *[1, 10, 100].choose(random)?;
    let has_perpetual = floor
        .markets()
        .iter()
        .any(|market| market.terms == MarketTerms::perpetual(underlying));
    let terms = if !has_perpetual {
        MarketTerms::perpetual(underlying)
    } else if floor.dated().len() < 8 {
        MarketTerms {
            expiry: expiry(floor, random),
            underlying,
            kind: MarketKind::Future as u8,
            ..MarketTerms::default()
        }
    } else {
        return None;
    };
    let admin = floor.authority(&floor.exchange().admin, random);
    let args = MarketArgs {
        terms: terms.into(),
        parameters: MarketParameters {
            tick_size,
            order_minimum_lots: 1,
            open_interest_cap_lots: 1 << 40,
            status: 0,
        },
    };
    Plan::only(instructions::add_market(
        floor.addresses(),
        &admin,
        &floor.payer,
        args,
    ))
}

fn risk_authority(floor: &Floor, random: &mut Random) -> Pubkey {
    floor.authority(&floor.exchange().risk_authority, random)
}

pub fn update_exchange(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let mut parameters = ExchangeParameters::from(floor.exchange());
    let auction = &mut parameters.liquidation;
    match random.random_range(0..9) {
        0 => parameters.margin.initial_factor_q32 = q32(random.random_range(1.05..1.6)),
        1 => auction.buffer_q32 = q32(random.random_range(0.0..1.0)),
        2 => {
            // Auctions within minutes, so that they end within an episode.
            auction.first_s = random.random_range(60..300);
            auction.zero_s = auction.first_s + random.random_range(60..300);
            auction.premium_full_s = auction.zero_s + random.random_range(0..200);
            auction.observation_gap_max_s = auction.first_s;
        }
        3 => auction.insurance_floor = native(random.random_range(0.0..2_000.0), 6),
        4 => auction.insurance_share_q32 = q32(random.random_range(0.0..1.0)),
        5 => auction.loss_maximum_q32 = q32(random.random_range(0.01..0.5)),
        6 => auction.dust_value = native(random.random_range(0.0..300.0), 6),
        7 => parameters.margin.max_offset_q32 = q32(random.random_range(0.0..1.0)),
        _ => {
            let fees = &mut parameters.fees[random.random_range(0..4)];
            fees.maker_q32 = q32(random.random_range(0.0..0.003));
            fees.taker_q32 = q32(random.random_range(0.0..0.003));
            fees.filler_share_q32 = q32(random.random_range(0.0..1.0));
        }
    }
    let authority = risk_authority(floor, random);
    Plan::only(instructions::update_exchange(
        floor.addresses(),
        &authority,
        parameters,
    ))
}

pub fn update_asset(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let index = random.random_range(0..floor.listed().0);
    let listed = &floor.exchange().assets[index];
    let bank = floor.bank(index);
    let mut parameters = AssetParameters::of(listed, bank);
    let is_quote = index == 0;
    match random.random_range(0..7) {
        0 if !is_quote => {
            let haircut = random.random_range(0.0..0.2);
            parameters.deposit_haircut_maintenance_q32 = q32(haircut);
            parameters.deposit_haircut_initial_q32 = q32(haircut + 0.05);
        }
        1 => parameters.origination_fee_q32 = q32(random.random_range(0.0..0.01)),
        2 => {
            let limit = floor.native(index, between(1_000.0, 1e6, random));
            parameters.outflow_limit = if random.random() { limit } else { 0 };
            parameters.outflow_window_s = random.random_range(60..7_200);
        }
        3 => {
            let deposits = floor.native(index, between(100_000.0, 1e8, random));
            parameters.deposit_cap = deposits;
            parameters.borrow_cap = deposits;
        }
        4 => {
            let top = random.random_range(0.1..5.0);
            parameters.interest_rates_q32 = [0, q32(0.05), q32(top / 2.0), q32(top)];
        }
        5 => {
            parameters.interest_fee_share_q32 = q32(random.random_range(0.0..0.5));
            parameters.interest_insurance_share_q32 = q32(random.random_range(0.0..0.5));
        }
        // A mode does not last.
        _ => {
            parameters.mode = match parameters.mode {
                0 => *[1, 2].choose(random)?,
                _ => 0,
            }
        }
    }
    if parameters.mode != 0 && random.random_ratio(2, 3) {
        parameters.mode = 0;
    }
    let update = instructions::update_asset(
        floor.addresses(),
        &risk_authority(floor, random),
        &floor.mint(index),
        parameters,
    );
    Plan::of(floor.accrue(&[index], random), update)
}

pub fn update_underlying(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let index = random.random_range(0..floor.listed().1);
    let mut parameters = UnderlyingParameters::from(&floor.exchange().underlyings[index]);
    match random.random_range(0..8) {
        0 => {
            let least = random.random_range(0.03..0.2);
            parameters.range_minimum_q32 = q32(least);
            parameters.range_maximum_q32 = q32(random.random_range(least..0.5));
        }
        1 => parameters.size_lambda_q32 = q32(random.random_range(0.0..0.2)),
        2 => parameters.unsettled_profit_cap = native(between(100.0, 1e6, random), 6),
        3 => parameters.price_band_q32 = q32(random.random_range(0.02..0.3)),
        4 => {
            parameters.funding.interval_s = random.random_range(60..900);
            parameters.funding.maximum_q32 = q32(random.random_range(0.0..0.1));
        }
        5 => {
            parameters.options.short_minimum_q32 = q32(random.random_range(0.0..0.05));
            parameters.options.long_discount_q32 = q32(random.random_range(0.0..0.5));
        }
        6 => {
            let cap = between(1_000.0, 1e9, random) as u64;
            parameters.options.open_interest_cap_lots = cap;
        }
        _ => {
            parameters.surface.step_q32 = q32(random.random_range(0.05..0.5));
            parameters.surface.day_q32 = q32(random.random_range(0.1..1.0));
            parameters.surface.interval_s = random.random_range(1..120);
        }
    }
    Plan::only(instructions::update_underlying(
        floor.addresses(),
        &risk_authority(floor, random),
        index as u8,
        parameters,
    ))
}

pub fn set_correlation(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let underlyings = floor.listed().1 as u8;
    let pair = [
        random.random_range(0..underlyings),
        random.random_range(0..underlyings),
    ];
    let low_bps = random.random_range(-2_000..9_000);
    let correlation = CorrelationArgs {
        low_bps,
        high_bps: random.random_range(low_bps..=10_000),
    };
    Plan::only(instructions::set_correlation(
        floor.addresses(),
        &risk_authority(floor, random),
        pair,
        correlation,
    ))
}

pub fn update_feed(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let feeds = floor.exchange().feed_count;
    let index = random.random_range(0..feeds);
    let mut parameters = FeedParameters::from(&floor.exchange().feeds[usize::from(index)]);
    match random.random_range(0..4) {
        0 => parameters.max_age_s = random.random_range(70..400),
        1 => parameters.max_confidence_q32 = q32(random.random_range(0.01..0.05)),
        2 => parameters.slow_price_half_life_s = random.random_range(60..7_200),
        _ => {
            let free = parameters.compare_with == NONE && random.random_ratio(1, 10);
            parameters.compare_with = if free {
                random.random_range(0..feeds)
            } else {
                NONE
            };
            parameters.max_divergence_q32 = q32(random.random_range(0.01..0.1));
        }
    }
    Plan::only(instructions::update_feed(
        floor.addresses(),
        &risk_authority(floor, random),
        index,
        parameters,
    ))
}

pub fn update_market(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let market = floor.any_market(random)?;
    let mut parameters = MarketParameters::from(market);
    match random.random_range(0..4) {
        0 => parameters.tick_size = *[1, 10, 100].choose(random)?,
        1 => parameters.order_minimum_lots = random.random_range(1..4),
        2 => parameters.open_interest_cap_lots = between(1_000.0, 1e9, random) as u64,
        // A market does not stay reduce-only.
        _ => parameters.status = u8::from(parameters.status == 0 && random.random_ratio(1, 3)),
    }
    Plan::only(instructions::update_market(
        floor.addresses(),
        &risk_authority(floor, random),
        &market.terms,
        parameters,
    ))
}

pub fn set_pause(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let exchange = floor.exchange();
    let authority = match random.random() {
        true => exchange.admin,
        false => exchange.guardian,
    };
    let authority = floor.authority(&authority, random);
    let mut bits = 0u64;
    for _ in 0..random.random_range(0..3) {
        bits |= 1 << random.random_range(0..20);
    }
    let seconds = match random.random_ratio(1, 20) {
        true => random.random_range(0..4 * 86_400),
        false => random.random_range(0..30),
    };
    Plan::only(instructions::set_pause(
        floor.addresses(),
        &authority,
        bits,
        seconds,
    ))
}

fn any_role(random: &mut Random) -> Role {
    match random.random_range(0..3) {
        0 => Role::Admin,
        1 => Role::Risk,
        _ => Role::Guardian,
    }
}

pub fn propose_authority(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let admin = floor.authority(&floor.exchange().admin, random);
    let proposed = match random.random_ratio(1, 10) {
        true => Pubkey::default(),
        false => floor.actors.one_of(actors::ADMIN..actors::SURFACE, random),
    };
    Plan::only(instructions::propose_authority(
        floor.addresses(),
        &admin,
        any_role(random),
        &proposed,
    ))
}

pub fn accept_authority(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let exchange = floor.exchange();
    let pending = [
        (Role::Admin, exchange.pending_admin),
        (Role::Risk, exchange.pending_risk_authority),
        (Role::Guardian, exchange.pending_guardian),
    ];
    let open: Vec<_> = pending
        .into_iter()
        .filter(|(_, key)| *key != Pubkey::default())
        .collect();
    let (role, key) = match open.choose(random) {
        Some(open) => *open,
        None if random.random_ratio(1, 5) => (any_role(random), floor.actors.anybody(random)),
        None => return None,
    };
    let key = floor.authority(&key, random);
    let accept = instructions::accept_authority(floor.addresses(), &key, role);
    Plan::only(accept)
}

pub fn withdraw_fees(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let assets = 0..floor.listed().0;
    let paid: Vec<usize> = assets.filter(|asset| floor.bank(*asset).fees > 0).collect();
    let asset = match paid.choose(random) {
        Some(asset) => *asset,
        None if random.random_ratio(1, 5) => 0,
        None => return None,
    };
    let admin = floor.authority(&floor.exchange().admin, random);
    let mint = floor.mint(asset);
    let amount = match random.random() {
        true => u64::MAX,
        false => random.random_range(0..=floor.bank(asset).fees),
    };
    Plan::only(instructions::withdraw_fees(
        floor.addresses(),
        &admin,
        &mint,
        &Floor::wallet(&admin, &mint),
        amount,
    ))
}

pub fn withdraw_insurance(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let fund = floor.books.get(&floor.addresses().insurance_fund())?;
    let asset = random.random_range(0..floor.listed().0);
    let deposit = floor.owned(fund, asset).max(0) as f64;
    if deposit == 0.0 && random.random_ratio(9, 10) {
        return None;
    }
    let amount = (deposit * random.random_range(0.0..1.05)) as u64;
    let admin = floor.authority(&floor.exchange().admin, random);
    let mint = floor.mint(asset);
    let take = instructions::withdraw_insurance(
        floor.addresses(),
        &admin,
        &mint,
        &Floor::wallet(&admin, &mint),
        amount,
    );
    Plan::of(floor.accrue(&[asset], random), take)
}

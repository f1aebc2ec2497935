//! Properties of health that hold for every portfolio.

use super::tests::{NOW, q32};
use super::*;
use crate::{MarketKind, MarketTerms, NONE, correlation_index};
use ballast_risk::margin::size_coefficient_q80;
use ballast_risk::numbers::mul_q32_ceil;
use bytemuck::allocation::zeroed_box;
use bytemuck::{Zeroable, bytes_of_mut, cast_slice_mut};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const PURPOSES: [Purpose; 4] = [
    Purpose::AddRisk,
    Purpose::ReduceRisk,
    Purpose::Liquidate,
    Purpose::TakeOver,
];
const UNDERLYINGS: usize = 6;
const PAIRS: usize = UNDERLYINGS * (UNDERLYINGS - 1) / 2;
/// The quote asset, one per underlying, another on the first underlying, one on none.
const ASSETS: usize = UNDERLYINGS + 3;
const DAY_S: i64 = 86_400;

/// A priced asset, its feed, and what an underlying of the same price has.
#[derive(Clone, Copy, Debug)]
struct Listing {
    /// Quote units per native unit.
    price: f64,
    /// Quote units per lot, about.
    lot: f64,
    validity: Validity,
    /// Over the price.
    confidence: f64,
    /// Over the price.
    slow: f64,
    deposit_index: f64,
    borrow_index: f64,
    /// Haircut for maintenance, what initial margin adds, and the part per range.
    haircuts: [f64; 3],
    range_minimum: f64,
    realised: f64,
    implied: f64,
    skew: f64,
    smile: f64,
    carry: f64,
}

/// What an exchange and its board are made of.
#[derive(Clone, Debug)]
struct World {
    listings: Vec<Listing>,
    /// The low estimate and how far the high one lies above, 1e-4.
    correlations: Vec<(i16, i16)>,
    initial_factor: f64,
    max_offset: f64,
    quote_price: f64,
    size_lambda: f64,
    profit_cap: u64,
}

fn listings(validity: impl Strategy<Value = Validity>) -> impl Strategy<Value = Vec<Listing>> {
    let money = (-1.5..3.0, 4.0..8.0, 0.0..1.0, 0.8..1.25);
    let bank = (1.0..2.0, 1.0..1.5, 0.0..0.1, 0.0..0.2, 0.0..1.0);
    let market = (
        0.02..0.3,
        0.05..3.0,
        0.1..3.0,
        -0.2..0.2,
        0.0..0.1,
        -0.2..0.2,
    );
    let listing = (validity, money, bank, market).prop_map(|(validity, money, bank, market)| {
        let most = match validity {
            Validity::Wide => 0.1,
            _ => 0.02,
        };
        let least = most - 0.02;
        Listing {
            price: 10f64.powf(money.0),
            lot: 10f64.powf(money.1),
            validity,
            confidence: least + money.2 * (most - least),
            slow: money.3,
            deposit_index: bank.0,
            borrow_index: bank.0 * bank.1,
            haircuts: [bank.2, bank.3, bank.4],
            range_minimum: market.0,
            realised: market.1,
            implied: market.2,
            skew: market.3,
            smile: market.4,
            carry: market.5,
        }
    });
    vec(listing, ASSETS - 1)
}

fn worlds(validity: impl Strategy<Value = Validity>) -> impl Strategy<Value = World> {
    let correlations = vec((-10_000i16..=10_000, 0i16..=10_000), PAIRS);
    let margin = (1.0..2.0, 0.0..1.0, 0.8..1.02, 0.0..1.0, 0u64..1 << 40);
    (listings(validity), correlations, margin).prop_map(|(listings, correlations, margin)| World {
        listings,
        correlations,
        initial_factor: margin.0,
        max_offset: margin.1,
        quote_price: margin.2,
        size_lambda: margin.3,
        profit_cap: margin.4,
    })
}

fn fresh_worlds() -> impl Strategy<Value = World> {
    worlds(Just(Validity::Fresh))
}

const VALIDITIES: &[Validity] = &[Validity::Fresh, Validity::Wide, Validity::Stale];

/// Mostly fresh prices.
fn mixed_worlds() -> impl Strategy<Value = World> {
    worlds(prop_oneof![
        20 => Just(Validity::Fresh),
        2 => Just(Validity::Wide),
        1 => Just(Validity::Stale),
    ])
}

fn signed_q32(x: f64) -> i64 {
    q32(x.abs()) as i64 * x.signum() as i64
}

impl World {
    fn build(&self) -> (Box<Exchange>, Box<Board>) {
        let mut exchange: Box<Exchange> = zeroed_box();
        let mut board: Box<Board> = zeroed_box();
        exchange.asset_count = ASSETS as u8;
        exchange.underlying_count = UNDERLYINGS as u8;
        exchange.feed_count = ASSETS as u8;
        exchange.margin.initial_factor_q32 = q32(self.initial_factor);
        exchange.margin.max_offset_q32 = q32(self.max_offset);
        exchange.margin.depeg_multiplier_q32 = q32(5.0);
        exchange.margin.wide_confidence_multiplier_q32 = q32(2.0);
        exchange.liquidation.buffer_q32 = q32(0.5);
        exchange.assets[0].underlying = NONE;
        exchange.feeds[0].max_age_s = 60;
        board.prices[0]
            .price
            .set(I80F48::from_num(self.quote_price));
        board.prices[0].publish_time = NOW;
        board.assets[0].deposit = I80F48::ONE.into();
        board.assets[0].borrow = I80F48::ONE.into();
        for (index, listing) in self.listings.iter().enumerate() {
            let place = index + 1;
            let feed = &mut exchange.feeds[place];
            feed.max_age_s = 60;
            feed.max_confidence_q32 = q32(0.02);
            let entry = &mut board.prices[place];
            entry.price.set(I80F48::from_num(listing.price));
            entry
                .slow
                .set(I80F48::from_num(listing.price * listing.slow));
            entry
                .confidence
                .set(I80F48::from_num(listing.price * listing.confidence));
            entry.confidence_ratio_q32 = q32(listing.confidence);
            entry.publish_time = match listing.validity {
                Validity::Stale => NOW - 61,
                _ => NOW,
            };
            let [maintenance, more, per_range] = listing.haircuts.map(q32);
            let asset = &mut exchange.assets[place];
            asset.feed = place as u8;
            asset.underlying = match index {
                0..UNDERLYINGS => index as u8,
                UNDERLYINGS => 0,
                _ => NONE,
            };
            asset.deposit_haircut_maintenance_q32 = maintenance;
            asset.deposit_haircut_initial_q32 = maintenance + more;
            asset.loan_haircut_maintenance_q32 = maintenance;
            asset.loan_haircut_initial_q32 = maintenance + more;
            asset.haircut_range_multiplier_q32 = per_range;
            board.assets[place].deposit = I80F48::from_num(listing.deposit_index).into();
            board.assets[place].borrow = I80F48::from_num(listing.borrow_index).into();
            if index >= UNDERLYINGS {
                continue;
            }
            let underlying = &mut exchange.underlyings[index];
            underlying.feed = place as u8;
            underlying.lot_size = (listing.lot / listing.price).ceil() as u64;
            underlying.range_volatility_multiplier_q32 = q32(0.1);
            underlying.range_minimum_q32 = q32(listing.range_minimum);
            underlying.range_maximum_q32 = q32(0.3);
            underlying.range_confidence_multiplier_q32 = q32(1.0);
            underlying.size_coefficient_q80 =
                size_coefficient_q80(q32(self.size_lambda), 1 << 40).unwrap();
            underlying.size_cap_q32 = q32(0.25);
            underlying.unsettled_profit_cap = self.profit_cap;
            underlying.short_option_minimum_q32 = q32(0.01);
            underlying.long_option_discount_q32 = q32(0.1);
            underlying.volatility_shock_up_q32 = q32(0.6);
            underlying.volatility_shock_down_q32 = q32(0.3);
            underlying.volatility_shock_exponents_q32 = [q32(0.3), q32(0.13)];
            underlying.surface_floor_q32 = q32(0.05);
            underlying.surface_cap_q32 = q32(8.0);
            underlying.surface_max_age_s = 3_600;
            underlying.surface_stale_multiplier_q32 = q32(1.2);
            let state = &mut board.underlyings[index];
            state.volatility_q32 = q32(listing.realised);
            state.atm_volatility_q32 =
                [1.3, 1.2, 1.0, 0.9, 0.9, 0.8].map(|x| q32(x * listing.implied));
            state.skew_q32 = signed_q32(listing.skew);
            state.smile_q32 = signed_q32(listing.smile);
            state.carry_q32 = signed_q32(listing.carry);
            state.surface_time = match listing.validity {
                Validity::Stale => NOW - 3_601,
                _ => NOW,
            };
        }
        for (pair, (low, spread)) in exchange.correlations.iter_mut().zip(&self.correlations) {
            pair.low_bps = *low;
            pair.high_bps = low.saturating_add(*spread).min(10_000);
        }
        (exchange, board)
    }
}

/// One thing that an account does.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Deposits or borrows so much.
    Balance { asset: u8, usdc: f64 },
    /// Trades so much of the underlying at a fraction of its price.
    Position {
        underlying: u8,
        kind: MarketKind,
        days: i64,
        strike: f64,
        usdc: f64,
        paid: f64,
    },
    /// Buys a lot and sells it, with so much profit.
    Closed { underlying: u8, profit: i64 },
}

/// Signed amounts from 1 to 100 million USDC.
fn sizes() -> impl Strategy<Value = f64> {
    (0.0..8.0, select(&[-1.0, 1.0])).prop_map(|(log, sign)| sign * 10f64.powf(log))
}

/// On an underlying below `underlyings`.
fn trades(underlyings: u8) -> impl Strategy<Value = Part> {
    const KINDS: [MarketKind; 4] = [
        MarketKind::Perpetual,
        MarketKind::Future,
        MarketKind::Call,
        MarketKind::Put,
    ];
    let terms = (
        0..underlyings,
        select(&KINDS[..]),
        select(&[-1i64, 1, 7, 30, 100, 400]),
        0.5..2.0,
    );
    (terms, sizes(), 0.0..1.5).prop_map(|((underlying, kind, days, strike), usdc, paid)| {
        Part::Position {
            underlying,
            kind,
            days,
            strike,
            usdc,
            paid,
        }
    })
}

/// On underlyings below `underlyings`, and on the assets mapped to it if that is 1.
fn parts(underlyings: u8) -> impl Strategy<Value = Part> {
    let assets = if underlyings == 1 {
        vec![0, 1, 7]
    } else {
        (0..ASSETS as u8).collect()
    };
    let balance = (select(assets), sizes()).prop_map(|(asset, usdc)| Part::Balance { asset, usdc });
    let closed = (0..underlyings, -(1i64 << 30)..1 << 30)
        .prop_map(|(underlying, profit)| Part::Closed { underlying, profit });
    prop_oneof![4 => balance, 8 => trades(underlyings), 1 => closed]
}

/// The same with nothing expired: an expired position refuses every action that adds risk.
fn live(strategy: impl Strategy<Value = Vec<Part>>) -> impl Strategy<Value = Vec<Part>> {
    strategy.prop_map(|mut parts| {
        for part in &mut parts {
            if let Part::Position { days, .. } = part {
                *days = (*days).max(1);
            }
        }
        parts
    })
}

fn portfolios() -> impl Strategy<Value = Vec<Part>> {
    vec(parts(UNDERLYINGS as u8), 0..20)
}

impl World {
    fn terms(&self, part: Part) -> MarketTerms {
        let Part::Position {
            underlying,
            kind,
            days,
            strike,
            ..
        } = part
        else {
            unreachable!()
        };
        let lot = self.listings[usize::from(underlying)].lot;
        let is_option = matches!(kind, MarketKind::Call | MarketKind::Put);
        MarketTerms {
            expiry: if kind == MarketKind::Perpetual {
                0
            } else {
                NOW + days * DAY_S
            },
            strike: if is_option { (lot * strike) as u64 } else { 0 },
            underlying,
            kind: kind as u8,
            padding: [0; 6],
        }
    }

    /// What an account that does all of it has.
    fn account(&self, view: &View, parts: &[Part]) -> MarginAccount {
        let mut what_if = WhatIf::new(view, &MarginAccount::zeroed());
        for part in parts {
            match *part {
                Part::Balance { asset, usdc } => {
                    let price = match usize::from(asset) {
                        0 => 1.0,
                        index => self.listings[index - 1].price,
                    };
                    what_if.deposit(asset, (usdc * 1e6 / price) as i64).unwrap();
                }
                Part::Position {
                    underlying,
                    usdc,
                    paid,
                    ..
                } => {
                    let lot = self.listings[usize::from(underlying)].lot;
                    let lots = (usdc * 1e6 / lot) as i64;
                    what_if
                        .trade(&self.terms(*part), lots, (lot * paid) as u64)
                        .unwrap();
                }
                Part::Closed { underlying, profit } => {
                    let terms = MarketTerms::perpetual(underlying);
                    let (bought, sold) = if profit < 0 {
                        (-profit, 0)
                    } else {
                        (0, profit)
                    };
                    what_if.trade(&terms, 1, bought as u64).unwrap();
                    what_if.trade(&terms, -1, sold as u64).unwrap();
                }
            }
        }
        *what_if.account()
    }
}

fn assess(
    view: &View,
    account: &MarginAccount,
    purpose: Purpose,
) -> Result<Box<Report>, StateError> {
    let mut report = Report::boxed();
    view.assess(account, purpose, &mut report).map(|()| report)
}

fn view<'a>(built: &'a (Box<Exchange>, Box<Board>)) -> View<'a> {
    View {
        exchange: &built.0,
        board: &built.1,
        now: NOW,
    }
}

/// How far rounding may move the losses on an underlying in the scenarios: a native unit and a quote unit per balance, a quote unit
/// per perpetual and future, and 6 per option (one of its notional, at most 2.6 times that in strikes, over moves of up to
/// 1.1, and the product's own).
fn rounding(view: &View, account: &MarginAccount, underlying: u8) -> i64 {
    let balances = account
        .balances
        .iter()
        .filter(|slot| !slot.is_free())
        .map(|slot| {
            let asset = view.exchange.asset(slot.asset).unwrap();
            let price = view.board.price(asset.feed).unwrap().price.get();
            if asset.underlying == underlying {
                price.ceil().to_num::<i64>() + 1
            } else {
                0
            }
        });
    let positions = account
        .positions
        .iter()
        .map(|slot| match slot.terms.kind() {
            _ if slot.terms.underlying != underlying || slot.is_free() => 0,
            Ok(MarketKind::Call | MarketKind::Put) => 6,
            _ => 1,
        });
    balances.chain(positions).sum()
}

fn loss(report: &Report, underlying: u8) -> i64 {
    let entry = report
        .underlyings()
        .iter()
        .find(|entry| entry.underlying == underlying);
    entry.map_or(0, |entry| entry.scan_loss)
}

/// Numbers that are often at an end of some range.
fn extreme() -> impl Strategy<Value = i128> {
    const ENDS: &[i128] = &[
        0,
        1,
        -1,
        255,
        256,
        10_000,
        -10_000,
        1 << 31,
        1 << 32,
        1 << 48,
        1 << 62,
        1 << 63,
        -(1 << 63),
        (1 << 63) - 1,
        (1 << 64) - 1,
        1 << 80,
        i128::MAX,
        i128::MIN,
    ];
    prop_oneof![
        select(ENDS),
        (any::<i128>(), 0u32..128).prop_map(|(bits, shift)| bits >> shift),
        (0u32..128, -1i128..=1).prop_map(|(shift, more)| (1i128 << shift).wrapping_add(more)),
    ]
}

/// A field or bytes of one of the accounts that become others.
#[derive(Clone, Debug)]
struct Overwrite {
    target: usize,
    place: Index,
    width: usize,
    bits: i128,
}

fn overwrites(most: usize) -> impl Strategy<Value = Vec<Overwrite>> {
    let target = prop_oneof![1 => 0usize..10, 1 => Just(4), 1 => Just(10)];
    let one = (target, any::<Index>(), select(&[1usize, 8, 16]), extreme());
    let one = one.prop_map(|(target, place, width, bits)| Overwrite {
        target,
        place,
        width,
        bits,
    });
    vec(one, 0..most)
}

impl Overwrite {
    /// Anywhere, or in what a portfolio meets.
    fn apply(&self, exchange: &mut Exchange, board: &mut Board, account: &mut MarginAccount) {
        let target = match self.target {
            0 => bytes_of_mut(exchange),
            1 => bytes_of_mut(board),
            2 => bytes_of_mut(account),
            3 => cast_slice_mut(&mut exchange.assets[..ASSETS]),
            4 => cast_slice_mut(&mut exchange.underlyings[..UNDERLYINGS]),
            5 => bytes_of_mut(&mut exchange.margin),
            6 => cast_slice_mut(&mut board.underlyings[..UNDERLYINGS]),
            7 => cast_slice_mut(&mut board.prices[..ASSETS]),
            8 => cast_slice_mut(&mut board.assets[..ASSETS]),
            9 => cast_slice_mut(&mut account.positions),
            _ => {
                let prices = board.prices[..ASSETS].iter_mut();
                let prices = prices
                    .flat_map(|entry| [&mut entry.price, &mut entry.confidence, &mut entry.slow]);
                let indexes = board.assets[..ASSETS]
                    .iter_mut()
                    .flat_map(|asset| [&mut asset.deposit, &mut asset.borrow]);
                let shares = account
                    .balances
                    .iter_mut()
                    .map(|balance| &mut balance.shares);
                let mut numbers: Vec<_> = prices.chain(indexes).chain(shares).collect();
                return self
                    .place
                    .get_mut(&mut numbers)
                    .set(I80F48::from_bits(self.bits));
            }
        };
        // Whole words where it is more than a byte.
        let step = self.width.min(8);
        let start = self.place.index((target.len() - self.width) / step + 1) * step;
        target[start..start + self.width].copy_from_slice(&self.bits.to_le_bytes()[..self.width]);
    }
}

/// Everything that there is, on whatever bytes.
fn do_everything(
    view: &View,
    account: &MarginAccount,
    further: &Position,
    index: u8,
    numbers: [i128; 3],
) {
    let mut report = Report::boxed();
    for purpose in PURPOSES {
        let _ = view.assess(account, purpose, &mut report);
        let _ = view.assess_with(account, Some(further), purpose, &mut report);
        let _ = (
            report.health_initial(),
            report.is_liquidatable(),
            report.is_above_buffer(),
        );
    }
    let _ = view.has_recovered(account, &mut report);
    let [a, b, c] = numbers;
    let mut what_if = WhatIf::new(view, account);
    for index in [index].into_iter().chain(0..ASSETS as u8) {
        for owned in [false, true] {
            let _ = view.liquidation_price(index, owned);
        }
        let _ = view.funding_index(index);
        let _ = view.surface_is_stale(index);
        for terms in [
            MarketTerms::perpetual(index),
            MarketTerms {
                underlying: index,
                ..further.terms
            },
        ] {
            let _ = view.is_within_band(&terms, a as u64);
            let _ = view.price_band(&terms);
            let _ = view.fee(&terms, a as u64, b as u64, true);
            let _ = view.settlement(&terms);
        }
        let _ = view.fresh_mark(index);
        let _ = what_if.deposit(index, a as i64);
        let _ = what_if.move_price(index, b as u64);
        let _ = what_if.move_implied_volatility(index, b as u64);
        let _ = what_if.move_realised_volatility(index, c as u64);
    }
    let _ = what_if.trade(&further.terms, a as i64, b as u64);
    let _ = what_if.pay(&further.terms, c as u64);
    what_if.pass_time(c as u64);
    let _ = what_if.settle_at_mark(|_| true);
    for purpose in PURPOSES {
        let _ = what_if.assess(purpose);
    }
}

prop_compose! {
    fn positions()(kind in 0u8..5, underlying in 0u8..8, numbers in [extreme(), extreme(), extreme(), extreme()]) -> Position {
        let [lots, quote, expiry, strike] = numbers;
        let terms = MarketTerms { expiry: expiry as i64, strike: strike as u64, underlying, kind, padding: [0; 6] };
        Position { base_lots: lots as i64, quote: quote as i64, terms, ..Position::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn nothing_panics_on_random_bytes(
        seed: u64, further in positions(), index: u8, now: i64, numbers in [extreme(), extreme(), extreme()],
    ) {
        let (mut exchange, mut board): (Box<Exchange>, Box<Board>) = (zeroed_box(), zeroed_box());
        let mut account = MarginAccount::zeroed();
        let mut state = seed;
        for bytes in [bytes_of_mut(&mut *exchange), bytes_of_mut(&mut *board), bytes_of_mut(&mut account)] {
            for word in bytes.as_chunks_mut::<8>().0 {
                // SplitMix64.
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                *word = (mixed ^ (mixed >> 31)).to_le_bytes();
            }
        }
        let view = View { exchange: &exchange, board: &board, now };
        do_everything(&view, &account, &further, index, numbers);
    }

    #[test]
    fn nothing_panics_on_extreme_fields(
        world in worlds(select(VALIDITIES)), parts in portfolios(), overwrites in overwrites(16), further in positions(), index: u8,
        now in prop_oneof![Just(NOW), any::<i64>()], numbers in [extreme(), extreme(), extreme()],
    ) {
        let (mut exchange, mut board) = world.build();
        let mut account = world.account(&View { exchange: &exchange, board: &board, now: NOW }, &parts);
        for overwrite in &overwrites {
            overwrite.apply(&mut exchange, &mut board, &mut account);
        }
        let view = View { exchange: &exchange, board: &board, now };
        do_everything(&view, &account, &further, index, numbers);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn margin_is_never_negative(world in mixed_worlds(), parts in portfolios(), purpose in select(&PURPOSES[..])) {
        let built = world.build();
        let view = view(&built);
        let Ok(report) = assess(&view, &world.account(&view, &parts), purpose) else {
            return Ok(());
        };
        prop_assert!(report.maintenance_margin >= 0 && report.directional_loss >= 0 && report.residual_loss >= 0);
        prop_assert!(report.contingencies >= 0 && report.gross_value >= 0 && report.depeg_factor_q32 >= Q32_ONE);
        prop_assert!(report.initial_margin >= report.buffer_margin && report.buffer_margin >= report.maintenance_margin);
        for entry in report.underlyings() {
            prop_assert!(entry.scan_loss >= 0 && entry.residual() >= 0);
            prop_assert!(entry.size_contingency >= 0 && entry.option_contingency >= 0 && entry.long_option_value >= 0);
        }
    }

    #[test]
    fn a_portfolio_taken_many_times_loses_as_many_times_as_much(
        world in fresh_worlds(), parts in live(portfolios()), times in 2i64..=20, purpose in select(&PURPOSES[..]),
    ) {
        let built = world.build();
        let view = view(&built);
        let once = world.account(&view, &parts);
        let mut many = once;
        for balance in &mut many.balances {
            balance.shares.set(balance.shares.get() * I80F48::from_num(times));
        }
        for position in &mut many.positions {
            position.base_lots *= times;
            position.quote *= times;
        }
        let (once_report, many_report) = (assess(&view, &once, purpose).unwrap(), assess(&view, &many, purpose).unwrap());
        for index in 0..UNDERLYINGS as u8 {
            let (one, all) = (loss(&once_report, index), loss(&many_report, index));
            let tolerance = times * (rounding(&view, &once, index) + 1);
            prop_assert!((all - times * one).abs() <= tolerance, "{all} {one} {tolerance}");
        }
    }

    #[test]
    fn a_deposit_of_the_quote_asset_counts_whole(
        world in mixed_worlds(), parts in portfolios(), amount in 0i64..1 << 40, purpose in select(&PURPOSES[..]),
    ) {
        let built = world.build();
        let view = view(&built);
        let account = world.account(&view, &parts);
        let mut what_if = WhatIf::new(&view, &account);
        what_if.deposit(QUOTE_ASSET, amount).unwrap();
        let (Ok(before), Ok(after)) = (assess(&view, &account, purpose), what_if.assess(purpose)) else {
            return Ok(());
        };
        prop_assert_eq!(after.health_maintenance(), before.health_maintenance() + amount);
        prop_assert_eq!(after.health_initial(), before.health_initial() + amount);
    }

    #[test]
    fn a_deposit_needs_at_most_three_times_its_range(
        mut world in fresh_worlds(), parts in live(portfolios()), asset in 1..ASSETS as u8, usdc in sizes(),
        loadings in vec(0.0f64..0.99, UNDERLYINGS), spread in 0.0f64..1.0, options: bool, consistent: bool, hedged: bool,
    ) {
        world.size_lambda = 0.0;
        world.quote_price = 1.0;
        // What is deposited counts at its price.
        for listing in &mut world.listings {
            listing.slow = listing.slow.max(1.0);
        }
        // Of one common factor: every choice of low and high is a correlation matrix. Other estimates may contradict each other.
        if consistent {
            for high in 1..UNDERLYINGS {
                for low in 0..high {
                    let product = loadings[low] * loadings[high] * 1e4;
                    let (least, most) = ((product * spread) as i16, product as i16);
                    world.correlations[correlation_index(low, high)] = (least, most - least);
                }
            }
        }
        let usdc = usdc.abs();
        let mut parts = parts;
        if hedged && usize::from(asset) <= UNDERLYINGS {
            // The worst case: short puts lose in a fall, a short perpetual hedges them and a long one on another underlying.
            let trade = |underlying, kind, usdc| Part::Position { underlying, kind, days: 1, strike: 0.85, usdc, paid: 1.0 };
            let (own, other) = (asset - 1, asset % UNDERLYINGS as u8);
            parts.push(trade(own, MarketKind::Put, -10.0 * usdc));
            parts.push(trade(own, MarketKind::Perpetual, -usdc));
            parts.push(trade(other, MarketKind::Perpetual, 10.0 * usdc));
        }
        let is_option = |part: &Part| matches!(part, Part::Position { kind: MarketKind::Call | MarketKind::Put, .. });
        parts.retain(|part| options || !is_option(part));
        let built = world.build();
        let view = view(&built);
        let account = world.account(&view, &parts);
        let before = assess(&view, &account, Purpose::AddRisk).unwrap();
        parts.push(Part::Balance { asset, usdc });
        let after = assess(&view, &world.account(&view, &parts), Purpose::AddRisk).unwrap();

        let listed = view.exchange.asset(asset).unwrap();
        let part = |x_q32: u64| x_q32 as f64 / Q32_ONE as f64;
        let entry = after.underlyings().iter().find(|entry| entry.underlying == listed.underlying);
        let range = entry.map_or(0.0, |entry| part(entry.range_q32));
        // The directional part of a hedge shrinks by a range, and with options the scan loss may grow by one: both are residual.
        // The aggregate grows by a range where estimates agree, and where they do not as far as the largest offset lets it.
        let steepest = if consistent { 1.0 } else { 1.0 / (1.0 - world.max_offset) };
        let required = range * (steepest + if options { 2.0 } else { 0.0 });
        let haircut = part(listed.deposit_haircut_initial_q32) + range * part(listed.haircut_range_multiplier_q32);
        let value = usdc * 1e6;
        let sizes: i64 = before.underlyings().iter().chain(after.underlyings()).map(|entry| entry.directional.abs()).sum();
        // Some native units, the last bits of the fractions, and what aggregation loses of large parts.
        let tolerance = (10_000.0 + 2f64.powi(-28) * value + 2f64.powi(-36) * sizes as f64) * steepest;
        let gain = |figure: fn(&Report) -> i64| (figure(&after) - figure(&before)) as f64;
        let least = value * (1.0 - part(listed.deposit_haircut_maintenance_q32) - required);
        let gained = gain(Report::health_maintenance);
        prop_assert!(gained >= least - tolerance, "{gained} {least} {}", (gained - least) / value / range);
        let least = value * (1.0 - haircut - required * world.initial_factor);
        let gained = gain(Report::health_initial);
        prop_assert!(gained >= least - tolerance, "{gained} {least} {}", (gained - least) / value / range);
    }

    #[test]
    fn together_portfolios_on_one_underlying_lose_no_more_than_apart(
        mut world in fresh_worlds(), a in live(vec(parts(1), 0..12)), b in live(vec(parts(1), 0..12)), purpose in select(&PURPOSES[..]),
    ) {
        // A deposit and a loan of the same asset cancel without a spread.
        for listing in &mut world.listings {
            listing.borrow_index = listing.deposit_index;
        }
        let built = world.build();
        let view = view(&built);
        let accounts = [&a[..], &b, &[a.clone(), b.clone()].concat()].map(|parts| world.account(&view, parts));
        let [one, other, both] = accounts.each_ref().map(|account| loss(&assess(&view, account, purpose).unwrap(), 0));
        let tolerance = accounts.iter().map(|account| rounding(&view, account, 0)).sum::<i64>() + 1;
        prop_assert!(both <= one + other + tolerance, "{both} {one} {other} {tolerance}");
    }

    #[test]
    fn offsets_across_underlyings_follow_correlations_within_bounds(
        world in mixed_worlds(), parts in portfolios(), purpose in select(&PURPOSES[..]),
    ) {
        let built = world.build();
        let view = view(&built);
        let Ok(report) = assess(&view, &world.account(&view, &parts), purpose) else {
            return Ok(());
        };
        let sum: i64 = report.underlyings().iter().map(|entry| entry.directional.abs()).sum();
        let least = mul_q32_ceil(sum, Q32_ONE - q32(world.max_offset)).unwrap();
        let all = report.underlyings();
        let squared = all.iter().flat_map(|a| all.iter().map(move |b| (a, b))).map(|(a, b)| {
            let correlation = view.exchange.correlation(a.underlying, b.underlying);
            let product = a.directional as f64 * b.directional as f64;
            let rho = if product < 0.0 { correlation.low_bps } else { correlation.high_bps };
            product * f64::from(rho) * 1e-4
        });
        let root = squared.sum::<f64>().max(0.0).sqrt();
        let exact = root.max(least as f64).min(sum as f64);
        let is = report.directional_loss;
        prop_assert!(is <= sum && (is >= least || all.len() < 2), "{is} {least} {sum}");
        prop_assert!((is as f64 - exact).abs() <= sum as f64 * 1e-6 + 10.0 || all.len() < 2, "{is} {exact}");
    }

    #[test]
    fn a_hypothetical_trade_is_a_position(
        world in mixed_worlds(), parts in portfolios(), trade in trades(UNDERLYINGS as u8), lots in 1i64..1 << 20,
        price in 0u64..1 << 30, is_sale: bool, purpose in select(&PURPOSES[..]),
    ) {
        let built = world.build();
        let view = view(&built);
        let account = world.account(&view, &parts);
        let terms = world.terms(trade);
        let lots = if is_sale { -lots } else { lots };
        let mut what_if = WhatIf::new(&view, &account);
        what_if.trade(&terms, lots, price).unwrap();
        let traded = what_if.assess(purpose);
        let quote = -lots * price as i64;
        let mut by_hand = account;
        let mut slots = by_hand.positions.iter_mut();
        match slots.find(|slot| !slot.is_free() && slot.terms == terms) {
            Some(slot) => {
                slot.base_lots += lots;
                slot.quote += quote;
            }
            None => {
                let new = Position { base_lots: lots, quote, terms, ..Position::default() };
                let mut report = Report::boxed();
                let further = view.assess_with(&account, Some(&new), purpose, &mut report).map(|()| report);
                prop_assert_eq!(&further, &traded);
                *by_hand.positions.iter_mut().find(|slot| slot.is_free()).unwrap() = new;
            }
        }
        prop_assert_eq!(assess(&view, &by_hand, purpose), traded);
    }

    #[test]
    fn a_hypothetical_deposit_is_a_balance(
        world in mixed_worlds(), parts in portfolios(), asset in 0..ASSETS as u8, amount in -(1i64 << 40)..1 << 40,
        purpose in select(&PURPOSES[..]),
    ) {
        let built = world.build();
        let view = view(&built);
        let account = world.account(&view, &parts);
        let mut what_if = WhatIf::new(&view, &account);
        what_if.deposit(asset, amount).unwrap();
        let deposited = what_if.assess(purpose);
        let indexes = view.board.indexes(asset).unwrap();
        let held = account.balance(asset).map_or(0, |balance| ledger::amount(balance, indexes).unwrap());
        // Whatever it was, the account holds the sum, less the roundings of its repayment and its deposit.
        let sum = held + amount;
        let holds = what_if.account().balance(asset).map_or(0, |balance| ledger::amount(balance, indexes).unwrap());
        prop_assert!((sum - 2..=sum).contains(&holds), "{holds} {sum}");
        // And nothing else has changed.
        let mut by_hand = *what_if.account();
        *by_hand.balance_mut(asset).unwrap() = account.balance(asset).copied().unwrap_or_default();
        prop_assert!(by_hand.balances.iter().filter(|slot| !slot.is_free()).all(|slot| account.balances.contains(slot)));
        prop_assert_eq!(by_hand.positions, account.positions);
        prop_assert_eq!(assess(&view, what_if.account(), purpose), deposited);
    }

    #[test]
    fn changes_by_nothing_change_nothing(
        world in mixed_worlds(), parts in portfolios(), index in 0..UNDERLYINGS as u8, purpose in select(&PURPOSES[..]),
    ) {
        let built = world.build();
        let view = view(&built);
        let account = world.account(&view, &parts);
        let mut what_if = WhatIf::new(&view, &account);
        what_if.pass_time(0);
        what_if.move_price(index, Q32_ONE).unwrap();
        what_if.move_implied_volatility(index, Q32_ONE).unwrap();
        what_if.move_realised_volatility(index, Q32_ONE).unwrap();
        prop_assert_eq!(what_if.assess(purpose), assess(&view, &account, purpose));
    }

    #[test]
    fn a_move_changes_only_what_it_should(
        world in mixed_worlds(), parts in portfolios(), index in 0..UNDERLYINGS as u8, factor in 0.5f64..2.0,
        change in 0..3, purpose in select(&PURPOSES[..]),
    ) {
        let built = world.build();
        let view = view(&built);
        let account = world.account(&view, &parts);
        let mut what_if = WhatIf::new(&view, &account);
        match change {
            0 => what_if.move_price(index, q32(factor)),
            1 => what_if.move_implied_volatility(index, q32(factor)),
            _ => what_if.move_realised_volatility(index, q32(factor)),
        }.unwrap();
        let (Ok(before), Ok(after)) = (assess(&view, &account, purpose), what_if.assess(purpose)) else {
            return Ok(());
        };
        let moves_price = change == 0;
        let factor = if moves_price { factor } else { 1.0 };
        let is_close = |was: i64, is: i64| (is as f64 - was as f64 * factor).abs() <= was.abs() as f64 * 1e-6 + 2.0;
        // A stale surface follows realised volatility.
        let is_stale = world.listings[usize::from(index)].validity == Validity::Stale;
        let moves_options = change == 1 || change == 2 && is_stale;
        for (was, is) in before.underlyings().iter().zip(after.underlyings()) {
            if was.underlying != index {
                prop_assert_eq!(was, is);
                continue;
            }
            prop_assert!((is.mark.get().to_num::<f64>() / was.mark.get().to_num::<f64>() / factor - 1.0).abs() < 1e-6);
            prop_assert!(was.range_q32 == is.range_q32 || change == 2);
            prop_assert!(moves_price || moves_options || (was.delta, was.profit) == (is.delta, is.profit));
        }
        for (was, is) in before.balances().iter().zip(after.balances()) {
            let is_mapped = view.exchange.asset(was.asset).unwrap().underlying == index;
            if is_mapped {
                prop_assert!(is_close(was.value, is.value));
                prop_assert!(moves_price || (was.value, was.maintenance) == (is.value, is.maintenance));
            }
            prop_assert!(was == is || is_mapped && change != 1);
        }
        let held = account.positions.iter().filter(|slot| !slot.is_free());
        for ((was, is), position) in before.positions().iter().zip(after.positions()).zip(held) {
            let is_option = position.terms.strike != 0;
            if position.terms.underlying == index && !is_option {
                prop_assert!(is_close(was.value, is.value));
            }
            let may_change = moves_price || moves_options && is_option;
            prop_assert!(was == is || may_change && position.terms.underlying == index);
        }
    }

    #[test]
    fn time_that_passes_is_time_that_expiries_come_closer(
        world in mixed_worlds(), parts in portfolios(), seconds in 0i64..1 << 25, purpose in select(&PURPOSES[..]),
    ) {
        let built = world.build();
        let view = view(&built);
        let mut account = world.account(&view, &parts);
        let mut what_if = WhatIf::new(&view, &account);
        what_if.pass_time(seconds.unsigned_abs());
        let dated = account.positions.iter_mut().filter(|slot| slot.terms.expiry != 0);
        dated.for_each(|slot| slot.terms.expiry -= seconds);
        prop_assert_eq!(what_if.assess(purpose), assess(&view, &account, purpose));
    }

    #[test]
    fn reports_add_up(world in mixed_worlds(), parts in portfolios(), purpose in select(&PURPOSES[..])) {
        let built = world.build();
        let view = view(&built);
        let account = world.account(&view, &parts);
        let Ok(report) = assess(&view, &account, purpose) else {
            return Ok(());
        };
        let profits: i64 = report.positions().iter().map(|position| position.profit).sum();
        let balances = |figure: fn(&BalanceReport) -> i64| report.balances().iter().map(figure).sum::<i64>();
        let underlyings = |figure: fn(&UnderlyingReport) -> i64| report.underlyings().iter().map(figure).sum::<i64>();
        prop_assert_eq!(report.equity_mark, balances(|balance| balance.value) + profits);
        prop_assert_eq!(report.equity_maintenance, balances(|balance| balance.maintenance) + profits);
        prop_assert_eq!(profits, underlyings(|entry| entry.profit));
        let counted = report.underlyings().iter().map(|entry| {
            let listed = view.exchange.underlying(entry.underlying).unwrap();
            let discount = mul_q32_ceil(entry.long_option_value, listed.long_option_discount_q32).unwrap();
            let certain = entry.profit - entry.promised;
            certain.min(listed.unsettled_profit_cap as i64) - discount
        });
        prop_assert_eq!(report.equity_initial, balances(|balance| balance.initial) + counted.sum::<i64>());
        let gross = report.positions().iter().map(|position| position.value.abs().max(position.profit.abs()));
        prop_assert_eq!(report.gross_value, balances(|balance| balance.value.abs()) + gross.sum::<i64>());
        prop_assert_eq!(report.residual_loss, underlyings(UnderlyingReport::residual));
        prop_assert_eq!(report.contingencies, underlyings(|entry| entry.size_contingency + entry.option_contingency));
        let loss = report.directional_loss + report.residual_loss + report.contingencies;
        prop_assert_eq!(report.maintenance_margin, mul_q32_ceil(loss, report.depeg_factor_q32).unwrap());
        let factor = view.exchange.margin.initial_factor_q32;
        prop_assert_eq!(report.initial_margin, mul_q32_ceil(report.maintenance_margin, factor).unwrap());
        let depeg = 1.0 + 5.0 * (0.99 - world.quote_price).max(0.0);
        prop_assert!((report.depeg_factor_q32 as f64 / Q32_ONE as f64 - depeg).abs() < 1e-8);
    }

    #[test]
    fn a_used_report_gives_what_a_fresh_one_does(
        world in mixed_worlds(), accounts in vec((portfolios(), overwrites(4), select(&PURPOSES[..])), 2..6),
    ) {
        let built = world.build();
        let mut reused = Report::boxed();
        for (parts, overwrites, purpose) in accounts {
            let (mut exchange, mut board) = built.clone();
            let mut account = world.account(&view(&built), &parts);
            for overwrite in &overwrites {
                overwrite.apply(&mut exchange, &mut board, &mut account);
            }
            let view = View { exchange: &exchange, board: &board, now: NOW };
            let result = view.assess(&account, purpose, &mut reused);
            let fresh = assess(&view, &account, purpose);
            prop_assert_eq!(result.map(|()| &reused), fresh.as_ref().map_err(|error| *error));
        }
    }
}

//! Random trading in perpetuals, futures and options on two underlyings: after every step all books balance, a refusal changes nothing, and
//! at the end every dated market settles and closes.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast_client::args::{
    FillArgs, LiquidateArgs, MarketArgs, OrderArgs, OrderFilter, OrderType,
};
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{
    MarginAccount, Market, MarketKind, MarketStatus, MarketTerms, Order, Side, next_expiry,
};
use ballast_sim::{CodedError, Refusal, Venue, VenueConfig, conservation};
use ballast_tests::{ETH, SOL, Stage};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeMap;

const TRADERS: u8 = 8;
const STEPS: usize = 3_500;
const DAY: i64 = 86_400;
/// No more dated markets than these are open at a time.
const SERIES_MAX: usize = 8;
/// What every seed must have seen succeed, at least so many times.
const EACH_LEAST: u32 = 3;
const INSTRUCTIONS: [&str; 20] = [
    "add_market",
    "cancel_all",
    "cancel_order",
    "close_market",
    "collect_fees",
    "deposit",
    "fill_order",
    "finalize_settlement",
    "liquidate",
    "list_series",
    "place_and_fill",
    "place_order",
    "post_surface",
    "prune_order",
    "set_prices",
    "settle_pnl",
    "settle_position",
    "start_liquidation",
    "update_funding",
    "withdraw",
];
/// Refusals that would be a fault of the program or of this test, never of what was tried.
const NEVER: [BallastError; 9] = [
    BallastError::Overflow,
    BallastError::UnknownIndex,
    BallastError::UnsupportedInstrument,
    BallastError::BankRequired,
    BallastError::MarketRequired,
    BallastError::WrongExchange,
    BallastError::WrongMarket,
    BallastError::NotOwnerOrDelegate,
    BallastError::ParameterOutOfBounds,
];

/// How often an instruction went through and was refused.
#[derive(Clone, Copy, Default)]
struct Count {
    done: u32,
    refused: u32,
}

struct Crowd {
    stage: Stage,
    random: ChaCha8Rng,
    keys: Vec<Keypair>,
    /// Dated markets that are open, and the perpetuals.
    markets: Vec<MarketTerms>,
    volatilities: [f64; 2],
    counts: BTreeMap<&'static str, Count>,
    seed: u64,
    step: usize,
    refusals: BTreeMap<String, u32>,
}

impl Crowd {
    fn new(seed: u64, interest: bool) -> Self {
        let config = VenueConfig {
            interest,
            ..VenueConfig::default()
        };
        let mut stage = if interest {
            Stage::with_interest(config)
        } else {
            Stage::with(config)
        };
        stage.insure(100_000.0);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let keys: Vec<Keypair> = (1..=TRADERS)
            .map(|number| {
                // The last two are rich enough to liquidate and to trade with everybody.
                let usdc = if number > TRADERS - 2 {
                    2_000_000.0
                } else {
                    random.random_range(2_000..20_000).into()
                };
                stage.trader(number, usdc)
            })
            .collect();
        for key in &keys {
            stage.fund(key, SOL, random.random_range(1..40).into());
            stage.fund(key, ETH, random.random_range(1..4).into());
        }
        let mut crowd = Self {
            stage,
            random,
            keys,
            markets: vec![Venue::perpetual(SOL), Venue::perpetual(ETH)],
            volatilities: [0.8, 0.65],
            counts: BTreeMap::new(),
            seed,
            step: 0,
            refusals: BTreeMap::new(),
        };
        crowd.post_surfaces();
        crowd
    }

    fn view<T>(&self, see: impl FnOnce(&View) -> T) -> T {
        let exchange = self.stage.venue.exchange(&self.stage.world).unwrap();
        let board = self.stage.venue.board(&self.stage.world).unwrap();
        see(&View {
            exchange: &exchange,
            board: &board,
            now: self.stage.world.now(),
        })
    }

    fn state(&self, account: usize) -> Box<MarginAccount> {
        self.stage.state(&self.keys[account])
    }

    fn address(&self, account: usize) -> Pubkey {
        self.stage.account(&self.keys[account])
    }

    fn any_account(&mut self) -> usize {
        self.random.random_range(0..self.keys.len())
    }

    /// Some market, seldom an expired one.
    fn any_market(&mut self) -> MarketTerms {
        let now = self.stage.world.now();
        let any = self.random.random_ratio(1, 8);
        let markets = self
            .markets
            .iter()
            .filter(|terms| any || !terms.is_expired(now));
        let markets: Vec<MarketTerms> = markets.copied().collect();
        *markets.choose(&mut self.random).unwrap()
    }

    /// Sends what must go through or be refused for a reason, counts it and looks at the books.
    fn send(
        &mut self,
        name: &'static str,
        instructions: &[Instruction],
        signers: &[usize],
    ) -> bool {
        let keys: Vec<&Keypair> = signers.iter().map(|account| &self.keys[*account]).collect();
        let before = self
            .random
            .random_ratio(1, 8)
            .then(|| self.stage.snapshot());
        let outcome = self.stage.world.send(instructions, &keys);
        let count = self.counts.entry(name).or_default();
        let done = match outcome {
            Ok(_) => {
                count.done += 1;
                true
            }
            Err(refusal) => {
                count.refused += 1;
                self.check_refusal(name, &refusal);
                if let Some(before) = before {
                    assert!(before == self.stage.snapshot(), "{}: {name}", self.place());
                }
                false
            }
        };
        self.check_books(name);
        done
    }

    /// Where it is, to run it again.
    fn place(&self) -> String {
        format!("seed {}, step {}", self.seed, self.step)
    }

    fn check_refusal(&mut self, name: &str, refusal: &Refusal) {
        let place = self.place();
        // Errors of the program itself begin at 6000.
        let code = refusal.code().filter(|code| *code >= 6_000);
        let code = code.unwrap_or_else(|| panic!("{place}: {name}: {refusal}"));
        let never = NEVER.into_iter().any(|error| error.code() == code);
        assert!(!never, "{place}: {name}: {refusal}");
        let line = refusal.logs.iter().find_map(|line| {
            let rest = line.split("Error Code: ").nth(1)?;
            rest.split('.').next()
        });
        let reason = format!("{name}: {}", line.unwrap_or("?"));
        *self.refusals.entry(reason).or_default() += 1;
    }

    /// Asserts that all books balance.
    fn check_books(&self, name: &str) {
        let found = conservation::violations(&self.stage.world, &self.stage.venue).unwrap();
        assert!(found.is_empty(), "{}: {name}: {found:?}", self.place());
    }

    // Orders.

    /// An order somewhere around the mark, mostly of a type that is allowed.
    fn order(&mut self, terms: &MarketTerms, other: OrderType) -> OrderArgs {
        let asset = usize::from(terms.underlying) + 1;
        let tick = self.stage.venue.config.assets[asset].tick_size as f64;
        let (mark, spot) = self.view(|view| {
            let mark: f64 = view.mark(terms).unwrap().to_num();
            let spot: f64 = view.last_mark(terms.underlying).unwrap().to_num();
            (mark, spot)
        });
        let random = &mut self.random;
        let width = if terms.is_option() { 0.02 } else { 0.006 };
        let price = mark + spot * random.random_range(-width..width);
        let price = (price / tick).round().max(1.0) * tick;
        let dollars = 10f64.powf(random.random_range(2.3..5.4));
        let tokens = dollars / self.stage.prices[asset];
        let side = if random.random() {
            Side::Bid
        } else {
            Side::Ask
        };
        let order_type = match random.random_range(0..30) {
            0 => OrderType::PostOnly,
            1 => OrderType::ImmediateOrCancel,
            2..7 => other,
            _ => OrderType::Limit,
        };
        OrderArgs {
            client_id: random.random_range(0..3),
            expires_at: match random.random_range(0..4) {
                0 => (self.stage.world.now() + random.random_range(30..7_200)) as u32,
                _ => 0,
            },
            reduce_only: random.random_ratio(1, 12),
            order_type,
            ..Venue::limit(
                side,
                price as u64,
                self.stage.venue.lots(asset, tokens).max(1),
            )
        }
    }

    fn place_order(&mut self) {
        let (account, terms) = (self.any_account(), self.any_market());
        let args = self.order(&terms, OrderType::PostOnly);
        let place = instructions::place_order(
            &self.stage.venue.addresses,
            &terms,
            &self.address(account),
            &self.keys[account].pubkey(),
            args,
        );
        self.send("place_order", &[place], &[account]);
    }

    /// Every resting order of a market with its account.
    fn resting(&self, terms: &MarketTerms) -> Vec<(usize, Order)> {
        let mut found = Vec::new();
        for account in 0..self.keys.len() {
            let orders = self.state(account).orders;
            let live = orders.iter().filter(|order| order.lots != 0);
            found.extend(
                live.filter(|order| order.terms == *terms)
                    .map(|order| (account, *order)),
            );
        }
        found
    }

    fn place_and_fill(&mut self) {
        let (account, terms) = (self.any_account(), self.any_market());
        let args = self.order(&terms, OrderType::ImmediateOrCancel);
        let mut makers: Vec<(usize, Order)> = self
            .resting(&terms)
            .into_iter()
            .filter(|(maker, order)| *maker != account && order.side != args.side)
            .collect();
        // Best prices first, but not always.
        if self.random.random_ratio(3, 4) {
            makers.sort_by_key(|(_, order)| order.price);
            if args.side == Side::Ask as u8 {
                makers.reverse();
            }
        }
        makers.truncate(self.random.random_range(1..=4));
        let makers: Vec<(Pubkey, u64)> = makers
            .iter()
            .map(|(maker, order)| (self.address(*maker), order.id))
            .collect();
        let fill = instructions::place_and_fill(
            &self.stage.venue.addresses,
            &terms,
            &self.address(account),
            &self.keys[account].pubkey(),
            args,
            &makers,
        );
        self.send("place_and_fill", &[fill], &[account]);
    }

    /// Fills two resting orders, of which the filler hopes that they cross.
    fn fill_order(&mut self) {
        let terms = self.any_market();
        let (now, any) = (self.stage.world.now(), self.random.random_ratio(1, 8));
        let mut orders = self.resting(&terms);
        orders.retain(|(_, order)| any || !order.is_expired(now));
        let crosses = |maker: &Order, taker: &Order| match maker.side() {
            Side::Ask => taker.side() == Side::Bid && taker.price >= maker.price,
            Side::Bid => taker.side() == Side::Ask && taker.price <= maker.price,
        };
        let pairs: Vec<[(usize, Order); 2]> = orders
            .iter()
            .flat_map(|maker| orders.iter().map(move |taker| [*maker, *taker]))
            .filter(|[maker, taker]| maker.0 != taker.0 && crosses(&maker.1, &taker.1))
            .filter(|[maker, taker]| any || maker.1.placed_slot <= taker.1.placed_slot)
            .filter(|[_, taker]| any || taker.1.post_only == 0)
            .collect();
        let Some([maker, taker]) = pairs.choose(&mut self.random).copied() else {
            return;
        };
        let filler = self.any_account();
        let paid = filler != maker.0 && filler != taker.0;
        let args = FillArgs {
            maker_order_id: maker.1.id,
            taker_order_id: taker.1.id,
            lots_max: self.random.random_range(1..=taker.1.lots),
        };
        let fill = instructions::fill_order(
            &self.stage.venue.addresses,
            &terms,
            &self.address(maker.0),
            &self.address(taker.0),
            paid.then(|| self.address(filler)),
            &self.keys[filler].pubkey(),
            args,
        );
        self.send("fill_order", &[fill], &[filler]);
    }

    /// Some resting order of anybody.
    fn any_order(&mut self) -> Option<(usize, Order)> {
        let orders: Vec<(usize, Order)> = (0..self.keys.len())
            .flat_map(|account| self.state(account).orders.map(|order| (account, order)))
            .filter(|(_, order)| order.lots != 0)
            .collect();
        orders.choose(&mut self.random).copied()
    }

    fn cancel_order(&mut self) {
        if let Some((account, order)) = self.any_order() {
            let (address, owner) = (self.address(account), self.keys[account].pubkey());
            let cancel = instructions::cancel_order(&address, &owner, order.id);
            self.send("cancel_order", &[cancel], &[account]);
        }
    }

    fn cancel_all(&mut self) {
        let (account, terms) = (self.any_account(), self.any_market());
        let random = &mut self.random;
        let filter = OrderFilter {
            terms: random.random_ratio(1, 2).then(|| terms.into()),
            client_id: random.random_ratio(1, 2).then(|| random.random_range(0..3)),
        };
        self.cancel(account, filter);
    }

    fn cancel(&mut self, account: usize, filter: OrderFilter) {
        let (address, owner) = (self.address(account), self.keys[account].pubkey());
        let cancel = instructions::cancel_all(&address, &owner, filter);
        self.send("cancel_all", &[cancel], &[account]);
    }

    fn prune_order(&mut self) {
        if let Some((account, order)) = self.any_order() {
            let addresses = &self.stage.venue.addresses;
            let prune = instructions::prune_order(addresses, &self.address(account), order.id);
            self.send("prune_order", &[prune], &[]);
        }
    }

    // Time, prices, surfaces.

    /// Moves prices and publishes them, now and then by a lot.
    fn set_prices(&mut self, share: f64) {
        for asset in [SOL, ETH] {
            let size = if self.random.random_ratio(1, 25) {
                0.1
            } else {
                0.01
            };
            let factor = 1.0 + share * self.random.random_range(-size..size);
            let usual = if asset == SOL { 200.0 } else { 4_000.0 };
            let price = (self.stage.prices[asset] * factor).clamp(0.6 * usual, 1.6 * usual);
            self.stage.prices[asset] = (price * 1e4).round() / 1e4;
        }
        let prices = self.stage.prices;
        let (venue, world) = (&self.stage.venue, &mut self.stage.world);
        venue.set_prices(world, &prices).unwrap();
        self.counts.entry("set_prices").or_default().done += 1;
        self.check_books("set_prices");
    }

    /// Somebody bets all that his margin carries, and the price moves against him by a quarter.
    fn crash(&mut self) {
        let asset = self.random.random_range(SOL..=ETH);
        let usual = if asset == SOL { 200.0 } else { 4_000.0 };
        let up = match self.stage.prices[asset] / usual {
            0.8..1.2 => self.random.random(),
            ratio => ratio < 1.0,
        };
        let gambler = self.random.random_range(0..self.keys.len() - 2);
        let dealer = self.keys.len() - 1;
        for account in [dealer, gambler] {
            self.cancel(account, OrderFilter::default());
        }
        let (terms, price) = (Venue::perpetual(asset), self.stage.prices[asset]);
        let venue = &self.stage.venue;
        let address = self.address(gambler);
        let report = venue.assess(&self.stage.world, &address, Purpose::AddRisk);
        let health = report.map_or(0, |report| report.health_initial());
        // A position needs a tenth to a quarter of its value.
        let dollars = health as f64 / 1e6 * self.random.random_range(3.0..8.0);
        let side = if up { Side::Ask } else { Side::Bid };
        let lots = venue.lots(asset, dollars.max(10.0) / price);
        let order = Venue::limit(side, venue.price_per_lot(asset, price), lots);
        let [dealer, gambler] =
            [dealer, gambler].map(|account| self.keys[account].insecure_clone());
        let world = &mut self.stage.world;
        if let Err(refusal) = venue.trade_in(world, &dealer, &gambler, &terms, order) {
            self.check_refusal("crash", &refusal);
        }
        self.check_books("crash");
        self.stage.prices[asset] *= if up { 1.25 } else { 0.75 };
        self.stage.world.advance(60);
        self.set_prices(0.1);
        self.start_liquidation();
    }

    fn post_surfaces(&mut self) {
        for index in [0, 1] {
            let wanted = self.volatilities[index] * self.random.random_range(0.85..1.19);
            let wanted = wanted.clamp(0.3, 1.8);
            let carry = self.random.random_range(-0.02..0.08);
            let (venue, world) = (&self.stage.venue, &mut self.stage.world);
            let posted = venue.post_flat_surface(world, index + 1, wanted, carry);
            let count = self.counts.entry("post_surface").or_default();
            match posted {
                Ok(_) => {
                    count.done += 1;
                    self.volatilities[index] = wanted;
                }
                Err(refusal) => {
                    count.refused += 1;
                    self.check_refusal("post_surface", &refusal);
                }
            }
            self.check_books("post_surface");
        }
    }

    /// Lets time pass: often seconds, sometimes hours, and through every settlement window of an open market step by step.
    fn pass_time(&mut self) {
        let seconds = match self.random.random_range(0..10) {
            0..7 => self.random.random_range(1..120),
            7..9 => self.random.random_range(120..3_000),
            _ => self.random.random_range(3_000..30_000),
        };
        let until = self.stage.world.now() + seconds;
        while self.stage.world.now() < until {
            let now = self.stage.world.now();
            let expiry = next_expiry(now);
            let waiting = self.markets.iter().any(|terms| terms.expiry == expiry);
            let next = if !waiting || now < expiry - 1_800 {
                until.min(expiry - 1_800).max(now + 1)
            } else {
                until.min(now + self.random.random_range(40..=110))
            };
            let next = if waiting { next } else { until };
            self.stage.world.set_time(next);
            if next < until || self.random.random_ratio(9, 10) {
                self.set_prices(0.3);
            }
        }
        if self.random.random_ratio(2, 3) {
            self.set_prices(1.0);
            self.post_surfaces();
        }
    }

    fn update_funding(&mut self) {
        let underlying = self.random.random_range(0..2);
        let update = instructions::update_funding(&self.stage.venue.addresses, underlying);
        self.send("update_funding", &[update], &[]);
    }

    // Dated markets.

    fn dated(&self) -> Vec<MarketTerms> {
        let markets = self.markets.iter();
        markets
            .filter(|terms| !terms.is_perpetual())
            .copied()
            .collect()
    }

    /// Lists a series or a future that expires within some days.
    fn list(&mut self) {
        if self.dated().len() >= SERIES_MAX {
            return;
        }
        let underlying = self.random.random_range(0..2u8);
        let asset = usize::from(underlying) + 1;
        let days = self.random.random_range(0..3);
        let expiry = next_expiry(self.stage.world.now() + 4_000) + days * DAY;
        let step = self.stage.venue.config.assets[asset].strike_step;
        let strike = self.stage.prices[asset] * self.random.random_range(0.9..1.1);
        let strike = (strike / step).round() * step;
        let is_future = self.random.random_ratio(2, 5);
        let kind = match self.random.random() {
            _ if is_future => MarketKind::Future,
            true => MarketKind::Call,
            false => MarketKind::Put,
        };
        let terms = MarketTerms {
            expiry,
            strike: match is_future {
                true => 0,
                false => self.stage.venue.price_per_lot(asset, strike),
            },
            underlying,
            kind: kind as u8,
            ..MarketTerms::default()
        };
        if self.markets.contains(&terms) {
            return;
        }
        let payer = self.stage.world.payer.pubkey();
        let venue = &self.stage.venue;
        let listed = if is_future {
            let args = MarketArgs {
                terms: terms.into(),
                parameters: venue.market_args(asset).parameters,
            };
            let admin = venue.admin.insecure_clone();
            let add = instructions::add_market(&venue.addresses, &admin.pubkey(), &payer, args);
            self.stage.world.send(&[add], &[&admin]).unwrap();
            self.counts.entry("add_market").or_default().done += 1;
            self.check_books("add_market");
            true
        } else {
            let list = instructions::list_series(&venue.addresses, &terms, &payer);
            self.send("list_series", &[list], &[])
        };
        if listed {
            self.markets.push(terms);
        }
    }

    fn market(&self, terms: &MarketTerms) -> Box<Market> {
        let address = self.stage.venue.addresses.market(terms);
        self.stage.world.read(&address).unwrap()
    }

    fn finalize(&mut self, terms: &MarketTerms) -> bool {
        let finalize = instructions::finalize_settlement(&self.stage.venue.addresses, terms);
        self.send("finalize_settlement", &[finalize], &[])
    }

    fn settle_position(&mut self, account: usize, terms: &MarketTerms) {
        let address = self.address(account);
        let settle = instructions::settle_position(&self.stage.venue.addresses, terms, &address);
        self.send("settle_position", &[settle], &[]);
    }

    fn settle_pnl(&mut self, account: usize, terms: &MarketTerms) {
        let settle = instructions::settle_pnl(
            &self.stage.venue.addresses,
            terms,
            &self.stage.venue.mints[0],
            &self.address(account),
        );
        self.send("settle_pnl", &[settle], &[]);
    }

    fn close_market(&mut self, terms: &MarketTerms) -> bool {
        let payer = self.stage.world.payer.pubkey();
        let venue = &self.stage.venue;
        let close = instructions::close_market(&venue.addresses, terms, &payer, &venue.mints[0]);
        let closed = self.send("close_market", &[close], &[]);
        if closed {
            self.markets.retain(|other| other != terms);
        }
        closed
    }

    /// Moves fees, mostly of a market whose pool holds some.
    fn collect_fees(&mut self) {
        let markets = self.markets.iter().copied();
        let paid: Vec<MarketTerms> = markets
            .filter(|terms| {
                let market = self.market(terms);
                market.fees.min(market.settlement_pool) > 0
            })
            .collect();
        let terms = match paid.choose(&mut self.random) {
            Some(terms) if self.random.random_ratio(3, 4) => *terms,
            _ => self.any_market(),
        };
        let venue = &self.stage.venue;
        let collect = instructions::collect_fees(&venue.addresses, &terms, &venue.mints[0]);
        self.send("collect_fees", &[collect], &[]);
    }

    /// One thing that an expired market needs.
    fn after_expiry(&mut self) {
        let now = self.stage.world.now();
        let expired: Vec<MarketTerms> = self
            .dated()
            .into_iter()
            .filter(|terms| terms.is_expired(now))
            .collect();
        let Some(terms) = expired.choose(&mut self.random).copied() else {
            return;
        };
        if self.market(&terms).status(now) == MarketStatus::Settling {
            self.finalize(&terms);
            return;
        }
        let holders: Vec<usize> = self.holders(&terms);
        match holders.choose(&mut self.random) {
            None => {
                self.close_market(&terms);
            }
            Some(account) if self.state(*account).lots(&terms) != 0 => {
                self.settle_position(*account, &terms);
            }
            Some(account) => self.settle_pnl(*account, &terms),
        }
    }

    /// Accounts with a position in a market.
    fn holders(&self, terms: &MarketTerms) -> Vec<usize> {
        let accounts = 0..self.keys.len();
        accounts
            .filter(|account| self.state(*account).position(terms).is_some())
            .collect()
    }

    fn settle_any(&mut self) {
        let terms = self.any_market();
        if let Some(account) = self.holders(&terms).choose(&mut self.random) {
            self.settle_pnl(*account, &terms);
        }
    }

    // Money.

    fn deposit(&mut self) {
        let account = self.any_account();
        let asset = self.random.random_range(0..=ETH);
        let dollars = self.random.random_range(10.0..5_000.0);
        let tokens = dollars / self.stage.prices[asset];
        let decimals = self.stage.venue.config.assets[asset].decimals;
        let amount = (tokens * 10f64.powi(decimals.into())) as u64;
        let key = self.keys[account].insecure_clone();
        self.stage.mint(&key, asset, amount);
        let deposit = self.stage.deposit(&key, asset, amount);
        self.send("deposit", &[deposit], &[account]);
    }

    fn withdraw(&mut self) {
        let account = self.any_account();
        let asset = self.random.random_range(0..=ETH);
        let dollars = 10f64.powf(self.random.random_range(1.0..4.5));
        let tokens = dollars / self.stage.prices[asset];
        let decimals = self.stage.venue.config.assets[asset].decimals;
        let amount = (tokens * 10f64.powi(decimals.into())) as u64;
        let key = self.keys[account].insecure_clone();
        self.stage.mint(&key, asset, 1);
        let borrow = self.random.random_ratio(1, 2);
        let withdraw = self.stage.withdraw(&key, asset, amount, borrow);
        self.send("withdraw", &[withdraw], &[account]);
    }

    // Liquidation.

    fn is_liquidatable(&self, account: usize) -> bool {
        let state = self.state(account);
        let mut report = Report::boxed();
        let assessed =
            self.view(|view| view.assess(&state, Purpose::Liquidate, &mut report).is_ok());
        assessed && report.is_liquidatable() && state.has_obligations()
    }

    /// Flags an account that is below its margin, or tries to flag any.
    fn start_liquidation(&mut self) {
        let accounts = 0..self.keys.len();
        let bad: Vec<usize> = accounts
            .filter(|account| self.is_liquidatable(*account))
            .collect();
        let account = match bad.choose(&mut self.random) {
            Some(account) => *account,
            None if self.random.random_ratio(1, 4) => self.any_account(),
            None => return,
        };
        let address = self.address(account);
        let start = instructions::start_liquidation(&self.stage.venue.addresses, &address);
        let expected = bad.contains(&account);
        let done = self.send("start_liquidation", &[start], &[]);
        assert!(done || !expected, "{}", self.place());
    }

    /// Takes a slice of a flagged account.
    fn liquidate(&mut self) {
        let accounts = 0..self.keys.len();
        let flagged: Vec<usize> = accounts
            .filter(|account| self.state(*account).in_liquidation())
            .collect();
        let Some(account) = flagged.choose(&mut self.random).copied() else {
            return;
        };
        let taker = if self.random.random_ratio(3, 4) {
            self.keys.len() - self.random.random_range(1..=2)
        } else {
            self.any_account()
        };
        let netting = self.netting(account, taker);
        let venue = &self.stage.venue;
        let args = LiquidateArgs {
            fraction_max_q32: match self.random.random_range(0..3) {
                0 => self.random.random_range(1 << 26..1 << 32),
                _ => 1 << 32,
            },
            price_max: i64::MAX,
        };
        let liquidate = instructions::liquidate(
            &venue.addresses,
            &venue.mints[0],
            &self.address(account),
            &self.address(taker),
            &self.keys[taker].pubkey(),
            &netting,
            args,
        );
        self.send("liquidate", &[liquidate], &[taker]);
    }

    /// Banks and markets in which two accounts hold opposites.
    fn netting(&self, account: usize, taker: usize) -> Vec<Pubkey> {
        let (theirs, own) = (self.state(account), self.state(taker));
        let venue = &self.stage.venue;
        let mut keys = Vec::new();
        for balance in theirs.balances.iter().filter(|slot| !slot.is_free()) {
            let held = own.balance(balance.asset);
            let nets = held.is_some_and(|held| {
                !held.is_free() && (held.shares.get() > 0) != (balance.shares.get() > 0)
            });
            if nets && balance.asset != 0 {
                let mint = &venue.mints[usize::from(balance.asset)];
                keys.push(venue.addresses.bank(mint));
            }
        }
        for position in theirs.positions.iter().filter(|slot| !slot.is_free()) {
            let Some(held) = own.position(&position.terms) else {
                continue;
            };
            let lots = held.base_lots.signum() * position.base_lots.signum();
            let quote = held.quote.signum() * position.quote.signum();
            if lots < 0 || (!position.terms.is_perpetual() && quote < 0) {
                keys.push(venue.addresses.market(&position.terms));
            }
        }
        keys
    }

    // The whole.

    fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..16 => self.place_order(),
            16..36 => self.place_and_fill(),
            36..46 => self.fill_order(),
            46..48 => self.cancel_order(),
            48..49 => self.cancel_all(),
            49..52 => self.prune_order(),
            52..57 => self.settle_any(),
            57..59 => self.update_funding(),
            59..66 => self.pass_time(),
            66..67 => self.crash(),
            67..71 => self.list(),
            71..83 => (0..4).for_each(|_| self.after_expiry()),
            83..85 => self.collect_fees(),
            85..87 => self.deposit(),
            87..91 => self.withdraw(),
            91..95 => self.start_liquidation(),
            _ => self.liquidate(),
        }
    }

    /// Everything expires, is settled and closed.
    fn wind_up(&mut self) {
        self.step += 1;
        while self.dated().iter().any(|terms| {
            let market = self.market(terms);
            market.status(self.stage.world.now()) != MarketStatus::Closed
        }) {
            self.pass_time();
            self.set_prices(1.0);
            let now = self.stage.world.now();
            for terms in self.dated() {
                if self.market(&terms).status(now) == MarketStatus::Settling {
                    self.finalize(&terms);
                }
            }
        }
        for terms in self.dated() {
            for account in self.holders(&terms) {
                if self.state(account).lots(&terms) != 0 {
                    self.settle_position(account, &terms);
                }
            }
            let quote = |crowd: &Self, account: usize| {
                let state = crowd.state(account);
                state.position(&terms).map_or(0, |slot| slot.quote)
            };
            let mut holders = self.holders(&terms);
            holders.sort_by_key(|account| quote(self, *account));
            for account in holders {
                self.settle_pnl(account, &terms);
            }
            assert!(self.holders(&terms).is_empty(), "{}", self.place());
            assert!(self.close_market(&terms), "{}", self.place());
        }
        assert!(self.dated().is_empty());
    }

    fn run(mut self) {
        while self.step < STEPS {
            self.step += 1;
            self.step();
        }
        self.wind_up();
        let counts: Vec<String> = self
            .counts
            .iter()
            .map(|(name, count)| format!("{name} {}/{}", count.done, count.done + count.refused))
            .collect();
        println!("seed {}: {}", self.seed, counts.join(", "));
        let refusals: Vec<String> = self
            .refusals
            .iter()
            .map(|(reason, times)| format!("{reason} {times}"))
            .collect();
        println!("    refused: {}", refusals.join(", "));
        for name in INSTRUCTIONS {
            let done = self.counts.get(name).map_or(0, |count| count.done);
            assert!(done >= EACH_LEAST, "{name} went through {done} times");
        }
    }
}

#[test]
fn the_books_balance_after_every_step() {
    Crowd::new(1, false).run();
}

#[test]
fn the_books_balance_after_every_step_of_another_crowd() {
    Crowd::new(2, false).run();
}

#[test]
fn the_books_balance_after_every_step_with_interest() {
    Crowd::new(3, true).run();
}

//! The month: prices, surfaces and funding by the clock, trades, expiries, and how everybody leaves.

use crate::books::{Books, History, fee, price_bits};
use crate::path::Path;
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast::events::FundingUpdated;
use ballast_client::args::{MarketArgs, OrderArgs, OrderType};
use ballast_client::state::health::View;
use ballast_client::state::{MarginAccount, Market, MarketKind, MarketTerms, Side};
use ballast_client::{events, instructions};
use ballast_sim::{Venue, VenueConfig, World};
use ballast_tests::{START, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;

pub const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
const DAYS: i64 = 30;
/// Fridays of the month, 08:00 UTC: 10, 17, 24 and 31 October and 7 November 2025.
pub const FRIDAYS: [i64; 5] = [
    1_760_083_200,
    1_760_688_000,
    1_761_292_800,
    1_761_897_600,
    1_762_502_400,
];
/// Places of the accounts: two market makers and the trader.
pub const MAKER: usize = 0;
const OTHER_MAKER: usize = 1;
pub const TRADER: usize = 2;
/// Settling accumulates roundings of funding: a thousandth of a dollar, in quote units.
const FUNDING_TOLERANCE: f64 = 1_000.0;

/// Everything in one scenario.
pub struct Month {
    pub stage: Stage,
    pub history: History,
    /// The asset whose underlying is traded.
    pub asset: usize,
    keys: Vec<Keypair>,
    books: Vec<Books>,
    /// Pays the rent of the series.
    creator: Keypair,
    /// Dated markets that are open.
    series: Vec<MarketTerms>,
    /// Whether the market makers trade the perpetual with each other, away from the mark.
    pub busy: bool,
    path: Path,
    random: ChaCha8Rng,
    volatility: f64,
    next_hour: i64,
    refreshes_in_windows: u32,
}

impl Month {
    pub fn new(asset: usize, seed: u64) -> Self {
        let mut stage = Stage::with(VenueConfig::default());
        let keys = vec![
            stage.trader(1, 5_000_000.0),
            stage.trader(2, 5_000_000.0),
            stage.trader(3, 1.0),
        ];
        let mut books: Vec<Books> = keys.iter().map(|_| Books::default()).collect();
        books[MAKER].paid_in[0] = 5_000_000_000_000;
        books[OTHER_MAKER].paid_in[0] = 5_000_000_000_000;
        books[TRADER].paid_in[0] = 1_000_000;
        let creator = Stage::key(99);
        stage
            .world
            .svm
            .airdrop(&creator.pubkey(), 1_000_000_000)
            .unwrap();
        let history = History {
            prices: vec![(START, stage.prices)],
            rates: Vec::new(),
        };
        let mut month = Self {
            path: Path::new(START, stage.prices, DAYS as usize + 1, seed),
            volatility: stage.venue.config.assets[asset].volatility,
            stage,
            history,
            asset,
            keys,
            books,
            creator,
            series: Vec::new(),
            busy: false,
            random: ChaCha8Rng::seed_from_u64(seed),
            next_hour: START,
            refreshes_in_windows: 0,
        };
        month.hour();
        month
    }

    pub fn key(&self, account: usize) -> Keypair {
        self.keys[account].insecure_clone()
    }

    pub fn trader(&self) -> Keypair {
        self.key(TRADER)
    }

    pub fn books(&self) -> &Books {
        &self.books[TRADER]
    }

    /// Deposits whole tokens for the trader.
    pub fn fund(&mut self, asset: usize, tokens: f64) {
        let key = self.trader();
        let before = self.stage.owned(&self.stage.account(&key), asset);
        self.stage.fund(&key, asset, tokens);
        let after = self.stage.owned(&self.stage.account(&key), asset);
        self.books[TRADER].paid_in[asset] += after - before;
    }

    // The clock.

    /// Publishes the path's prices; the board must have them as they are expected.
    fn publish(&mut self) {
        let now = self.stage.world.now();
        let prices = self.path.at(now);
        self.stage.prices = prices;
        let (venue, world) = (&self.stage.venue, &mut self.stage.world);
        venue.set_prices(world, &prices).unwrap();
        let on_board = venue.board(world).unwrap().prices[self.asset].price.get();
        let spec = &venue.config.assets[self.asset];
        assert_eq!(on_board.to_bits(), price_bits(spec, prices[self.asset]));
        self.history.prices.push((now, prices));
    }

    /// Surface and funding, every hour.
    fn hour(&mut self) {
        self.next_hour += HOUR;
        let configured = self.stage.venue.config.assets[self.asset].volatility;
        let moved = self.volatility * self.random.random_range(0.97..1.03);
        // Never more than a fifth apart, which a day allows.
        self.volatility = moved.clamp(0.92 * configured, 1.1 * configured);
        let (venue, world) = (&self.stage.venue, &mut self.stage.world);
        venue
            .post_flat_surface(world, self.asset, self.volatility, 0.1)
            .unwrap();
        let update = instructions::update_funding(&venue.addresses, self.asset as u8 - 1);
        let done = world.send(&[update], &[]).unwrap();
        let event: FundingUpdated = events::decode_all(&done.logs)[0].parse().unwrap();
        let rate = event.rate_q32 as f64 / 4_294_967_296.0;
        let mark = self.lot_bits() as f64 / 2f64.powi(48);
        self.history
            .rates
            .push((self.stage.world.now(), rate, mark));
        if self.busy && self.random.random_ratio(1, 4) {
            self.trade_between_makers();
        }
    }

    /// Quote units per lot at the last price, in 2^-48.
    fn lot_bits(&self) -> i128 {
        let spec = &self.stage.venue.config.assets[self.asset];
        price_bits(spec, self.stage.prices[self.asset]) * i128::from(spec.lot_size)
    }

    /// When something is published next: every hour, and every 30 to 60 seconds while a settlement average is taken, with a gap now and
    /// then in which prices become too old.
    fn next_beat(&mut self) -> i64 {
        let now = self.stage.world.now();
        let windows = self.series.iter().map(|terms| terms.expiry);
        let next = windows
            .filter(|expiry| now < expiry + 60)
            .map(|expiry| match now < expiry - 1_830 {
                true => expiry - 1_830,
                false if self.random.random_ratio(1, 25) => now + 200,
                false => now + self.random.random_range(30..=60),
            })
            .min();
        next.unwrap_or(i64::MAX).min(self.next_hour)
    }

    /// Lets time pass.
    pub fn advance_to(&mut self, time: i64) {
        while self.stage.world.now() < time {
            let next = self.next_beat().min(time);
            self.stage.world.set_time(next);
            self.publish();
            if next >= self.next_hour {
                self.hour();
            } else {
                self.refreshes_in_windows += 1;
            }
        }
    }

    /// The start of a day of the month, with the books in order and profit and loss settled.
    pub fn begin_day(&mut self, day: i64) {
        self.advance_to(START + day * DAY);
        self.stage.check_books();
        self.settle_open();
        self.stage.check_books();
    }

    /// Days of the month after the first.
    pub fn days() -> std::ops::RangeInclusive<i64> {
        1..=DAYS
    }

    // Markets and trades.

    /// Terms of a dated market; a strike in dollars, 0 for a future.
    pub fn terms(&self, kind: MarketKind, expiry: i64, strike: f64) -> MarketTerms {
        MarketTerms {
            expiry,
            strike: self.stage.venue.price_per_lot(self.asset, strike),
            underlying: self.asset as u8 - 1,
            kind: kind as u8,
            ..MarketTerms::default()
        }
    }

    /// Lists a dated market; the creator pays.
    pub fn list(&mut self, terms: MarketTerms) -> MarketTerms {
        let (venue, creator) = (&self.stage.venue, self.creator.pubkey());
        let addresses = &venue.addresses;
        if terms.is_option() {
            let list = instructions::list_series(addresses, &terms, &creator);
            self.stage.world.send(&[list], &[&self.creator]).unwrap();
        } else {
            let args = MarketArgs {
                terms: terms.into(),
                parameters: venue.market_args(self.asset).parameters,
            };
            let admin = &venue.admin;
            let add = instructions::add_market(addresses, &admin.pubkey(), &creator, args);
            self.stage
                .world
                .send(&[add], &[admin, &self.creator])
                .unwrap();
        }
        self.series.push(terms);
        terms
    }

    /// A market's mark times a factor, on its tick.
    pub fn price(&self, terms: &MarketTerms, factor: f64) -> u64 {
        let venue = &self.stage.venue;
        let exchange = venue.exchange(&self.stage.world).unwrap();
        let board = venue.board(&self.stage.world).unwrap();
        let view = View {
            exchange: &exchange,
            board: &board,
            now: self.stage.world.now(),
        };
        let mark: f64 = view.mark(terms).unwrap().to_num();
        let tick = venue.config.assets[self.asset].tick_size;
        ((mark * factor / tick as f64).round() as u64).max(1) * tick
    }

    /// The trader buys tokens from a market maker at once, or sells them when negative, half a percent from the mark.
    pub fn trade(&mut self, terms: &MarketTerms, tokens: f64) -> u64 {
        let factor = if tokens > 0.0 { 1.005 } else { 0.995 };
        let price = self.price(terms, factor);
        let lots = self.stage.venue.lots(self.asset, tokens.abs()) as i64;
        let lots = if tokens > 0.0 { lots } else { -lots };
        self.take(TRADER, MAKER, terms, lots, price);
        price
    }

    /// One account places an order and another fills it some slots later.
    pub fn take(&mut self, taker: usize, maker: usize, terms: &MarketTerms, lots: i64, price: u64) {
        let [taker_key, maker_key] = [taker, maker].map(|account| self.key(account));
        let (side, opposite) = if lots > 0 {
            (Side::Bid, Side::Ask)
        } else {
            (Side::Ask, Side::Bid)
        };
        let order = |side, order_type| OrderArgs {
            order_type,
            ..Venue::limit(side, price, lots.unsigned_abs())
        };
        let resting = self.stage.state(&maker_key).next_order_id;
        let addresses = &self.stage.venue.addresses;
        let maker_account = self.stage.account(&maker_key);
        let place = instructions::place_order(
            addresses,
            terms,
            &maker_account,
            &maker_key.pubkey(),
            order(opposite, OrderType::PostOnly),
        );
        let fill = instructions::place_and_fill(
            addresses,
            terms,
            &self.stage.account(&taker_key),
            &taker_key.pubkey(),
            order(side, OrderType::ImmediateOrCancel),
            &[(maker_account, resting)],
        );
        self.stage.world.send(&[place], &[&maker_key]).unwrap();
        // Long enough for its price to count for funding.
        self.stage.world.skip_slots(25);
        self.stage.world.send(&[fill], &[&taker_key]).unwrap();
        self.book(taker, terms, lots, price, true);
        self.book(maker, terms, -lots, price, false);
    }

    fn book(&mut self, account: usize, terms: &MarketTerms, lots: i64, price: u64, taker: bool) {
        let exchange = self.stage.venue.exchange(&self.stage.world).unwrap();
        let rates = &exchange.fees[usize::from(terms.kind)];
        let spec = &self.stage.venue.config.assets[self.asset];
        let dollars = self.stage.prices[self.asset];
        let fee = fee(spec, rates, (terms, lots, price), dollars, taker);
        let now = self.stage.world.now();
        self.books[account].trade(terms, lots, price, fee, now);
    }

    /// The market makers trade the perpetual up to 0.8% from its mark, which makes funding.
    fn trade_between_makers(&mut self) {
        let perpetual = Venue::perpetual(self.asset);
        let factor = self.random.random_range(0.994..1.008);
        let price = self.price(&perpetual, factor);
        let tokens = 30_000.0 / self.stage.prices[self.asset];
        let lots = self.stage.venue.lots(self.asset, tokens) as i64;
        let lots = if self.random.random() { lots } else { -lots };
        self.take(OTHER_MAKER, MAKER, &perpetual, lots, price);
    }

    // Settlement.

    fn address(&self, account: usize) -> Pubkey {
        self.stage.account(&self.keys[account])
    }

    /// The accounts with a position in a market, the one with the smallest `quote` first.
    fn holders(&self, terms: &MarketTerms) -> Vec<usize> {
        let quote = |account: usize| {
            let state = self.stage.state(&self.keys[account]);
            state.position(terms).map(|position| position.quote)
        };
        let mut holders: Vec<(i64, usize)> = (0..self.keys.len())
            .filter_map(|account| Some((quote(account)?, account)))
            .collect();
        holders.sort_unstable();
        holders.into_iter().map(|(_, account)| account).collect()
    }

    /// Settles what can be settled in futures and the perpetual: losers pay, then winners take.
    fn settle_open(&mut self) {
        let linear = self.series.iter().filter(|terms| !terms.is_option());
        let linear: Vec<MarketTerms> = linear
            .copied()
            .chain([Venue::perpetual(self.asset)])
            .collect();
        for terms in &linear {
            for account in [MAKER, OTHER_MAKER, TRADER, MAKER, OTHER_MAKER, TRADER] {
                if self
                    .stage
                    .state(&self.keys[account])
                    .position(terms)
                    .is_none()
                {
                    continue;
                }
                let address = self.address(account);
                let (venue, world) = (&self.stage.venue, &mut self.stage.world);
                if let Err(refusal) = venue.settle_in(world, &address, terms) {
                    let fine = refusal.is(BallastError::NothingToSettle)
                        || refusal.is(BallastError::SettlementPoolEmpty);
                    assert!(fine, "{refusal}");
                }
            }
        }
    }

    /// Lets an expiry come, settles everybody in its markets and closes them: the creator gets the rent back. Returns the settlement price in
    /// dollars.
    pub fn expire(&mut self, expiry: i64) -> f64 {
        self.advance_to(expiry + 90);
        let spec = self.stage.venue.config.assets[self.asset].clone();
        let (settled, seconds) = self.history.settlement(&spec, self.asset, expiry);
        assert!((900..=1_800).contains(&seconds), "{seconds} are covered");
        let (expired, open) = self
            .series
            .iter()
            .partition::<Vec<MarketTerms>, _>(|terms| terms.expiry == expiry);
        self.series = open;
        assert!(!expired.is_empty());
        for terms in &expired {
            self.settle_market(terms, settled);
            self.stage.check_books();
        }
        let lots_per_token = 10f64.powi(i32::from(spec.decimals)) / spec.lot_size as f64;
        settled as f64 * lots_per_token / 1e6
    }

    fn settle_market(&mut self, terms: &MarketTerms, settled: i64) {
        let addresses = self.stage.venue.addresses;
        let market = addresses.market(terms);
        let quote_mint = self.stage.venue.mints[0];
        let holders = self.holders(terms);
        let settle_position =
            |account: Pubkey| instructions::settle_position(&addresses, terms, &account);
        let first = self.address(holders[0]);
        self.stage.refused(
            &[settle_position(first)],
            &[],
            BallastError::SettlementPending,
        );
        let finalize = instructions::finalize_settlement(&addresses, terms);
        self.stage.world.send(&[finalize], &[]).unwrap();
        let state: Box<Market> = self.stage.world.read(&market).unwrap();
        assert_eq!(state.settlement_price, settled as u64);

        let close =
            instructions::close_market(&addresses, terms, &self.creator.pubkey(), &quote_mint);
        for account in holders {
            let settle = settle_position(self.address(account));
            self.stage.world.send(&[settle], &[]).unwrap();
            self.books[account].expire(terms, settled);
        }
        // Sorted anew: what was received is in `quote` now.
        for account in self.holders(terms) {
            self.stage.refused(
                std::slice::from_ref(&close),
                &[],
                BallastError::MarketNotEmpty,
            );
            let address = self.address(account);
            let (venue, world) = (&self.stage.venue, &mut self.stage.world);
            venue.settle_in(world, &address, terms).unwrap();
        }
        assert!(self.holders(terms).is_empty());
        let rent = self.stage.world.svm.get_account(&market).unwrap().lamports;
        let before = self.lamports(&self.creator.pubkey());
        self.stage.world.send(&[close], &[]).unwrap();
        let after = self.lamports(&self.creator.pubkey());
        assert_eq!(after, before + rent);
        assert_eq!(self.lamports(&market), 0);
    }

    fn lamports(&self, key: &Pubkey) -> u64 {
        let account = self.stage.world.svm.get_account(key);
        account.map_or(0, |account| account.lamports)
    }

    // The end.

    /// Everybody closes the perpetual and leaves, each with what the books say; only fees stay. Returns the trader's profit in dollars.
    pub fn finish(mut self) -> f64 {
        assert!(self.series.is_empty());
        let perpetual = Venue::perpetual(self.asset);
        for account in [TRADER, OTHER_MAKER] {
            let lots = self.books[account].lots(&perpetual);
            if lots != 0 {
                let price = self.price(&perpetual, 1.0);
                self.take(account, MAKER, &perpetual, -lots, price);
            }
        }
        self.settle_open();
        self.stage.check_books();
        assert!(self.holders(&perpetual).is_empty());
        assert!(self.refreshes_in_windows > 20);

        let now = self.stage.world.now();
        for account in 0..self.keys.len() {
            self.repay(account);
        }
        let (mut kept, mut dust) = (0, 0.0);
        let mut profit = 0;
        for account in 0..self.keys.len() {
            let left = self.leave(account);
            let books = &self.books[account];
            let funding = books.funding(&self.history, now);
            let earned = books.traded + books.payoffs - books.fees;
            let got = left - books.paid_in[0];
            if books.perpetual_trades() == 0 {
                assert_eq!(got, earned, "account {account}");
            } else {
                let off = got as f64 - earned as f64 - funding;
                assert!(off.abs() < FUNDING_TOLERANCE, "account {account}: {off}");
                dust += off;
            }
            kept += books.fees;
            if account == TRADER {
                profit = got;
                println!(
                    "    trades {:.2}, payoffs {:.2}, fees {:.2}, funding {:.2}: {:.2} USDC",
                    books.traded as f64 / 1e6,
                    books.payoffs as f64 / 1e6,
                    -books.fees as f64 / 1e6,
                    funding / 1e6,
                    profit as f64 / 1e6,
                );
            }
        }
        // Fees and the dust of funding are all that is left.
        let collect = instructions::collect_fees(
            &self.stage.venue.addresses,
            &perpetual,
            &self.stage.venue.mints[0],
        );
        if self.books[MAKER].perpetual_trades() > 0 {
            self.stage.world.send(&[collect], &[]).unwrap();
        }
        let bank = self.stage.venue.bank(&self.stage.world, 0).unwrap();
        assert_eq!(bank.fees as i64, kept);
        assert!(bank.deposit_shares.get() == 0 && bank.borrow_shares.get() == 0);
        let vault = self.stage.world.tokens(&bank.vault);
        assert_eq!(vault, bank.fees + bank.settlement_pools);
        assert!((bank.settlement_pools as f64 + dust).abs() < FUNDING_TOLERANCE);
        self.stage.check_books();
        profit as f64 / 1e6
    }

    /// Pays a loan of the quote asset back.
    fn repay(&mut self, account: usize) {
        let key = self.key(account);
        let address = self.stage.account(&key);
        let owed = -self.stage.owned(&address, 0);
        if owed > 0 {
            self.stage.mint(&key, 0, owed as u64);
            let repay = self.stage.deposit(&key, 0, owed as u64);
            self.stage.world.send(&[repay], &[&key]).unwrap();
            self.books[account].paid_in[0] += owed;
        }
    }

    /// Withdraws everything, closes the account, and returns the quote units in the wallet.
    fn leave(&mut self, account: usize) -> i64 {
        let key = self.key(account);
        let address = self.stage.account(&key);
        for asset in 0..4 {
            let paid_in = self.books[account].paid_in[asset];
            if self.stage.owned(&address, asset) > 0 {
                self.stage.mint(&key, asset, 0);
                let withdraw = self.stage.withdraw(&key, asset, u64::MAX, false);
                self.stage.world.send(&[withdraw], &[&key]).unwrap();
            }
            let wallet = World::token_address(&key.pubkey(), &self.stage.venue.mints[asset]);
            let has = self.stage.world.tokens(&wallet) as i64;
            // Of what is not the quote asset everything comes back.
            assert!(asset == 0 || has == paid_in);
        }
        let state: Box<MarginAccount> = self.stage.world.read(&address).unwrap();
        assert!(state.is_empty());
        let close = instructions::close_account(&self.stage.venue.addresses, &key.pubkey(), 0);
        self.stage.world.send(&[close], &[&key]).unwrap();
        let wallet = World::token_address(&key.pubkey(), &self.stage.venue.mints[0]);
        self.stage.world.tokens(&wallet) as i64
    }
}

//! A random history in two perpetuals: what every account pays and receives in the end is what the formulas say.

use crate::funding_model::{Funding, payment};
use crate::scene::mark_bits;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{FundingUpdated, Liquidated, OrderFilled, PnlSettled};
use ballast_client::args::LiquidateArgs;
use ballast_client::state::health::Purpose;
use ballast_client::state::{MarketTerms, Side};
use ballast_client::{events, instructions};
use ballast_sim::{CodedError, Venue};
use ballast_tests::{ETH, SOL, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeMap;

const MARKETS: [usize; 2] = [SOL, ETH];

/// What one account has in one perpetual.
#[derive(Default)]
struct Account {
    lots: i64,
    /// The index at which it last changed or settled.
    settled_at: i128,
    /// What it received in all, exactly, in 2^-48 units.
    exact: i128,
    /// What the events say.
    received: i64,
    settlements: i64,
}

impl Account {
    /// Notes a settlement of funding that an event reported, and lots that changed after it.
    #[track_caller]
    fn settle(&mut self, index: i128, reported: i64, lots: i64) {
        if self.lots != 0 {
            assert_eq!(reported, payment(self.lots, self.settled_at, index));
            self.exact -= i128::from(self.lots) * (index - self.settled_at);
            self.settlements += 1;
        } else {
            assert_eq!(reported, 0);
        }
        self.received += reported;
        self.settled_at = index;
        self.lots += lots;
    }
}

struct History {
    stage: Stage,
    random: ChaCha8Rng,
    traders: Vec<Keypair>,
    /// Who takes the others over.
    taker: Keypair,
    models: [Funding; 2],
    accounts: BTreeMap<(usize, Pubkey), Account>,
    counts: BTreeMap<&'static str, u32>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut stage = Stage::steady();
        let traders = (1..=5)
            .map(|number| stage.trader(number, 3_000.0))
            .collect();
        let taker = stage.trader(6, 5_000_000.0);
        stage.insure(100_000.0);
        Self {
            stage,
            random: ChaCha8Rng::seed_from_u64(seed),
            traders,
            taker,
            models: Default::default(),
            accounts: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn account(&mut self, market: usize, key: Pubkey) -> &mut Account {
        self.accounts.entry((market, key)).or_default()
    }

    fn index(&self, market: usize) -> i128 {
        self.models[market].index_at(self.stage.world.now())
    }

    /// Which of the two markets this is.
    fn place(&self, terms: &MarketTerms) -> usize {
        usize::from(terms.underlying)
    }

    /// Sends a transaction and books its events; it may be refused for these reasons.
    fn act(&mut self, instructions: &[Instruction], signers: &[&Keypair], may: &[BallastError]) {
        match self.stage.world.send(instructions, signers) {
            Ok(done) => self.book(&done.logs),
            Err(refusal) => {
                let code = refusal.code();
                let expected = may.iter().any(|error| code == Some(error.code()));
                assert!(expected, "{refusal}");
                self.count("refused");
            }
        }
    }

    fn book(&mut self, logs: &[String]) {
        for event in events::decode_all(logs) {
            if let Some(filled) = event.parse::<OrderFilled>() {
                self.book_fill(&filled);
            }
            if let Some(settled) = event.parse::<PnlSettled>() {
                let market = MARKETS
                    .into_iter()
                    .position(|asset| self.stage.market(asset) == settled.market)
                    .unwrap();
                let index = self.index(market);
                let account = self.account(market, settled.margin_account);
                account.settle(index, settled.funding, 0);
                self.count("settled");
            }
            if let Some(updated) = event.parse::<FundingUpdated>() {
                let market = usize::from(updated.market == self.stage.market(ETH));
                let (mark, now) = (
                    mark_bits(&self.stage, MARKETS[market]),
                    self.stage.world.now(),
                );
                let rate = self.models[market].update(mark, now);
                assert_eq!(updated.rate_q32, rate);
                assert_eq!(updated.index_bits, self.index(market));
                self.count("updated");
            }
            if let Some(taken) = event.parse::<Liquidated>() {
                for moved in &taken.positions {
                    let market = self.place(&moved.terms.into());
                    let (index, lots) = (self.index(market), moved.base_lots);
                    let parties = [(taken.margin_account, -lots), (taken.liquidator, lots)];
                    for ((key, lots), funding) in parties.into_iter().zip(moved.funding) {
                        self.account(market, key).settle(index, funding, lots);
                    }
                }
                self.count("taken");
            }
        }
    }

    fn book_fill(&mut self, filled: &OrderFilled) {
        let market = usize::from(filled.market == self.stage.market(ETH));
        let index = self.index(market);
        let lots = filled.lots as i64 * if filled.taker_side == 0 { 1 } else { -1 };
        let account = self.account(market, filled.taker);
        account.settle(index, filled.taker_funding, lots);
        let account = self.account(market, filled.maker);
        account.settle(index, filled.maker_funding, -lots);
        let (mark, now) = (
            mark_bits(&self.stage, MARKETS[market]),
            self.stage.world.now(),
        );
        let bid = filled.taker_side == 1;
        self.models[market].trade(bid, filled.lots, filled.price, mark, now);
        self.count("filled");
    }

    /// Some time passes and prices move a little.
    fn pass(&mut self) {
        self.stage.world.advance(self.random.random_range(1..1_500));
        for asset in MARKETS {
            let factor = 1.0 + self.random.random_range(-0.018..0.018);
            self.stage.prices[asset] *= factor;
        }
        let price = self.stage.prices[SOL];
        self.stage.set_price(SOL, price);
    }

    fn trade(&mut self) {
        let count = self.traders.len();
        let maker = self.random.random_range(0..count);
        let taker = (maker + self.random.random_range(1..count)) % count;
        let [maker, taker] = [maker, taker].map(|i| self.traders[i].insecure_clone());
        let asset = MARKETS[self.random.random_range(0..2)];
        let dollars = self.stage.prices[asset] * (1.0 + self.random.random_range(-0.02..0.025));
        let price = self.stage.venue.price_per_lot(asset, dollars);
        let lots = self.random.random_range(1..15_000_000_000) / price;
        let order = Venue::limit(
            if self.random.random_bool(0.5) {
                Side::Bid
            } else {
                Side::Ask
            },
            price,
            lots.max(1),
        );
        let world = &mut self.stage.world;
        match self.stage.venue.trade(world, &maker, &taker, asset, order) {
            Ok(done) => self.book(&done.logs),
            Err(refusal) => {
                let expected = [
                    BallastError::BelowInitialMargin,
                    BallastError::MakerBelowInitialMargin,
                    BallastError::TakerBelowInitialMargin,
                    BallastError::InLiquidation,
                ];
                assert!(
                    expected.into_iter().any(|error| refusal.is(error)),
                    "{refusal}"
                );
                self.count("refused");
            }
        }
    }

    fn update(&mut self) {
        let market = self.random.random_range(0..2);
        let early = self.models[market].is_early(self.stage.world.now());
        let update = instructions::update_funding(&self.stage.venue.addresses, market as u8);
        if early {
            self.stage.refused(&[update], &[], BallastError::TooEarly);
        } else {
            self.act(&[update], &[], &[]);
        }
    }

    fn settle(&mut self) {
        let owner = self.traders[self.random.random_range(0..self.traders.len())].pubkey();
        let account = self.stage.venue.addresses.margin_account(&owner, 0);
        let settle = self
            .stage
            .settle(&account, MARKETS[self.random.random_range(0..2)]);
        let may = [
            BallastError::NothingToSettle,
            BallastError::SettlementPoolEmpty,
            BallastError::PositionNotFound,
        ];
        self.act(&[settle], &[], &may);
    }

    /// Flags who is below maintenance margin, and takes a slice of who is flagged.
    fn liquidate(&mut self) {
        let venue = self.stage.venue.addresses;
        let usdc = self.stage.venue.mints[0];
        let taker = self.taker.insecure_clone();
        for number in 0..self.traders.len() {
            let account = self.stage.account(&self.traders[number]);
            let figures = self
                .stage
                .venue
                .assess(&self.stage.world, &account, Purpose::Liquidate)
                .unwrap();
            let flagged = self.stage.state(&self.traders[number]).in_liquidation();
            if !flagged && !figures.is_liquidatable() {
                continue;
            }
            let mut slice = vec![instructions::start_liquidation(&venue, &account)];
            // The first instruction may find that it has recovered.
            if figures.is_liquidatable() {
                let buyer = self.stage.account(&taker);
                let netting = MARKETS.map(|asset| self.stage.market(asset));
                let args = LiquidateArgs {
                    fraction_max_q32: self.random.random_range(1 << 28..1 << 31),
                    price_max: i64::MAX,
                };
                let key = taker.pubkey();
                slice.push(instructions::liquidate(
                    &venue, &usdc, &account, &buyer, &key, &netting, args,
                ));
            }
            let signers: &[&Keypair] = if slice.len() > 1 { &[&taker] } else { &[] };
            self.act(&slice, signers, &[]);
            self.stage.check_books();
        }
    }

    /// Asserts that positions are what was booked, and that what is due and what was paid come to nothing but dust.
    fn check(&self) {
        self.stage.check_books();
        for (market, asset) in MARKETS.into_iter().enumerate() {
            let terms = Venue::perpetual(asset);
            let (mut lots, mut sum, mut settlements) = (0, 0, 0);
            for owner in self.traders.iter().chain([&self.taker]) {
                let Some(account) = self.accounts.get(&(market, self.stage.account(owner))) else {
                    continue;
                };
                assert_eq!(self.stage.state(owner).lots(&terms), account.lots);
                let dust = account.exact - (i128::from(account.received) << 48);
                let most = i128::from(account.settlements) << 48;
                assert!(dust >= 0 && dust <= most);
                lots += account.lots;
                sum += i128::from(account.received) << 48;
                sum -= i128::from(account.lots) * (self.index(market) - account.settled_at);
                settlements += account.settlements;
            }
            assert_eq!(lots, 0);
            assert!(sum <= 0 && sum >= -(i128::from(settlements) << 48));
        }
    }
}

fn run(seed: u64, steps: u32) -> History {
    let mut history = History::new(seed);
    for _ in 0..steps {
        history.pass();
        match history.random.random_range(0..10) {
            0..6 => history.trade(),
            6..8 => history.update(),
            _ => history.settle(),
        }
        history.check();
        history.liquidate();
        history.check();
    }
    history
}

#[test]
fn a_random_history_pays_what_the_formulas_say() {
    for seed in [1, 2, 3] {
        let history = run(seed, 250);
        println!("{seed}: {:?}", history.counts);
        // It was one in which things happened.
        for (what, least) in [
            ("filled", 30),
            ("updated", 20),
            ("settled", 10),
            ("taken", 5),
        ] {
            assert!(history.counts.get(what) >= Some(&least), "{seed}: {what}");
        }
        let paid: i64 = history.accounts.values().map(|a| a.received.abs()).sum();
        assert!(paid > 1_000_000, "{seed}: {paid}");
    }
}

//! What the attacks share: a dealer, an attacker, victims in trouble, and what everybody is worth at marks.

use anchor_lang::AnchorSerialize;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use ballast::events::Liquidated;
use ballast_client::args::{LiquidateArgs, OrderArgs};
use ballast_client::events::decode_all;
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report};
use ballast_client::state::{MarginAccount, Side, Validity};
use ballast_sim::{CodedError, PriceSource, Refusal, Venue, World, conservation};
use ballast_tests::{SOL, Stage};
use litesvm::types::TransactionMetadata;
use oracle_stub::StubPrice;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// 1.0 in Q32: the whole portfolio.
pub const WHOLE: u64 = 1 << 32;

/// A stage with a dealer who trades with everybody and a raider who attacks.
pub struct Raid {
    pub stage: Stage,
    pub dealer: Keypair,
    pub raider: Keypair,
}

impl Raid {
    /// Margins can be worked out by hand, see [`Stage::steady`].
    pub fn new() -> Self {
        Self::on(Stage::steady())
    }

    pub fn on(mut stage: Stage) -> Self {
        let dealer = stage.trader(1, 10_000_000.0);
        stage.fund(&dealer, SOL, 100_000.0);
        let raider = stage.trader(2, 1_000_000.0);
        Self {
            stage,
            dealer,
            raider,
        }
    }

    /// A trader with USDC who bought (sold, when negative) tokens of a perpetual from the dealer at the present price.
    pub fn trader(&mut self, number: u8, usdc: f64, asset: usize, tokens: f64) -> Keypair {
        let key = self.stage.trader(number, usdc);
        let dealer = self.dealer.insecure_clone();
        let price = self.stage.prices[asset];
        self.deal(&dealer, &key, asset, tokens, price);
        key
    }

    /// Long 100 SOL from 200 with 3,490 USDC after fees: below its margin under 183.44, insolvent under 165.10.
    pub fn long(&mut self, number: u8) -> Keypair {
        assert_eq!(self.stage.prices[SOL], 200.0);
        self.trader(number, 3_500.0, SOL, 100.0)
    }

    /// The same at 180 and flagged: equity 1,490, maintenance margin 1,800, buffer 2,025.
    pub fn flagged_long(&mut self, number: u8) -> Keypair {
        let key = self.long(number);
        self.price(SOL, 180.0);
        self.flag(&key);
        key
    }

    /// `to` buys (sells, when negative) tokens of a perpetual from `from`.
    #[track_caller]
    pub fn deal(&mut self, from: &Keypair, to: &Keypair, asset: usize, tokens: f64, dollars: f64) {
        let done = self.try_deal(from, to, asset, tokens, dollars);
        done.unwrap_or_else(|refusal| panic!("{refusal}"));
    }

    pub fn try_deal(
        &mut self,
        from: &Keypair,
        to: &Keypair,
        asset: usize,
        tokens: f64,
        dollars: f64,
    ) -> Result<(), Refusal> {
        let side = if tokens > 0.0 { Side::Bid } else { Side::Ask };
        let done = self
            .stage
            .trade(from, to, asset, side, tokens.abs(), dollars);
        self.stage.check_books();
        done
    }

    /// Publishes a price of one asset.
    #[track_caller]
    pub fn price(&mut self, asset: usize, dollars: f64) {
        self.stage.set_price(asset, dollars);
        self.stage.check_books();
    }

    /// The auction's clock, as if the account had been watched for so long.
    pub fn watched(&mut self, key: &Keypair, seconds: u64) {
        let account = self.stage.account(key);
        self.stage.patch::<MarginAccount>(&account, |account| {
            account.auction_elapsed_s = seconds;
        });
    }

    /// Lets time pass and publishes the prices again.
    pub fn wait(&mut self, seconds: i64) {
        self.stage.world.advance(seconds);
        let price = self.stage.prices[SOL];
        self.price(SOL, price);
    }

    /// Sends a transaction that goes through, and checks the books.
    #[track_caller]
    pub fn act(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> TransactionMetadata {
        let done = self.stage.world.send(instructions, signers);
        self.stage.check_books();
        done.unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    /// Sends a transaction that must be refused with this error and change nothing.
    #[track_caller]
    pub fn refused(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        error: impl CodedError,
    ) {
        self.stage.refused(instructions, signers, error);
        self.stage.check_books();
    }

    pub fn flag_instruction(&self, key: &Keypair) -> Instruction {
        instructions::start_liquidation(&self.stage.venue.addresses, &self.stage.account(key))
    }

    /// Starts a liquidation, lets the clock see the account, or clears its flag.
    #[track_caller]
    pub fn flag(&mut self, key: &Keypair) {
        let flag = self.flag_instruction(key);
        self.act(&[flag], &[]);
    }

    pub fn is_flagged(&self, key: &Keypair) -> bool {
        self.stage.state(key).in_liquidation()
    }

    /// `taker` takes at most a fraction of `victim` at no more than a price of the whole.
    pub fn take_instruction(
        &self,
        victim: &Keypair,
        taker: &Keypair,
        fraction_max_q32: u64,
        price_max: i64,
    ) -> Instruction {
        let (venue, stage) = (&self.stage.venue, &self.stage);
        let banks = venue.mints.iter().skip(1);
        let mut netting: Vec<Pubkey> = banks.map(|mint| venue.addresses.bank(mint)).collect();
        netting.extend((1..venue.mints.len()).map(|asset| stage.market(asset)));
        instructions::liquidate(
            &venue.addresses,
            &venue.mints[0],
            &stage.account(victim),
            &stage.account(taker),
            &taker.pubkey(),
            &netting,
            LiquidateArgs {
                fraction_max_q32,
                price_max,
            },
        )
    }

    /// The raider takes as much as he can at any price.
    pub fn raid(&self, victim: &Keypair) -> Instruction {
        self.take_instruction(victim, &self.raider, WHOLE, i64::MAX)
    }

    #[track_caller]
    pub fn take(&mut self, victim: &Keypair, taker: &Keypair, fraction: u64) -> Liquidated {
        let take = self.take_instruction(victim, taker, fraction, i64::MAX);
        let done = self.act(&[take], &[taker]);
        event(&done)
    }

    /// Sets the auction's clock of a flagged account as if it had been observed for so long.
    pub fn wind(&mut self, key: &Keypair, elapsed_s: u64) {
        let now = self.stage.world.now();
        let account = self.stage.account(key);
        self.stage.patch::<MarginAccount>(&account, |account| {
            account.auction_elapsed_s = elapsed_s;
            account.auction_seen_at = now;
        });
    }

    /// The figures with which the program liquidates.
    pub fn figures(&self, key: &Keypair) -> Box<Report> {
        let (venue, world) = (&self.stage.venue, &self.stage.world);
        let account = self.stage.account(key);
        venue.assess(world, &account, Purpose::Liquidate).unwrap()
    }

    /// Equity at marks of sub-account 0, quote units.
    pub fn equity(&self, key: &Keypair) -> i64 {
        self.equity_of(&self.stage.account(key))
    }

    fn equity_of(&self, account: &Pubkey) -> i64 {
        let (venue, world) = (&self.stage.venue, &self.stage.world);
        let report = venue.assess(world, account, Purpose::ReduceRisk).unwrap();
        report.equity_mark
    }

    /// Equity at marks of sub-account 0 with the parts of units that balances have, quote units.
    pub fn exact_equity(&self, key: &Keypair) -> f64 {
        let board = self.stage.venue.board(&self.stage.world).unwrap();
        let balances = self.stage.state(key).balances;
        let rounded = balances.iter().filter(|slot| !slot.is_free()).map(|slot| {
            let indexes = board.indexes(slot.asset).unwrap();
            let shares = slot.shares.get();
            let index = if shares > 0 {
                indexes.deposit
            } else {
                indexes.borrow
            };
            let price = match slot.asset {
                0 => 1.0,
                asset => board.prices[usize::from(asset)].price.get().to_num::<f64>(),
            };
            let exact = shares.to_num::<f64>() * index.get().to_num::<f64>();
            (exact - exact.floor()) * price
        });
        self.equity(key) as f64 + rounded.sum::<f64>()
    }

    /// Everything a person has, quote units: all his margin accounts at marks and the tokens in his wallet.
    pub fn worth(&self, key: &Keypair) -> i64 {
        let (venue, world) = (&self.stage.venue, &self.stage.world);
        let owned = conservation::margin_accounts(world, venue);
        let accounts = owned.iter().filter(|account| account.owner == key.pubkey());
        let margin: i64 = accounts
            .map(|account| {
                let number = account.sub_account;
                self.equity_of(&venue.addresses.margin_account(&key.pubkey(), number))
            })
            .sum();
        let board = venue.board(world).unwrap();
        let wallet: i64 = (0..venue.mints.len())
            .map(|asset| {
                let tokens =
                    world.tokens(&World::token_address(&key.pubkey(), &venue.mints[asset]));
                let price: f64 = match asset {
                    0 => 1.0,
                    _ => board.prices[asset].price.get().to_num(),
                };
                (tokens as f64 * price) as i64
            })
            .sum();
        margin + wallet
    }

    /// What several people have together.
    pub fn wealth(&self, keys: &[&Keypair]) -> i64 {
        keys.iter().map(|key| self.worth(key)).sum()
    }

    /// Cash of the insurance fund, quote units.
    pub fn fund(&self) -> i64 {
        let fund = self.stage.venue.addresses.insurance_fund();
        self.stage.owned(&fund, 0)
    }

    /// Trading fees of the perpetuals, which belong to the exchange.
    pub fn fees(&self) -> i64 {
        let markets = conservation::markets(&self.stage.world, &self.stage.venue);
        markets.iter().map(|market| market.fees as i64).sum()
    }

    /// The instruction that writes a price of SOL into its Pyth account and the one that takes it to the board.
    pub fn publish(&self, asset: usize, change: impl FnOnce(&mut StubPrice)) -> [Instruction; 2] {
        let (venue, world) = (&self.stage.venue, &self.stage.world);
        let mut price = venue.stub_price(world, asset, self.stage.prices[asset]);
        change(&mut price);
        let write = venue.write_price(world, asset, &price);
        let key = venue.price_account(asset);
        [
            write,
            instructions::refresh_prices(&venue.addresses, &[key]),
        ]
    }

    /// The same at a price in dollars, published so many seconds ago.
    pub fn publish_at(&self, asset: usize, dollars: f64, age_s: i64) -> [Instruction; 2] {
        self.publish(asset, |price| {
            price.price = (dollars * 1e8).round() as i64;
            price.ema = price.price;
            price.confidence = (dollars * 5e4) as u64;
            price.publish_time -= age_s;
        })
    }

    /// How far a price may be trusted now.
    pub fn validity(&self, asset: usize) -> Validity {
        let exchange = self.stage.venue.exchange(&self.stage.world).unwrap();
        let board = self.stage.venue.board(&self.stage.world).unwrap();
        let feed = exchange.feed(asset as u8).unwrap();
        board.prices[asset].validity(feed, self.stage.world.now())
    }

    /// A limit order in the perpetual on SOL.
    pub fn order(&self, side: Side, tokens: f64, dollars: f64, reduce_only: bool) -> OrderArgs {
        let venue = &self.stage.venue;
        let price = venue.price_per_lot(SOL, dollars);
        OrderArgs {
            reduce_only,
            ..Venue::limit(side, price, venue.lots(SOL, tokens))
        }
    }

    /// Withdraws whole USDC, borrowing what is missing.
    pub fn withdraw(&mut self, key: &Keypair, usdc: f64) -> Instruction {
        self.stage.mint(key, 0, 0);
        self.stage
            .withdraw(key, 0, (usdc * 1e6).round() as u64, true)
    }

    pub fn settle(&mut self, key: &Keypair, asset: usize) -> TransactionMetadata {
        let settle = self.stage.settle(&self.stage.account(key), asset);
        self.act(&[settle], &[])
    }

    pub fn deleverage_instruction(
        &self,
        asset: usize,
        key: &Keypair,
        counterparty: &Keypair,
        lots_max: u64,
    ) -> Instruction {
        instructions::auto_deleverage(
            &self.stage.venue.addresses,
            &Venue::perpetual(asset),
            &self.stage.account(key),
            &self.stage.account(counterparty),
            lots_max,
        )
    }

    /// Lets the depositors of an asset bear what an account lacks.
    pub fn resolve_instruction(&self, key: &Keypair, asset: usize) -> Instruction {
        let venue = &self.stage.venue;
        let account = self.stage.account(key);
        instructions::resolve_bankruptcy(&venue.addresses, &venue.mints[asset], &account)
    }
}

/// The one event of a type in a transaction's log.
#[track_caller]
pub fn event<T: anchor_lang::AnchorDeserialize + anchor_lang::Discriminator>(
    done: &TransactionMetadata,
) -> T {
    let events = decode_all(&done.logs);
    let mut found = events.into_iter().filter_map(|event| event.parse::<T>());
    let event = found.next().expect("the event");
    assert!(found.next().is_none(), "more than one such event");
    event
}

/// Writes a price into the stub's account of a feed that is no venue asset's, and returns that account.
pub fn write_foreign(raid: &Raid, price: &StubPrice) -> (Instruction, Pubkey) {
    let program = PriceSource::Pull.program();
    let key = oracle_stub::price_address(&program, &price.id);
    let mut data = Vec::new();
    price.serialize(&mut data).unwrap();
    let payer = raid.stage.world.payer.pubkey();
    let system = anchor_lang::system_program::ID;
    let accounts = vec![
        AccountMeta::new(key, false),
        AccountMeta::new(payer, true),
        AccountMeta::new_readonly(system, false),
    ];
    let write = Instruction {
        program_id: program,
        accounts,
        data,
    };
    (write, key)
}

/// Lets a transaction use as many compute units as any may.
pub fn all_units() -> Instruction {
    let mut data = vec![2];
    data.extend(1_400_000u32.to_le_bytes());
    Instruction {
        program_id: anchor_lang::pubkey!("ComputeBudget111111111111111111111111111111"),
        accounts: vec![],
        data,
    }
}

/// Asserts that an amount of quote units is this many dollars, within a tolerance in quote units.
#[track_caller]
pub fn close(units: i64, dollars: f64, tolerance: f64) {
    let expected = dollars * 1e6;
    assert!(
        (units as f64 - expected).abs() <= tolerance,
        "{units} is not {expected}"
    );
}

/// Asserts that an amount of quote units lies between two, both included.
#[track_caller]
pub fn between(units: i64, least: i64, most: i64) {
    assert!(
        (least..=most).contains(&units),
        "{units} is not in {least}..={most}"
    );
}

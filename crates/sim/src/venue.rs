//! An exchange on a [`World`]: tokens, feeds, assets, perpetuals, with reference parameters.

use crate::world::{Refusal, World};
use anchor_lang::AnchorSerialize;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use anyhow::{Context, Result};
use ballast::events::Terms;
use ballast_client::args::{
    AssetArgs, CorrelationArgs, FeeArgs, FeedArgs, FeedChoice, FillArgs, InitExchangeArgs,
    LiquidationArgs, MarginArgs, MarketArgs, OrderArgs, UnderlyingArgs,
};
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{
    Bank, Board, Exchange, MarginAccount, Market, MarketTerms, NONE, Side,
};
use ballast_client::units::{native, q32, ticker};
use ballast_client::{ExchangeAddresses, instructions};
use litesvm::types::TransactionMetadata;
use oracle_stub::StubPrice;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Which Pyth layout a price arrives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSource {
    /// `PriceUpdateV2` of the receiver program.
    Pull,
    /// The legacy price account.
    Push,
}

impl PriceSource {
    /// The program that owns the accounts.
    pub fn program(self) -> Pubkey {
        match self {
            Self::Pull => oracle_stub::RECEIVER_ID,
            Self::Push => oracle_stub::ORACLE_ID,
        }
    }
}

/// A token of a venue; every one but the first has a perpetual.
#[derive(Clone, Debug)]
pub struct AssetSpec {
    /// Ticker.
    pub name: &'static str,
    /// Decimals of the token and of the underlying's base unit.
    pub decimals: u8,
    /// Layout of its feed.
    pub source: PriceSource,
    /// Price at the start, US dollars.
    pub price: f64,
    /// Native units in a lot.
    pub lot_size: u64,
    /// Tick, quote units per lot.
    pub tick_size: u64,
    /// Annualised volatility to start from.
    pub volatility: f64,
    /// Smallest and largest scan range.
    pub range: (f64, f64),
    /// Depth for the size contingency, US dollars.
    pub depth: f64,
    /// Haircuts on deposits: maintenance, initial.
    pub haircuts: (f64, f64),
}

/// What a venue is made of.
#[derive(Clone, Debug)]
pub struct VenueConfig {
    /// Tokens; the first is the quote asset.
    pub assets: Vec<AssetSpec>,
    /// Correlation estimates of every pair of underlyings.
    pub correlation: (f64, f64),
    /// Confidence interval over price that [`Venue::set_prices`] writes.
    pub confidence: f64,
    /// Oldest fresh price, seconds.
    pub price_max_age_s: u64,
}

impl Default for VenueConfig {
    /// USDC, SOL, ETH and BTC at the prices before the fall of 10 October 2025.
    fn default() -> Self {
        let asset = |name, decimals, source, price, lot_size, tick_size| AssetSpec {
            name,
            decimals,
            source,
            price,
            lot_size,
            tick_size,
            volatility: 0.6,
            range: (0.08, 0.35),
            depth: 100_000_000.0,
            haircuts: (0.02, 0.05),
        };
        Self {
            assets: vec![
                AssetSpec {
                    haircuts: (0.0, 0.0),
                    ..asset("USDC", 6, PriceSource::Pull, 1.0, 1, 1)
                },
                AssetSpec {
                    volatility: 0.8,
                    ..asset("SOL", 9, PriceSource::Pull, 221.0, 10_000_000, 100)
                },
                AssetSpec {
                    volatility: 0.65,
                    depth: 300_000_000.0,
                    ..asset("ETH", 8, PriceSource::Pull, 4_363.0, 100_000, 10)
                },
                AssetSpec {
                    volatility: 0.45,
                    range: (0.06, 0.30),
                    depth: 600_000_000.0,
                    ..asset("BTC", 8, PriceSource::Push, 122_500.0, 10_000, 10)
                },
            ],
            correlation: (0.5, 0.95),
            confidence: 0.0005,
            price_max_age_s: 120,
        }
    }
}

/// An exchange with everything needed to use it.
pub struct Venue {
    /// Its addresses.
    pub addresses: ExchangeAddresses,
    /// Its admin.
    pub admin: Keypair,
    /// Its tokens' mints, in the order of the assets.
    pub mints: Vec<Pubkey>,
    /// What it was made from.
    pub config: VenueConfig,
    seed: u8,
}

impl Venue {
    /// Sets an exchange up by ordinary transactions. Venues of different seeds live side by side in one world.
    ///
    /// # Errors
    /// When a transaction is refused.
    pub fn create(world: &mut World, config: VenueConfig, seed: u8) -> Result<Self> {
        let key = |number: u8| {
            let mut secret = [0x5a; 32];
            secret[0] = seed;
            secret[1] = number;
            Keypair::new_from_array(secret)
        };
        let (exchange, board, admin) = (key(1), key(2), key(3));
        let mut venue = Self {
            addresses: ExchangeAddresses {
                exchange: exchange.pubkey(),
                board: board.pubkey(),
            },
            admin,
            mints: Vec::new(),
            config,
            seed,
        };
        let init = instructions::init_exchange(
            &venue.addresses,
            &venue.admin.pubkey(),
            &world.payer.pubkey(),
            |len| world.svm.minimum_balance_for_rent_exemption(len),
            Self::exchange_args(&venue.admin.pubkey()),
        );
        world
            .send(&init, &[&exchange, &board, &venue.admin])
            .context("init_exchange")?;
        for index in 0..venue.config.assets.len() {
            let mint = key(10 + index as u8);
            world.create_mint(&mint, venue.config.assets[index].decimals)?;
            venue.mints.push(mint.pubkey());
            venue.list(world, index)?;
        }
        let prices: Vec<f64> = venue
            .config
            .assets
            .iter()
            .map(|asset| asset.price)
            .collect();
        venue.set_prices(world, &prices).context("first prices")?;
        Ok(venue)
    }

    /// Reference parameters of the whole exchange.
    pub fn exchange_args(authority: &Pubkey) -> InitExchangeArgs {
        let fees = FeeArgs {
            maker_q32: q32(0.0002),
            taker_q32: q32(0.0005),
            filler_share_q32: q32(0.2),
            premium_cap_q32: q32(0.1),
        };
        InitExchangeArgs {
            risk_authority: *authority,
            guardian: *authority,
            margin: MarginArgs {
                initial_factor_q32: q32(1.25),
                max_offset_q32: q32(0.6),
                depeg_multiplier_q32: q32(5.0),
                wide_confidence_multiplier_q32: q32(2.0),
            },
            liquidation: LiquidationArgs {
                discount_start_q32: q32(0.01),
                discount_first_q32: q32(0.15),
                first_s: 900,
                zero_s: 7_200,
                premium_full_s: 10_800,
                premium_q32: q32(0.05),
                buffer_q32: q32(0.5),
                insurance_share_q32: q32(0.25),
                dust_value: native(100.0, 6),
                observation_gap_max_s: 120,
            },
            fees: [fees; 4],
        }
    }

    /// How the venue's `index`th token is listed as an underlying.
    pub fn underlying_args(&self, index: usize) -> UnderlyingArgs {
        let spec = &self.config.assets[index];
        let bps = |correlation: f64| (correlation * 1e4).round() as i16;
        let pair = CorrelationArgs {
            low_bps: bps(self.config.correlation.0),
            high_bps: bps(self.config.correlation.1),
        };
        UnderlyingArgs {
            name: ticker(spec.name),
            feed: FeedChoice::New(self.feed_args(index)),
            decimals: spec.decimals,
            lot_size: spec.lot_size,
            // Three standard deviations over one day: 3·√(1/365).
            range_volatility_multiplier_q32: q32(0.157),
            range_minimum_q32: q32(spec.range.0),
            range_maximum_q32: q32(spec.range.1),
            range_confidence_multiplier_q32: q32(2.0),
            volatility_half_life_s: 4 * 3_600,
            volatility_interval_s: 60,
            initial_volatility_q32: q32(spec.volatility),
            size_lambda_q32: q32(0.05),
            size_depth: native(spec.depth, 6),
            size_cap_q32: q32(0.1),
            unsettled_profit_cap: native(100_000.0, 6),
            price_band_q32: q32(0.1),
            correlations: vec![pair; index - 1],
        }
    }

    /// How the venue's `index`th token is listed as an asset; `feed` is its feed's index when that exists.
    pub fn asset_args(&self, index: usize, feed: FeedChoice) -> AssetArgs {
        let spec = &self.config.assets[index];
        let is_quote = index == 0;
        let loan = |haircut: f64| if is_quote { 0 } else { q32(haircut) };
        AssetArgs {
            feed,
            underlying: if is_quote { NONE } else { index as u8 - 1 },
            deposit_haircut_maintenance_q32: q32(spec.haircuts.0),
            deposit_haircut_initial_q32: q32(spec.haircuts.1),
            loan_haircut_maintenance_q32: loan(0.02),
            loan_haircut_initial_q32: loan(0.05),
            haircut_range_multiplier_q32: loan(0.25),
            deposit_cap: native(1e9, spec.decimals.min(9)),
            borrow_cap: native(1e8, spec.decimals.min(9)),
        }
    }

    /// How the `index`th token's price feed is defined.
    pub fn feed_args(&self, index: usize) -> FeedArgs {
        let spec = &self.config.assets[index];
        let id = self.feed_id(index);
        FeedArgs {
            name: ticker(&format!("{}/USD", spec.name)),
            kind: match spec.source {
                PriceSource::Pull => 1,
                PriceSource::Push => 2,
            },
            id: match spec.source {
                PriceSource::Pull => id,
                PriceSource::Push => self.price_account(index).to_bytes(),
            },
            max_age_s: self.config.price_max_age_s,
            max_confidence_q32: q32(0.02),
            max_divergence_q32: q32(0.02),
            slow_price_half_life_s: 3_600,
            compare_with: NONE,
        }
    }

    /// The perpetual's listing.
    pub fn market_args(&self, index: usize) -> MarketArgs {
        MarketArgs {
            terms: Terms::from(Self::perpetual(index)),
            tick_size: self.config.assets[index].tick_size,
            order_minimum_lots: 1,
            open_interest_cap_lots: 1 << 40,
        }
    }

    fn list(&self, world: &mut World, index: usize) -> Result<()> {
        let name = self.config.assets[index].name;
        let (admin, payer) = (self.admin.pubkey(), world.payer.pubkey());
        let mut feed = FeedChoice::New(self.feed_args(index));
        if index > 0 {
            let args = self.underlying_args(index);
            let add = instructions::add_underlying(&self.addresses, &admin, args);
            world
                .send(&[add], &[&self.admin])
                .with_context(|| format!("add_underlying {name}"))?;
            feed = FeedChoice::Existing(index as u8);
        }
        let args = self.asset_args(index, feed);
        let add =
            instructions::add_asset(&self.addresses, &admin, &payer, &self.mints[index], args);
        world
            .send(&[add], &[&self.admin])
            .with_context(|| format!("add_asset {name}"))?;
        if index > 0 {
            let add =
                instructions::add_market(&self.addresses, &admin, &payer, self.market_args(index));
            world
                .send(&[add], &[&self.admin])
                .with_context(|| format!("add_market {name}"))?;
        }
        Ok(())
    }

    /// Feed id of the `index`th token.
    pub fn feed_id(&self, index: usize) -> [u8; 32] {
        let mut id = [self.seed; 32];
        id[0] = index as u8;
        id[1] = 0xfe;
        id
    }

    /// The Pyth account of the `index`th token.
    pub fn price_account(&self, index: usize) -> Pubkey {
        oracle_stub::price_address(
            &self.config.assets[index].source.program(),
            &self.feed_id(index),
        )
    }

    /// Terms of the perpetual on the `index`th token.
    pub fn perpetual(index: usize) -> MarketTerms {
        MarketTerms::perpetual(index as u8 - 1)
    }

    /// A price as the stub takes it, published now.
    pub fn stub_price(&self, world: &World, index: usize, dollars: f64) -> StubPrice {
        const EXPONENT: i32 = -8;
        let mantissa = (dollars * 1e8).round() as i64;
        StubPrice {
            id: self.feed_id(index),
            price: mantissa,
            confidence: (dollars * self.config.confidence * 1e8).round() as u64,
            ema: mantissa,
            exponent: EXPONENT,
            publish_time: world.now(),
            good: true,
        }
    }

    /// The instruction that writes one token's Pyth account.
    pub fn write_price(&self, world: &World, index: usize, price: &StubPrice) -> Instruction {
        let program = self.config.assets[index].source.program();
        let mut data = Vec::new();
        price
            .serialize(&mut data)
            .expect("writing to memory does not fail");
        Instruction {
            program_id: program,
            accounts: vec![
                AccountMeta::new(self.price_account(index), false),
                AccountMeta::new(world.payer.pubkey(), true),
                AccountMeta::new_readonly(anchor_lang::system_program::ID, false),
            ],
            data,
        }
    }

    /// Publishes prices of all tokens as Pyth accounts and refreshes the board with them.
    ///
    /// # Errors
    /// The refusal.
    pub fn set_prices(&self, world: &mut World, dollars: &[f64]) -> Result<(), Refusal> {
        let writes: Vec<Instruction> = (0..dollars.len())
            .map(|index| {
                self.write_price(world, index, &self.stub_price(world, index, dollars[index]))
            })
            .collect();
        world.send(&writes, &[])?;
        let accounts: Vec<Pubkey> = (0..dollars.len()).map(|i| self.price_account(i)).collect();
        let refresh = instructions::refresh_prices(&self.addresses, &accounts);
        world.send(&[refresh], &[]).map(|_| ())
    }

    /// A price in dollars as quote units per lot, on the tick.
    pub fn price_per_lot(&self, index: usize, dollars: f64) -> u64 {
        let spec = &self.config.assets[index];
        let per_lot = dollars * 1e6 * spec.lot_size as f64 / 10f64.powi(i32::from(spec.decimals));
        (per_lot / spec.tick_size as f64).round() as u64 * spec.tick_size
    }

    /// A size in whole tokens as lots.
    pub fn lots(&self, index: usize, tokens: f64) -> u64 {
        let spec = &self.config.assets[index];
        native(tokens, spec.decimals) / spec.lot_size
    }

    /// Opens sub-account 0 of an owner.
    ///
    /// # Errors
    /// The refusal.
    pub fn open_account(&self, world: &mut World, owner: &Keypair) -> Result<Pubkey, Refusal> {
        let open =
            instructions::open_account(&self.addresses, &owner.pubkey(), &world.payer.pubkey(), 0);
        world.send(&[open], &[owner])?;
        Ok(self.addresses.margin_account(&owner.pubkey(), 0))
    }

    /// Deposits from the owner's associated token account into sub-account 0.
    ///
    /// # Errors
    /// The refusal.
    pub fn deposit(
        &self,
        world: &mut World,
        owner: &Keypair,
        asset: usize,
        amount: u64,
    ) -> Result<TransactionMetadata, Refusal> {
        let account = self.addresses.margin_account(&owner.pubkey(), 0);
        self.deposit_into(world, owner, &account, asset, amount)
    }

    /// Deposits from the depositor's associated token account into any margin account.
    ///
    /// # Errors
    /// The refusal.
    pub fn deposit_into(
        &self,
        world: &mut World,
        depositor: &Keypair,
        account: &Pubkey,
        asset: usize,
        amount: u64,
    ) -> Result<TransactionMetadata, Refusal> {
        let mint = &self.mints[asset];
        let source = World::token_address(&depositor.pubkey(), mint);
        let deposit = instructions::deposit(
            &self.addresses,
            mint,
            account,
            &depositor.pubkey(),
            &source,
            amount,
        );
        world.send(&[deposit], &[depositor])
    }

    /// Withdraws from sub-account 0 to the owner's associated token account.
    ///
    /// # Errors
    /// The refusal.
    pub fn withdraw(
        &self,
        world: &mut World,
        owner: &Keypair,
        asset: usize,
        amount: u64,
        allow_borrow: bool,
    ) -> Result<TransactionMetadata, Refusal> {
        let mint = &self.mints[asset];
        let withdraw = instructions::withdraw(
            &self.addresses,
            mint,
            &self.addresses.margin_account(&owner.pubkey(), 0),
            &owner.pubkey(),
            &World::token_address(&owner.pubkey(), mint),
            amount,
            allow_borrow,
        );
        world.send(&[withdraw], &[owner])
    }

    /// Places an order in sub-account 0 and returns its number.
    ///
    /// # Errors
    /// The refusal.
    pub fn place(
        &self,
        world: &mut World,
        owner: &Keypair,
        index: usize,
        args: OrderArgs,
    ) -> Result<u64, Refusal> {
        let (place, id) = self.place_instruction(world, owner, index, args);
        world.send(&[place], &[owner])?;
        Ok(id)
    }

    fn place_instruction(
        &self,
        world: &World,
        owner: &Keypair,
        index: usize,
        args: OrderArgs,
    ) -> (Instruction, u64) {
        let account = self.addresses.margin_account(&owner.pubkey(), 0);
        let id = world
            .read::<MarginAccount>(&account)
            .map_or(0, |account| account.next_order_id);
        let terms = Self::perpetual(index);
        let place =
            instructions::place_order(&self.addresses, &terms, &account, &owner.pubkey(), args);
        (place, id)
    }

    /// A plain limit order.
    pub fn limit(side: Side, price: u64, lots: u64) -> OrderArgs {
        OrderArgs {
            side: side as u8,
            price,
            lots,
            client_id: 0,
            expires_at: 0,
            reduce_only: false,
        }
    }

    /// Maker and taker place orders at one price and have them filled, all in one transaction.
    ///
    /// # Errors
    /// The refusal; nothing stays behind then.
    pub fn trade(
        &self,
        world: &mut World,
        maker: &Keypair,
        taker: &Keypair,
        index: usize,
        taker_order: OrderArgs,
    ) -> Result<TransactionMetadata, Refusal> {
        let maker_order = OrderArgs {
            side: 1 - taker_order.side,
            reduce_only: false,
            ..taker_order
        };
        let (place_maker, maker_order_id) =
            self.place_instruction(world, maker, index, maker_order);
        let (place_taker, taker_order_id) =
            self.place_instruction(world, taker, index, taker_order);
        let fill = instructions::fill_order(
            &self.addresses,
            &Self::perpetual(index),
            &self.addresses.margin_account(&maker.pubkey(), 0),
            &self.addresses.margin_account(&taker.pubkey(), 0),
            None,
            &world.payer.pubkey(),
            FillArgs {
                maker_order_id,
                taker_order_id,
                lots_max: taker_order.lots,
            },
        );
        world.send(&[place_maker, place_taker, fill], &[maker, taker])
    }

    /// Settles one account's profit or loss in the perpetual on the `index`th token.
    ///
    /// # Errors
    /// The refusal.
    pub fn settle(
        &self,
        world: &mut World,
        account: &Pubkey,
        index: usize,
    ) -> Result<TransactionMetadata, Refusal> {
        let settle = instructions::settle_pnl(
            &self.addresses,
            &Self::perpetual(index),
            &self.mints[0],
            account,
        );
        world.send(&[settle], &[])
    }

    /// Configuration, as it is now.
    ///
    /// # Errors
    /// Never for a created venue.
    pub fn exchange(&self, world: &World) -> Result<Box<Exchange>> {
        world.read(&self.addresses.exchange)
    }

    /// Board, as it is now.
    ///
    /// # Errors
    /// Never for a created venue.
    pub fn board(&self, world: &World) -> Result<Box<Board>> {
        world.read(&self.addresses.board)
    }

    /// Bank of the `index`th token, as it is now.
    ///
    /// # Errors
    /// Never for a created venue.
    pub fn bank(&self, world: &World, index: usize) -> Result<Box<Bank>> {
        world.read(&self.addresses.bank(&self.mints[index]))
    }

    /// Perpetual on the `index`th token, as it is now.
    ///
    /// # Errors
    /// Never for a created venue.
    pub fn market(&self, world: &World, index: usize) -> Result<Box<Market>> {
        world.read(&self.addresses.market(&Self::perpetual(index)))
    }

    /// The margin figures of an account, from the same bytes and the same code as the program's.
    ///
    /// # Errors
    /// When the account does not exist or its prices cannot be used for the purpose.
    pub fn assess(&self, world: &World, account: &Pubkey, purpose: Purpose) -> Result<Box<Report>> {
        let exchange = self.exchange(world)?;
        let board = self.board(world)?;
        let account = world.read::<MarginAccount>(account)?;
        let mut report = Report::boxed();
        let view = View {
            exchange: &exchange,
            board: &board,
            now: world.now(),
        };
        view.assess(&account, purpose, &mut report)?;
        Ok(report)
    }
}

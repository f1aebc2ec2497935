//! What people do on a venue, as ordinary transactions.

use super::Venue;
use crate::world::{Refusal, World};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::{FillArgs, MarketArgs, OrderArgs, OrderType, SurfaceArgs};
use ballast_client::instructions;
use ballast_client::state::{MarginAccount, MarketTerms, Side, TENORS};
use ballast_client::units::q32;
use ballast_risk::Q32_ONE;
use litesvm::types::TransactionMetadata;
use oracle_stub::StubPrice;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Slots for which the maker's order rests before it is filled, so that its price counts for funding.
const REST_SLOTS: u64 = 25;

impl Venue {
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
            publish_time: self.next_publish_time(world, index),
            good: true,
        }
    }

    /// When a price of a token would be published: now, or, where the board has one of this second, a second later, because of one second it takes
    /// a single one.
    fn next_publish_time(&self, world: &World, index: usize) -> i64 {
        let board = self.board(world);
        let last = board.map_or(0, |board| board.prices[index].publish_time);
        world.now().max(last + 1)
    }

    /// The instruction that writes one token's Pyth account.
    pub fn write_price(&self, world: &World, index: usize, price: &StubPrice) -> Instruction {
        self.write_price_by(&world.payer.pubkey(), index, price)
    }

    /// The same with another payer.
    pub fn write_price_by(&self, payer: &Pubkey, index: usize, price: &StubPrice) -> Instruction {
        oracle_stub::write(&self.config.assets[index].source.program(), payer, price)
    }

    /// Publishes prices of all tokens as Pyth accounts, refreshes the board with them and brings interest up to now; a second later, where the board
    /// has prices of this one.
    ///
    /// # Errors
    /// The refusal.
    pub fn set_prices(&self, world: &mut World, dollars: &[f64]) -> Result<(), Refusal> {
        let times = (0..dollars.len()).map(|index| self.next_publish_time(world, index));
        let late = times.max().map_or(0, |next| next - world.now());
        if late > 0 {
            world.advance(late);
        }
        let writes: Vec<Instruction> = (0..dollars.len())
            .map(|index| {
                self.write_price(world, index, &self.stub_price(world, index, dollars[index]))
            })
            .collect();
        world.send(&writes, &[])?;
        let accounts: Vec<Pubkey> = (0..dollars.len()).map(|i| self.price_account(i)).collect();
        let mut cranks = vec![instructions::refresh_prices(&self.addresses, &accounts)];
        if self.config.interest {
            let accrue = |mint| instructions::accrue_interest(&self.addresses, mint);
            cranks.extend(self.mints.iter().map(accrue));
        }
        world.send(&cranks, &[]).map(|_| ())
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
        self.place_in(world, owner, &Self::perpetual(index), args)
    }

    /// Places an order in any market and returns its number.
    ///
    /// # Errors
    /// The refusal.
    pub fn place_in(
        &self,
        world: &mut World,
        owner: &Keypair,
        terms: &MarketTerms,
        args: OrderArgs,
    ) -> Result<u64, Refusal> {
        let (place, id) = self.place_instruction(world, owner, terms, args);
        world.send(&[place], &[owner])?;
        Ok(id)
    }

    fn place_instruction(
        &self,
        world: &World,
        owner: &Keypair,
        terms: &MarketTerms,
        args: OrderArgs,
    ) -> (Instruction, u64) {
        let account = self.addresses.margin_account(&owner.pubkey(), 0);
        let id = world
            .read::<MarginAccount>(&account)
            .map_or(0, |account| account.next_order_id);
        let place =
            instructions::place_order(&self.addresses, terms, &account, &owner.pubkey(), args);
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
            order_type: OrderType::Limit,
        }
    }

    /// The maker places an order; some slots later the taker places one at the same price and has them filled.
    ///
    /// # Errors
    /// The refusal; no order stays behind then.
    pub fn trade(
        &self,
        world: &mut World,
        maker: &Keypair,
        taker: &Keypair,
        index: usize,
        taker_order: OrderArgs,
    ) -> Result<TransactionMetadata, Refusal> {
        self.trade_in(world, maker, taker, &Self::perpetual(index), taker_order)
    }

    /// The same in any market.
    ///
    /// # Errors
    /// The refusal; no order stays behind then.
    pub fn trade_in(
        &self,
        world: &mut World,
        maker: &Keypair,
        taker: &Keypair,
        terms: &MarketTerms,
        taker_order: OrderArgs,
    ) -> Result<TransactionMetadata, Refusal> {
        let maker_order = OrderArgs {
            side: 1 - taker_order.side,
            reduce_only: false,
            ..taker_order
        };
        let (place_maker, maker_order_id) =
            self.place_instruction(world, maker, terms, maker_order);
        let (place_taker, taker_order_id) =
            self.place_instruction(world, taker, terms, taker_order);
        let fill = instructions::fill_order(
            &self.addresses,
            terms,
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
        world.send(&[place_maker], &[maker])?;
        world.skip_slots(REST_SLOTS);
        world.send(&[place_taker, fill], &[taker]).inspect_err(|_| {
            let account = self.addresses.margin_account(&maker.pubkey(), 0);
            let cancel = instructions::cancel_order(&account, &maker.pubkey(), maker_order_id);
            world
                .send(&[cancel], &[maker])
                .expect("the order rests in his account");
        })
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
        self.settle_in(world, account, &Self::perpetual(index))
    }

    /// Settles one account's profit or loss in any market.
    ///
    /// # Errors
    /// The refusal.
    pub fn settle_in(
        &self,
        world: &mut World,
        account: &Pubkey,
        terms: &MarketTerms,
    ) -> Result<TransactionMetadata, Refusal> {
        let settle = instructions::settle_pnl(&self.addresses, terms, &self.mints[0], account);
        world.send(&[settle], &[])
    }

    /// A surface of one volatility for all tenors and strikes, and a carry, posted by its authority, the admin.
    ///
    /// # Errors
    /// The refusal.
    pub fn post_flat_surface(
        &self,
        world: &mut World,
        index: usize,
        volatility: f64,
        carry: f64,
    ) -> Result<TransactionMetadata, Refusal> {
        let args = SurfaceArgs {
            underlying: index as u8 - 1,
            atm_volatility_q32: [q32(volatility); TENORS],
            skew_q32: 0,
            smile_q32: 0,
            carry_q32: (carry * Q32_ONE as f64) as i64,
        };
        let post = instructions::post_surface(&self.addresses, &self.admin.pubkey(), args);
        world.send(&[post], &[&self.admin])
    }

    /// Lists a dated future, or an option series off the grid, as the admin.
    ///
    /// # Errors
    /// The refusal.
    pub fn list_market(
        &self,
        world: &mut World,
        terms: &MarketTerms,
    ) -> Result<TransactionMetadata, Refusal> {
        let (admin, payer) = (self.admin.pubkey(), world.payer.pubkey());
        let args = MarketArgs {
            terms: (*terms).into(),
            parameters: self
                .market_args(usize::from(terms.underlying) + 1)
                .parameters,
        };
        let add = instructions::add_market(&self.addresses, &admin, &payer, args);
        world.send(&[add], &[&self.admin])
    }

    /// Lists an option series on the grid; the payer is its creator.
    ///
    /// # Errors
    /// The refusal.
    pub fn list_series(
        &self,
        world: &mut World,
        terms: &MarketTerms,
    ) -> Result<TransactionMetadata, Refusal> {
        let list = instructions::list_series(&self.addresses, terms, &world.payer.pubkey());
        world.send(&[list], &[])
    }
}

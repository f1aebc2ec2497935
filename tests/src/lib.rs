//! What integration tests share: a stage with an exchange and traders, and refusals that must change nothing.

pub mod catalogue;
pub use ballast_sim::probe;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast_client::args::{FeedChoice, FillArgs, OrderArgs};
use ballast_client::instructions;
use ballast_client::state::{MarginAccount, Side, Tagged, ledger};
use ballast_client::units::native;
use ballast_sim::{CodedError, Refusal, Venue, VenueConfig, World};
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::collections::BTreeMap;

/// Cluster time at which tests start, unix seconds.
pub const START: i64 = 1_760_000_000;
/// Index of SOL among a venue's assets; its perpetual is underlying 0.
pub const SOL: usize = 1;
/// Index of ETH.
pub const ETH: usize = 2;
/// Index of BTC.
pub const BTC: usize = 3;

/// A parameter's name, how it is written, and its smallest and largest value.
pub type Bound<A> = (&'static str, fn(&mut A, u64), u64, u64);

/// The system program's refusal to create an account that exists.
pub struct AlreadyInUse;

impl CodedError for AlreadyInUse {
    fn code(self) -> u32 {
        0
    }
}

/// Any code: for tables of errors of several kinds.
pub struct Code(pub u32);

impl CodedError for Code {
    fn code(self) -> u32 {
        self.0
    }
}

/// The instruction with another account in the place of `from`.
#[track_caller]
pub fn with(mut instruction: Instruction, from: &Pubkey, to: &Pubkey) -> Instruction {
    let metas = instruction.accounts.iter_mut();
    let mut places = metas.filter(|meta| meta.pubkey == *from).peekable();
    assert!(
        places.peek().is_some(),
        "{from} is no account of the instruction"
    );
    places.for_each(|meta| meta.pubkey = *to);
    instruction
}

/// The instruction without the signature of `key`.
#[track_caller]
pub fn unsigned(mut instruction: Instruction, key: &Pubkey) -> Instruction {
    let metas = instruction.accounts.iter_mut();
    let mut places = metas
        .filter(|meta| meta.pubkey == *key && meta.is_signer)
        .peekable();
    assert!(places.peek().is_some(), "{key} does not sign");
    places.for_each(|meta| meta.is_signer = false);
    instruction
}

/// A world with one exchange: USDC, SOL at 200, ETH at 4,000 and BTC at 100,000.
pub struct Stage {
    /// The cluster.
    pub world: World,
    /// The exchange.
    pub venue: Venue,
    /// Prices last set, US dollars.
    pub prices: [f64; 4],
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// The usual stage.
    pub fn new() -> Self {
        Self::with(VenueConfig::default())
    }

    /// A stage on which margins can be worked out by hand: the scan range is 10% and twice the confidence of 0.05%
    /// whatever the volatility, and size costs nothing.
    pub fn steady() -> Self {
        let mut config = VenueConfig::default();
        for asset in &mut config.assets {
            asset.range = (0.1, 0.1);
        }
        config.size_lambda = 0.0;
        Self::with(config)
    }

    /// A stage with another configuration; prices are the usual ones, and loans bear no interest, so that indexes stay at 1.
    pub fn with(config: VenueConfig) -> Self {
        Self::with_interest(VenueConfig {
            interest: false,
            ..config
        })
    }

    /// A stage on which loans bear interest, as configured.
    pub fn with_interest(mut config: VenueConfig) -> Self {
        let prices = [1.0, 200.0, 4_000.0, 100_000.0];
        for (asset, price) in config.assets.iter_mut().zip(prices) {
            asset.price = price;
        }
        let mut world = World::new(START).expect("programs are built");
        let venue = Venue::create(&mut world, config, 1).expect("a venue");
        Self {
            world,
            venue,
            prices,
        }
    }

    /// A key that is always the same for a number.
    pub fn key(number: u8) -> Keypair {
        let mut secret = [0x77; 32];
        secret[0] = number;
        Keypair::new_from_array(secret)
    }

    /// A trader with an account and a deposit of whole USDC.
    pub fn trader(&mut self, number: u8, usdc: f64) -> Keypair {
        let key = Self::key(number);
        self.venue
            .open_account(&mut self.world, &key)
            .expect("an account");
        self.fund(&key, 0, usdc);
        key
    }

    /// Mints whole tokens to a trader and deposits them in his sub-account 0.
    pub fn fund(&mut self, key: &Keypair, asset: usize, tokens: f64) {
        let amount = native(tokens, self.venue.config.assets[asset].decimals);
        let mint = self.venue.mints[asset];
        self.world
            .mint_tokens(&mint, &key.pubkey(), amount)
            .expect("tokens");
        self.venue
            .deposit(&mut self.world, key, asset, amount)
            .expect("a deposit");
    }

    /// Lists so many more tokens of 9 decimals that are priced as SOL and returns their mints.
    pub fn list_tokens(&mut self, count: u8) -> Vec<Pubkey> {
        let list = |number| {
            let mint = Self::key(100 + number);
            self.world.create_mint(&mint, 9).expect("a new mint");
            let feed = FeedChoice::Existing(SOL as u8);
            let add = instructions::add_asset(
                &self.venue.addresses,
                &self.venue.admin.pubkey(),
                &self.world.payer.pubkey(),
                &mint.pubkey(),
                self.venue.asset_args(SOL, feed),
            );
            let listed = self.world.send(&[add], &[&self.venue.admin]);
            listed.expect("room for an asset");
            mint.pubkey()
        };
        (0..count).map(list).collect()
    }

    /// Mints native units into a trader's own token account.
    pub fn mint(&mut self, owner: &Keypair, asset: usize, amount: u64) -> Pubkey {
        let mint = self.venue.mints[asset];
        self.world
            .mint_tokens(&mint, &owner.pubkey(), amount)
            .expect("tokens")
    }

    /// Deposits native units from the owner's token account into his sub-account 0.
    pub fn deposit(&self, owner: &Keypair, asset: usize, amount: u64) -> Instruction {
        let (mint, key) = (&self.venue.mints[asset], owner.pubkey());
        let source = World::token_address(&key, mint);
        let account = self.account(owner);
        instructions::deposit(&self.venue.addresses, mint, &account, &key, &source, amount)
    }

    /// Withdraws native units from sub-account 0 to the owner's token account.
    pub fn withdraw(
        &self,
        owner: &Keypair,
        asset: usize,
        amount: u64,
        allow_borrow: bool,
    ) -> Instruction {
        let (mint, key) = (&self.venue.mints[asset], owner.pubkey());
        let destination = World::token_address(&key, mint);
        let account = self.account(owner);
        let addresses = &self.venue.addresses;
        instructions::withdraw(
            addresses,
            mint,
            &account,
            &key,
            &destination,
            amount,
            allow_borrow,
        )
    }

    /// Brings an asset's interest up to now.
    pub fn accrue(&self, asset: usize) -> Instruction {
        instructions::accrue_interest(&self.venue.addresses, &self.venue.mints[asset])
    }

    /// A balance in native units at the board's indexes, a loan negative.
    pub fn owned(&self, account: &Pubkey, asset: usize) -> i64 {
        let board = self.venue.board(&self.world).expect("a board");
        let account = self
            .world
            .read::<MarginAccount>(account)
            .expect("an account");
        let indexes = board.indexes(asset as u8).expect("a listed asset");
        let balance = account.balance(asset as u8);
        balance.map_or(0, |balance| {
            ledger::amount(balance, indexes).expect("a balance in range")
        })
    }

    /// A trader's balance in native units; the indexes must be 1.
    pub fn balance(&self, owner: &Keypair, asset: usize) -> i64 {
        let account = self.state(owner);
        let slot = account.balance(asset as u8);
        slot.map_or(0, |slot| slot.shares.get().to_num())
    }

    /// Writes a delegate into a trader's account.
    pub fn set_delegate(&mut self, owner: &Keypair, delegate: &Keypair) {
        let account = self.account(owner);
        let key = delegate.pubkey();
        self.patch::<MarginAccount>(&account, |account| account.delegate = key);
    }

    /// Places an order in the perpetual on an asset, in the owner's sub-account 0.
    pub fn place(&self, owner: &Keypair, asset: usize, args: OrderArgs) -> Instruction {
        let (terms, account) = (Venue::perpetual(asset), self.account(owner));
        instructions::place_order(
            &self.venue.addresses,
            &terms,
            &account,
            &owner.pubkey(),
            args,
        )
    }

    /// Fills two orders in the perpetual on an asset, each given by its owner and number; the payer is the filler and takes
    /// no share.
    pub fn fill(
        &self,
        asset: usize,
        maker: (&Keypair, u64),
        taker: (&Keypair, u64),
        lots_max: u64,
    ) -> Instruction {
        let args = FillArgs {
            maker_order_id: maker.1,
            taker_order_id: taker.1,
            lots_max,
        };
        instructions::fill_order(
            &self.venue.addresses,
            &Venue::perpetual(asset),
            &self.account(maker.0),
            &self.account(taker.0),
            None,
            &self.world.payer.pubkey(),
            args,
        )
    }

    /// Settles an account's profit or loss in the perpetual on an asset.
    pub fn settle(&self, account: &Pubkey, asset: usize) -> Instruction {
        let terms = Venue::perpetual(asset);
        instructions::settle_pnl(&self.venue.addresses, &terms, &self.venue.mints[0], account)
    }

    /// Address of the perpetual on an asset.
    pub fn market(&self, asset: usize) -> Pubkey {
        self.venue.addresses.market(&Venue::perpetual(asset))
    }

    /// Puts whole USDC into the insurance fund.
    pub fn insure(&mut self, usdc: f64) {
        let giver = Self::key(250);
        let mint = self.venue.mints[0];
        let amount = native(usdc, 6);
        self.world
            .mint_tokens(&mint, &giver.pubkey(), amount)
            .expect("tokens");
        let fund = self.venue.addresses.insurance_fund();
        self.venue
            .deposit_into(&mut self.world, &giver, &fund, 0, amount)
            .expect("a deposit");
    }

    /// A second exchange in the same world, with its own mints, feeds and admin.
    pub fn other_venue(&mut self) -> Venue {
        Venue::create(&mut self.world, VenueConfig::default(), 2).expect("a venue")
    }

    /// Changes an account's bytes past the program, for states that no instruction leads to.
    pub fn patch<T: Tagged>(&mut self, key: &Pubkey, change: impl FnOnce(&mut T)) {
        let mut body = self.world.read::<T>(key).expect("an account of this type");
        change(&mut body);
        let mut account = self.world.svm.get_account(key).expect("an account");
        account.data[T::TAG.len()..].copy_from_slice(bytemuck::bytes_of(&*body));
        self.world
            .svm
            .set_account(*key, account)
            .expect("a rent-exempt account");
    }

    /// Address of a trader's sub-account 0.
    pub fn account(&self, key: &Keypair) -> Pubkey {
        self.venue.addresses.margin_account(&key.pubkey(), 0)
    }

    /// A trader's sub-account 0 as it is now.
    pub fn state(&self, key: &Keypair) -> Box<MarginAccount> {
        self.world.read(&self.account(key)).expect("an account")
    }

    /// `taker` buys or sells whole tokens of a perpetual from `maker` at a price in dollars.
    pub fn trade(
        &mut self,
        maker: &Keypair,
        taker: &Keypair,
        asset: usize,
        side: Side,
        tokens: f64,
        dollars: f64,
    ) -> Result<(), Refusal> {
        let price = self.venue.price_per_lot(asset, dollars);
        let order = Venue::limit(side, price, self.venue.lots(asset, tokens));
        self.venue
            .trade(&mut self.world, maker, taker, asset, order)
            .map(|_| ())
    }

    /// Sets one price, the others stay and are published again.
    pub fn set_price(&mut self, asset: usize, dollars: f64) {
        self.prices[asset] = dollars;
        self.venue
            .set_prices(&mut self.world, &self.prices)
            .expect("prices");
    }

    /// Sends a transaction that must be refused with this error and must not change a byte of any account of Ballast or
    /// any token account.
    #[track_caller]
    pub fn refused(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        error: impl CodedError,
    ) {
        let before = self.snapshot();
        let code = error.code();
        match self.world.send(instructions, signers) {
            Ok(_) => panic!("went through, should have been refused with {code}"),
            Err(refusal) => assert_eq!(refusal.code(), Some(code), "{refusal}"),
        }
        assert!(
            before == self.snapshot(),
            "a refused transaction changed something"
        );
    }

    /// Asserts that every parameter may be at either edge of its range, and nothing beyond.
    #[track_caller]
    pub fn check_bounds<A: Clone>(
        &mut self,
        args: &A,
        bounds: &[Bound<A>],
        build: impl Fn(&Self, A) -> Vec<Instruction>,
        signers: &[&Keypair],
    ) {
        for &(name, set, minimum, maximum) in bounds {
            let with_value = |stage: &Self, value| {
                let mut args = args.clone();
                set(&mut args, value);
                build(stage, args)
            };
            for value in [minimum, maximum] {
                let instructions = with_value(self, value);
                let outcome = self.simulate(&instructions, signers);
                assert!(outcome.is_ok(), "{name} may be {value}: {outcome:?}");
            }
            let beyond = [minimum.checked_sub(1), maximum.checked_add(1)];
            for value in beyond.into_iter().flatten() {
                println!("{name} must not be {value}");
                let instructions = with_value(self, value);
                self.refused(&instructions, signers, BallastError::ParameterOutOfBounds);
            }
        }
    }

    /// What would come of a transaction; nothing changes.
    pub fn simulate(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<(), Refusal> {
        let svm = &mut self.world.svm;
        svm.expire_blockhash();
        let mut all = vec![&self.world.payer];
        all.extend(signers);
        let payer = self.world.payer.pubkey();
        let transaction = Transaction::new_signed_with_payer(
            instructions,
            Some(&payer),
            &all,
            svm.latest_blockhash(),
        );
        match svm.simulate_transaction(transaction) {
            Ok(_) => Ok(()),
            Err(refused) => Err(Refusal {
                error: refused.err,
                logs: refused.meta.logs,
            }),
        }
    }

    /// The bytes of everything that Ballast and the token program own.
    pub fn snapshot(&self) -> BTreeMap<Pubkey, Vec<u8>> {
        [ballast::ID, anchor_spl::token::ID]
            .iter()
            .flat_map(|program| self.world.svm.get_program_accounts(program))
            .map(|(key, account)| (key, account.data))
            .collect()
    }

    /// Asserts that all books balance.
    #[track_caller]
    pub fn check_books(&self) {
        let found = ballast_sim::conservation::violations(&self.world, &self.venue)
            .expect("readable accounts");
        assert!(found.is_empty(), "{found:?}");
    }
}

//! Traders and what they hold.

use super::floor::{Floor, is_done};
use super::listings::Contract;
use crate::World;
use anchor_lang::prelude::Pubkey;
use anyhow::Result;
use ballast_client::state::Side;
use ballast_client::units::native;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What a trader believes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Long one perpetual on USDC.
    Long,
    /// Holds tokens and has sold calls on them.
    CoveredCall,
    /// Short one perpetual on USDC.
    Short,
    /// Long one perpetual, with as many puts against a fall.
    ProtectivePut,
    /// Holds a token and is short its perpetual.
    Hedged,
    /// Has sold calls and puts at the money.
    Straddle,
    /// Long all perpetuals on several tokens as collateral.
    Basket,
    /// Has bought puts at the money and sold lower ones.
    PutSpread,
    /// Long one perpetual against another.
    Pair,
    /// Holds a token and has sold its future.
    CashAndCarry,
    /// Borrows USDC against tokens.
    Borrower,
    /// Long the later future against the nearer.
    Calendar,
    /// Long with as much leverage as the program allows.
    Reckless,
}

impl Profile {
    /// Every profile, dealt out in turn.
    pub const ALL: [Self; 13] = [
        Self::Long,
        Self::CoveredCall,
        Self::Short,
        Self::ProtectivePut,
        Self::Hedged,
        Self::Straddle,
        Self::Basket,
        Self::PutSpread,
        Self::Pair,
        Self::CashAndCarry,
        Self::Borrower,
        Self::Calendar,
        Self::Reckless,
    ];

    /// Name and manner, for the report.
    pub fn words(self) -> [&'static str; 2] {
        match self {
            Self::Long => ["Long", "a perpetual bought on USDC"],
            Self::CoveredCall => ["Covered call", "tokens, calls sold on them"],
            Self::Short => ["Short", "a perpetual sold on USDC"],
            Self::ProtectivePut => ["Protective put", "a perpetual bought with puts"],
            Self::Hedged => ["Hedged", "tokens, their perpetual sold"],
            Self::Straddle => ["Straddle seller", "calls and puts sold"],
            Self::Basket => ["Basket", "perpetuals bought on tokens"],
            Self::PutSpread => ["Put spread", "puts bought, lower ones sold"],
            Self::Pair => ["Pair", "a perpetual against another"],
            Self::CashAndCarry => ["Cash and carry", "tokens, their future sold"],
            Self::Borrower => ["Borrower", "USDC borrowed on tokens"],
            Self::Calendar => ["Calendar spread", "a later future against a nearer"],
            Self::Reckless => ["Reckless", "a perpetual, as much as allowed"],
        }
    }
}

/// One trader with a margin account.
pub struct Trader {
    /// Signs for it.
    pub key: Keypair,
    /// Its margin account.
    pub account: Pubkey,
    /// How it trades.
    pub profile: Profile,
}

/// Everything a trader needs to enter.
struct Entry<'a> {
    world: &'a mut World,
    floor: &'a Floor,
    key: &'a Keypair,
    prices: &'a [f64],
}

impl Trader {
    /// Opens an account, deposits a random capital in the manner of the profile, and takes positions.
    pub fn enter(
        world: &mut World,
        floor: &Floor,
        key: Keypair,
        profile: Profile,
        prices: &[f64],
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        use Contract as C;
        let account = floor.venue.open_account(world, &key)?;
        let capital = 2_000.0 * 50f64.powf(random.random::<f64>());
        let leverage = random.random_range(1.5..6.0);
        let first = random.random_range(1..prices.len());
        let second = 1 + first % (prices.len() - 1);
        let mut entry = Entry {
            world,
            floor,
            key: &key,
            prices,
        };
        match profile {
            Profile::Long => {
                entry.deposit(0, capital)?;
                entry.buy(first, C::Perpetual, capital * leverage)?;
            }
            Profile::CoveredCall => {
                entry.deposit(first, capital)?;
                entry.sell(first, C::HighCall, capital)?;
            }
            Profile::Short => {
                entry.deposit(0, capital)?;
                entry.sell(first, C::Perpetual, capital * leverage)?;
            }
            Profile::ProtectivePut => {
                entry.deposit(0, capital)?;
                entry.buy(first, C::NearPut, capital * leverage)?;
                entry.buy(first, C::Perpetual, capital * leverage)?;
            }
            Profile::Hedged => {
                entry.deposit(first, capital)?;
                entry.deposit(0, capital * 0.1)?;
                entry.sell(first, C::Perpetual, capital)?;
            }
            Profile::Straddle => {
                let (call, put) = match random.random() {
                    true => (C::NearCall, C::NearPut),
                    false => (C::Call, C::Put),
                };
                entry.deposit(0, capital)?;
                entry.sell(first, put, capital * leverage)?;
                entry.sell(first, call, capital * leverage)?;
            }
            Profile::Basket => {
                for index in 1..prices.len() {
                    entry.deposit(index, capital / 4.0)?;
                }
                entry.deposit(0, capital / 4.0)?;
                for index in 1..prices.len() {
                    entry.buy(index, C::Perpetual, capital * leverage / 4.0)?;
                }
            }
            Profile::PutSpread => {
                entry.deposit(0, capital)?;
                entry.buy(first, C::Put, capital * leverage)?;
                entry.sell(first, C::LowPut, capital * leverage)?;
            }
            Profile::Pair => {
                entry.deposit(0, capital)?;
                entry.buy(first, C::Perpetual, capital * leverage)?;
                entry.sell(second, C::Perpetual, capital * leverage * 0.8)?;
            }
            Profile::CashAndCarry => {
                entry.deposit(first, capital)?;
                entry.deposit(0, capital * 0.1)?;
                entry.sell(first, C::Future, capital)?;
            }
            Profile::Borrower => {
                entry.deposit(first, capital)?;
                entry.deposit(second, capital * 0.5)?;
                entry.borrow(capital * random.random_range(0.6..1.1))?;
            }
            Profile::Calendar => {
                entry.deposit(0, capital)?;
                entry.buy(first, C::Future, capital * leverage)?;
                entry.sell(first, C::NearFuture, capital * leverage)?;
            }
            Profile::Reckless => {
                entry.deposit(0, capital)?;
                entry.buy(first, C::Perpetual, capital * 12.0)?;
            }
        }
        Ok(Self {
            key,
            account,
            profile,
        })
    }
}

impl Entry<'_> {
    /// Deposits tokens worth `dollars`.
    fn deposit(&mut self, asset: usize, dollars: f64) -> Result<()> {
        let venue = &self.floor.venue;
        let amount = native(
            dollars / self.prices[asset],
            venue.config.assets[asset].decimals,
        );
        let mint = venue.mints[asset];
        self.world.mint_tokens(&mint, &self.key.pubkey(), amount)?;
        venue.deposit(self.world, self.key, asset, amount)?;
        Ok(())
    }

    /// Borrows USDC, less when the program refuses so much.
    fn borrow(&mut self, dollars: f64) -> Result<()> {
        let venue = &self.floor.venue;
        self.world
            .mint_tokens(&venue.mints[0], &self.key.pubkey(), 0)?;
        let mut amount = dollars;
        while !is_done(venue.withdraw(self.world, self.key, 0, native(amount, 6), true))? {
            amount *= 0.9;
        }
        Ok(())
    }

    fn buy(&mut self, index: usize, contract: Contract, dollars: f64) -> Result<()> {
        self.trade(index, contract, Side::Bid, dollars)
    }

    fn sell(&mut self, index: usize, contract: Contract, dollars: f64) -> Result<()> {
        self.trade(index, contract, Side::Ask, dollars)
    }

    /// Trades contracts on `dollars` worth of tokens, fewer when the program refuses so many.
    fn trade(&mut self, index: usize, contract: Contract, side: Side, dollars: f64) -> Result<()> {
        let terms = self.floor.listings.terms(index, contract);
        let mut size = dollars / self.prices[index];
        loop {
            let lots = self.floor.venue.lots(index, size).max(1);
            if self
                .floor
                .trade(self.world, self.key, &terms, side, lots, false)?
            {
                return Ok(());
            }
            size *= 0.9;
        }
    }
}

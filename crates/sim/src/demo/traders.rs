//! Traders and what they hold.

use crate::world::Refusal;
use crate::{Venue, World};
use anchor_lang::prelude::Pubkey;
use anyhow::{Result, bail};
use ballast::error::BallastError;
use ballast_client::args::OrderArgs;
use ballast_client::state::{MarginAccount, Side};
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
    /// Short one perpetual on USDC.
    Short,
    /// Holds a token and is short its perpetual.
    Hedged,
    /// Long all perpetuals on several tokens as collateral.
    Basket,
    /// Long one perpetual against another.
    Pair,
    /// Borrows USDC against tokens.
    Borrower,
    /// Long with as much leverage as the program allows.
    Reckless,
}

impl Profile {
    /// Every profile, dealt out in turn.
    pub const ALL: [Self; 7] = [
        Self::Long,
        Self::Short,
        Self::Hedged,
        Self::Basket,
        Self::Pair,
        Self::Borrower,
        Self::Reckless,
    ];
}

/// One trader with a margin account.
pub struct Trader {
    /// Signs for it.
    pub key: Keypair,
    /// Its margin account.
    pub account: Pubkey,
}

/// Everything a trader needs to enter.
struct Entry<'a> {
    world: &'a mut World,
    venue: &'a Venue,
    maker: &'a Keypair,
    key: &'a Keypair,
    prices: &'a [f64],
}

impl Trader {
    /// Opens an account, deposits a random capital in the manner of the profile, and takes positions.
    pub fn enter(
        world: &mut World,
        venue: &Venue,
        maker: &Keypair,
        key: Keypair,
        profile: Profile,
        prices: &[f64],
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let account = venue.open_account(world, &key)?;
        let capital = 2_000.0 * 50f64.powf(random.random::<f64>());
        let leverage = random.random_range(1.5..6.0);
        let first = random.random_range(1..prices.len());
        let second = 1 + first % (prices.len() - 1);
        let mut entry = Entry {
            world,
            venue,
            maker,
            key: &key,
            prices,
        };
        match profile {
            Profile::Long => {
                entry.deposit(0, capital)?;
                entry.trade(first, Side::Bid, capital * leverage)?;
            }
            Profile::Short => {
                entry.deposit(0, capital)?;
                entry.trade(first, Side::Ask, capital * leverage)?;
            }
            Profile::Hedged => {
                entry.deposit(first, capital)?;
                entry.deposit(0, capital * 0.1)?;
                entry.trade(first, Side::Ask, capital)?;
            }
            Profile::Basket => {
                for index in 1..prices.len() {
                    entry.deposit(index, capital / 4.0)?;
                }
                entry.deposit(0, capital / 4.0)?;
                for index in 1..prices.len() {
                    entry.trade(index, Side::Bid, capital * leverage / 4.0)?;
                }
            }
            Profile::Pair => {
                entry.deposit(0, capital)?;
                entry.trade(first, Side::Bid, capital * leverage)?;
                entry.trade(second, Side::Ask, capital * leverage * 0.8)?;
            }
            Profile::Borrower => {
                entry.deposit(first, capital)?;
                entry.deposit(second, capital * 0.5)?;
                entry.borrow(capital * random.random_range(0.6..1.1))?;
            }
            Profile::Reckless => {
                entry.deposit(0, capital)?;
                entry.trade(first, Side::Bid, capital * 12.0)?;
            }
        }
        Ok(Self { key, account })
    }
}

impl Entry<'_> {
    /// Deposits tokens worth `dollars`.
    fn deposit(&mut self, asset: usize, dollars: f64) -> Result<()> {
        let decimals = self.venue.config.assets[asset].decimals;
        let amount = native(dollars / self.prices[asset], decimals);
        let mint = self.venue.mints[asset];
        self.world.mint_tokens(&mint, &self.key.pubkey(), amount)?;
        self.venue.deposit(self.world, self.key, asset, amount)?;
        Ok(())
    }

    /// Borrows USDC, less when the program refuses so much.
    fn borrow(&mut self, dollars: f64) -> Result<()> {
        let mint = self.venue.mints[0];
        self.world.mint_tokens(&mint, &self.key.pubkey(), 0)?;
        let mut amount = dollars;
        loop {
            let result = self
                .venue
                .withdraw(self.world, self.key, 0, native(amount, 6), true);
            if is_done(result.map(|_| ()))? {
                return Ok(());
            }
            amount *= 0.9;
        }
    }

    /// Trades a perpetual against the maker at the mark, a smaller size when the program refuses so much.
    fn trade(&mut self, index: usize, side: Side, dollars: f64) -> Result<()> {
        let price = self.venue.price_per_lot(index, self.prices[index]);
        let mut size = dollars;
        loop {
            let lots = self.venue.lots(index, size / self.prices[index]).max(1);
            let order = Venue::limit(side, price, lots);
            let result = self
                .venue
                .trade(self.world, self.maker, self.key, index, order);
            if is_done(result.map(|_| ()))? {
                return Ok(());
            }
            size *= 0.9;
        }
    }
}

/// Whether a size was affordable; any refusal for another reason than margin is an error.
fn is_done(result: Result<(), Refusal>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(refusal)
            if refusal.is(BallastError::BelowInitialMargin)
                || refusal.is(BallastError::TakerBelowInitialMargin) =>
        {
            Ok(false)
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Trades all positions away against the maker at the ticks nearest to the marks. Where margin does not allow one leg of
/// a hedge to go at once, smaller parts of each leg go in turn.
pub fn close_all(
    world: &mut World,
    venue: &Venue,
    maker: &Keypair,
    key: &Keypair,
    prices: &[f64],
) -> Result<()> {
    let account = venue.addresses.margin_account(&key.pubkey(), 0);
    let mut divisor = 1;
    while divisor <= 1 << 20 {
        let (mut open, mut progress) = (false, false);
        for (index, price) in prices.iter().enumerate().skip(1) {
            let lots = world
                .read::<MarginAccount>(&account)?
                .lots(&Venue::perpetual(index));
            if lots == 0 {
                continue;
            }
            open = true;
            let side = if lots > 0 { Side::Ask } else { Side::Bid };
            let order = OrderArgs {
                reduce_only: true,
                ..Venue::limit(
                    side,
                    venue.price_per_lot(index, *price),
                    lots.unsigned_abs().div_ceil(divisor),
                )
            };
            let result = venue.trade(world, maker, key, index, order);
            progress |= is_done(result.map(|_| ()))?;
        }
        if !open {
            return Ok(());
        }
        divisor = if progress { 1 } else { divisor * 2 };
    }
    bail!("margin does not allow {account} to close its positions")
}

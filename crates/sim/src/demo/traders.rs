//! Traders and what they hold.

use crate::world::Refusal;
use crate::{Venue, World};
use anchor_lang::prelude::Pubkey;
use anyhow::Result;
use ballast::error::BallastError;
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
            match smaller_if_unaffordable(result.map(|_| ()), &mut amount)? {
                Attempt::Done => return Ok(()),
                Attempt::Again => {}
            }
        }
    }

    /// Trades a perpetual against the maker at the mark, a smaller size when the program refuses so much.
    fn trade(&mut self, index: usize, side: Side, dollars: f64) -> Result<()> {
        let price = self.venue.price_per_lot(index, self.prices[index]);
        let mut size = dollars;
        loop {
            let lots = self.venue.lots(index, size / self.prices[index]).max(1);
            let result = self
                .venue
                .trade(self.world, self.maker, self.key, index, side, price, lots);
            match smaller_if_unaffordable(result.map(|_| ()), &mut size)? {
                Attempt::Done => return Ok(()),
                Attempt::Again => self.cancel_maker_orders()?,
            }
        }
    }

    /// The maker's order of a refused trade must not stay behind.
    fn cancel_maker_orders(&mut self) -> Result<()> {
        let account = self.venue.addresses.margin_account(&self.maker.pubkey(), 0);
        let state = self.world.read::<MarginAccount>(&account)?;
        for order in state.orders.iter().filter(|order| order.lots != 0) {
            let cancel = ballast_client::instructions::cancel_order(
                &account,
                &self.maker.pubkey(),
                order.id,
            );
            self.world.send(&[cancel], &[self.maker])?;
        }
        Ok(())
    }
}

enum Attempt {
    Done,
    Again,
}

/// Shrinks the size by a tenth when margin does not allow it; any other refusal is an error.
fn smaller_if_unaffordable(result: Result<(), Refusal>, size: &mut f64) -> Result<Attempt> {
    match result {
        Ok(()) => Ok(Attempt::Done),
        Err(refusal)
            if refusal.is(BallastError::BelowInitialMargin)
                || refusal.is(BallastError::TakerBelowInitialMargin) =>
        {
            *size *= 0.9;
            Ok(Attempt::Again)
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Trades a position away against the maker at the tick nearest to the mark.
pub fn close(
    world: &mut World,
    venue: &Venue,
    maker: &Keypair,
    key: &Keypair,
    account: &Pubkey,
    index: usize,
    dollars: f64,
) -> Result<()> {
    let lots = world
        .read::<MarginAccount>(account)?
        .lots(&Venue::perpetual(index));
    if lots == 0 {
        return Ok(());
    }
    let side = if lots > 0 { Side::Ask } else { Side::Bid };
    let price = venue.price_per_lot(index, dollars);
    venue.trade(world, maker, key, index, side, price, lots.unsigned_abs())?;
    Ok(())
}

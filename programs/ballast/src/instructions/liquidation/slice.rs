//! A fraction of a whole portfolio changing hands inside the ledger.

use crate::error::{BallastError, Coded};
use crate::events::{MovedBalance, MovedPosition};
use crate::instructions::{part_ceil, require_accrued};
use anchor_lang::prelude::*;
use anchor_lang::{Owner, ZeroCopy};
use ballast_risk::Q32_ONE;
use ballast_risk::planted::{Bug, planted};
use ballast_state::health::{Report, View};
use ballast_state::{
    Bank, MarginAccount, Market, MarketTerms, Position, QUOTE_ASSET, Tagged, ledger, view,
};
use fixed::types::I80F48;

/// Banks and markets for the cases in which a liquidator's own holdings are netted and totals change.
pub struct Netting<'info> {
    /// Their exchange.
    pub exchange: Pubkey,
    /// Whatever the caller passed; looked through only when needed.
    pub accounts: &'info [AccountInfo<'info>],
}

impl<'info> Netting<'info> {
    /// The bank of an asset.
    fn bank(&self, asset: u8) -> Result<AccountLoader<'info, Bank>> {
        self.find(|bank: &Bank| bank.exchange == self.exchange && bank.asset == asset)
            .unwrap_or_else(|| err!(BallastError::BankRequired))
    }

    /// The market with these terms.
    fn market(&self, terms: &MarketTerms) -> Result<AccountLoader<'info, Market>> {
        self.find(|market: &Market| market.exchange == self.exchange && market.terms == *terms)
            .unwrap_or_else(|| err!(BallastError::MarketRequired))
    }

    /// The first account of a type that fits. Accounts of other types are passed over by owner and tag, without making an
    /// error for each.
    fn find<T>(&self, fits: impl Fn(&T) -> bool) -> Option<Result<AccountLoader<'info, T>>>
    where
        T: Tagged + ZeroCopy + Owner,
    {
        self.accounts
            .iter()
            .find(|account| {
                account.owner == &crate::ID
                    && account
                        .try_borrow_data()
                        .is_ok_and(|data| view::<T>(&data).is_some_and(&fits))
            })
            .map(AccountLoader::try_from)
    }
}

/// What was moved, and its value at marks in quote units, rounded up in the account's favour.
#[derive(Default)]
pub struct Slice {
    pub value: i64,
    pub balances: Vec<MovedBalance>,
    pub positions: Vec<MovedPosition>,
}

impl Slice {
    /// Moves `fraction_q32` of every balance and position. Residues of shares stay with the account; lots are rounded up,
    /// so that every slice makes progress, but for those that an insolvent account loses on ([`split`]).
    pub fn take(
        view: &View,
        report: &Report,
        account: &mut MarginAccount,
        liquidator: &mut MarginAccount,
        fraction_q32: u64,
        quote_bank: &mut Bank,
        netting: &Netting,
    ) -> Result<Self> {
        let mut slice = Self::default();
        for index in 0..account.balances.len() {
            if !account.balances[index].is_free() {
                slice.take_balance(
                    view,
                    account,
                    index,
                    liquidator,
                    fraction_q32,
                    quote_bank,
                    netting,
                )?;
            }
        }
        let mut valued = report.positions().iter();
        for from in account.positions.iter_mut().filter(|from| !from.is_free()) {
            let valued = valued.next().ok_or(BallastError::UnknownIndex)?;
            let round_down = stays_with_losses(report.equity_mark, valued.profit);
            slice.take_position(
                view,
                (from, valued.value, round_down),
                liquidator,
                fraction_q32,
                netting,
            )?;
        }
        Ok(slice)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the two accounts and what changes with them"
    )]
    fn take_balance(
        &mut self,
        view: &View,
        account: &mut MarginAccount,
        index: usize,
        liquidator: &mut MarginAccount,
        fraction_q32: u64,
        quote_bank: &mut Bank,
        netting: &Netting,
    ) -> Result<()> {
        let from = &mut account.balances[index];
        let asset = from.asset;
        let shares = from.shares.get();
        let moved = share_of(shares, fraction_q32).ok_or(BallastError::Overflow)?;
        if moved == 0 {
            return Ok(());
        }
        let indexes = view.board.indexes(asset).coded()?;
        let price = view.liquidation_price(asset, shares > 0).coded()?;
        if price == 0 {
            // Never had a price: nobody could say what it is worth, so it stays where it is.
            return Ok(());
        }
        let value = ledger::value_ceil(moved, indexes, price).coded()?;
        let to = liquidator.balance_mut(asset).coded()?;
        let held = to.shares.get();
        let nets = held != 0 && (held > 0) != (moved > 0);
        let amount = if asset == QUOTE_ASSET {
            ledger::move_shares(from, to, moved, indexes, Some(quote_bank)).coded()?
        } else if nets {
            let loader = netting.bank(asset)?;
            let mut bank = loader.load_mut()?;
            require_accrued(view, &bank, true)?;
            ledger::move_shares(from, to, moved, indexes, Some(&mut *bank)).coded()?
        } else {
            ledger::move_shares(from, to, moved, indexes, None).coded()?
        };
        self.value = self
            .value
            .checked_add(value)
            .ok_or(BallastError::Overflow)?;
        self.balances.push(MovedBalance { asset, amount });
        Ok(())
    }

    /// Moves a part of a position whose lots are worth so much at their mark and may round down.
    fn take_position(
        &mut self,
        view: &View,
        (from, lots_value, round_down): (&mut Position, i64, bool),
        liquidator: &mut MarginAccount,
        fraction_q32: u64,
        netting: &Netting,
    ) -> Result<()> {
        let to = liquidator.position_mut(&from.terms).coded()?;
        let before = [*from, *to];
        let funding = [
            view.settle_funding(from).coded()?,
            view.settle_funding(to).coded()?,
        ];
        let settled = *from;
        let moved = split(from, fraction_q32, round_down);
        let (lots, quote) = moved.ok_or(BallastError::Overflow)?;
        if lots == 0 && quote == 0 {
            return Ok(());
        }
        from.change(-lots, -quote).coded()?;
        to.change(lots, quote).coded()?;
        if nets(&before[1], lots, quote) && !planted(Bug::NettingForgotten) {
            let loader = netting.market(&settled.terms)?;
            let mut market = loader.load_mut()?;
            market.book(&before[0], from).coded()?;
            market.book(&before[1], to).coded()?;
        }
        let value = part_ceil(lots_value, lots, settled.base_lots)?
            .checked_add(quote)
            .ok_or(BallastError::Overflow)?;
        self.value = self
            .value
            .checked_add(value)
            .ok_or(BallastError::Overflow)?;
        self.positions.push(MovedPosition {
            terms: settled.terms.into(),
            base_lots: lots,
            quote,
            funding,
        });
        Ok(())
    }
}

/// Whether what the liquidator holds already is opposite to what it takes, so that the market's totals change.
fn nets(held: &Position, lots: i64, quote: i64) -> bool {
    let opposite = |held: i64, taken: i64| held.signum() == -taken.signum() && taken != 0;
    opposite(held.base_lots, lots) || (!held.terms.is_perpetual() && opposite(held.quote, quote))
}

/// The smallest fraction of at least `fraction_q32` at which every large position moves whole lots. Lots round up, so a position
/// of few lots would otherwise leave faster than the deposits and positions that hedge it. One worth less than a tenth of
/// the account's gross value does not count: its rounding hardly matters, and a single lot of it must not sell the account.
pub fn in_whole_lots_q32(account: &MarginAccount, report: &Report, fraction_q32: u64) -> u64 {
    let mut largest = fraction_q32;
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    for (position, valued) in positions.zip(report.positions()) {
        let weight = valued.value.saturating_abs().saturating_mul(LARGE_SHARE);
        if position.base_lots != 0 && weight >= report.gross_value {
            largest = largest.max(whole_lots_q32(position.base_lots, fraction_q32));
        }
    }
    largest.min(Q32_ONE)
}

/// A position is large when so many of it are worth the account's gross value.
const LARGE_SHARE: i64 = 10;

/// The smallest fraction of at least `fraction_q32` that is a whole number of lots, rounded down to Q32.
fn whole_lots_q32(base_lots: i64, fraction_q32: u64) -> u64 {
    let size = u128::from(base_lots.unsigned_abs().max(1));
    let lots = (size * u128::from(fraction_q32)).div_ceil(u128::from(Q32_ONE));
    // At most size · 2^32 / size.
    ((lots << 32) / size) as u64
}

/// A fraction of signed shares, rounded towards zero.
pub fn share_of(shares: I80F48, fraction_q32: u64) -> Option<I80F48> {
    if fraction_q32 >= Q32_ONE {
        return Some(shares);
    }
    let size = shares.to_bits().unsigned_abs();
    // Split so that both products fit: the fraction is below 2^32.
    let fraction = u128::from(fraction_q32);
    let high = (size >> 32).checked_mul(fraction)?;
    let low = ((size & 0xffff_ffff) * fraction) >> 32;
    let bits = i128::try_from(high.checked_add(low)?).ok()?;
    Some(I80F48::from_bits(if shares < 0 { -bits } else { bits }))
}

/// Whether a position's lots round down in a slice: those on which an insolvent account loses. What rounding moves beyond the fraction is paid for
/// at marks, and lots that lose are paid for by the account: by slivers of a lot each a winner could take all his counterparty's lots for its
/// cash and a loan, instead of bearing his part in [`auto_deleverage`](crate::instructions::AutoDeleverage).
pub fn stays_with_losses(equity_mark: i64, profit: i64) -> bool {
    equity_mark < 0 && profit < 0
}

/// Lots, rounded up or down, and the quote that goes with them, pro rata to the lots.
pub fn split(position: &Position, fraction_q32: u64, round_down: bool) -> Option<(i64, i64)> {
    if fraction_q32 >= Q32_ONE {
        return Some((position.base_lots, position.quote));
    }
    let size = position.base_lots.unsigned_abs();
    if size == 0 {
        let quote = i128::from(position.quote) * i128::from(fraction_q32) / i128::from(Q32_ONE);
        return Some((0, i64::try_from(quote).ok()?));
    }
    let product = u128::from(size) * u128::from(fraction_q32);
    let lots = match round_down {
        // A fraction that stands for whole lots was rounded down to Q32 itself.
        true => (product + u128::from(size)) / u128::from(Q32_ONE),
        false => product.div_ceil(u128::from(Q32_ONE)),
    };
    let quote = i128::from(position.quote) * lots as i128 / i128::from(size);
    let signed = i64::try_from(lots).ok()? * position.base_lots.signum();
    Some((signed, i64::try_from(quote).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_round_up_and_quote_follows_them() {
        let position = Position {
            base_lots: -10,
            quote: 1_001,
            ..Position::default()
        };
        assert_eq!(split(&position, Q32_ONE / 100, false), Some((-1, 100)));
        assert_eq!(split(&position, Q32_ONE / 2, false), Some((-5, 500)));
        assert_eq!(split(&position, Q32_ONE, false), Some((-10, 1_001)));
        let settled = Position {
            quote: -9,
            ..Position::default()
        };
        assert_eq!(split(&settled, Q32_ONE / 2, false), Some((0, -4)));
        // An insolvent account's losses round the other way.
        assert!(stays_with_losses(-1, -1) && !stays_with_losses(0, -1));
        assert!(!stays_with_losses(-1, 0));
        assert_eq!(split(&position, Q32_ONE / 100, true), Some((0, 0)));
        assert_eq!(split(&position, Q32_ONE / 4, true), Some((-2, 200)));
        // A fraction of whole lots moves these, either way.
        for size in 1..200i64 {
            let position = Position {
                base_lots: size,
                ..Position::default()
            };
            for lots in 1..=size {
                let fraction = ((lots as u64) << 32) / size as u64;
                let fraction = whole_lots_q32(size, fraction);
                assert_eq!(split(&position, fraction, true), Some((lots, 0)));
                assert_eq!(split(&position, fraction, false), Some((lots, 0)));
            }
        }
        assert_eq!(split(&position, Q32_ONE, true), Some((-10, 1_001)));
    }

    #[test]
    fn markets_are_needed_where_opposites_meet() {
        let held = |base_lots, quote, kind| Position {
            base_lots,
            quote,
            terms: MarketTerms {
                kind,
                ..MarketTerms::default()
            },
            ..Position::default()
        };
        assert!(nets(&held(5, 0, 0), -1, 0) && !nets(&held(5, 0, 0), 1, 0));
        assert!(!nets(&held(0, 0, 2), -1, -9) && !nets(&held(5, 0, 2), 1, 5));
        // A perpetual has no total of debts.
        assert!(nets(&held(5, 7, 2), 1, -1) && !nets(&held(5, 7, 0), 1, -1));
    }

    #[test]
    fn fractions_are_whole_numbers_of_lots() {
        assert_eq!(whole_lots_q32(-3, Q32_ONE / 20), Q32_ONE / 3);
        assert_eq!(whole_lots_q32(3, Q32_ONE / 3 + 1), Q32_ONE * 2 / 3);
        assert_eq!(whole_lots_q32(1_000, Q32_ONE), Q32_ONE);
        assert_eq!(whole_lots_q32(1, 1), Q32_ONE);
    }

    #[test]
    fn every_split_of_a_small_position_makes_progress_and_favours_neither() {
        let fractions = (0..=32u64).map(|part| part << 27);
        let fractions =
            fractions.flat_map(|fraction| [fraction.saturating_sub(1), fraction, fraction + 1]);
        for (fraction, base_lots) in
            fractions.flat_map(|fraction| (-12..=12i64).map(move |lots| (fraction, lots)))
        {
            for quote in -25..=25i64 {
                let position = Position {
                    base_lots,
                    quote,
                    ..Position::default()
                };
                let (lots, part) = split(&position, fraction, false).unwrap();
                let whole = i128::from(fraction.min(Q32_ONE));
                let exact = (i128::from(base_lots.abs()) * whole + i128::from(Q32_ONE) - 1) >> 32;
                assert_eq!(i128::from(lots), exact * i128::from(base_lots.signum()));
                // Towards zero, pro rata to the lots that really move.
                let (over, under) = match base_lots {
                    0 => (whole, i128::from(Q32_ONE)),
                    _ => (lots.abs().into(), base_lots.abs().into()),
                };
                assert_eq!(i128::from(part), i128::from(quote) * over / under);
                assert!(lots != 0 || base_lots == 0 || fraction == 0);
                let least = whole_lots_q32(base_lots, fraction.min(Q32_ONE));
                assert!(least <= Q32_ONE && (base_lots == 0 || least + 1 >= fraction.min(Q32_ONE)));
            }
        }
    }

    #[test]
    fn shares_of_every_size_are_exact() {
        let sizes =
            (0..127).flat_map(|bit| [(1i128 << bit) - 1, 1 << bit, -(1 << bit), (-1 << bit) + 1]);
        for shares in sizes.chain([i128::MAX, -i128::MAX]) {
            for fraction in (0..=32).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit]) {
                let ours = share_of(I80F48::from_bits(shares), fraction).unwrap();
                // Through 64-bit halves.
                let size = shares.unsigned_abs();
                let (high, low) = (size >> 64, size & u128::from(u64::MAX));
                let part = u128::from(fraction.min(Q32_ONE));
                let exact = ((high * part) << 32) + ((low * part) >> 32);
                assert_eq!(ours.to_bits(), exact as i128 * shares.signum());
            }
        }
    }

    #[test]
    fn shares_round_towards_zero_at_any_size() {
        let tiny = I80F48::DELTA;
        assert_eq!(share_of(tiny, Q32_ONE / 2), Some(I80F48::ZERO));
        assert_eq!(share_of(-tiny * 3, Q32_ONE / 2), Some(-tiny));
        assert_eq!(
            share_of(I80F48::MAX, Q32_ONE - 1).map(|s| s > I80F48::MAX / 2),
            Some(true)
        );
        assert_eq!(
            share_of(I80F48::from_num(-8), Q32_ONE / 4),
            Some(I80F48::from_num(-2))
        );
    }
}

//! The portfolio margin of one account, from exactly three accounts: exchange, board, margin account.
//!
//! The same function serves the program, keepers, clients and the browser. It values every balance and position at the
//! board's prices, revalues each underlying in the scenarios of `ballast_risk::scenarios`, aggregates across
//! underlyings, adds contingencies, and compares with equity after haircuts. The [`Report`] keeps every intermediate.

mod assessment;
mod options;
#[cfg(test)]
mod properties;
mod report;
#[cfg(test)]
pub(crate) mod tests;
mod what_if;

pub use report::{BalanceReport, PositionReport, Report, RiskMark, UnderlyingReport};
pub use what_if::{LiquidationMarks, WhatIf};

use crate::{
    AssetIndexes, Board, Exchange, MarginAccount, MarketKind, MarketTerms, Position, PriceEntry,
    QUOTE_ASSET, StateError, Underlying, Validity, ledger,
};
use assessment::Assessment;
use ballast_risk::Q32_ONE;
use ballast_risk::margin::depeg_factor_q32;
use ballast_risk::numbers::{mul_price_int, mul_price_q32_floor, mul_q32_ceil, value_ceil};
use ballast_risk::planted::{Bug, planted};
use ballast_risk::pricing::OptionKind;
use fixed::types::I80F48;

/// What the figures are for; it decides how prices that are not fresh count (the table in `docs/oracle.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The action adds risk: an uncertain or stale deposit counts nothing, an uncertain loan counts dearer, and a stale
    /// loan or position refuses it.
    AddRisk,
    /// The action only reduces risk: any price that was ever set will do, and a deposit that never had one counts nothing.
    ReduceRisk,
    /// The account may be liquidated: uncertain prices count at the account's favourable edge, and stale prices refuse
    /// it unless they are under 1% of its gross value.
    Liquidate,
    /// The account has taken a part of another over in a liquidation: as [`Purpose::AddRisk`], but stale loans and
    /// positions are tolerated while they are under 1% of its gross value, as they were in the account they come from.
    TakeOver,
}

/// Where everything is looked up.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Configuration.
    pub exchange: &'a Exchange,
    /// Prices and indexes of the same exchange.
    pub board: &'a Board,
    /// Cluster time, unix seconds.
    pub now: i64,
}

/// How a price counts.
struct Usable {
    /// The price in use.
    price: I80F48,
    /// False when the amount counts as nothing.
    counts: bool,
    /// True when it is stale and only tolerated while small.
    stale: bool,
}

impl<'a> View<'a> {
    /// The figures of `account` for `purpose`, written into `report` (which is large: keep it off the stack on-chain).
    ///
    /// # Errors
    /// [`StateError::StalePrice`] and [`StateError::PriceNeverSet`] as the purpose demands, [`StateError::SettlementPending`] when risk is to
    /// be added to an expired position, [`StateError::Overflow`], [`StateError::UnsupportedInstrument`] for a kind that does not exist.
    pub fn assess(
        &self,
        account: &MarginAccount,
        purpose: Purpose,
        report: &mut Report,
    ) -> Result<(), StateError> {
        self.assess_with(account, None, purpose, report)
    }

    /// What the figures would be with a further position: the same computation, nothing is copied or changed.
    ///
    /// # Errors
    /// As [`View::assess`].
    pub fn assess_with(
        &self,
        account: &MarginAccount,
        further: Option<&Position>,
        purpose: Purpose,
        report: &mut Report,
    ) -> Result<(), StateError> {
        self.add_up(account, further, purpose, true, report)
    }

    /// What a stranger may hold against an account with a further position: the figures for adding risk, but a token whose price is not fresh
    /// refuses them instead of counting less, and how much of a token others have deposited or borrowed plays no part. Neither is the account's
    /// doing.
    ///
    /// # Errors
    /// As [`View::assess`] for [`Purpose::AddRisk`], and [`StateError::StalePrice`] or [`StateError::UncertainPrice`] for any token of the account.
    pub fn assess_for_stranger(
        &self,
        account: &MarginAccount,
        further: &Position,
        report: &mut Report,
    ) -> Result<(), StateError> {
        let balances = account.balances.iter().filter(|slot| !slot.is_free());
        for balance in balances.filter(|slot| slot.asset != QUOTE_ASSET) {
            match self.feed_price(self.exchange.asset(balance.asset)?.feed)?.1 {
                Validity::Fresh => {}
                Validity::Wide => return Err(StateError::UncertainPrice),
                Validity::Stale => return Err(StateError::StalePrice),
                Validity::NeverSet => return Err(StateError::PriceNeverSet),
            }
        }
        self.add_up(account, Some(further), Purpose::AddRisk, false, report)
    }

    fn add_up(
        &self,
        account: &MarginAccount,
        further: Option<&Position>,
        purpose: Purpose,
        size_counts: bool,
        report: &mut Report,
    ) -> Result<(), StateError> {
        report.reset();
        let mut assessment = Assessment::new(self, purpose, report);
        assessment.size_counts = size_counts;
        for balance in account.balances.iter().filter(|slot| !slot.is_free()) {
            assessment.add_balance(
                balance.asset,
                ledger::amount(balance, self.indexes(balance.asset)?)?,
            )?;
        }
        for position in account.positions.iter().filter(|slot| !slot.is_free()) {
            assessment.add_position(position)?;
        }
        if let Some(position) = further {
            assessment.add_position(position)?;
        }
        assessment.add_options()?;
        assessment.finish()
    }

    /// Whether an account in liquidation has recovered: it is at its buffer, or owes nothing any more. Prices that cannot be
    /// used mean that it is not at its buffer.
    pub fn has_recovered(&self, account: &MarginAccount, report: &mut Report) -> bool {
        !account.has_obligations()
            || (self.assess(account, Purpose::Liquidate, report).is_ok()
                && report.is_above_buffer())
    }

    /// The price of one native unit of an asset that a liquidation uses; 0 for a deposit that never had a price.
    ///
    /// # Errors
    /// As [`View::assess`] for [`Purpose::Liquidate`].
    pub fn liquidation_price(&self, asset: u8, owned: bool) -> Result<I80F48, StateError> {
        if asset == QUOTE_ASSET {
            return Ok(I80F48::ONE);
        }
        let (entry, validity) = self.feed_price(self.exchange.asset(asset)?.feed)?;
        let usable = self.usable(entry, validity, Purpose::Liquidate, owned, false)?;
        Ok(if usable.counts {
            usable.price
        } else {
            I80F48::ZERO
        })
    }

    /// Whether an order's price (quote units per lot) lies in the band around its market's last known mark, however old that is: the price
    /// band's fraction of the mark on either side, for an option its own band's fraction of the underlying's mark more.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`].
    pub fn is_within_band(&self, terms: &MarketTerms, price: u64) -> Result<bool, StateError> {
        let listed = self.exchange.underlying(terms.underlying)?;
        let mark = self.mark(terms)?;
        let mut width = mul_price_q32_floor(mark, listed.price_band_q32)?;
        if terms.is_option() {
            let spot = self.last_mark(terms.underlying)?;
            width = width
                .checked_add(mul_price_q32_floor(spot, listed.option_price_band_q32)?)
                .ok_or(StateError::Overflow)?;
        }
        Ok(mark.abs_diff(I80F48::from_num(price)) <= width)
    }

    /// The lowest and the highest price (quote units per lot) within the band of [`View::is_within_band`]; the lowest is at least 1.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`], [`StateError::Overflow`].
    pub fn price_band(&self, terms: &MarketTerms) -> Result<(u64, u64), StateError> {
        let listed = self.exchange.underlying(terms.underlying)?;
        let mark = self.mark(terms)?;
        let of_spot = match terms.is_option() {
            true => mul_price_q32_floor(
                self.last_mark(terms.underlying)?,
                listed.option_price_band_q32,
            )?,
            false => I80F48::ZERO,
        };
        let width = mul_price_q32_floor(mark, listed.price_band_q32)?.checked_add(of_spot);
        let width = width.ok_or(StateError::Overflow)?;
        let high = mark.checked_add(width).and_then(I80F48::checked_to_num);
        let low = mark.saturating_sub(width).max(I80F48::ONE);
        let low = low.checked_ceil().and_then(I80F48::checked_to_num);
        low.zip(high).ok_or(StateError::Overflow)
    }

    /// What one side of a fill pays, quote units, rounded up: a part of the traded value; for an option of the underlying's value, up to a share of
    /// the premium. The price is in quote units per lot.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`] for an option, [`StateError::Overflow`].
    pub fn fee(
        &self,
        terms: &MarketTerms,
        lots: u64,
        price: u64,
        is_maker: bool,
    ) -> Result<u64, StateError> {
        let rates = &self.exchange.fees[terms.kind()? as usize];
        let rate_q32 = if is_maker {
            rates.maker_q32
        } else {
            rates.taker_q32
        };
        let value = lots
            .checked_mul(price)
            .and_then(|value| value.try_into().ok());
        let value = value.ok_or(StateError::Overflow)?;
        let fee = if terms.is_option() {
            let notional = value_ceil(lots, self.last_mark(terms.underlying)?)?;
            let cap = mul_q32_ceil(value, rates.premium_cap_q32)?;
            mul_q32_ceil(notional, rate_q32)?.min(cap)
        } else {
            mul_q32_ceil(value, rate_q32)?
        };
        Ok(fee.unsigned_abs())
    }

    /// Mark of one lot of a market at the last known price, however old that is.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`].
    pub fn mark(&self, terms: &MarketTerms) -> Result<I80F48, StateError> {
        let spot = self.last_mark(terms.underlying)?;
        match terms.kind()? {
            MarketKind::Perpetual => Ok(spot),
            MarketKind::Future => self.forward(terms, spot),
            MarketKind::Call => self.option_mark(terms, OptionKind::Call, spot),
            MarketKind::Put => self.option_mark(terms, OptionKind::Put, spot),
        }
    }

    /// Mark of one lot of an underlying at its last known price, however old that is.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`].
    pub fn last_mark(&self, underlying: u8) -> Result<I80F48, StateError> {
        let (listed, entry, validity) = self.underlying_price(underlying)?;
        match validity {
            Validity::NeverSet => Err(StateError::PriceNeverSet),
            _ => lot_mark(entry.price.get(), listed.lot_size),
        }
    }

    /// The funding index of the perpetual on an underlying, now.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`], [`StateError::Overflow`].
    pub fn funding_index(&self, underlying: u8) -> Result<I80F48, StateError> {
        let state = self
            .board
            .perpetuals
            .get(usize::from(underlying))
            .ok_or(StateError::UnknownIndex)?;
        state.index_at(self.now)
    }

    /// Brings the funding of a perpetual's position up to now into its quote and returns what was received (positive) or paid. Must stand
    /// before every change of lots.
    ///
    /// # Errors
    /// As [`View::funding_index`].
    pub fn settle_funding(&self, position: &mut Position) -> Result<i64, StateError> {
        if !position.terms.is_perpetual() {
            return Ok(0);
        }
        position.settle_funding(self.funding_index(position.terms.underlying)?)
    }

    /// The price at which the underlying of an expired market settles, quote units per lot, rounded to the nearest, and the expiry of the window
    /// it is the average of, 0 for none; `None` until it is certain ([`PriceEntry::settlement`]) and for what has not expired.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`], [`StateError::Overflow`].
    pub fn settlement(&self, terms: &MarketTerms) -> Result<Option<(u64, i64)>, StateError> {
        if !terms.is_expired(self.now) {
            return Ok(None);
        }
        let listed = self.exchange.underlying(terms.underlying)?;
        let entry = self.board.price(listed.feed)?;
        let feed = self.exchange.feed(listed.feed)?;
        let Some(window) = entry.settlement(feed, terms.expiry, self.now) else {
            return Ok(None);
        };
        let of_lot = lot_mark(window.price.get(), listed.lot_size)?.checked_round();
        let of_lot = of_lot.and_then(I80F48::checked_to_num);
        Ok(Some((of_lot.ok_or(StateError::Overflow)?, window.expiry)))
    }

    /// Whether the volatility surface of an underlying is too old to open options on.
    ///
    /// # Errors
    /// [`StateError::UnknownIndex`].
    pub fn surface_is_stale(&self, underlying: u8) -> Result<bool, StateError> {
        let listed = self.exchange.underlying(underlying)?;
        let state = self.board.underlying(underlying)?;
        Ok(state.surface(listed, self.now).1)
    }

    /// Mark of one lot of an underlying at the board's price, for settlement.
    ///
    /// # Errors
    /// [`StateError::PriceNeverSet`], [`StateError::StalePrice`], [`StateError::UncertainPrice`]: only a fresh price will do.
    pub fn fresh_mark(&self, underlying: u8) -> Result<I80F48, StateError> {
        let (listed, entry, validity) = self.underlying_price(underlying)?;
        match validity {
            Validity::Fresh => lot_mark(entry.price.get(), listed.lot_size),
            Validity::NeverSet => Err(StateError::PriceNeverSet),
            Validity::Wide => Err(StateError::UncertainPrice),
            Validity::Stale => Err(StateError::StalePrice),
        }
    }

    fn indexes(&self, asset: u8) -> Result<&'a AssetIndexes, StateError> {
        self.board.indexes(asset)
    }

    fn feed_price(&self, feed: u8) -> Result<(&'a PriceEntry, Validity), StateError> {
        let entry = self.board.price(feed)?;
        Ok((entry, entry.validity(self.exchange.feed(feed)?, self.now)))
    }

    fn underlying_price(
        &self,
        underlying: u8,
    ) -> Result<(&'a Underlying, &'a PriceEntry, Validity), StateError> {
        let listed = self.exchange.underlying(underlying)?;
        let (entry, validity) = self.feed_price(listed.feed)?;
        Ok((listed, entry, validity))
    }

    /// The price at which an amount owned (deposit, long) or owed (loan, short) counts.
    fn usable(
        &self,
        entry: &PriceEntry,
        validity: Validity,
        purpose: Purpose,
        owned: bool,
        position: bool,
    ) -> Result<Usable, StateError> {
        let price = entry.price.get();
        let confidence = entry.confidence.get();
        let adds_risk = matches!(purpose, Purpose::AddRisk | Purpose::TakeOver);
        let at = |price: I80F48| Usable {
            price,
            counts: true,
            stale: false,
        };
        let nothing = Usable {
            price,
            counts: false,
            stale: false,
        };
        if planted(Bug::StalePriceAccepted) && validity == Validity::Stale {
            return Ok(at(price));
        }
        match (validity, purpose) {
            // A deposit without a price is worth nothing and must not hold up a liquidation, nor keep a winner from being deleveraged.
            (Validity::NeverSet, Purpose::Liquidate | Purpose::TakeOver | Purpose::ReduceRisk)
                if owned && !position =>
            {
                Ok(nothing)
            }
            (Validity::NeverSet, _) => Err(StateError::PriceNeverSet),
            (Validity::Fresh, _) | (_, Purpose::ReduceRisk) => Ok(at(price)),
            // A position's uncertainty is in its scan range.
            (Validity::Wide, _) if adds_risk && position => Ok(at(price)),
            (Validity::Wide | Validity::Stale, _) if adds_risk && owned && !position => Ok(nothing),
            (Validity::Wide, Purpose::AddRisk | Purpose::TakeOver) => {
                let multiplier = self.exchange.margin.wide_confidence_multiplier_q32;
                let extra = confidence
                    .checked_mul(I80F48::from_bits(i128::from(multiplier) << 16))
                    .ok_or(StateError::Overflow)?;
                Ok(at(price.checked_add(extra).ok_or(StateError::Overflow)?))
            }
            (Validity::Stale, Purpose::AddRisk) => Err(StateError::StalePrice),
            (Validity::Wide, Purpose::Liquidate) if owned => Ok(at(price
                .checked_add(confidence)
                .ok_or(StateError::Overflow)?)),
            (Validity::Wide, Purpose::Liquidate) => {
                Ok(at(price.saturating_sub(confidence).max(I80F48::ZERO)))
            }
            (Validity::Stale, Purpose::Liquidate | Purpose::TakeOver) => Ok(Usable {
                price,
                counts: true,
                stale: true,
            }),
        }
    }
}

impl View<'_> {
    /// Factor on margin for the quote asset's de-peg at its last known price, however old; 1 while its feed was never set. For a liquidation an
    /// uncertain price counts at its upper edge, and one that is not fresh says nothing.
    fn depeg_factor_q32(&self, purpose: Purpose) -> Result<u64, StateError> {
        let quote = self.exchange.asset(QUOTE_ASSET)?;
        let (entry, validity) = self.feed_price(quote.feed)?;
        let price = match (validity, purpose) {
            (Validity::NeverSet, _) | (Validity::Stale, Purpose::Liquidate) => {
                return Ok(Q32_ONE);
            }
            (Validity::Wide, Purpose::Liquidate) => {
                entry.price.get().saturating_add(entry.confidence.get())
            }
            _ => entry.price.get(),
        };
        // Quote units per quote unit is the price itself.
        let price_q32 = u64::try_from(price.to_bits() >> 16).unwrap_or(u64::MAX);
        Ok(depeg_factor_q32(
            price_q32,
            self.exchange.margin.depeg_multiplier_q32,
        ))
    }
}

/// Mark of one lot.
fn lot_mark(price: I80F48, lot_size: u64) -> Result<I80F48, StateError> {
    Ok(mul_price_int(price, lot_size)?)
}

//! Sensitivities of options, by the analytic derivatives of the pricing formula at the volatility that the surface gives them. That volatility stays
//! as the price moves.

use ballast_risk::pricing::{OptionInput, OptionKind, OptionReport};
use ballast_state::health::View;
use ballast_state::{MarketKind, MarketTerms, StateError};
use fixed::types::I80F48;

use crate::wire::Integer;

/// Of one lot of an option.
pub struct OfLot {
    /// Mark of one lot of the underlying, quote units.
    pub spot: I80F48,
    /// Per lot, in quote units.
    pub report: OptionReport,
}

/// Of a position, quote units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Greeks {
    /// Change of the delta, at the present price, per rise of the price by 1%.
    pub gamma: Integer,
    /// Change of value per volatility point.
    pub vega: Integer,
    /// Change of value per day that passes.
    pub theta: Integer,
}

/// Of one lot of an option at the last known price and the given volatility.
///
/// # Errors
/// [`StateError::PriceNeverSet`], [`StateError::Overflow`], [`StateError::UnsupportedInstrument`] for what is not an option.
pub fn of_option(
    view: &View,
    terms: &MarketTerms,
    volatility_q32: u64,
) -> Result<OfLot, StateError> {
    let kind = match terms.kind()? {
        MarketKind::Call => OptionKind::Call,
        MarketKind::Put => OptionKind::Put,
        MarketKind::Perpetual | MarketKind::Future => {
            return Err(StateError::UnsupportedInstrument);
        }
    };
    let spot = view.last_mark(terms.underlying)?;
    let input = OptionInput {
        kind,
        spot,
        strike: I80F48::checked_from_num(terms.strike).ok_or(StateError::Overflow)?,
        expiry_s: terms.expiry.saturating_sub(view.now).max(0).unsigned_abs(),
        volatility_q32,
        carry_q32: view.board.underlying(terms.underlying)?.carry_q32,
    };
    Ok(OfLot {
        spot,
        report: input.report()?,
    })
}

impl OfLot {
    /// Change of the delta (a fraction of the underlying) per rise of the price by 1%.
    pub fn gamma_per_percent(&self) -> Result<I80F48, StateError> {
        let gamma = self.report.gamma.checked_mul(self.spot);
        Ok(gamma.ok_or(StateError::Overflow)? / 100)
    }

    /// Of so many lots.
    pub fn times(&self, lots: i64) -> Result<Greeks, StateError> {
        let of_lots = |per_lot: I80F48| -> Result<_, StateError> {
            let bits = per_lot.to_bits().checked_mul(lots.into());
            Ok(Integer(bits.ok_or(StateError::Overflow)? >> 48))
        };
        let gamma = self.gamma_per_percent()?.checked_mul(self.spot);
        Ok(Greeks {
            gamma: of_lots(gamma.ok_or(StateError::Overflow)?)?,
            vega: of_lots(self.report.vega / 100)?,
            theta: of_lots(self.report.theta)?,
        })
    }
}

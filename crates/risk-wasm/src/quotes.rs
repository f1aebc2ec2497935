//! Marks and sensitivities of markets.

use ballast_state::health::{Purpose, Report, View};
use ballast_state::{MarginAccount, MarketTerms, Position, StateError};
use bytemuck::Zeroable;
use fixed::types::I80F48;

use crate::Failure;
use crate::greeks;
use crate::venue::{PriceValidity, validity_name};
use crate::wire::{Integer, Terms};

answer! {
    /// A market's mark at the last known price.
    pub struct Quote {
        /// Which market.
        pub terms: Terms,
        /// Its figures; nothing while the underlying has no price, or for a market that cannot be valued.
        pub figures: Option<QuoteFigures>,
        /// Why there are none.
        pub failure: Option<Failure>,
    }

    /// Figures of one lot, quote units.
    pub struct QuoteFigures {
        /// How far the underlying's price may be trusted.
        pub validity: PriceValidity,
        /// Whether options on the underlying cannot be opened because its surface is too old.
        pub surface_stale: bool,
        /// Mark.
        pub mark_q32: Integer,
        /// Mark of one lot of the underlying.
        pub underlying_mark_q32: Integer,
        /// Price of one lot of the underlying for delivery at the expiry.
        pub forward_q32: Integer,
        /// What exercising at the underlying's mark would pay; 0 for what is not an option.
        pub intrinsic_q32: Integer,
        /// An option's implied volatility.
        pub volatility_q32: Option<Integer>,
        /// Change of the mark per change of the underlying's mark.
        pub delta_q32: Integer,
        /// Change of that per rise of the price by 1%.
        pub gamma_q32: Integer,
        /// Change of the mark per volatility point.
        pub vega_q32: Integer,
        /// Change of the mark per day that passes.
        pub theta_q32: Integer,
        /// Lowest price that an order may have.
        pub band_low: Integer,
        /// Highest price that an order may have.
        pub band_high: Integer,
    }
}

/// Marks and sensitivities of markets.
///
/// # Errors
/// [`Failure::malformed`] for terms that no market has.
pub fn quotes(view: &View, markets: &[Terms]) -> Result<Vec<Quote>, Failure> {
    let empty = MarginAccount::zeroed();
    let mut report = Report::boxed();
    let quotes = markets.iter().map(|terms| {
        let figures = quote(view, &terms.parse()?, &empty, &mut report);
        let (figures, failure) = match figures {
            Ok(figures) => (Some(figures), None),
            Err(error) => (None, Some(error.into())),
        };
        Ok(Quote {
            terms: *terms,
            figures,
            failure,
        })
    });
    quotes.collect()
}

fn quote(
    view: &View,
    terms: &MarketTerms,
    empty: &MarginAccount,
    report: &mut Report,
) -> Result<QuoteFigures, StateError> {
    let underlying = terms.underlying;
    let feed = view.exchange.underlying(underlying)?.feed;
    let spot = view.last_mark(underlying)?;
    let lot = Position {
        base_lots: 1,
        terms: *terms,
        ..Position::default()
    };
    view.assess_with(empty, Some(&lot), Purpose::ReduceRisk, report)?;
    let valued = report.positions()[0];
    let (band_low, band_high) = view.price_band(terms)?;
    let forward = valued.forward.get();
    let mut figures = QuoteFigures {
        validity: validity_name(
            view.board
                .price(feed)?
                .validity(view.exchange.feed(feed)?, view.now),
        ),
        surface_stale: view.surface_is_stale(underlying)?,
        mark_q32: Integer::q32(view.mark(terms)?),
        underlying_mark_q32: Integer::q32(spot),
        forward_q32: Integer::q32(forward),
        intrinsic_q32: Integer(0),
        volatility_q32: None,
        delta_q32: Integer::q32(forward.checked_div(spot).ok_or(StateError::Overflow)?),
        gamma_q32: Integer(0),
        vega_q32: Integer(0),
        theta_q32: Integer(0),
        band_low: band_low.into(),
        band_high: band_high.into(),
    };
    if terms.is_option() {
        let greeks = greeks::of_option(view, terms, valued.volatility_q32)?;
        let strike = I80F48::checked_from_num(terms.strike).ok_or(StateError::Overflow)?;
        let exercised = match greeks.report.delta >= 0 {
            true => spot.saturating_sub(strike),
            false => strike.saturating_sub(spot),
        };
        figures.intrinsic_q32 = Integer::q32(exercised.max(I80F48::ZERO));
        figures.volatility_q32 = Some(valued.volatility_q32.into());
        figures.delta_q32 = Integer::q32(greeks.report.delta);
        figures.gamma_q32 = Integer::q32(greeks.gamma_per_percent()?);
        figures.vega_q32 = Integer::q32(greeks.report.vega / 100);
        figures.theta_q32 = Integer::q32(greeks.report.theta);
    }
    Ok(figures)
}

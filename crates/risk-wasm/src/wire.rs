//! How numbers and names look in requests and answers.

use std::fmt;

use ballast_state::health::Purpose as HealthPurpose;
use ballast_state::{MarketKind, MarketTerms, StateError};
use fixed::types::I80F48;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Failure;

/// Declares structs and enums that are written as JSON, and as TypeScript by the tests.
macro_rules! answer {
    ($($(#[$meta:meta])* pub $sort:ident $name:ident $body:tt)+) => {
        $(
            #[derive(Clone, Debug, PartialEq, serde::Serialize)]
            #[cfg_attr(test, derive(ts_rs::TS))]
            #[serde(rename_all = "camelCase")]
            $(#[$meta])*
            pub $sort $name $body
        )+
    };
}

/// Declares structs and enums that are read from JSON; what may be left out is an `Option`.
macro_rules! request {
    ($($(#[$meta:meta])* pub $sort:ident $name:ident $body:tt)+) => {
        $(
            #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
            #[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            $(#[$meta])*
            pub $sort $name $body
        )+
    };
}

/// An exact integer, `"123n"` in JSON. In fields whose name ends in `Q32` it is the value times 2^32, rounded down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "bigint"))]
pub struct Integer(pub i128);

impl Integer {
    /// As another type.
    ///
    /// # Errors
    /// [`Failure::malformed`] when it does not fit.
    pub fn to<T: TryFrom<i128>>(self) -> Result<T, Failure> {
        T::try_from(self.0).map_err(|_| Failure::malformed(format!("{} is out of range", self.0)))
    }

    /// A number times 2^32.
    pub fn q32(value: I80F48) -> Self {
        Self(value.to_bits() >> 16)
    }
}

impl From<i64> for Integer {
    fn from(value: i64) -> Self {
        Self(value.into())
    }
}

impl From<u64> for Integer {
    fn from(value: u64) -> Self {
        Self(value.into())
    }
}

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Most fit in 64 bits, for which formatting is much faster.
        match i64::try_from(self.0) {
            Ok(value) => serializer.collect_str(&format_args!("{value}n")),
            Err(_) => serializer.collect_str(&format_args!("{}n", self.0)),
        }
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = Integer;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an integer such as \"-123n\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Integer, E> {
                let digits = text.strip_suffix('n').and_then(|text| text.parse().ok());
                digits
                    .map(Integer)
                    .ok_or_else(|| E::custom(format!("`{text}` is not an integer such as `-123n`")))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

/// Unix seconds, or a length of time in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "number"))]
pub struct Seconds(pub i64);

impl From<u64> for Seconds {
    fn from(value: u64) -> Self {
        Self(value.try_into().unwrap_or(i64::MAX))
    }
}

/// What a market trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Never expires.
    Perpetual,
    /// Settles in cash at expiry.
    Future,
    /// European call, settled in cash.
    Call,
    /// European put, settled in cash.
    Put,
}

/// What identifies a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// Index of the underlying.
    pub underlying: u8,
    /// What it trades.
    pub kind: Kind,
    /// When it expires; 0 for a perpetual.
    pub expiry: Seconds,
    /// Quote units per lot; 0 for what has no strike.
    pub strike: Integer,
}

impl Terms {
    /// As the accounts have it.
    ///
    /// # Errors
    /// [`Failure::malformed`] for a strike that is out of range, or terms that the kind does not have.
    pub fn parse(&self) -> Result<MarketTerms, Failure> {
        let terms = MarketTerms {
            expiry: self.expiry.0,
            strike: self.strike.to()?,
            underlying: self.underlying,
            kind: self.kind as u8,
            ..MarketTerms::default()
        };
        if terms.is_perpetual() != (terms.expiry == 0) || terms.is_option() != (terms.strike != 0) {
            return Err(Failure::malformed(
                "a perpetual has neither expiry nor strike, a future an expiry, an option both",
            ));
        }
        Ok(terms)
    }
}

impl TryFrom<MarketTerms> for Terms {
    type Error = StateError;

    fn try_from(terms: MarketTerms) -> Result<Self, StateError> {
        Ok(Self {
            underlying: terms.underlying,
            kind: match terms.kind()? {
                MarketKind::Perpetual => Kind::Perpetual,
                MarketKind::Future => Kind::Future,
                MarketKind::Call => Kind::Call,
                MarketKind::Put => Kind::Put,
            },
            expiry: Seconds(terms.expiry),
            strike: terms.strike.into(),
        })
    }
}

/// What figures are for: it decides how prices that are not fresh count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// The action adds risk.
    AddRisk,
    /// The action only reduces risk: any price that was ever set will do.
    ReduceRisk,
    /// The account may be liquidated.
    Liquidate,
    /// The account has taken a part of another over in a liquidation.
    TakeOver,
}

impl From<Purpose> for HealthPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::AddRisk => Self::AddRisk,
            Purpose::ReduceRisk => Self::ReduceRisk,
            Purpose::Liquidate => Self::Liquidate,
            Purpose::TakeOver => Self::TakeOver,
        }
    }
}

/// Which side of a market an order is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// Buys.
    Bid,
    /// Sells.
    Ask,
}

/// Which of two crossing orders one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Liquidity {
    /// The older one.
    Maker,
    /// The younger one.
    Taker,
}

//! Lengths of time in seconds.

/// An hour.
pub const HOUR_S: u64 = 3_600;
/// A day.
pub const DAY_S: u64 = 24 * HOUR_S;
/// A week.
pub const WEEK_S: u64 = 7 * DAY_S;
/// The year of 365 days in which volatilities and interest are annualised.
pub const YEAR_S: u64 = 365 * DAY_S;

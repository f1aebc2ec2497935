//! When dated instruments expire.

use ballast_risk::time;

/// Time of day at which they do, seconds after midnight UTC: 08:00.
pub const EXPIRY_TIME_OF_DAY_S: i64 = 8 * time::HOUR_S as i64;
/// Length of the window before an expiry over which its settlement price is averaged, seconds.
pub const SETTLEMENT_WINDOW_S: i64 = 1_800;
/// How many seconds of that window fresh prices must cover.
pub const SETTLEMENT_COVERAGE_MIN_S: u64 = 900;
/// How long after an expiry the first covered window is waited for, seconds: a week.
pub const SETTLEMENT_PATIENCE_S: i64 = time::WEEK_S as i64;
/// The longest time to expiry of any market, seconds: two years, to which option values are accurate.
pub const EXPIRY_MAX_S: i64 = 2 * time::YEAR_S as i64;

const DAY_S: i64 = time::DAY_S as i64;
/// A series must be listed so long before its expiry, seconds: before its settlement window begins.
const LISTING_LEAD_S: i64 = time::HOUR_S as i64;
/// Every day within a week, every Friday within five weeks, the last Friday of every month within thirteen.
const DAILY_DAYS: i64 = 7;
const WEEKLY_DAYS: i64 = 35;
const MONTHLY_DAYS: i64 = 400;

/// The first expiry at or after a time, unix seconds.
pub fn next_expiry(time: i64) -> i64 {
    let since = time.saturating_sub(EXPIRY_TIME_OF_DAY_S).rem_euclid(DAY_S);
    time.saturating_add((DAY_S - since) % DAY_S)
}

/// Whether an option series of this expiry may be listed at `now` (both unix seconds).
pub fn is_on_expiry_grid(expiry: i64, now: i64) -> bool {
    let ahead_s = expiry.saturating_sub(now);
    if next_expiry(expiry) != expiry || ahead_s < LISTING_LEAD_S {
        return false;
    }
    let day = expiry.div_euclid(DAY_S);
    ahead_s <= DAILY_DAYS * DAY_S
        || (is_friday(day) && ahead_s <= WEEKLY_DAYS * DAY_S)
        || (is_friday(day) && ahead_s <= MONTHLY_DAYS * DAY_S && month_of(day) != month_of(day + 7))
}

/// Whether a day, counted from 1 January 1970 (a Thursday), is a Friday.
fn is_friday(day: i64) -> bool {
    day.rem_euclid(7) == 1
}

/// The month, 0 to 11, of a day counted from 1 January 1970, in the Gregorian calendar. Years begin with March here, so that the day that
/// leap years add is the last; after Hinnant, "chrono-compatible low-level date algorithms".
fn month_of(day: i64) -> i64 {
    let day_of_era = (day + 719_468).rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    (march_month + 2) % 12
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 08:00 UTC of a day counted from 1 January 1970.
    fn eight(day: i64) -> i64 {
        day * DAY_S + EXPIRY_TIME_OF_DAY_S
    }

    /// Friday, 10 October 2025.
    const FRIDAY: i64 = 20_371;

    #[test]
    fn expiries_are_at_eight_in_the_morning() {
        let expiry = eight(FRIDAY);
        assert_eq!(next_expiry(expiry), expiry);
        assert_eq!(next_expiry(expiry - 1), expiry);
        assert_eq!(next_expiry(expiry + 1), expiry + DAY_S);
        let _ = (next_expiry(i64::MAX), next_expiry(i64::MIN));
    }

    #[test]
    fn months_have_their_days() {
        let mut day = 0;
        for year in 1970..2110 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = [
                31,
                28 + i64::from(leap),
                31,
                30,
                31,
                30,
                31,
                31,
                30,
                31,
                30,
                31,
            ];
            for (month, days) in days.into_iter().enumerate() {
                for _ in 0..days {
                    assert_eq!(month_of(day), month as i64, "{year}");
                    day += 1;
                }
            }
        }
    }

    #[test]
    fn the_grid_thins_out() {
        let now = eight(FRIDAY) - 7_200;
        let listed: Vec<i64> = (0..500)
            .filter(|days| is_on_expiry_grid(eight(FRIDAY + days), now))
            .collect();
        // 31 October, 28 November and 26 December 2025 are last Fridays of their months.
        assert_eq!(
            listed[..14],
            [0, 1, 2, 3, 4, 5, 6, 7, 14, 21, 28, 49, 77, 112]
        );
        assert_eq!(listed.last(), Some(&385));
        assert!(!is_on_expiry_grid(eight(FRIDAY), eight(FRIDAY) - 3_599));
        assert!(!is_on_expiry_grid(eight(FRIDAY) + 1, now));
        assert!(!is_on_expiry_grid(i64::MAX, now) && !is_on_expiry_grid(i64::MIN, now));
    }
}

//! Funding: what longs of a perpetual pay to shorts so that its price stays near the mark.
//!
//! ```text
//! premium  = (price - mark)/mark                                   within ±1
//! rate     = Σ premium·seconds / Σ seconds                         per period, within ±maximum
//! index   += rate·mark of a lot·elapsed/period                     quote units paid by one long lot
//! quote   -= lots·(index now - index when last settled)            rounded down
//! ```
//! A positive rate is paid by longs, a negative one by shorts. One index serves both sides, so what one side pays the
//! other receives: over positions whose lots sum to 0, the payments of any stretch of the index sum to at most 0 and to
//! more than minus the number of payments. That dust stays in the market.
//!
//! A position's funding must be settled before its lots change: the lots that it has count for all of the stretch since
//! it was last settled.

use crate::numbers::{Overflow, Q32_ONE, mul_i80f48_floor, value_ceil, value_floor};
use crate::planted::{Bug, planted};
use crate::volatility::price_ratio_q32;
use fixed::types::I80F48;

/// How far a traded or quoted price lies above (positive) or below the mark, relative to the mark, Q32: in [-1, 1],
/// rounded towards 0. Price and mark in the same unit; 0 when the mark is not positive.
pub fn premium_q32(price: I80F48, mark: I80F48) -> i64 {
    if mark <= 0 {
        return 0;
    }
    let distance = price.saturating_sub(mark);
    // At most 2^32.
    let size = price_ratio_q32(distance.saturating_abs(), mark).min(Q32_ONE) as i64;
    if distance < 0 { -size } else { size }
}

/// The sum of premium times seconds after `elapsed_s` more seconds at a premium, Q32, saturating.
///
/// Within its range for 2^31 seconds, 68 years, at a premium of ±1.
pub fn next_premium_sum(sum_q32: i64, premium_q32: i64, elapsed_s: u64) -> i64 {
    let elapsed_s = i64::try_from(elapsed_s).unwrap_or(i64::MAX);
    sum_q32.saturating_add(premium_q32.saturating_mul(elapsed_s))
}

/// The funding rate per period, Q32: the average premium over `seconds`, rounded towards 0, within `±maximum_q32`.
/// 0 for 0 seconds.
pub fn funding_rate_q32(premium_sum_q32: i64, seconds: u64, maximum_q32: u64) -> i64 {
    let average = premium_sum_q32
        .unsigned_abs()
        .checked_div(seconds)
        .unwrap_or(0);
    let size = i64::try_from(average.min(maximum_q32)).unwrap_or(i64::MAX);
    if premium_sum_q32 < 0 { -size } else { size }
}

/// Change of the funding index over `elapsed_s` seconds: `rate × mark of a lot × elapsed/period`, quote units paid by one
/// long lot, negative when it receives. Rounded towards 0, so that neither side is favoured.
///
/// # Errors
/// [`Overflow`] for a negative mark, a period of 0 or a change out of range.
pub fn index_change(
    rate_q32: i64,
    mark_of_lot: I80F48,
    elapsed_s: u64,
    period_s: u64,
) -> Result<I80F48, Overflow> {
    // Below 2^127; in Q48 it is checked to stay within 128 bits.
    let rate = u128::from(rate_q32.unsigned_abs()) * u128::from(elapsed_s);
    if rate >> 112 != 0 {
        return Err(Overflow);
    }
    let part_q48 = (rate << 16)
        .checked_div(period_s.into())
        .ok_or(Overflow)?
        .try_into()
        .map_err(|_| Overflow)?;
    let size = mul_i80f48_floor(mark_of_lot, I80F48::from_bits(part_q48))?;
    Ok(if rate_q32 < 0 { -size } else { size })
}

/// What a position's `quote` changes by when the index moved from `index_then` to `index_now`: `-lots × difference`,
/// rounded towards minus infinity. Quote units.
///
/// # Errors
/// [`Overflow`] when the difference or the payment does not fit.
pub fn payment(base_lots: i64, index_then: I80F48, index_now: I80F48) -> Result<i64, Overflow> {
    let change = index_now.checked_sub(index_then).ok_or(Overflow)?;
    let size = change.checked_abs().ok_or(Overflow)?;
    let lots = base_lots.unsigned_abs();
    let pays = (base_lots < 0) == (change < 0);
    if planted(Bug::FundingSignReversed) {
        let size = value_floor(lots, size)?;
        return Ok(if pays { size } else { -size });
    }
    if planted(Bug::FundingRoundedUp) {
        let (floor, ceil) = (value_floor(lots, size)?, value_ceil(lots, size)?);
        return Ok(if pays { -floor } else { ceil });
    }
    if pays {
        // Pays. A value is never `i64::MIN`, so it can be negated.
        Ok(-value_ceil(lots, size)?)
    } else {
        value_floor(lots, size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    extern crate std;
    use std::vec::Vec;

    const HOUR: u64 = 3_600;
    const PERIOD: u64 = 8 * HOUR;

    fn q32(x: f64) -> i64 {
        (x * Q32_ONE as f64).round() as i64
    }

    /// The documentation's default: 0.75% per period.
    fn maximum() -> u64 {
        q32(0.0075).unsigned_abs()
    }

    #[test]
    fn worked_example_of_the_documentation() {
        // Lots of 0.1 SOL at 250 USDC. 40 minutes at a premium of 0.3%, 20 at none: 0.2% on average.
        let mark = I80F48::from_num(25_000_000);
        let premium = premium_q32(I80F48::from_num(25_075_000), mark);
        assert!((premium - q32(0.003)).abs() <= 1);
        let sum = next_premium_sum(next_premium_sum(0, premium, 2_400), 0, 1_200);
        let rate = funding_rate_q32(sum, HOUR, maximum());
        assert!((rate - q32(0.002)).abs() <= 1);
        // An eighth of a period: 0.025% of 25 USDC is 6,250 quote units per lot.
        let change = index_change(rate, mark, HOUR, PERIOD).unwrap();
        assert!((change.to_num::<f64>() - 6_250.0).abs() < 0.01, "{change}");
        let index = I80F48::from_num(-1_000_000);
        let pays = |lots| payment(lots, index, index + change).unwrap();
        // 40 lots long pay 0.25 USDC, to 30 and 10 short.
        let paid = [pays(40), pays(-30), pays(-10)];
        for (paid, exact) in paid.into_iter().zip([-250_000, 187_500, 62_500]) {
            assert!((paid - exact).abs() <= 1, "{paid}");
        }
        assert!((-2..=0).contains(&paid.iter().sum::<i64>()));
    }

    #[test]
    fn premium_at_its_ends() {
        let premium = |price: f64, mark: f64| {
            premium_q32(I80F48::from_num(price), I80F48::from_num(mark)) as f64 / Q32_ONE as f64
        };
        assert_eq!(premium(100.0, 100.0), 0.0);
        assert_eq!(premium(150.0, 100.0), 0.5);
        assert_eq!(premium(50.0, 100.0), -0.5);
        assert_eq!(premium(1e9, 100.0), 1.0);
        assert_eq!(premium(0.0, 100.0), -1.0);
        assert_eq!(premium(-1e9, 100.0), -1.0);
        assert_eq!(premium(100.0, 0.0), 0.0);
        assert_eq!(premium(100.0, -1.0), 0.0);
        let ends = [I80F48::MIN, I80F48::MAX];
        assert_eq!(
            ends.map(|price| premium_q32(price, I80F48::DELTA)),
            [q32(-1.0), q32(1.0)]
        );
    }

    #[test]
    fn the_rate_is_clamped_on_both_sides() {
        let rate = |premium: f64| funding_rate_q32(q32(premium) * 60, 60, maximum());
        assert_eq!(rate(0.005), q32(0.005));
        assert_eq!(rate(-0.005), q32(-0.005));
        assert_eq!(rate(0.05), q32(0.0075));
        assert_eq!(rate(-0.05), q32(-0.0075));
        assert_eq!(funding_rate_q32(1 << 40, 0, u64::MAX), 0);
        assert_eq!(funding_rate_q32(i64::MIN, 1, u64::MAX), -i64::MAX);
        assert_eq!(funding_rate_q32(i64::MAX, u64::MAX, u64::MAX), 0);
    }

    #[test]
    fn sums_saturate() {
        assert_eq!(next_premium_sum(5, -3, 4), -7);
        assert_eq!(next_premium_sum(i64::MAX - 1, q32(1.0), u64::MAX), i64::MAX);
        assert_eq!(next_premium_sum(0, -1, u64::MAX), -i64::MAX);
        assert_eq!(next_premium_sum(-2, -1, u64::MAX), i64::MIN);
    }

    #[test]
    fn what_leaves_its_range_is_refused() {
        let mark = I80F48::from_num(25_000_000);
        assert_eq!(index_change(1, mark, 1, 0), Err(Overflow));
        assert_eq!(index_change(1, -mark, 1, PERIOD), Err(Overflow));
        assert_eq!(index_change(i64::MIN, mark, u64::MAX, 1), Err(Overflow));
        assert_eq!(index_change(q32(1.0), I80F48::MAX, 2, 1), Err(Overflow));
        assert_eq!(payment(1, I80F48::MIN, I80F48::MAX), Err(Overflow));
        assert_eq!(payment(1, I80F48::ZERO, I80F48::MIN), Err(Overflow));
        assert_eq!(
            payment(i64::MIN, I80F48::ZERO, I80F48::from_num(2)),
            Err(Overflow)
        );
        assert_eq!(payment(i64::MAX, I80F48::ZERO, I80F48::ONE), Ok(-i64::MAX));
        assert_eq!(payment(0, I80F48::ZERO, I80F48::MAX), Ok(0));
    }

    #[test]
    fn a_position_that_changes_unsettled_pays_for_the_wrong_lots() {
        // Why it must be settled first: 10 lots until the index is at 5, 20 until it is at 7.
        let index = [0, 5, 7].map(I80F48::from_num::<i32>);
        let settled =
            payment(10, index[0], index[1]).unwrap() + payment(20, index[1], index[2]).unwrap();
        assert_eq!(settled, -90);
        assert_eq!(payment(20, index[0], index[2]), Ok(-140));
    }

    fn price() -> impl Strategy<Value = I80F48> {
        (1i128..=i128::MAX, 0u32..120)
            .prop_map(|(bits, shift)| I80F48::from_bits((bits >> shift).max(1)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn nothing_panics(
            a: i128, b: i128, c: i128, d: i64, e: i64, lots: i64, elapsed: u64, period: u64, maximum: u64,
            shift in 0u32..127, short in 0u32..64,
        ) {
            let [a, b, c] = [a, b, c].map(|bits| I80F48::from_bits(bits >> shift));
            let premium = premium_q32(a, b);
            prop_assert!(premium.unsigned_abs() <= Q32_ONE);
            let sum = next_premium_sum(d, e, elapsed);
            let _ = next_premium_sum(sum, premium, elapsed >> short);
            let rate = funding_rate_q32(sum, elapsed >> short, maximum);
            prop_assert!(rate.unsigned_abs() <= maximum);
            for rate in [rate, d, e] {
                let _ = index_change(rate, c, elapsed, period);
                let _ = index_change(rate, c, elapsed >> short, period >> short);
            }
            let _ = payment(lots, a, b);
            let _ = payment(lots >> short, b, c);
        }

        #[test]
        fn the_premium_matches_double_precision(price in price(), mark in price()) {
            let (p, m) = (price.to_num::<f64>(), mark.to_num::<f64>());
            let exact = ((p - m) / m).clamp(-1.0, 1.0);
            let ours = premium_q32(price, mark) as f64 / Q32_ONE as f64;
            prop_assert!((ours - exact).abs() < 2f64.powi(-31), "{ours} {exact}");
        }

        #[test]
        fn the_premium_rises_with_the_price_alike_on_both_sides(a in price(), b in price(), mark in price()) {
            prop_assert!(premium_q32(a.min(b), mark) <= premium_q32(a.max(b), mark));
            if let Some(mirrored) = mark.checked_sub(a).and_then(|gap| mark.checked_add(gap)) {
                prop_assert_eq!(premium_q32(mirrored, mark), -premium_q32(a, mark));
            }
        }

        #[test]
        fn the_average_of_samples_is_their_time_weighted_mean(
            samples in proptest::collection::vec((-(1i64 << 32)..=1 << 32, 0u64..100_000), 1..50),
        ) {
            let sum = samples.iter().fold(0, |sum, &(premium, time)| next_premium_sum(sum, premium, time));
            let seconds: u64 = samples.iter().map(|&(_, time)| time).sum();
            let rate = funding_rate_q32(sum, seconds, u64::MAX);
            let exact: i128 = samples.iter().map(|&(premium, time)| i128::from(premium) * i128::from(time)).sum();
            let mean = exact.checked_div(seconds.into()).unwrap_or(0);
            prop_assert_eq!(i128::from(rate), mean);
            let (low, high) = (samples.iter().map(|s| s.0).min().unwrap(), samples.iter().map(|s| s.0).max().unwrap());
            prop_assert!(seconds == 0 || (low..=high).contains(&rate));
        }

        #[test]
        fn the_index_matches_double_precision_and_has_no_side(
            rate in -(1i64 << 33)..1 << 33, mark in 0i128..1 << 90, elapsed in 0u64..1 << 22, period in 1u64..1 << 20,
        ) {
            let mark = I80F48::from_bits(mark);
            let change = index_change(rate, mark, elapsed, period).unwrap();
            prop_assert_eq!(index_change(-rate, mark, elapsed, period), Ok(-change));
            let m = mark.to_num::<f64>();
            let exact = rate as f64 / Q32_ONE as f64 * m * elapsed as f64 / period as f64;
            let error = (change.to_num::<f64>() - exact).abs();
            prop_assert!(error <= 2f64.powi(-48) * (m + 1.0) + exact.abs() * 1e-15, "{change} {exact}");
        }

        #[test]
        fn the_index_never_moves_by_more_in_less_time(
            rate: i64, mark in price(), a: u64, b: u64, shift in 0u32..64, period in 1u64..1 << 20,
        ) {
            let size = |elapsed| index_change(rate, mark, elapsed >> shift, period).map(I80F48::abs);
            if let (Ok(less), Ok(more)) = (size(a.min(b)), size(a.max(b))) {
                prop_assert!(less <= more);
            }
        }

        #[test]
        fn payments_of_opposite_lots_sum_to_dust(
            lots in proptest::collection::vec(-(1i64 << 40)..1 << 40, 1..40), then: i128, now: i128, shift in 46u32..120,
        ) {
            let mut lots = lots;
            lots.push(-lots.iter().sum::<i64>());
            let (then, now) = (I80F48::from_bits(then >> shift), I80F48::from_bits(now >> shift));
            let paid: Option<Vec<i64>> = lots.iter().map(|&lots| payment(lots, then, now).ok()).collect();
            if let Some(paid) = paid {
                let sum: i128 = paid.iter().map(|&paid| i128::from(paid)).sum();
                prop_assert!(sum <= 0 && sum > -(lots.len() as i128), "{sum}");
            }
        }

        #[test]
        fn a_payment_is_the_exact_product_rounded_down(
            lots: i64, then in -(1i128 << 74)..1 << 74, now in -(1i128 << 74)..1 << 74, shift in 20u32..64,
        ) {
            let lots = lots >> shift;
            let exact = -(i128::from(lots) * (now - then));
            let ours = payment(lots, I80F48::from_bits(then), I80F48::from_bits(now));
            prop_assert_eq!(ours.ok(), i64::try_from(exact >> 48).ok());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_history_of_trades_and_funding_is_zero_sum(
            steps in proptest::collection::vec(
                (-(1i64 << 24)..1 << 24, 0u64..100_000, 0usize..5, 0usize..5, -10_000i64..10_000), 1..100,
            ),
        ) {
            // Positions trade lots with each other at any time, each settled just before it changes.
            let mark = I80F48::from_num(25_000_000);
            let (mut lots, mut quote) = ([0i64; 5], [0i64; 5]);
            let mut settled = [I80F48::ZERO; 5];
            let (mut index, mut payments) = (I80F48::ZERO, 0);
            let mut settle = |who: usize, lots: &[i64; 5], index: I80F48| {
                quote[who] += payment(lots[who], settled[who], index).unwrap();
                settled[who] = index;
                payments += 1;
            };
            for &(rate, elapsed, buyer, seller, size) in &steps {
                index += index_change(rate, mark, elapsed, PERIOD).unwrap();
                settle(buyer, &lots, index);
                settle(seller, &lots, index);
                lots[buyer] += size;
                lots[seller] -= size;
            }
            (0..5).for_each(|who| settle(who, &lots, index));
            let sum: i64 = quote.iter().sum();
            prop_assert!(sum <= 0 && sum > -payments, "{sum} {payments}");
        }
    }
}

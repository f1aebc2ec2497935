//! Spot SOL with calls sold on it, a new series every week.

use crate::month::{FRIDAYS, Month};
use crate::netting::margins;
use ballast_client::state::MarketKind;
use ballast_tests::SOL;

#[test]
fn calls_sold_on_spot_need_no_more_margin_than_the_spot() {
    let mut month = Month::new(SOL, 12);
    month.fund(SOL, 1_000.0);
    let mut expiries = FRIDAYS[1..].iter();
    let mut call = None;
    let mut assigned = 0;
    for day in Month::days() {
        // On Fridays the last series settles and the next one is sold.
        let expired = call.filter(|(expiry, _)| *expiry < month.stage.world.now() + 86_400);
        if let Some((expiry, strike)) = expired {
            assigned += u32::from(month.expire(expiry) > strike);
            call = None;
        }
        let next = if call.is_none() {
            expiries.next()
        } else {
            None
        };
        if let Some(expiry) = next {
            let strike = (month.stage.prices[SOL] * 1.05 / 5.0).round() * 5.0;
            let terms = month.terms(MarketKind::Call, *expiry, strike);
            let terms = month.list(terms);
            month.trade(&terms, -1_000.0);
            call = Some((*expiry, strike));
            let margins = margins(&month.stage, &month.trader());
            margins.print(&format!("covered call, week {}", 5 - expiries.len() - 1));
            let [spot, short] = [margins.pieces[0][1], margins.pieces[1][1]];
            // What the short call loses the spot gains: the margin is that of the spot, but for the minimum of short options.
            let minimum = month.stage.prices[SOL] * 1_000.0 * 0.01 * 1e6;
            assert!((margins.netted[1] as f64) < spot as f64 + minimum);
            assert!(short > spot / 4 && margins.ratio() < 0.6);
        }
        month.begin_day(day);
        if call.is_some() {
            let margins = margins(&month.stage, &month.trader());
            assert!(margins.netted[1] < margins.apart[1]);
        }
    }
    assert!(call.is_none() && expiries.next().is_none());
    let books = month.books();
    assert!(books.traded > 0 && (1..4).contains(&assigned) && books.payoffs < 0);
    month.finish();
}

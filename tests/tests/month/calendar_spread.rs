//! A near call on BTC sold against a far one.

use crate::month::{FRIDAYS, Month};
use crate::netting::margins;
use ballast_client::state::MarketKind;
use ballast_tests::BTC;

#[test]
fn a_far_call_carries_a_near_one() {
    let mut month = Month::new(BTC, 21);
    month.fund(0, 40_000.0);
    let [near, far] = [FRIDAYS[2], FRIDAYS[4]].map(|expiry| {
        let terms = month.terms(MarketKind::Call, expiry, 100_000.0);
        month.list(terms)
    });
    let paid = month.trade(&far, 2.0);
    let received = month.trade(&near, -2.0);
    assert!(paid > received);
    let at_start = margins(&month.stage, &month.trader());
    at_start.print("calendar spread");
    assert!(at_start.ratio() < 0.15);
    // The near call alone would need a multiple of it.
    assert!(at_start.pieces[1][1] > 2 * at_start.netted[1]);

    for day in Month::days() {
        if day == 15 {
            month.expire(near.expiry);
        }
        if day == 29 {
            month.expire(far.expiry);
        }
        month.begin_day(day);
        if day < 15 {
            let margins = margins(&month.stage, &month.trader());
            assert!(margins.netted[1] < margins.apart[1]);
        } else if day < 29 {
            // The far call is alone now.
            let margins = margins(&month.stage, &month.trader());
            assert_eq!(margins.netted, margins.apart);
        }
    }
    // Both calls were worth something, the far one more.
    assert!(month.books().traded < 0 && month.books().payoffs > 0);
    month.finish();
}

//! A short put on ETH with a put below it as protection.

use crate::month::{FRIDAYS, Month};
use crate::netting::margins;
use ballast_client::state::MarketKind;
use ballast_tests::ETH;

const ETHER: f64 = 50.0;

#[test]
fn a_spread_needs_no_more_than_it_can_lose() {
    let mut month = Month::new(ETH, 6);
    month.fund(0, 25_000.0);
    let expiry = FRIDAYS[3];
    let [short, long] = [3_900.0, 3_600.0].map(|strike| {
        let terms = month.terms(MarketKind::Put, expiry, strike);
        month.list(terms)
    });
    // The protection first: without it the deposit would hardly do.
    let paid = month.trade(&long, ETHER);
    let received = month.trade(&short, -ETHER);
    assert!(received > paid);
    let at_start = margins(&month.stage, &month.trader());
    at_start.print("put spread");
    assert!(at_start.ratio() < 0.3);

    let most = (300.0 * ETHER * 1e6) as i64;
    // What is short has a minimum, and size costs something on top of the scenarios.
    let minimum = (4_000.0 * ETHER * 0.01 * 1e6) as i64;
    for day in Month::days() {
        if day == 22 {
            month.expire(expiry);
        }
        month.begin_day(day);
        if day < 22 {
            let margins = margins(&month.stage, &month.trader());
            assert!(margins.netted[1] < margins.apart[1]);
            assert!(margins.netted[1] < most + 2 * minimum);
        }
    }
    let books = month.books();
    assert!(books.traded > 0);
    // It settled between the strikes.
    assert!((1 - most..0).contains(&books.payoffs));
    month.finish();
}

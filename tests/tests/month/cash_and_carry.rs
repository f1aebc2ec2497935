//! Spot SOL against a short future: the basis is earned whatever the price does.

use crate::month::{FRIDAYS, Month};
use crate::netting::margins;
use ballast_client::state::MarketKind;
use ballast_tests::SOL;

#[test]
fn a_future_against_spot_earns_the_basis_with_hardly_any_margin() {
    let mut month = Month::new(SOL, 4);
    // Hardly any cash: when the price rises, the future's daily losses are borrowed against the spot.
    month.fund(SOL, 2_000.0);
    month.fund(0, 500.0);
    let terms = month.terms(MarketKind::Future, FRIDAYS[4], 0.0);
    let future = month.list(terms);
    let spot = month.stage.prices[SOL];
    let sold = month.trade(&future, -2_000.0) as f64 / 1e4;
    assert!(sold > spot);
    let at_start = margins(&month.stage, &month.trader());
    at_start.print("cash and carry");
    assert!(at_start.ratio() < 0.02);

    let mut settled = 0.0;
    for day in Month::days() {
        if day == 29 {
            settled = month.expire(future.expiry);
        }
        month.begin_day(day);
        if day < 29 {
            assert!(margins(&month.stage, &month.trader()).ratio() < 0.02);
        }
    }
    let fees = month.books().fees as f64 / 1e6;
    let profit = month.finish();
    // With the spot at what the future settled at, the profit is the basis less fees.
    let with_spot = profit + 2_000.0 * (settled - spot);
    let basis = 2_000.0 * (sold - spot);
    println!("    basis {basis:.2}, earned with the spot {with_spot:.2}");
    assert!((with_spot - (basis - fees)).abs() < 5e-7);
}

//! A short straddle on SOL whose delta is hedged with the perpetual every day.

use crate::month::{FRIDAYS, Month, TRADER};
use crate::netting::margins;
use ballast_client::state::MarketKind;
use ballast_client::state::health::Purpose;
use ballast_sim::Venue;
use ballast_tests::SOL;

const SIZE: f64 = 500.0;

/// Lots of the perpetual that take the options' delta away.
fn lots_to_hedge(month: &Month) -> i64 {
    let account = month.stage.account(&month.trader());
    let report = month
        .stage
        .venue
        .assess(&month.stage.world, &account, Purpose::AddRisk)
        .unwrap();
    let underlying = &report.underlyings()[0];
    let net = underlying.delta + underlying.option_delta;
    -(net as f64 / underlying.mark.get().to_num::<f64>()).round() as i64
}

fn hedge(month: &mut Month) -> bool {
    let lots = lots_to_hedge(month);
    if lots == 0 {
        return false;
    }
    let perpetual = Venue::perpetual(SOL);
    let price = month.price(&perpetual, if lots > 0 { 1.0005 } else { 0.9995 });
    month.take(TRADER, crate::month::MAKER, &perpetual, lots, price);
    true
}

#[test]
fn a_hedged_straddle_needs_less_than_its_legs() {
    let mut month = Month::new(SOL, 7);
    month.busy = true;
    month.fund(0, 60_000.0);
    let expiry = FRIDAYS[4];
    let [call, put] = [MarketKind::Call, MarketKind::Put].map(|kind| {
        let terms = month.terms(kind, expiry, 200.0);
        month.list(terms)
    });
    month.trade(&call, -SIZE);
    month.trade(&put, -SIZE);
    let legs = margins(&month.stage, &month.trader());
    legs.print("short straddle");
    hedge(&mut month);
    let hedged = margins(&month.stage, &month.trader());
    hedged.print("short straddle, delta hedged");
    assert!(legs.ratio() < 0.6 && hedged.ratio() < 0.5);

    let (mut hedges, mut ratios) = (1, Vec::new());
    for day in Month::days() {
        if day == 29 {
            month.expire(expiry);
        }
        month.begin_day(day);
        if day < 29 {
            hedges += u32::from(hedge(&mut month));
            assert!(lots_to_hedge(&month).abs() <= 1);
            let margins = margins(&month.stage, &month.trader());
            if day % 7 == 0 {
                margins.print(&format!("short straddle, hedged, day {day}"));
            }
            ratios.push(margins.ratio());
        } else if day == 29 {
            // Nothing is left to hedge.
            hedge(&mut month);
        }
    }
    let average = ratios.iter().sum::<f64>() / ratios.len() as f64;
    println!(
        "    {hedges} hedges, {:.1}% of the margin of the legs on average",
        100.0 * average
    );
    assert!(hedges > 20 && average < 0.6);
    let now = month.stage.world.now();
    let funding = month.books().funding(&month.history, now);
    assert!(funding.abs() > 1e6, "{funding}");
    month.finish();
}

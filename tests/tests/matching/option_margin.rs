//! Who can afford to sell an option: a covered call needs less than a naked one.

use super::events::{filled, sent, skipped, steps};
use super::scene::{
    MARK, ask, bid, dated, fill_in, hand_over, immediate, list, perpetual, place_in, position,
    report, rest_in, take_in,
};
use ballast::error::BallastError;
use ballast_client::state::health::Purpose;
use ballast_client::state::{Market, MarketKind, MarketTerms};
use ballast_tests::Stage;
use solana_keypair::Keypair;

/// 100 SOL.
const WHOLE: u64 = 10_000;
/// What the call struck at 150 is worth, near enough.
const PREMIUM: u64 = 500_000;

/// A stage with a call on SOL, which stands at 200, struck at 150; a rich trader; and two with 2,600 of cash, the second of whom is long
/// 100 SOL.
fn sellers(stage: &mut Stage) -> (MarketTerms, Keypair, Keypair, Keypair) {
    let call = dated(MarketKind::Call, 6, 150);
    list(stage, &[call]);
    let rich = stage.trader(1, 1_000_000.0);
    let [naked, covered] = [2, 3].map(|number| stage.trader(number, 2_600.0));
    hand_over(stage, &perpetual(), &rich, &covered, MARK, WHOLE);
    (call, rich, naked, covered)
}

#[test]
fn a_covered_call_needs_less_than_a_naked_one() {
    let mut stage = Stage::steady();
    let (call, rich, naked, covered) = sellers(&mut stage);
    let buying = rest_in(&mut stage, &call, &rich, bid(PREMIUM, 4 * WHOLE));
    // Naked, 100 SOL move as the underlying does: 20,000 × 10.1% × 1.25 and the minimum for short options are more than there is.
    let order = ask(PREMIUM, WHOLE);
    let place = place_in(&stage, &call, &naked, order);
    stage.refused(&[place], &[&naked], BallastError::BelowInitialMargin);
    let sweep = take_in(&stage, &call, &naked, immediate(order), &[buying]);
    stage.refused(&[sweep], &[&naked], BallastError::TakerBelowInitialMargin);
    // Covered, what one leg loses the other wins.
    let alone = report(&stage, &covered, Purpose::AddRisk);
    let place = place_in(&stage, &call, &covered, order);
    stage.simulate(&[place], &[&covered]).unwrap();
    let sweep = take_in(&stage, &call, &covered, immediate(order), &[buying]);
    let events = sent(&mut stage, &[sweep], &[&covered]);
    assert_eq!(steps(&events), [filled(&stage, buying, PREMIUM, WHOLE)]);
    let both = report(&stage, &covered, Purpose::AddRisk);
    assert!(both.initial_margin < alone.initial_margin / 2);
    assert!(both.health_initial() > 1_000_000_000);
    // The perpetual keeps the call from being naked: it cannot be sold any more.
    let order = immediate(ask(MARK, WHOLE));
    let maker = rest_in(&mut stage, &perpetual(), &rich, bid(MARK, WHOLE));
    let sweep = take_in(&stage, &perpetual(), &covered, order, &[maker]);
    // It makes the position in the perpetual smaller and the risk larger.
    stage.refused(&[sweep], &[&covered], BallastError::TakerBelowInitialMargin);

    // With more cash the naked one may: his margin is that of the underlying.
    stage.fund(&naked, 0, 1_000.0);
    let sweep = take_in(
        &stage,
        &call,
        &naked,
        immediate(ask(PREMIUM, WHOLE)),
        &[buying],
    );
    sent(&mut stage, &[sweep], &[&naked]);
    let bare = report(&stage, &naked, Purpose::AddRisk);
    assert!(bare.initial_margin > 2_525_000_000 && bare.initial_margin < 3_600_000_000);
    assert!(both.initial_margin < bare.initial_margin / 3);
}

#[test]
fn a_buyer_needs_the_loss_of_the_scenarios_and_a_discount_on_what_he_buys() {
    // 600 lots are 6 SOL: about 6 × 20.2 × 1.25 and a tenth of the 300 that they are worth, 182 together.
    let mut stage = Stage::steady();
    let (call, rich, ..) = sellers(&mut stage);
    let (poor, other) = (stage.trader(4, 200.0), stage.trader(5, 1_000.0));
    let [first, second] = [0, 1].map(|_| rest_in(&mut stage, &call, &poor, bid(PREMIUM, 600)));
    let last = rest_in(&mut stage, &call, &other, bid(PREMIUM, 10));
    let order = immediate(ask(PREMIUM, 1_300));
    let sweep = take_in(&stage, &call, &rich, order, &[first, second, last]);
    let events = sent(&mut stage, &[sweep], &[&rich]);
    // What had been booked of the second fill is taken back: the market's open interest and debts are those of the others.
    let expected = [
        filled(&stage, first, PREMIUM, 600),
        skipped(&stage, second, BallastError::MakerBelowInitialMargin),
        filled(&stage, last, PREMIUM, 10),
    ];
    assert_eq!(steps(&events), expected);
    let market = stage.venue.addresses.market(&call);
    let market = stage.world.read::<Market>(&market).unwrap();
    assert_eq!(market.open_interest_lots, 610);
    let report = report(&stage, &poor, Purpose::AddRisk);
    assert!(report.health_initial() >= 0 && report.equity_mark > 190_000_000);
    let discount = report.equity_maintenance - report.equity_initial;
    assert!((discount - 30_000_000).abs() < 1_000_000, "{discount}");
}

#[test]
fn a_seller_who_cannot_afford_his_second_order_is_refused_or_passed_over() {
    let mut stage = Stage::steady();
    let (call, rich, naked, covered) = sellers(&mut stage);
    let buying = rest_in(&mut stage, &call, &rich, bid(PREMIUM, 4 * WHOLE));
    // Either order is affordable, both are not, but for whoever is covered.
    let lots = WHOLE * 6 / 10;
    let place = |stage: &mut Stage, owner| {
        let [first, second] = [0, 1].map(|_| rest_in(stage, &call, owner, ask(PREMIUM, lots)).1);
        [(owner, first), (owner, second)]
    };
    let [first, second] = place(&mut stage, &naked);
    let [third, fourth] = place(&mut stage, &covered);
    for maker in [first, third, fourth] {
        let fill = fill_in(&stage, &call, maker, buying, lots);
        let events = sent(&mut stage, &[fill], &[]);
        assert_eq!(steps(&events), [filled(&stage, maker, PREMIUM, lots)]);
    }
    let fill = fill_in(&stage, &call, second, buying, lots);
    stage.refused(&[fill], &[], BallastError::MakerBelowInitialMargin);
    // As the younger order of the same slot too.
    let fill = fill_in(&stage, &call, buying, second, lots);
    stage.refused(&[fill], &[], BallastError::TakerBelowInitialMargin);
    let other = rest_in(&mut stage, &call, &rich, ask(PREMIUM, 50));
    let buyer = stage.trader(4, 100_000.0);
    let order = immediate(bid(PREMIUM, lots));
    let sweep = take_in(&stage, &call, &buyer, order, &[second, other]);
    let events = sent(&mut stage, &[sweep], &[&buyer]);
    let expected = [
        skipped(&stage, second, BallastError::MakerBelowInitialMargin),
        filled(&stage, other, PREMIUM, 50),
    ];
    assert_eq!(steps(&events), expected);
    // A part is affordable.
    let fill = fill_in(&stage, &call, second, buying, lots / 6);
    sent(&mut stage, &[fill], &[]);
    assert_eq!(
        position(&stage, &naked, &call).base_lots,
        -(lots as i64) * 7 / 6
    );
}

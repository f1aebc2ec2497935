//! Several liquidators at once, liquidators in a hurry, and clocks that ran unseen.

use crate::scene::{Raid, WHOLE, between, close, event};
use ballast::error::BallastError;
use ballast::events::Liquidated;
use ballast_sim::Venue;
use ballast_tests::SOL;
use solana_keypair::Keypair;

/// Lots that a single taker needs to bring [`Raid::flagged_long`] to its buffer.
fn alone() -> i64 {
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let raider = raid.raider.insecure_clone();
    raid.take(&victim, &raider, WHOLE).positions[0].base_lots
}

#[test]
fn whoever_comes_second_gets_what_is_left_or_nothing() {
    let enough = alone();
    for part in [WHOLE, WHOLE / 4, WHOLE / 10, WHOLE / 1_000] {
        let mut raid = Raid::new();
        let victim = raid.flagged_long(10);
        let (first, second) = (
            raid.raider.insecure_clone(),
            raid.stage.trader(11, 100_000.0),
        );
        let before = [raid.worth(&first), raid.worth(&second)];
        let taken = raid.take(&victim, &first, part);
        let mut lots = taken.positions[0].base_lots;
        let mut fractions = taken.fraction_q32;
        let take = raid.take_instruction(&victim, &second, WHOLE, i64::MAX);
        if part == WHOLE {
            raid.refused(&[take], &[&second], BallastError::LiquidationNotStarted);
            let both = [
                raid.flag_instruction(&victim),
                raid.take_instruction(&victim, &second, WHOLE, i64::MAX),
            ];
            raid.refused(&both, &[&second], BallastError::NotLiquidatable);
        } else {
            let taken: Liquidated = event(&raid.act(&[take], &[&second]));
            lots += taken.positions[0].base_lots;
            fractions += taken.fraction_q32;
        }
        // Together as many lots as one alone, but for rounding to a lot.
        assert!((enough..=enough + 1).contains(&lots), "{lots} of {enough}");
        assert!(!raid.is_flagged(&victim));
        let gains = [&first, &second].map(|key| raid.worth(key));
        let gain: i64 = gains.iter().sum::<i64>() - before.iter().sum::<i64>();
        // Three quarters of 1% of 1,490 on the fractions, 26.6% for one alone; the second's is of what the first left, 8% more at most.
        let parts = fractions as f64 / WHOLE as f64;
        assert!(parts * 10_000.0 <= enough as f64 * 1.08, "{parts}");
        close(gain, 1_490.0 * 0.01 * 0.75 * parts, 5_000.0);
    }
}

#[test]
fn two_takers_in_one_transaction_take_no_more_than_one() {
    let enough = alone();
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let (first, second) = (
        raid.raider.insecure_clone(),
        raid.stage.trader(11, 100_000.0),
    );
    let takes = |raid: &Raid, part| {
        [
            raid.take_instruction(&victim, &first, part, i64::MAX),
            raid.take_instruction(&victim, &second, part, i64::MAX),
        ]
    };
    let both = takes(&raid, WHOLE);
    raid.refused(
        &both,
        &[&first, &second],
        BallastError::LiquidationNotStarted,
    );
    let both = takes(&raid, WHOLE / 5);
    raid.act(&both, &[&first, &second]);
    let lots = raid.stage.state(&victim).positions[0].base_lots;
    assert!((enough..=enough + 1).contains(&(10_000 - lots)), "{lots}");
    // The same one twice, and one who is behind by a refresh.
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let take = raid.raid(&victim);
    let all = [take.clone(), take.clone()];
    raid.refused(&all, &[&first], BallastError::LiquidationNotStarted);
    let refresh = raid.publish_at(SOL, 185.5, 0);
    let all = [vec![take], refresh.to_vec(), vec![raid.raid(&victim)]].concat();
    raid.refused(&all, &[&first], BallastError::LiquidationNotStarted);
}

/// A liquidator with hardly any money takes what his margin carries and can take out what he has above it, not what he took over.
#[test]
fn what_was_taken_is_margin_and_cannot_be_carried_off() {
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let thin = raid.stage.trader(11, 700.0);
    let take = raid.take_instruction(&victim, &thin, WHOLE, i64::MAX);
    raid.stage.mint(&thin, 0, 0);
    // Initial margin of 26.6 SOL at 180 is 599; he has 700 and pays 393 for as much equity.
    let worth = raid.worth(&thin);
    raid.act(std::slice::from_ref(&take), &[&thin]);
    let free = {
        let (venue, world) = (&raid.stage.venue, &raid.stage.world);
        let account = raid.stage.account(&thin);
        let purpose = ballast_client::state::health::Purpose::AddRisk;
        venue
            .assess(world, &account, purpose)
            .unwrap()
            .health_initial()
    };
    between(free, 50_000_000, 105_000_000);
    let more = raid.stage.withdraw(&thin, 0, free as u64 + 10, true);
    raid.refused(&[more], &[&thin], BallastError::BelowInitialMargin);
    let just = raid.stage.withdraw(&thin, 0, free as u64 - 10, true);
    raid.act(&[just], &[&thin]);
    let discount = 1_490.0 * 0.266_2 * 0.01 * 0.75;
    close(raid.worth(&thin) - worth, discount, 20_000.0);
    // Nor in the transaction that took it.
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let thin = raid.stage.trader(11, 700.0);
    let take = raid.take_instruction(&victim, &thin, WHOLE, i64::MAX);
    let everything = raid.withdraw(&thin, 700.0);
    raid.refused(
        &[take, everything],
        &[&thin],
        BallastError::BelowInitialMargin,
    );
    // And he who withdrew first cannot take.
    let first = raid.withdraw(&thin, 700.0);
    let take = raid.take_instruction(&victim, &thin, WHOLE, i64::MAX);
    raid.refused(&[first, take], &[&thin], BallastError::BelowInitialMargin);
}

fn elapsed(raid: &Raid, key: &Keypair) -> u64 {
    raid.stage.state(key).auction_elapsed_s
}

/// An account that dips below its margin again and again and recovers unseen in between: each dip that is seen brings the clock at most the
/// bounded gap of 120 seconds, however long it was healthy; anyone who looks while it is healthy sets it back.
#[test]
fn dips_that_are_seen_count_two_minutes_each_and_a_recovery_that_is_seen_ends_it() {
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    for dip in 1..=3 {
        raid.stage.world.advance(43_200);
        raid.price(SOL, 199.0);
        raid.stage.world.advance(43_200);
        raid.price(SOL, 180.0);
        raid.flag(&victim);
        assert_eq!(elapsed(&raid, &victim), 120 * dip);
    }
    // The discount after three dips is 1% and 14%·360/900 where a new auction would ask 1%.
    let raider = raid.raider.insecure_clone();
    let cheap = raid.take_instruction(&victim, &raider, WHOLE, 1_490_000_000 * 90 / 100);
    raid.refused(&[cheap], &[&raider], BallastError::WorsePriceThanAccepted);
    let fair = raid.take_instruction(&victim, &raider, WHOLE, 1_490_000_000 * 94 / 100);
    raid.stage.simulate(&[fair], &[&raider]).unwrap();
    // Above its margin and below its buffer, whoever looks sets the clock to 0; above the buffer the flag is gone.
    raid.price(SOL, 185.0);
    raid.flag(&victim);
    assert_eq!(
        (elapsed(&raid, &victim), raid.is_flagged(&victim)),
        (0, true)
    );
    raid.price(SOL, 180.0);
    raid.flag(&victim);
    let seen = elapsed(&raid, &victim);
    raid.wait(60);
    raid.flag(&victim);
    assert_eq!(elapsed(&raid, &victim), seen + 60);
    raid.price(SOL, 199.0);
    raid.flag(&victim);
    assert!(!raid.is_flagged(&victim));
    raid.price(SOL, 180.0);
    raid.flag(&victim);
    assert_eq!(elapsed(&raid, &victim), 0);
}

/// A raider who keeps a flagged account to himself by taking slivers cannot make its clock run faster than time.
#[test]
fn slivers_and_repeated_flags_do_not_wind_the_clock() {
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let raider = raid.raider.insecure_clone();
    for _ in 0..40 {
        raid.take(&victim, &raider, 1);
        raid.flag(&victim);
    }
    assert_eq!(elapsed(&raid, &victim), 0);
    for _ in 0..10 {
        raid.wait(12);
        raid.take(&victim, &raider, 1);
        raid.flag(&victim);
    }
    assert_eq!(elapsed(&raid, &victim), 120);
    let lots = raid.stage.state(&victim).lots(&Venue::perpetual(SOL));
    assert_eq!(lots, 10_000 - 50);
}

/// What the raider takes over he may not leave behind: he cannot be both flagged and a taker, nor liquidated by himself.
#[test]
fn a_taker_who_falls_is_liquidated_like_anyone() {
    let mut raid = Raid::new();
    raid.stage.insure(10_000.0);
    let victim = raid.flagged_long(10);
    let thin = raid.stage.trader(11, 610.0);
    raid.take(&victim, &thin, WHOLE);
    raid.price(SOL, 170.0);
    raid.flag(&thin);
    let take = raid.take_instruction(&victim, &thin, WHOLE, i64::MAX);
    raid.flag(&victim);
    raid.refused(&[take], &[&thin], BallastError::InLiquidation);
    let own = raid.take_instruction(&thin, &thin, WHOLE, i64::MAX);
    raid.refused(&[own], &[&thin], BallastError::SameAccount);
    let raider = raid.raider.insecure_clone();
    let (before, fund) = (raid.worth(&thin), raid.fund());
    raid.take(&thin, &raider, WHOLE);
    assert!(!raid.is_flagged(&thin) && raid.fund() > fund);
    between(raid.worth(&thin) - before, -5_000_000, 0);
}

//! Option series that anyone lists: on the grid of expiries and strikes, with the underlying's parameters, for a rent of one's own.

use crate::scene::{DAY_S, EXPIRY, dated, event, market, patch_underlying, pause, refused, units};
use anchor_lang::error::ErrorCode;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::MarketAdded;
use ballast_client::instructions;
use ballast_client::state::{Board, Market, MarketKind, MarketStatus, MarketTerms, Pausable};
use ballast_tests::{AlreadyInUse, Code, SOL, START, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

const EIGHT: i64 = 8 * 3_600;

fn call(expiry: i64) -> MarketTerms {
    dated(MarketKind::Call, expiry, 200.0)
}

/// The payer lists a series.
fn list(stage: &Stage, terms: &MarketTerms) -> Instruction {
    instructions::list_series(&stage.venue.addresses, terms, &stage.world.payer.pubkey())
}

#[track_caller]
fn may(stage: &mut Stage, terms: &MarketTerms) {
    let list = list(stage, terms);
    if let Err(refusal) = stage.simulate(&[list], &[]) {
        panic!("{terms:?}: {refusal}");
    }
}

#[track_caller]
fn may_not(stage: &mut Stage, terms: &MarketTerms, error: BallastError) {
    let list = list(stage, terms);
    refused(stage, list, error);
}

/// 08:00 UTC of a date, counted day by day.
fn eight(year: i64, month: usize, day: i64) -> i64 {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut days: i64 = (1970..year)
        .map(|year| 365 + i64::from(is_leap(year)))
        .sum();
    let february = 28 + i64::from(is_leap(year));
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    days += months[..month - 1].iter().sum::<i64>();
    (days + day - 1) * DAY_S + EIGHT
}

/// Moves to a time and publishes prices there.
fn go_to(stage: &mut Stage, time: i64) {
    stage.world.set_time(time);
    stage.set_price(SOL, stage.prices[SOL]);
}

#[test]
fn anyone_lists_a_series_and_pays_its_rent() {
    let mut stage = Stage::new();
    let creator = Stage::key(9);
    let funds = 1_000_000_000;
    stage.world.svm.airdrop(&creator.pubkey(), funds).unwrap();
    patch_underlying(&mut stage, 0, |listed| {
        listed.option_tick_size = 37;
        listed.option_open_interest_cap_lots = 12_345;
    });
    for (kind, strike) in [(MarketKind::Call, 205.0), (MarketKind::Put, 195.0)] {
        let terms = dated(kind, EXPIRY, strike);
        let address = stage.venue.addresses.market(&terms);
        let list = instructions::list_series(&stage.venue.addresses, &terms, &creator.pubkey());
        let before = stage.world.svm.get_balance(&creator.pubkey()).unwrap();
        let signature = ErrorCode::AccountNotSigner;
        refused(
            &mut stage,
            unsigned(list.clone(), &creator.pubkey()),
            signature,
        );
        let done = stage.world.send(&[list.clone()], &[&creator]).unwrap();
        stage.check_books();
        let added: MarketAdded = event(&done);
        assert_eq!(added.exchange, stage.venue.addresses.exchange);
        assert_eq!((added.market, added.terms), (address, terms.into()));
        assert_eq!(added.creator, creator.pubkey());
        let rent = stage
            .world
            .svm
            .minimum_balance_for_rent_exemption(Market::ACCOUNT_LEN);
        let after = stage.world.svm.get_balance(&creator.pubkey()).unwrap();
        assert_eq!(before - after, rent);
        assert_eq!(stage.world.svm.get_balance(&address), Some(rent));

        let series = market(&stage, &terms);
        assert_eq!(series.exchange, stage.venue.addresses.exchange);
        assert_eq!((series.creator, series.terms), (creator.pubkey(), terms));
        assert_eq!((series.tick_size, series.order_minimum_lots), (37, 1));
        assert_eq!(series.open_interest_cap_lots, 12_345);
        assert_eq!(series.status, MarketStatus::Active as u8);
        assert_eq!((series.settlement_price, series.open_interest_lots), (0, 0));
        // Once is enough, whoever pays.
        stage.refused(&[list], &[&creator], AlreadyInUse);
        let again = self::list(&stage, &terms);
        refused(&mut stage, again, AlreadyInUse);
    }
}

#[test]
fn expiries_are_daily_for_a_week_weekly_for_five_and_monthly_for_a_year() {
    let mut stage = Stage::new();
    // It is Thursday, 9 October 2025, 08:53:20.
    assert_eq!(START, eight(2025, 10, 9) + 53 * 60 + 20);
    assert_eq!(EXPIRY, eight(2025, 10, 10));
    let listed = [
        (10, 10),
        (10, 11),
        (10, 12),
        (10, 13),
        (10, 14),
        (10, 15),
        (10, 16),
        // Fridays.
        (10, 17),
        (10, 24),
        (10, 31),
        (11, 7),
        // Last Fridays.
        (11, 28),
        (12, 26),
    ];
    for days in 0..90 {
        let expiry = EXPIRY + days * DAY_S;
        let date = |&(month, day): &(usize, i64)| eight(2025, month, day) == expiry;
        if listed.iter().any(date) {
            may(&mut stage, &call(expiry));
        } else {
            may_not(&mut stage, &call(expiry), BallastError::ExpiryNotOnGrid);
        }
    }
    // The last Fridays of 2026, as far as 400 days go.
    let next_year = [
        (1, 30),
        (2, 27),
        (3, 27),
        (4, 24),
        (5, 29),
        (6, 26),
        (7, 31),
        (8, 28),
        (9, 25),
        (10, 30),
    ];
    for (month, day) in next_year {
        let expiry = eight(2026, month, day);
        may(&mut stage, &call(expiry));
        for near in [-7, -1, 1, 7] {
            let off = call(expiry + near * DAY_S);
            may_not(&mut stage, &off, BallastError::ExpiryNotOnGrid);
        }
    }
    let too_far = call(eight(2026, 11, 27));
    may_not(&mut stage, &too_far, BallastError::ExpiryNotOnGrid);
    let not_at_eight = [
        EXPIRY + 1,
        EXPIRY - 1,
        EXPIRY - EIGHT,
        0,
        -EIGHT,
        i64::MAX,
        i64::MIN,
    ];
    for expiry in not_at_eight {
        may_not(&mut stage, &call(expiry), BallastError::ExpiryNotOnGrid);
    }
}

#[test]
fn months_end_where_the_calendar_says() {
    let mut stage = Stage::new();
    // Last Fridays on the 31st, on the 29th of February, a week before the 1st, across a year's end; and the Fridays before or after.
    let cases = [
        ((2027, 11, 1), (2027, 12, 31), (2027, 12, 24)),
        ((2028, 1, 3), (2028, 2, 25), (2028, 2, 18)),
        ((2031, 12, 1), (2032, 2, 27), (2032, 2, 20)),
        ((2035, 12, 1), (2036, 2, 29), (2036, 2, 22)),
        ((2036, 12, 1), (2037, 1, 30), (2037, 2, 6)),
        ((2099, 12, 1), (2100, 2, 26), (2100, 2, 19)),
        ((2100, 6, 1), (2100, 7, 30), (2100, 7, 23)),
    ];
    for (today, last, other) in cases {
        let at = |(year, month, day)| eight(year, month, day);
        go_to(&mut stage, at(today));
        assert_eq!((at(last) / DAY_S - at((2025, 10, 10)) / DAY_S) % 7, 0);
        may(&mut stage, &call(at(last)));
        may_not(&mut stage, &call(at(other)), BallastError::ExpiryNotOnGrid);
    }
}

#[test]
fn the_grid_moves_with_the_time() {
    let mut stage = Stage::new();
    // 400 days, five weeks, a week and the lead of an hour, to the second.
    let monthly = eight(2027, 1, 29);
    let weekly = eight(2026, 3, 13);
    let daily = eight(2026, 3, 11);
    for (expiry, days) in [(monthly, 400), (weekly, 35), (daily, 7)] {
        go_to(&mut stage, expiry - days * DAY_S - 1);
        may_not(&mut stage, &call(expiry), BallastError::ExpiryNotOnGrid);
        go_to(&mut stage, expiry - days * DAY_S);
        may(&mut stage, &call(expiry));
    }
    go_to(&mut stage, daily - 3_600);
    may(&mut stage, &call(daily));
    go_to(&mut stage, daily - 3_599);
    may_not(&mut stage, &call(daily), BallastError::ExpiryNotOnGrid);
    go_to(&mut stage, daily + 1);
    may_not(&mut stage, &call(daily), BallastError::ExpiryNotOnGrid);
}

#[test]
fn strikes_are_multiples_of_the_step_within_the_span() {
    let mut stage = Stage::new();
    // 0.25 units per lamport is exact in binary; the span is a factor of 4, the step 2.50.
    stage.set_price(SOL, 250.0);
    let step = units(2.5);
    patch_underlying(&mut stage, 0, |listed| listed.strike_step = step);
    let at = |strike| MarketTerms {
        strike,
        ..call(EXPIRY)
    };
    for strike in [
        units(62.5),
        units(65.0),
        units(250.0),
        units(252.5),
        units(1_000.0),
    ] {
        may(&mut stage, &at(strike));
    }
    let beyond = [0, step, units(60.0), units(1_002.5), u64::MAX / step * step];
    let off = [
        units(250.0) + 1,
        units(250.0) - 1,
        units(251.25),
        1,
        u64::MAX,
    ];
    for strike in beyond.into_iter().chain(off) {
        may_not(&mut stage, &at(strike), BallastError::StrikeNotOnGrid);
    }
    // The span is around the mark.
    stage.set_price(SOL, 251.0);
    may_not(&mut stage, &at(units(62.5)), BallastError::StrikeNotOnGrid);
    may(&mut stage, &at(units(1_002.5)));
    // Without a step nobody but the admin lists anything.
    patch_underlying(&mut stage, 0, |listed| listed.strike_step = 0);
    for strike in [0, 1, units(250.0)] {
        may_not(&mut stage, &at(strike), BallastError::StrikeNotOnGrid);
    }
}

#[test]
fn only_options_on_a_listed_underlying_are_series() {
    let mut stage = Stage::new();
    let right = call(EXPIRY);
    let of_kind = |kind| MarketTerms { kind, ..right };
    for terms in [
        of_kind(MarketKind::Future as u8),
        of_kind(MarketKind::Perpetual as u8),
        of_kind(4),
        of_kind(255),
        dated(MarketKind::Future, EXPIRY, 0.0),
        MarketTerms::perpetual(9),
    ] {
        may_not(&mut stage, &terms, BallastError::UnsupportedInstrument);
    }
    for underlying in [3, 31, 32, 255] {
        let terms = MarketTerms {
            underlying,
            ..right
        };
        may_not(&mut stage, &terms, BallastError::UnknownIndex);
    }
    // On ETH the grid of strikes is its own: $4,000 for 0.001 is 4,000,000.
    let eth = |strike| MarketTerms {
        underlying: 1,
        strike,
        ..right
    };
    may(&mut stage, &eth(4_050_000));
    may_not(&mut stage, &eth(4_005_000), BallastError::StrikeNotOnGrid);
}

#[test]
fn listing_needs_a_fresh_price_the_right_accounts_and_no_pause() {
    let mut stage = Stage::new();
    let terms = call(EXPIRY);
    let right = list(&stage, &terms);
    let other = stage.other_venue();
    let (here, there) = (stage.venue.addresses, other.addresses);
    let seeds = ErrorCode::ConstraintSeeds;
    let cases = [
        (here.board, there.board, BallastError::WrongBoard.into()),
        (here.exchange, there.exchange, seeds.into()),
        (
            here.market(&terms),
            here.market(&call(EXPIRY + DAY_S)),
            seeds.into(),
        ),
    ];
    for (from, to, code) in cases {
        refused(&mut stage, with(right.clone(), &from, &to), Code(code));
    }
    pause(&mut stage, Some(Pausable::ListSeries));
    refused(&mut stage, right.clone(), BallastError::Paused);
    pause(&mut stage, None);

    stage.world.advance(121);
    refused(&mut stage, right.clone(), BallastError::StalePrice);
    stage.venue.config.confidence = 0.03;
    stage.set_price(SOL, 200.0);
    refused(&mut stage, right.clone(), BallastError::UncertainPrice);
    let board = here.board;
    stage.patch::<Board>(&board, |board| board.prices[SOL].publish_time = 0);
    refused(&mut stage, right.clone(), BallastError::PriceNeverSet);
    stage.venue.config.confidence = 0.0005;
    stage.set_price(SOL, 200.0);
    stage.world.send(&[right], &[]).unwrap();
    stage.check_books();
}

#[test]
fn a_creator_without_money_lists_nothing() {
    let mut stage = Stage::new();
    let poor = Keypair::new_from_array([0x66; 32]);
    let terms = call(EXPIRY);
    let list = instructions::list_series(&stage.venue.addresses, &terms, &poor.pubkey());
    // The system program's "insufficient funds".
    stage.refused(&[list], &[&poor], Code(1));
    let address = stage.venue.addresses.market(&terms);
    assert!(stage.world.svm.get_account(&address).is_none());
}

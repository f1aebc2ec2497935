//! The fuzzer finds every bug that is planted in the program, by the invariant that it breaks.

use ballast_risk::planted::Bug;
use ballast_sim::fuzz::{self, Options, Outcome};

fn fuzz(bug: Option<Bug>, steps: u64) -> Outcome {
    fuzz::run(&Options {
        steps,
        program: Some(fuzz::planted_program(bug).unwrap()),
        stop_early: true,
        ..Options::default()
    })
    .unwrap()
}

#[test]
fn nothing_is_found_while_the_bugs_sleep() {
    let outcome = fuzz(None, 4_000);
    assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
}

/// Most steps until a bug is found.
const STEPS: u64 = 60_000;

macro_rules! planted {
    ($($test:ident: $bug:ident breaks $($invariant:literal)|+;)*) => {
        $(
            #[test]
            fn $test() {
                let outcome = fuzz(Some(Bug::$bug), STEPS);
                let found = outcome.violations;
                assert!(!found.is_empty(), "not found in {STEPS} steps");
                println!("after {} steps: {:?}", outcome.steps, found[0]);
                let named = |invariant| matches!(invariant, $($invariant)|+);
                assert!(found.iter().any(|found| named(found.invariant)), "{found:?}");
            }
        )*

        #[test]
        fn every_bug_is_looked_for() {
            assert_eq!(Bug::ALL.as_slice(), &[$(Bug::$bug),*]);
        }
    };
}

planted! {
    a_missing_signer: MissingSigner breaks "tokens_leave_to_their_owners";
    a_missing_owner: MissingOwner breaks "strangers_take_nothing";
    a_delegate_who_withdraws: DelegateWithdraws breaks "tokens_leave_to_their_owners";
    a_missing_margin_check: MissingMarginCheck breaks "risk_needs_initial_margin" | "health_is_kept";
    a_missing_authority: MissingAuthority breaks "authority_is_needed";
    a_bank_of_another_exchange: MissingExchangeCheck breaks "banks_cover_what_they_owe" | "deposit_shares_are_sums";
    a_stale_price: StalePriceAccepted breaks "risk_needs_initial_margin";
    a_replayed_price: PriceReplayed breaks "prices_are_the_oracles";
    an_unverified_price: UnverifiedPrice breaks "prices_are_the_oracles";
    funding_that_rounds_up: FundingRoundedUp breaks "market_money_is_conserved";
    funding_paid_the_wrong_way: FundingSignReversed breaks "market_money_is_conserved";
    the_wrong_index: WrongIndex breaks "nothing_comes_from_nothing" | "banks_cover_what_they_owe";
    an_overdrawn_pool: PoolOverdrawn breaks "market_money_is_conserved";
    a_fee_paid_twice: FeePaidTwice breaks "market_money_is_conserved" | "nothing_comes_from_nothing";
    forgotten_totals: TotalsForgotten breaks "market_totals_are_sums";
    a_healthy_account_in_liquidation: HealthyLiquidated breaks "flags_follow_health";
    forgotten_netting: NettingForgotten breaks "market_totals_are_sums";
    a_loss_without_bound: UnboundedLoss breaks "strangers_take_nothing";
    a_slot_half_empty: SlotHalfEmpty breaks "accounts_are_consistent";
}

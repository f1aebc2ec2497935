//! The liquidation flag of an account, which clears by itself.

use crate::events::LiquidationEnded;
use anchor_lang::prelude::*;
use ballast_state::MarginAccount;
use ballast_state::health::{Report, View};

/// Takes a recovered account out of liquidation and says so. Every instruction that has the account and the board at hand
/// calls it, so that no account stays flagged without a reason. Returns whether the flag was cleared.
pub fn end_if_recovered(
    view: &View,
    account: &mut MarginAccount,
    key: &Pubkey,
    report: &mut Report,
) -> bool {
    account.in_liquidation() && view.has_recovered(account, report) && end_liquidation(account, key)
}

/// The same for an account that has just been assessed for a liquidation.
pub(super) fn end_if_assessed_recovered(
    account: &mut MarginAccount,
    key: &Pubkey,
    report: &Report,
) -> bool {
    account.in_liquidation()
        && (!account.has_obligations() || report.is_above_buffer())
        && end_liquidation(account, key)
}

fn end_liquidation(account: &mut MarginAccount, key: &Pubkey) -> bool {
    account.end_liquidation();
    emit!(LiquidationEnded {
        margin_account: *key
    });
    true
}

//! What goes through because it is no attack.

use crate::attack::{Attack, Place, Way};
use std::collections::BTreeSet;

/// A choice that whoever calls may make.
struct Choice {
    /// Instructions and their places.
    at: &'static [&'static str],
    ways: &'static [Way],
    /// What is chosen; anything when it is empty.
    with: &'static [&'static str],
    reason: &'static str,
}

const CHOICES: &[Choice] = &[
    Choice {
        at: &[
            "init_exchange.payer",
            "add_asset.payer",
            "add_market.payer",
            "open_account.payer",
            "list_series.creator",
        ],
        ways: &[Way::Another, Way::Twice],
        with: &[],
        reason: "whoever signs for it may pay the rent",
    },
    Choice {
        at: &["init_exchange.admin"],
        ways: &[Way::Another, Way::Twice],
        with: &[],
        reason: "the admin of a new exchange is who signs as such",
    },
    Choice {
        at: &[
            "add_market.exchange",
            "update_exchange.exchange",
            "update_underlying.exchange",
            "set_correlation.exchange",
            "update_feed.exchange",
            "set_pause.exchange",
            "propose_authority.exchange",
        ],
        ways: &[Way::Elsewhere],
        with: &["exchange"],
        reason: "the signer has the same authority on the other exchange",
    },
    Choice {
        at: &["set_pause.authority"],
        ways: &[Way::Another],
        with: &["admin"],
        reason: "the admin may pause as well as the guardian",
    },
    Choice {
        at: &["update_asset.bank", "update_market.market"],
        ways: &[Way::Another],
        with: &[
            "bank of BTC",
            "bank of ETH",
            "perpetual on BTC",
            "perpetual on ETH",
        ],
        reason: "the risk authority says what is changed",
    },
    Choice {
        at: &["withdraw_fees.destination", "withdraw.destination"],
        ways: &[Way::Another, Way::Twin],
        with: &[
            "",
            "admin's SOL",
            "delegate's SOL",
            "guardian's SOL",
            "keeper's SOL",
            "maker's SOL",
            "risk's SOL",
            "stranger's SOL",
            "surfaces's SOL",
            "trader's SOL",
        ],
        reason: "tokens go to the account of their mint that the signer names",
    },
    Choice {
        at: &["withdraw_insurance.destination"],
        ways: &[Way::Another, Way::Twin],
        with: &[
            "",
            "delegate's USDC",
            "guardian's USDC",
            "keeper's USDC",
            "maker's USDC",
            "risk's USDC",
            "stranger's USDC",
            "surfaces's USDC",
            "trader's USDC",
        ],
        reason: "the fund's tokens go to the account of their mint that the admin names",
    },
    Choice {
        at: &["deposit.source"],
        ways: &[Way::Twin],
        with: &[],
        reason: "tokens come from any account of the depositor",
    },
    Choice {
        at: &[
            "accrue_interest.bank",
            "refresh_prices.remaining 0",
            "update_funding.market",
        ],
        ways: &[Way::Another],
        with: &[],
        reason: "anyone may bring anything of the exchange up to now",
    },
    Choice {
        at: &["settle_position.margin_account"],
        ways: &[Way::Another],
        with: &["maker's account"],
        reason: "anyone may settle anybody's position",
    },
    Choice {
        at: &["open_account.exchange"],
        ways: &[Way::Elsewhere],
        with: &["exchange"],
        reason: "anyone may open an account on any exchange",
    },
    Choice {
        at: &["open_account.owner"],
        ways: &[Way::Another, Way::Twice],
        with: &[],
        reason: "whoever signs may open an account of his own",
    },
    Choice {
        at: &[
            "deposit.margin_account",
            "set_delegate.margin_account",
            "cancel_all.margin_account",
        ],
        ways: &[Way::Another],
        with: &["trader's account 1"],
        reason: "it is another account of the signer",
    },
    Choice {
        at: &[
            "close_account.margin_account",
            "set_delegate.margin_account",
            "cancel_all.margin_account",
        ],
        ways: &[Way::Elsewhere],
        with: &["trader's account", "trader's account 1"],
        reason: "it is the signer's account on the other exchange",
    },
    Choice {
        at: &["fill_order.filler_account"],
        ways: &[Way::LeftOut],
        with: &[],
        reason: "the filler need not take a share",
    },
    Choice {
        at: &["liquidate.liquidator"],
        ways: &[Way::Another],
        with: &["delegate's account"],
        reason: "the signer takes it into his own account",
    },
    Choice {
        at: &["liquidate.signer"],
        ways: &[Way::Another],
        with: &["maker"],
        reason: "the owner signs instead of his delegate",
    },
];

/// Why this is no attack, when it is none.
pub fn reason(instruction: &str, place: &Place, attack: &Attack) -> Option<&'static str> {
    let at = format!("{instruction}.{}", place.name);
    let choice = CHOICES.iter().find(|choice| {
        choice.at.contains(&at.as_str())
            && choice.ways.contains(&attack.way)
            && (choice.with.is_empty() || choice.with.contains(&attack.with.as_str()))
    });
    choice.map(|choice| choice.reason)
}

/// Reasons that nothing needs.
pub fn unused(used: &BTreeSet<&'static str>) -> Vec<&'static str> {
    let reasons = CHOICES.iter().map(|choice| choice.reason);
    reasons.filter(|reason| !used.contains(reason)).collect()
}

//! The headline facts: what a reader should know if he reads nothing else.

use super::{Recording, format};

/// One fact and whether it is good.
#[derive(Default)]
pub struct Fact {
    /// What is measured.
    pub name: &'static str,
    /// The figure.
    pub figure: String,
    /// Unit of the figure, if it has one.
    pub unit: &'static str,
    /// What the figure means or is a part of.
    pub detail: String,
    /// For a promise: whether it was kept. None where nothing was promised.
    pub kept: Option<bool>,
}

/// The promises first, then what happened.
pub fn facts(recording: &Recording) -> Vec<Fact> {
    promises(recording)
        .into_iter()
        .chain(events(recording))
        .collect()
}

fn promises(recording: &Recording) -> Vec<Fact> {
    let summary = &recording.summary;
    let went_through = summary
        .withdrawals
        .saturating_sub(summary.withdrawals_failed);
    let steps = format::count(summary.steps);
    let attack = summary
        .attacker_put_in_quote
        .zip(summary.attacker_end_quote);
    let attacker = attack.map(|(put_in, end)| Fact {
        name: "The attacker's gain",
        figure: format::quote_change(end - put_in),
        unit: "USDC",
        detail: format!(
            "put {} in and had {} at the end, at fair prices",
            format::quote(put_in),
            format::quote(end)
        ),
        kept: Some(end <= put_in),
    });
    let always = [
        Fact {
            name: "Bad debt",
            figure: format::quote(summary.bad_debt_quote),
            unit: "USDC",
            detail: match summary.bad_debt_quote {
                0 => "no account ended below zero".into(),
                _ => format!(
                    "equity below zero of {} accounts: {} borne by the insurance fund, {} by profits given up, {} by depositors",
                    format::count(summary.accounts_insolvent),
                    format::quote(summary.bad_debt_paid_quote),
                    format::quote(summary.profit_given_up_quote),
                    format::quote(summary.loss_shared_quote)
                ),
            },
            kept: Some(summary.unborne_quote() <= 0),
        },
        Fact {
            name: "Conservation violations",
            figure: format::count(summary.conservation_violations),
            detail: format!(
                "vaults, pools and markets compared with accounts after each of {steps} steps"
            ),
            kept: Some(summary.conservation_violations == 0),
            ..Fact::default()
        },
        Fact {
            name: "Withdrawals afterwards",
            figure: part(went_through, summary.withdrawals),
            detail: "went through".into(),
            kept: Some(summary.withdrawals_failed == 0),
            ..Fact::default()
        },
    ];
    always.into_iter().chain(attacker).collect()
}

fn events(recording: &Recording) -> [Fact; 9] {
    let summary = &recording.summary;
    let insurance_change = summary
        .insurance_end_quote
        .saturating_sub(summary.insurance_start_quote);
    let settled = summary.settled_quote as f64 / 1e6;
    let on_path = recording.steps.iter().map(|step| step.liquidations);
    let later = summary
        .liquidations
        .saturating_sub(on_path.map(u64::from).sum());
    let value: f64 = recording
        .steps
        .iter()
        .map(|step| step.liquidated_value)
        .sum();
    [
        Fact {
            name: "Insurance fund",
            figure: format::quote(summary.insurance_end_quote),
            unit: "USDC",
            detail: format!(
                "at the end, {} over the run; {} paid for insolvent accounts",
                format::quote_change(insurance_change),
                format::quote(summary.insurance_paid_quote)
            ),
            kept: None,
        },
        Fact {
            name: "Accounts liquidated",
            figure: part(summary.accounts_liquidated, summary.accounts),
            detail: format!(
                "{} kept a part and were healthy again, {} were closed",
                format::count(summary.partially_liquidated_and_healthy),
                format::count(summary.fully_closed)
            ),
            ..Fact::default()
        },
        Fact {
            name: "Liquidations",
            figure: format::integer(summary.liquidations),
            detail: format!(
                "slices of portfolios, {} USDC gross{}",
                format::compact(value, round_for(value)),
                match later {
                    0 => String::new(),
                    _ => format!(
                        ", and {} while waiting for the expiry",
                        format::integer(later)
                    ),
                }
            ),
            ..Fact::default()
        },
        Fact {
            name: "Deepest fall",
            figure: deepest_fall(recording),
            detail: "from the start of the run".into(),
            ..Fact::default()
        },
        Fact {
            name: "Transactions",
            figure: format::integer(summary.transactions),
            detail: "executed by the real program in a Solana VM".into(),
            ..Fact::default()
        },
        Fact {
            name: "Options and futures",
            figure: format!(
                "{} + {}",
                format::count(summary.accounts_with_options),
                format::count(summary.accounts_with_futures)
            ),
            unit: "accounts",
            detail: format!(
                "held them; {} and {} of these were liquidated",
                format::count(summary.accounts_with_options_liquidated),
                format::count(summary.accounts_with_futures_liquidated)
            ),
            ..Fact::default()
        },
        Fact {
            name: "Settled at expiry",
            figure: format::count(summary.futures_settled + summary.series_settled),
            unit: "markets",
            detail: format!(
                "{} futures, {} option series, {} USDC to the winners",
                format::count(summary.futures_settled),
                format::count(summary.series_settled),
                format::compact(settled, round_for(settled))
            ),
            ..Fact::default()
        },
        Fact {
            name: "Funding paid",
            figure: format::quote(
                summary
                    .funding_paid_by_longs_quote
                    .saturating_add(summary.funding_paid_by_shorts_quote),
            ),
            unit: "USDC",
            detail: format!(
                "{} by longs, {} by shorts, at {} rates",
                format::quote(summary.funding_paid_by_longs_quote),
                format::quote(summary.funding_paid_by_shorts_quote),
                format::integer(summary.funding_updates)
            ),
            ..Fact::default()
        },
        Fact {
            name: "Surfaces posted",
            figure: format::integer(summary.surfaces_posted),
            detail: "implied volatility follows realised, within the program's bounds".into(),
            ..Fact::default()
        },
    ]
}

fn part(part: usize, whole: usize) -> String {
    format!("{} of {}", format::count(part), format::count(whole))
}

/// Precision that leaves about three digits.
fn round_for(value: f64) -> f64 {
    if value.is_finite() && value.abs() >= 1.0 {
        10f64.powf(value.abs().log10().floor() - 2.0)
    } else {
        0.01
    }
}

/// The asset that fell most and by how much.
fn deepest_fall(recording: &Recording) -> String {
    let Some(first) = recording.steps.first() else {
        return "–".into();
    };
    let falls = recording
        .assets
        .iter()
        .enumerate()
        .filter_map(|(asset, symbol)| {
            let start = *first.prices.get(asset).filter(|price| **price > 0.0)?;
            let prices = recording
                .steps
                .iter()
                .filter_map(|step| step.prices.get(asset));
            Some((
                prices.copied().fold(f64::INFINITY, f64::min) / start - 1.0,
                symbol,
            ))
        });
    let deepest = falls.min_by(|a, b| a.0.total_cmp(&b.0));
    deepest.map_or("–".into(), |(fall, symbol)| {
        format!("{symbol} {}", format::percent(fall, 0.001))
    })
}

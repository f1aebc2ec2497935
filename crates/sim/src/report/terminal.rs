//! The summary as a table for the terminal.

use super::{Summary, format};
use comfy_table::{CellAlignment, Table, TableComponent, presets};

/// The run's figures and compute units as two tables.
pub fn summary_table(summary: &Summary) -> String {
    let mut figures = table();
    for (name, figure) in figures_of(summary) {
        figures.add_row([name, &figure]);
    }
    if summary.cu.is_empty() {
        return figures.to_string();
    }

    let mut units = table();
    units.set_header(["Instruction", "Calls", "Median CU", "Largest CU"]);
    for (name, of) in &summary.cu {
        let numbers = [of.count, of.median, of.max].map(format::integer);
        units.add_row(std::iter::once(name.clone()).chain(numbers));
    }
    for column in units.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{figures}\n{units}")
}

/// An empty table with rules above, below and after its header only.
fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table
}

fn figures_of(summary: &Summary) -> Vec<(&'static str, String)> {
    let counted =
        |part: usize, whole: usize| format!("{} of {}", format::count(part), format::count(whole));
    let through = summary
        .withdrawals
        .saturating_sub(summary.withdrawals_failed);
    let change = summary
        .insurance_end_quote
        .saturating_sub(summary.insurance_start_quote);
    let mut figures = vec![
        ("Price path", summary.path.clone()),
        ("Seed", summary.seed.to_string()),
        ("Price updates", format::count(summary.steps)),
        ("Transactions", format::integer(summary.transactions)),
        (
            "Liquidations (slices)",
            format::integer(summary.liquidations),
        ),
        (
            "Accounts liquidated",
            counted(summary.accounts_liquidated, summary.accounts),
        ),
        (
            "  healthy again with the rest",
            format::count(summary.partially_liquidated_and_healthy),
        ),
        ("  closed", format::count(summary.fully_closed)),
        (
            "  of traders with futures",
            counted(
                summary.accounts_with_futures_liquidated,
                summary.accounts_with_futures,
            ),
        ),
        (
            "  of traders with options",
            counted(
                summary.accounts_with_options_liquidated,
                summary.accounts_with_options,
            ),
        ),
        (
            "Expired and settled",
            format!(
                "{} futures, {} option series, {} USDC to winners",
                format::count(summary.futures_settled),
                format::count(summary.series_settled),
                format::quote(summary.settled_quote)
            ),
        ),
        (
            "Funding paid",
            format!(
                "{} USDC by longs, {} by shorts",
                format::quote(summary.funding_paid_by_longs_quote),
                format::quote(summary.funding_paid_by_shorts_quote)
            ),
        ),
        (
            "Volatility surfaces posted",
            format::integer(summary.surfaces_posted),
        ),
        (
            "Insurance fund at the start",
            format!("{} USDC", format::quote(summary.insurance_start_quote)),
        ),
        (
            "Insurance fund at the end",
            format!(
                "{} USDC ({})",
                format::quote(summary.insurance_end_quote),
                format::quote_change(change)
            ),
        ),
        (
            "Bad debt",
            format!("{} USDC", format::quote(summary.bad_debt_quote)),
        ),
        (
            "Insolvent accounts",
            format::count(summary.accounts_insolvent),
        ),
        (
            "  paid for by the insurance fund",
            format!("{} USDC", format::quote(summary.insurance_paid_quote)),
        ),
        (
            "  profit given up by deleveraging",
            format!(
                "{} USDC by {} accounts",
                format::quote(summary.profit_given_up_quote),
                format::count(summary.accounts_deleveraged)
            ),
        ),
        (
            "  loss shared by depositors",
            format!(
                "{} USDC in {} loans",
                format::quote(summary.loss_shared_quote),
                format::integer(summary.loans_written_off)
            ),
        ),
        (
            "In liquidation at the end",
            format::count(summary.in_liquidation_at_the_end),
        ),
        (
            "Conservation violations",
            format::count(summary.conservation_violations),
        ),
        (
            "Withdrawals that went through",
            counted(through, summary.withdrawals),
        ),
    ];
    let attack = summary
        .attacker_put_in_quote
        .zip(summary.attacker_end_quote);
    figures.extend(attack.map(|(put_in, end)| {
        (
            "The attacker's gain",
            format!(
                "{} USDC on {}",
                format::quote_change(end - put_in),
                format::quote(put_in)
            ),
        )
    }));
    figures
}

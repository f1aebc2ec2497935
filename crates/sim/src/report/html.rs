//! The page: one file without scripts or external resources.

use super::facts::{Fact, facts};
use super::{
    LiquidationRow, LossRow, PortfolioRow, Recording, SettledRow, Summary, charts, format,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Liquidations shown at the beginning and at the end when there are more than both.
const ROWS: usize = 100;
/// Number columns of the table of liquidations.
const AMOUNTS: [&str; 7] = [
    "Taken",
    "Equity before",
    "Paid to account",
    "Fee to fund",
    "Paid by fund",
    "Ratio before",
    "Ratio after",
];
/// Number columns of the table of portfolios.
const PORTFOLIO_NUMBERS: [&str; 9] = [
    "Accounts",
    "Deposits",
    "Loans",
    "Perpetuals",
    "Futures",
    "Options",
    "Liquidated",
    "Equity",
    "Change",
];
/// Number columns of the table of settled markets.
const SETTLED_NUMBERS: [&str; 5] = [
    "Settlement price",
    "Payoff of a long",
    "Open interest, tokens",
    "Positions",
    "Paid at expiry",
];
const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(recording: &Recording) -> String {
    let summary = &recording.summary;
    let close_up = charts::close_up(recording);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Ballast: " (summary.path) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (head(recording)) }
                main {
                    section aria-label="Headline facts" {
                        dl.facts { @for fact in facts(recording) { (card(&fact)) } }
                    }
                    @if !summary.note.is_empty() { p.note { strong { "About the prices. " } (summary.note) } }
                    section aria-labelledby="run" {
                        h2 id="run" { "The whole run" }
                        div.charts { @for chart in charts::overview(recording) { (chart.figure()) } }
                    }
                    @if !close_up.is_empty() {
                        section aria-labelledby="close-up" {
                            h2 id="close-up" { "Close-up of the deepest fall" }
                            div.charts { @for chart in close_up { (chart.figure()) } }
                        }
                    }
                    (portfolios(&recording.portfolios))
                    (settled(&recording.settled_rows))
                    (liquidations(&recording.liquidation_rows))
                    (losses(&recording.loss_rows))
                    (compute_units(summary))
                }
                footer { p { "Seed " code { (summary.seed) } ". The same seed gives the same run." } }
            }
        }
    };
    markup.into_string()
}

fn head(recording: &Recording) -> Markup {
    let summary = &recording.summary;
    let span = recording.steps.first().zip(recording.steps.last());
    html! {
        p.brand { "Ballast · cross-margin clearing on Solana" }
        h1 { (summary.path) }
        p.lead {
            (format::count(summary.accounts)) " mixed portfolios in "
            (format::count(summary.markets_listed)) " markets, one keeper, "
            (format::count(summary.steps)) " price updates, the real program."
            @if let Some((first, last)) = span { " " (format::span(first.time_s, last.time_s)) "." }
        }
    }
}

fn card(fact: &Fact) -> Markup {
    let (class, mark) = match fact.kept {
        Some(true) => ("kept", Some(("✓", "as promised"))),
        Some(false) => ("broken", Some(("✗", "not as promised"))),
        None => ("neutral", None),
    };
    html! {
        div class=(class) {
            dt {
                (fact.name)
                @if let Some((sign, text)) = mark { " " span.mark role="img" aria-label=(text) { (sign) } }
            }
            dd {
                strong { (fact.figure) @if !fact.unit.is_empty() { " " small { (fact.unit) } } }
                span { (fact.detail) }
            }
        }
    }
}

/// A table with some columns of words and the rest of numbers.
fn table(words: &[&str], numbers: &[&str], rows: Markup) -> Markup {
    html! {
        table {
            thead { tr {
                @for name in words { th scope="col" { (name) } }
                @for name in numbers { th.number scope="col" { (name) } }
            } }
            tbody { (rows) }
        }
    }
}

fn portfolios(rows: &[PortfolioRow]) -> Markup {
    let change = |row: &PortfolioRow| match row.equity_start > 0.0 {
        true => format::percent(row.equity_end / row.equity_start - 1.0, 0.001),
        false => "–".into(),
    };
    html! {
        section aria-labelledby="portfolios" {
            h2 id="portfolios" { "Portfolios" }
            p.text {
                "What each kind of trader began with, counted over its accounts, and how it came through. Amounts in USDC, \
                 at marks: before the fall, and before everybody closed out."
            }
            @if rows.is_empty() { p.text { "Nobody traded." } }
            @else {
                div.scroll.tight role="region" aria-labelledby="portfolios" tabindex="0" {
                    (table(&["Trader", "Portfolio"], &PORTFOLIO_NUMBERS, html! {
                        @for row in rows {
                            tr {
                                td { (row.name) }
                                td.soft { (row.manner) }
                                td.number { (format::count(row.accounts)) }
                                @for kind in [
                                    row.holdings.deposits,
                                    row.holdings.loans,
                                    row.holdings.perpetuals,
                                    row.holdings.futures,
                                    row.holdings.options,
                                    row.liquidated,
                                ] {
                                    td.number { @if kind > 0 { (format::count(kind)) } @else { "–" } }
                                }
                                td.number { (format::compact(row.equity_start, 1e3)) }
                                td.number { (change(row)) }
                            }
                        }
                    }))
                }
            }
        }
    }
}

fn settled(rows: &[SettledRow]) -> Markup {
    html! {
        section aria-labelledby="settled" {
            h2 id="settled" { "Expired and settled" }
            p.text {
                "Each market settles at its underlying's average price over the half hour before 08:00 UTC. Its positions \
                 turn into cash, of a future what has not been settled every hour; then the market is closed. Prices per token, in USDC."
            }
            @if rows.is_empty() { p.text { "Nothing expired." } }
            @else {
                div.scroll role="region" aria-labelledby="settled" tabindex="0" {
                    (table(&["Market", "Expiry, UTC"], &SETTLED_NUMBERS, html! {
                        @for row in rows {
                            tr {
                                td { (format::market(row)) }
                                td { (format::day(row.expiry_s)) " " (format::minute(row.expiry_s)) }
                                @for value in [row.price, row.payoff, row.tokens] {
                                    td.number { (format::number(value)) }
                                }
                                td.number { (format::count(row.positions)) }
                                td.number { (format::usdc(row.received)) }
                            }
                        }
                    }))
                }
            }
        }
    }
}

fn liquidations(rows: &[LiquidationRow]) -> Markup {
    let unit = if rows
        .first()
        .is_some_and(|row| format::is_calendar(row.time_s))
    {
        "Time, UTC"
    } else {
        "Time"
    };
    let (first, last) = if rows.len() > 2 * ROWS {
        (&rows[..ROWS], &rows[rows.len() - ROWS..])
    } else {
        (rows, &rows[..0])
    };
    html! {
        section aria-labelledby="slices" {
            h2 id="slices" { "Liquidations" }
            p.text {
                "Each row is a slice of a whole portfolio at the price of its auction. A liquidator \
                 pays into the account and a fee to the insurance fund; where the slice is worth \
                 less than nothing, the account or the fund pays. Amounts in USDC."
            }
            @if rows.is_empty() { p.text { "Nothing was liquidated." } }
            @else {
                div.scroll.tight role="region" aria-labelledby="slices" tabindex="0" {
                    (table(&[unit, "Account", "Held"], &AMOUNTS, html! {
                        @for row in first { (liquidation(row)) }
                        @if !last.is_empty() {
                            tr.gap { td colspan="10" { (format::count(rows.len() - 2 * ROWS)) " more" } }
                        }
                        @for row in last { (liquidation(row)) }
                    }))
                }
            }
        }
    }
}

fn losses(rows: &[LossRow]) -> Markup {
    html! {
        section aria-labelledby="losses" {
            h2 id="losses" { "Losses beyond the insurance fund" }
            p.text {
                "Once the fund is exhausted, positions of an insolvent account are closed against the most profitable opposite ones, whose owners give up \
                 profit and no more; what is missing then lowers what the depositors of the asset owed own. Amounts in USDC."
            }
            @if rows.is_empty() { p.text { "The insurance fund was enough." } }
            @else {
                div.scroll.tight role="region" aria-labelledby="losses" tabindex="0" {
                    (table(&["Time", "Insolvent account", "Who bore it"], &["Equity before", "Loss borne"], html! {
                        @for row in rows.iter().take(2 * ROWS) {
                            tr {
                                td { (format::second(row.time_s)) }
                                td { code title=(row.account) { (format::short_address(&row.account)) } }
                                td {
                                    @match &row.counterparty {
                                        Some(key) => { (row.asset) " positions of " code title=(key) { (format::short_address(key)) } }
                                        None => { "depositors of " (row.asset) }
                                    }
                                }
                                td.number { (format::usdc(row.equity_before)) }
                                td.number { (format::usdc(row.amount)) }
                            }
                        }
                        @if rows.len() > 2 * ROWS {
                            tr.gap { td colspan="5" { (format::count(rows.len() - 2 * ROWS)) " more" } }
                        }
                    }))
                }
            }
        }
    }
}

fn liquidation(row: &LiquidationRow) -> Markup {
    let amounts = [
        row.equity_before,
        row.payment,
        row.insurance_fee,
        row.insurance_payment,
    ];
    html! {
        tr {
            td { (format::second(row.time_s)) }
            td { code title=(row.account) { (format::short_address(&row.account)) } }
            td { (format::holdings(&row.holdings)) }
            td.number { (format::percent(row.fraction, 0.001)) }
            @for amount in amounts { td.number { (format::usdc(amount)) } }
            @for ratio in [row.ratio_before, row.ratio_after] { td.number { (format::ratio(ratio)) } }
        }
    }
}

fn compute_units(summary: &Summary) -> Markup {
    html! {
        section aria-labelledby="compute" {
            h2 id="compute" { "Compute units" }
            p.text { "Of the successful calls in this run; a Solana transaction may use 1,400,000." }
            @if summary.cu.is_empty() { p.text { "None were recorded." } }
            @else {
                div.scroll.short role="region" aria-labelledby="compute" tabindex="0" {
                    (table(&["Instruction"], &["Calls", "Median", "Largest"], html! {
                        @for (name, units) in &summary.cu {
                            tr {
                                td { code { (name) } }
                                @for value in [units.count, units.median, units.max] {
                                    td.number { (format::integer(value)) }
                                }
                            }
                        }
                    }))
                }
            }
        }
    }
}

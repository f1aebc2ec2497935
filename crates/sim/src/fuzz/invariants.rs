//! What must hold after every step.
//!
//! Every invariant is a function of its own that looks at the accounts' bytes before and after a transaction and returns what is wrong, each in a
//! sentence. They know who signed, but not what the transaction was meant to do: most hold whatever anybody sends.

use super::snapshot::Snapshot;
use crate::conservation::Books;
use crate::probe::Probe;
use crate::world::Refusal;
use anchor_lang::prelude::Pubkey;
use anyhow::{Result, anyhow};
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{
    Bank, Exchange, MarginAccount, Market, MarketStatus, MarketTerms, Order, Position,
    SETTLEMENT_WINDOW_S, ledger,
};
use bytemuck::Zeroable;
use oracle_stub::StubPrice;
use sbf_probe::engine;
use solana_instruction_error::InstructionError;
use solana_transaction_error::TransactionError;
use std::collections::BTreeMap;

/// A transaction and what came of it.
pub struct Step<'a> {
    /// All accounts before.
    pub before: &'a Snapshot,
    /// All accounts after.
    pub after: &'a Snapshot,
    /// Which of them differ.
    pub changed: &'a [Pubkey],
    /// Ballast's instructions in it.
    pub calls: &'a [&'static str],
    /// Who signed.
    pub signers: &'a [Pubkey],
    /// Whether it was tampered with.
    pub tampered: bool,
    /// Why it was refused, if it was.
    pub refusal: Option<&'a Refusal>,
    /// The prices that were published last, by feed.
    pub published: &'a BTreeMap<[u8; 32], StubPrice>,
    /// Cluster time, unix seconds.
    pub now: i64,
    /// Transactions up to now.
    pub transactions: u64,
}

type Check = fn(&Step) -> Result<Vec<String>>;

/// Every invariant by its name, but for the one that needs a VM.
pub const INVARIANTS: &[(&str, Check)] = &[
    ("refusals_change_nothing", refusals_change_nothing),
    ("refusals_are_meant", refusals_are_meant),
    ("market_totals_are_sums", market_totals_are_sums),
    ("market_money_is_conserved", market_money_is_conserved),
    ("deposit_shares_are_sums", deposit_shares_are_sums),
    ("every_loan_is_owed", every_loan_is_owed),
    ("banks_cover_what_they_owe", banks_cover_what_they_owe),
    ("nothing_comes_from_nothing", nothing_comes_from_nothing),
    ("strangers_take_nothing", strangers_take_nothing),
    ("health_is_kept", health_is_kept),
    ("risk_needs_initial_margin", risk_needs_initial_margin),
    (
        "insolvent_accounts_do_not_trade",
        insolvent_accounts_do_not_trade,
    ),
    ("tokens_leave_to_their_owners", tokens_leave_to_their_owners),
    ("accounts_are_consistent", accounts_are_consistent),
    ("flags_follow_health", flags_follow_health),
    ("prices_are_the_oracles", prices_are_the_oracles),
    ("no_second_counts_twice", no_second_counts_twice),
    ("indexes_only_grow", indexes_only_grow),
    ("authority_is_needed", authority_is_needed),
];

/// Looks at a step with all of them.
pub fn check(step: &Step) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for (name, check) in INVARIANTS {
        match check(step) {
            Ok(wrong) => found.extend(wrong.into_iter().map(|what| (*name, what))),
            Err(error) => found.push((*name, format!("cannot be checked: {error:#}"))),
        }
    }
    found
}

/// Value below which a difference is rounding of the fuzzer's own sums in double precision, quote units.
fn noise(size: f64) -> f64 {
    0.01 + size.abs() * 1e-13
}

impl<'a> Step<'a> {
    fn went_through(&self) -> bool {
        self.refusal.is_none()
    }

    fn calls_any(&self, names: &[&str]) -> bool {
        self.calls.iter().any(|call| names.contains(call))
    }

    fn signed_by(&self, key: &Pubkey) -> bool {
        *key != Pubkey::default() && self.signers.contains(key)
    }

    /// The exchanges that a changed account belongs to.
    fn exchanges(&self) -> Vec<(Pubkey, &'a Exchange)> {
        let mut touched: Vec<Pubkey> = Vec::new();
        for key in self.changed {
            for books in [self.before, self.after] {
                let of = books
                    .get::<MarginAccount>(key)
                    .map(|account| account.exchange)
                    .or(books.get::<Bank>(key).map(|bank| bank.exchange))
                    .or(books.get::<Market>(key).map(|market| market.exchange))
                    .or(books
                        .get::<ballast_client::state::Board>(key)
                        .map(|board| board.exchange))
                    .or(books.get::<Exchange>(key).map(|_| *key));
                touched.extend(of);
            }
        }
        touched.sort();
        touched.dedup();
        touched
            .into_iter()
            .filter_map(|key| Some((key, self.after.get::<Exchange>(&key)?)))
            .collect()
    }

    /// One exchange as it is after the step.
    fn view(&self, exchange: &'a Exchange) -> Result<View<'a>> {
        let board = self.after.get(&exchange.board);
        Ok(View {
            exchange,
            board: board.ok_or_else(|| anyhow!("an exchange without a board"))?,
            now: self.now,
        })
    }

    /// Margin accounts of an exchange that exist before and after, with both states.
    fn accounts(&self, exchange: &Pubkey) -> Vec<Both<'a>> {
        let exchange = *exchange;
        self.after
            .all::<MarginAccount>()
            .filter(move |(_, account)| account.exchange == exchange)
            .filter_map(|(key, after)| {
                let before = self.before.get::<MarginAccount>(&key)?;
                Some(Both { key, before, after })
            })
            .collect()
    }

    fn books(&self, check: impl Fn(&Books) -> Result<Vec<String>>) -> Result<Vec<String>> {
        let mut found = Vec::new();
        if !self.went_through() {
            return Ok(found);
        }
        for (key, exchange) in self.exchanges() {
            let books = Books {
                view: self.view(exchange)?,
                accounts: self
                    .after
                    .all::<MarginAccount>()
                    .map(|(_, account)| account)
                    .filter(|account| account.exchange == key)
                    .collect(),
                markets: markets(self.after, &key).collect(),
                banks: banks(self.after, &key)
                    .map(|bank| (bank, self.after.tokens(&bank.vault)))
                    .collect(),
                transactions: self.transactions,
            };
            found.extend(check(&books)?);
        }
        Ok(found)
    }
}

/// An account before and after.
struct Both<'a> {
    key: Pubkey,
    before: &'a MarginAccount,
    after: &'a MarginAccount,
}

impl Both<'_> {
    fn is_unchanged(&self) -> bool {
        bytemuck::bytes_of(self.before) == bytemuck::bytes_of(self.after)
    }

    fn signed(&self, step: &Step) -> bool {
        step.signed_by(&self.before.owner) || step.signed_by(&self.before.delegate)
    }
}

fn markets<'a>(books: &'a Snapshot, exchange: &Pubkey) -> impl Iterator<Item = &'a Market> {
    let exchange = *exchange;
    let all = books.all::<Market>().map(|(_, market)| market);
    all.filter(move |market| market.exchange == exchange)
}

fn banks<'a>(books: &'a Snapshot, exchange: &Pubkey) -> impl Iterator<Item = &'a Bank> {
    let exchange = *exchange;
    let all = books.all::<Bank>().map(|(_, bank)| bank);
    all.filter(move |bank| bank.exchange == exchange)
}

// What a refusal may do.

/// Whoever is refused must be able to try again: nothing may be lost or half done. The runtime promises it; the fuzzer looks.
fn refusals_change_nothing(step: &Step) -> Result<Vec<String>> {
    let broken = !step.went_through() && !step.changed.is_empty();
    Ok(broken
        .then(|| format!("a refused transaction changed {:?}", step.changed))
        .into_iter()
        .collect())
}

/// A refusal is one of the program's own, of Anchor's checks, or of another program's. A panic, an access violation, a lock that is taken twice or too
/// many compute units would be a fault of the program, and each could be a way to hold up a liquidation.
fn refusals_are_meant(step: &Step) -> Result<Vec<String>> {
    let Some(refusal) = step.refusal else {
        return Ok(vec![]);
    };
    let meant = match &refusal.error {
        TransactionError::InstructionError(_, error) => match error {
            InstructionError::Custom(_)
            | InstructionError::MissingRequiredSignature
            | InstructionError::InvalidAccountData
            | InstructionError::InvalidArgument
            | InstructionError::InvalidInstructionData
            | InstructionError::IncorrectProgramId
            | InstructionError::UninitializedAccount
            | InstructionError::InvalidAccountOwner
            | InstructionError::PrivilegeEscalation
            | InstructionError::MissingAccount
            | InstructionError::UnsupportedProgramId
            | InstructionError::IllegalOwner
            | InstructionError::InvalidSeeds => {
                // Without tampering only the program and the token program refuse.
                step.tampered || matches!(error, InstructionError::Custom(_))
            }
            _ => false,
        },
        // A fee payer that is no signer, an account that cannot be locked twice.
        _ => step.tampered,
    };
    // Nothing that only wrong accounts or sums can bring about.
    let fault = ["Overflow", "UnknownIndex", "BankRequired", "MarketRequired"];
    let name = refusal.name();
    let is_fault = !step.tampered
        && fault.contains(&name.as_str())
        && !(name.ends_with("Required") && step.calls_any(&["liquidate"]));
    let wrong = !meant || is_fault;
    Ok(wrong.then(|| format!("{refusal}")).into_iter().collect())
}

// Conservation.

/// Market totals are what caps, settlement and closing go by.
fn market_totals_are_sums(step: &Step) -> Result<Vec<String>> {
    step.books(|books| books.positions())
}

/// What traders are owed in a market is what its pool holds: else the last to leave is not paid.
fn market_money_is_conserved(step: &Step) -> Result<Vec<String>> {
    step.books(|books| books.market_money())
}

/// Interest and losses are spread over the total of shares: a wrong one would pay more or less than there is.
fn deposit_shares_are_sums(step: &Step) -> Result<Vec<String>> {
    step.books(|books| books.shares())
}

/// No debt without a margin account that owes it, else depositors are owed by nobody.
fn every_loan_is_owed(step: &Step) -> Result<Vec<String>> {
    step.books(|books| books.loans())
}

/// Tokens and loans cover deposits, pools and fees, always: the program never owes what it does not have.
fn banks_cover_what_they_owe(step: &Step) -> Result<Vec<String>> {
    step.books(|books| books.bank_money())
}

// Values, in double precision, at the prices after the step: what each is worth apart from what prices do.

/// Prices of one exchange.
struct Prices<'a> {
    view: View<'a>,
    before: &'a Snapshot,
    after: &'a Snapshot,
    exchange: Pubkey,
}

impl Prices<'_> {
    /// Quote units per native unit.
    fn asset(&self, asset: u8) -> f64 {
        if asset == 0 {
            return 1.0;
        }
        let listed = self.view.exchange.asset(asset);
        let entry = listed.and_then(|listed| self.view.board.price(listed.feed));
        entry.map_or(0.0, |entry| entry.price.get().to_num())
    }

    /// Quote units per lot: the mark, or what a settled market pays.
    fn lot(&self, terms: &MarketTerms) -> f64 {
        let find = |books| markets(books, &self.exchange).find(|market| market.terms == *terms);
        if let Some(market) = find(self.after).or_else(|| find(self.before))
            && market.status == MarketStatus::Closed as u8
            && let Ok(payoff) = terms.payoff(market.settlement_price)
        {
            return payoff as f64;
        }
        self.view.mark(terms).map_or(0.0, |mark| mark.to_num())
    }

    /// What a position is worth at its mark, funding up to now included.
    fn position(&self, slot: &Position) -> f64 {
        let mut funding = 0.0;
        if slot.terms.is_perpetual()
            && let Ok(index) = self.view.funding_index(slot.terms.underlying)
        {
            let growth: f64 = (index - slot.funding_index.get()).to_num();
            funding = growth * slot.base_lots as f64;
        }
        slot.base_lots as f64 * self.lot(&slot.terms) + slot.quote as f64 - funding
    }

    /// What an account is worth at marks. Amounts of its balances are those at the indexes of `board`.
    fn equity(&self, account: &MarginAccount, board: &ballast_client::state::Board) -> f64 {
        let balances = account.balances.iter().filter(|slot| !slot.is_free());
        let balances: f64 = balances
            .map(|slot| {
                let shares: f64 = slot.shares.get().to_num();
                let index: f64 = board.indexes(slot.asset).map_or(0.0, |indexes| {
                    let index = if shares > 0.0 {
                        indexes.deposit
                    } else {
                        indexes.borrow
                    };
                    index.get().to_num()
                });
                shares * index * self.asset(slot.asset)
            })
            .sum();
        let positions = account.positions.iter().filter(|slot| !slot.is_free());
        let positions: f64 = positions.map(|slot| self.position(slot)).sum();
        balances + positions
    }
}

impl<'a> Step<'a> {
    fn prices(&self, key: Pubkey, exchange: &'a Exchange) -> Result<Prices<'a>> {
        Ok(Prices {
            view: self.view(exchange)?,
            before: self.before,
            after: self.after,
            exchange: key,
        })
    }
}

/// At constant prices nobody's equity grows by more than others' falls: accounts, the insurance fund, wallets and the exchange's fees together never
/// become more. Whatever breaks this pays somebody out of nothing.
fn nothing_comes_from_nothing(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if !step.went_through() {
        return Ok(found);
    }
    for (key, exchange) in step.exchanges() {
        let prices = step.prices(key, exchange)?;
        let total = |books: &Snapshot| -> Option<(f64, f64)> {
            let (mut sum, mut size) = (0.0, 0.0);
            let mut add = |value: f64| {
                sum += value;
                size += value.abs();
            };
            let board = books.get(&exchange.board)?;
            for (_, account) in books.all::<MarginAccount>() {
                if account.exchange == key {
                    add(prices.equity(account, board));
                }
            }
            for bank in banks(books, &key) {
                let price = prices.asset(bank.asset);
                add(bank.fees as f64 * price);
                let wallets = books.holders(&bank.mint);
                let wallets = wallets.filter(|(holder, _)| *holder != bank.vault);
                add(wallets.map(|(_, tokens)| tokens as f64).sum::<f64>() * price);
            }
            for market in markets(books, &key) {
                add(market.fees as f64);
            }
            Some((sum, size))
        };
        // An asset that was only just listed has no bank before.
        let listed = |books: &Snapshot| banks(books, &key).count();
        if listed(step.before) != listed(step.after) {
            continue;
        }
        let Some(((before, _), (after, size))) = total(step.before).zip(total(step.after)) else {
            continue;
        };
        if after > before + noise(size) {
            found.push(format!(
                "all together are worth {before:.2} before and {after:.2} after"
            ));
        }
    }
    Ok(found)
}

/// No action by a stranger lowers a healthy user's equity at constant prices: nobody loses by what he did not sign. An order agrees to its own price
/// and the fee; profit can be given up to deleveraging, deposits can bear a bounded part of a loss.
fn strangers_take_nothing(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if !step.went_through() {
        return Ok(found);
    }
    let mut report = Report::boxed();
    for (key, exchange) in step.exchanges() {
        let prices = step.prices(key, exchange)?;
        let (view, board) = (prices.view, prices.view.board);
        let old = step.before.get(&exchange.board).unwrap_or(board);
        for both in step.accounts(&key) {
            let shares_losses = step.calls_any(&["resolve_bankruptcy"]);
            if both.is_unchanged() && !shares_losses || both.signed(step) {
                continue;
            }
            // The insurance fund pays for liquidations and to the admin.
            if both.key == exchange.insurance_fund {
                continue;
            }
            if !is_healthy(&view, both.before, &mut report) {
                continue;
            }
            // Interest is time's doing.
            let before = prices.equity(both.before, board);
            let mut least = before - 3.0 - noise(before * 10.0) + agreed(&prices, &both);
            let mut after = prices.equity(both.after, board);
            if step.calls_any(&["auto_deleverage"]) {
                // Lots and funding are rounded on the way.
                least -= profits(&prices, both.before) + 5.0;
            }
            if shares_losses {
                let fallen = gross(&prices, both.before, old) - gross(&prices, both.before, board);
                let maximum = exchange.liquidation.loss_maximum_q32 as f64 / 2f64.powi(32);
                let bound = gross(&prices, both.before, board) * maximum / (1.0 - maximum);
                if fallen > bound + 3.0 {
                    found.push(format!(
                        "{} bore {fallen:.0} of a loss, at most {bound:.0} was allowed",
                        both.key
                    ));
                }
                after = after.max(least);
            }
            if after < least {
                found.push(format!(
                    "{} did not sign and is worth {after:.2} after {before:.2}",
                    both.key
                ));
            }
        }
    }
    Ok(found)
}

/// What its orders that were filled may cost an account at most, as a negative number.
fn agreed(prices: &Prices, both: &Both) -> f64 {
    let mut allowed = 0.0;
    for order in both.before.orders.iter().filter(|order| order.lots != 0) {
        let left = both.after.order(order.id).map_or(0, |order| order.lots);
        let filled = order.lots.saturating_sub(left);
        let moved = both.after.lots(&order.terms) - both.before.lots(&order.terms);
        if filled == 0 || moved == 0 {
            continue;
        }
        let lots = filled.min(moved.unsigned_abs());
        let edge = order.price as f64 - prices.lot(&order.terms);
        let edge = if order.side == 0 { edge } else { -edge };
        let fee = [true, false].into_iter().filter_map(|maker| {
            let fee = prices.view.fee(&order.terms, lots, order.price, maker);
            fee.ok()
        });
        allowed -= edge.max(0.0) * lots as f64 + fee.max().unwrap_or(0) as f64 + 2.0;
    }
    allowed
}

/// The profit in all positions, funding up to now included, which deleveraging may take.
fn profits(prices: &Prices, account: &MarginAccount) -> f64 {
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    positions.map(|slot| prices.position(slot).max(0.0)).sum()
}

/// The value of all deposits.
fn gross(prices: &Prices, account: &MarginAccount, board: &ballast_client::state::Board) -> f64 {
    let mut only = *account;
    only.positions.fill(Zeroable::zeroed());
    for slot in &mut only.balances {
        if slot.shares.get() < 0 {
            *slot = Zeroable::zeroed();
        }
    }
    prices.equity(&only, board)
}

/// Not in liquidation, and above maintenance margin at the last prices.
fn is_healthy(view: &View, account: &MarginAccount, report: &mut Report) -> bool {
    !account.in_liquidation()
        && view.assess(account, Purpose::ReduceRisk, report).is_ok()
        && report.health_maintenance() >= 0
}

/// A healthy account stays healthy at constant prices and time, whatever its owner or anybody else sends: nobody can be pushed or jump below
/// maintenance margin. Deleveraging and loss sharing are what the waterfall's end costs others.
fn health_is_kept(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let of_authority = ["update_exchange", "update_asset", "update_underlying"];
    if !step.went_through()
        || step.calls_any(&["auto_deleverage", "resolve_bankruptcy"])
        || step.calls_any(&of_authority)
    {
        return Ok(found);
    }
    let mut report = Report::boxed();
    for (key, exchange) in step.exchanges() {
        let view = step.view(exchange)?;
        for both in step.accounts(&key) {
            if both.is_unchanged()
                || both.key == exchange.insurance_fund
                || !is_healthy(&view, both.before, &mut report)
            {
                continue;
            }
            let before = report.health_maintenance();
            let assessed = view.assess(both.after, Purpose::ReduceRisk, &mut report);
            let health = report.health_maintenance();
            // Who owes nothing cannot owe too much: rounding may leave him a unit short of nothing.
            let owes = both.after.has_obligations();
            if assessed.is_err() || (health < 0 && owes) {
                found.push(format!(
                    "{} had a health of {before} and has {health} ({assessed:?})",
                    both.key
                ));
            }
        }
    }
    Ok(found)
}

/// Who takes tokens out or trades ends with initial margin at prices that may be used, or with less risk than before: else losses are for others.
fn risk_needs_initial_margin(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let leaves = step.calls_any(&["withdraw", "transfer"]);
    let trades = step.calls_any(&["place_and_fill", "fill_order"]);
    if !step.went_through() || !(leaves || trades) {
        return Ok(found);
    }
    let mut report = Report::boxed();
    for (key, exchange) in step.exchanges() {
        let view = step.view(exchange)?;
        for both in step.accounts(&key) {
            let owed_less = leaves && !has_less(&both);
            if both.is_unchanged() || !both.after.has_obligations() || owed_less {
                continue;
            }
            let strict = view.assess(both.after, Purpose::AddRisk, &mut report);
            if strict.is_ok() && report.health_initial() >= 0 {
                continue;
            }
            let health = report.health_initial();
            if trades && !leaves {
                // Fees of a filler make nothing riskier.
                let lots = |account: &MarginAccount| -> Vec<i64> {
                    let slots = account.positions.iter();
                    slots.map(|slot| slot.base_lots).collect()
                };
                if lots(both.before) == lots(both.after) {
                    continue;
                }
                view.assess(both.before, Purpose::ReduceRisk, &mut report)
                    .map_err(|error| anyhow!("{error:?}"))?;
                let mark = report.risk_mark();
                view.assess(both.after, Purpose::ReduceRisk, &mut report)
                    .map_err(|error| anyhow!("{error:?}"))?;
                if report.risk_mark().is_no_riskier_than(&mark) {
                    continue;
                }
            }
            found.push(format!(
                "{} has an initial health of {health} ({strict:?}) after taking risk",
                both.key
            ));
        }
    }
    Ok(found)
}

fn has_less(both: &Both) -> bool {
    let shares = |account: &MarginAccount, asset: u8| {
        account
            .balance(asset)
            .map_or_else(Default::default, |slot| slot.shares.get())
    };
    both.before
        .balances
        .iter()
        .chain(&both.after.balances)
        .any(|slot| shares(both.after, slot.asset) < shares(both.before, slot.asset))
}

/// Who has lost more than he had trades no more, at whatever price: closing against an accomplice at the mark would spare him his part of the loss and
/// leave it to lenders.
fn insolvent_accounts_do_not_trade(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if !step.went_through() || !step.calls_any(&["place_and_fill", "fill_order"]) {
        return Ok(found);
    }
    // A filler's fee is a credit without lots.
    let lots = |account: &MarginAccount| -> Vec<_> {
        let open = account.positions.iter().filter(|slot| slot.base_lots != 0);
        open.map(|slot| (slot.terms, slot.base_lots)).collect()
    };
    let mut report = Report::boxed();
    for (key, exchange) in step.exchanges() {
        let view = step.view(exchange)?;
        for both in step.accounts(&key) {
            if lots(both.before) == lots(both.after) {
                continue;
            }
            let assessed = view.assess(both.before, Purpose::ReduceRisk, &mut report);
            if assessed.is_ok() && report.equity_mark < 0 {
                let equity = report.equity_mark;
                found.push(format!(
                    "{} has traded with an equity of {equity}",
                    both.key
                ));
            }
        }
    }
    Ok(found)
}

/// Tokens leave a vault only when an owner signs and his accounts have so much less, or the admin for fees and insurance. A delegate never takes
/// anything out.
fn tokens_leave_to_their_owners(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if !step.went_through() {
        return Ok(found);
    }
    let vaults: Vec<(Pubkey, &Bank)> = step.before.all::<Bank>().collect();
    for (key, old) in vaults {
        let left = step
            .before
            .tokens(&old.vault)
            .saturating_sub(step.after.tokens(&old.vault));
        if left == 0 {
            continue;
        }
        let (Some(new), Some(exchange)) = (
            step.after.get::<Bank>(&key),
            step.after.get::<Exchange>(&old.exchange),
        ) else {
            found.push(format!("bank {key} is gone"));
            continue;
        };
        let indexes = step.view(exchange)?.board.indexes(old.asset);
        let indexes = indexes.map_err(|error| anyhow!("{error:?}"))?;
        let amount = |account: &MarginAccount| {
            let slot = account.balance(old.asset);
            slot.map_or(0, |slot| ledger::amount(slot, indexes).unwrap_or(0))
        };
        let mut paid: i128 = 0;
        for both in step.accounts(&old.exchange) {
            let of_admin = both.key == exchange.insurance_fund && step.signed_by(&exchange.admin);
            if step.signed_by(&both.before.owner) || of_admin {
                paid += i128::from(amount(both.before)) - i128::from(amount(both.after));
            }
        }
        if step.signed_by(&exchange.admin) {
            paid += i128::from(old.fees) - i128::from(new.fees);
        }
        // Interest that was paid to them within the same transaction is theirs as well.
        let loans = |bank: &Bank, books: &Snapshot| -> f64 {
            let board = books.get::<ballast_client::state::Board>(&exchange.board);
            let indexes = board.and_then(|board| board.indexes(bank.asset).ok());
            let index: f64 = indexes.map_or(0.0, |indexes| indexes.borrow.get().to_num());
            index * old.borrow_shares.get().to_num::<f64>()
        };
        let interest = loans(old, step.after) - loans(old, step.before);
        if paid + (interest.ceil() as i128) < i128::from(left) - 1 {
            found.push(format!(
                "{left} tokens left the vault of asset {} for {paid} of those who signed",
                old.asset
            ));
        }
    }
    Ok(found)
}

// Accounts.

/// Slots, orders and flags of every account are as everything else takes for granted: no asset or market twice, only listed ones, free slots empty,
/// order numbers used once, no orders in liquidation.
fn accounts_are_consistent(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if !step.went_through() {
        return Ok(found);
    }
    for key in step.changed {
        let Some(account) = step.after.get::<MarginAccount>(key) else {
            continue;
        };
        let Some(exchange) = step.after.get::<Exchange>(&account.exchange) else {
            found.push(format!("{key}: its exchange does not exist"));
            continue;
        };
        let mut wrong = |what: String| found.push(format!("{key}: {what}"));
        let mut assets = Vec::new();
        for (place, slot) in account.balances.iter().enumerate() {
            if slot.is_free() {
                continue;
            }
            if (place == 0) != (slot.asset == 0) {
                wrong(format!("asset {} in slot {place}", slot.asset));
            }
            if slot.asset >= exchange.asset_count || assets.contains(&slot.asset) {
                wrong(format!("asset {} twice, or not listed", slot.asset));
            }
            assets.push(slot.asset);
        }
        let mut terms = Vec::new();
        for slot in account.positions.iter().filter(|slot| !slot.is_free()) {
            let market =
                markets(step.after, &account.exchange).find(|market| market.terms == slot.terms);
            if market.is_none() || terms.contains(&slot.terms) {
                wrong(format!(
                    "a position twice, or without a market: {:?}",
                    slot.terms
                ));
            }
            terms.push(slot.terms);
        }
        let free = |slot: &&Position| slot.is_free();
        if account
            .positions
            .iter()
            .filter(free)
            .any(|slot| slot.base_lots != 0 || slot.quote != 0)
        {
            wrong("a free position holds something".to_owned());
        }
        let mut ids = Vec::new();
        for order in &account.orders {
            if order.lots == 0 {
                if *order != Order::default() {
                    wrong("a free order slot is not empty".to_owned());
                }
                continue;
            }
            let sound = order.id < account.next_order_id
                && order.price > 0
                && order.side <= 1
                && !ids.contains(&order.id);
            if !sound {
                wrong(format!("order {} is not sound", order.id));
            }
            ids.push(order.id);
        }
        let clock = [
            account.auction_elapsed_s,
            account.auction_seen_at.unsigned_abs(),
        ];
        if !account.in_liquidation() && clock != [0, 0] {
            wrong("an auction's clock without a liquidation".to_owned());
        }
        let rests = account
            .orders
            .iter()
            .any(|order| order.lots != 0 && order.reduce_only == 0);
        if account.in_liquidation() && rests {
            wrong("orders that add risk rest in a liquidation".to_owned());
        }
    }
    Ok(found)
}

/// An account is flagged only below maintenance margin and set free only at its buffer, and what the program answers is what the host works out:
/// nobody is liquidated who need not be, nobody escapes.
fn flags_follow_health(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut report = Report::boxed();
    for (key, exchange) in step.exchanges() {
        let view = step.view(exchange)?;
        for both in step.accounts(&key) {
            match (both.before.in_liquidation(), both.after.in_liquidation()) {
                (false, true) => {
                    let assessed = view.assess(both.before, Purpose::Liquidate, &mut report);
                    let due = assessed.is_ok()
                        && report.is_liquidatable()
                        && both.before.has_obligations();
                    if !due || !step.calls_any(&["start_liquidation"]) {
                        found.push(format!("{} was flagged without a reason", both.key));
                    }
                }
                (true, false) if !view.has_recovered(both.after, &mut report) => {
                    found.push(format!("{} was set free below its buffer", both.key));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// The program's health is the host's, figure by figure, from the same bytes: what keepers and browsers show is what the program decides by. Only on a
/// sample: it runs the engine on a VM.
pub fn health_on_chain_is_health_on_the_host(step: &Step, probe: &mut Probe) -> Vec<String> {
    let mut found = Vec::new();
    for (key, exchange) in step.exchanges() {
        let Ok(view) = step.view(exchange) else {
            continue;
        };
        let changed = step
            .accounts(&key)
            .into_iter()
            .find(|both| !both.is_unchanged());
        let Some(both) = changed else {
            continue;
        };
        let purpose = (step.transactions % engine::PURPOSES.len() as u64) as u8;
        let (there, _) = probe.health(&view, both.after, purpose);
        let mut report = Report::boxed();
        let outcome = view.assess(
            both.after,
            engine::PURPOSES[usize::from(purpose)],
            &mut report,
        );
        let here = engine::digest(outcome.map(|()| &*report));
        if there != here {
            found.push(format!(
                "{}: the figures differ for purpose {purpose}",
                both.key
            ));
        }
    }
    found
}

// The board.

/// Every price on the board is one that its feed published, verified, positive, in time, and newer than the one before: nobody brings his own.
fn prices_are_the_oracles(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (_, exchange) in step.exchanges() {
        let board = step.view(exchange)?.board;
        let Some(old) = step
            .before
            .get::<ballast_client::state::Board>(&exchange.board)
        else {
            continue;
        };
        for (index, feed) in exchange.feeds.iter().enumerate() {
            let (new, old) = (&board.prices[index], &old.prices[index]);
            let same = new.publish_time == old.publish_time
                && new.price.get() == old.price.get()
                && new.confidence.get() == old.confidence.get();
            if same {
                continue;
            }
            // Legacy feeds are known by their account, others by their id.
            let mut published = step.published.values();
            let source = published.find(|price| {
                let account = oracle_stub::price_address(&oracle_stub::ORACLE_ID, &price.id);
                feed.id == price.id || feed.id == account.to_bytes()
            });
            let Some(source) = source else {
                found.push(format!("feed {index}: nobody published this price"));
                continue;
            };
            let late = step.now - source.publish_time > feed.age_max_s();
            let sound = source.good
                && source.price > 0
                && !late
                && source.publish_time <= step.now + 10
                && new.publish_time == source.publish_time
                && new.publish_time >= old.publish_time
                && step.calls_any(&["refresh_prices"]);
            if !sound {
                found.push(format!(
                    "feed {index}: a price was taken that must not be: {source:?}"
                ));
            }
        }
    }
    Ok(found)
}

/// No second of a settlement window counts twice, whoever refreshes how often: else the average of half an hour could be moved in a second.
fn no_second_counts_twice(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (_, exchange) in step.exchanges() {
        let board = step.view(exchange)?.board;
        for (index, entry) in board.prices.iter().enumerate() {
            let begins = entry.settlement_expiry - SETTLEMENT_WINDOW_S;
            let passed = entry.settlement_until.min(entry.settlement_expiry) - begins;
            let counted = i64::try_from(entry.settlement_seconds)?;
            if counted > passed.max(0) {
                found.push(format!(
                    "feed {index}: {counted} seconds counted of {passed}"
                ));
            }
        }
    }
    Ok(found)
}

/// The indexes of interest only grow, but for loss sharing: else somebody's interest is taken back.
fn indexes_only_grow(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (_, exchange) in step.exchanges() {
        let new = step.view(exchange)?.board;
        let Some(old) = step
            .before
            .get::<ballast_client::state::Board>(&exchange.board)
        else {
            continue;
        };
        for index in 0..usize::from(exchange.asset_count) {
            let (new, old) = (&new.assets[index], &old.assets[index]);
            let deposit = new.deposit.get() >= old.deposit.get();
            let borrow = new.borrow.get() >= old.borrow.get();
            if !(deposit || step.calls_any(&["resolve_bankruptcy"])) || !borrow {
                found.push(format!("asset {index}: an index of interest fell"));
            }
        }
    }
    Ok(found)
}

/// Parameters, authorities, pauses and listings change only when who may change them signs.
fn authority_is_needed(step: &Step) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for key in step.changed {
        let (Some(old), Some(new)) = (
            step.before.get::<Exchange>(key),
            step.after.get::<Exchange>(key),
        ) else {
            continue;
        };
        let roles = |exchange: &Exchange| {
            [
                exchange.admin,
                exchange.risk_authority,
                exchange.guardian,
                exchange.pending_admin,
                exchange.pending_risk_authority,
                exchange.pending_guardian,
            ]
        };
        let pauses = |exchange: &Exchange| (exchange.paused_instructions, exchange.pause_ends_at);
        let counts = |exchange: &Exchange| {
            (
                exchange.asset_count,
                exchange.underlying_count,
                exchange.feed_count,
            )
        };
        let admin = step.signed_by(&old.admin);
        let pending = roles(old)[3..].iter().any(|key| step.signed_by(key));
        if roles(old) != roles(new) && !admin && !pending {
            found.push("an authority changed without its signature".to_owned());
        }
        if pauses(old) != pauses(new) && !admin && !step.signed_by(&old.guardian) {
            found.push("a pause without a signature".to_owned());
        }
        if counts(old) != counts(new) && !admin {
            found.push("a listing without the admin".to_owned());
        }
        let mut rest = *new;
        rest.admin = old.admin;
        rest.risk_authority = old.risk_authority;
        rest.guardian = old.guardian;
        rest.pending_admin = old.pending_admin;
        rest.pending_risk_authority = old.pending_risk_authority;
        rest.pending_guardian = old.pending_guardian;
        rest.paused_instructions = old.paused_instructions;
        rest.pause_ends_at = old.pause_ends_at;
        let same = bytemuck::bytes_of(&rest) == bytemuck::bytes_of(old);
        if !same && !admin && !step.signed_by(&old.risk_authority) {
            found.push("a parameter changed without the risk authority".to_owned());
        }
    }
    for (key, exchange) in step.exchanges() {
        let risk = step.signed_by(&exchange.risk_authority);
        for new in markets(step.after, &key) {
            let mut before = markets(step.before, &key);
            let Some(old) = before.find(|old| old.terms == new.terms) else {
                continue;
            };
            let parameters = |market: &Market| {
                (
                    market.tick_size,
                    market.order_minimum_lots,
                    market.open_interest_cap_lots,
                )
            };
            if parameters(old) != parameters(new) && !risk {
                found.push("a market's parameters changed without the risk authority".to_owned());
            }
        }
        for new in banks(step.after, &key) {
            let mut before = banks(step.before, &key);
            let Some(old) = before.find(|old| old.asset == new.asset) else {
                continue;
            };
            let parameters = |bank: &Bank| {
                (
                    bank.deposit_cap,
                    bank.borrow_cap,
                    bank.outflow_limit,
                    bank.vault,
                )
            };
            if parameters(old) != parameters(new) && !risk {
                found.push("a bank's parameters changed without the risk authority".to_owned());
            }
        }
    }
    // Delegates are named by owners.
    for key in step.changed {
        let (Some(old), Some(new)) = (
            step.before.get::<MarginAccount>(key),
            step.after.get::<MarginAccount>(key),
        ) else {
            continue;
        };
        if old.owner != new.owner || old.exchange != new.exchange {
            found.push(format!("{key} has another owner"));
        }
        if old.delegate != new.delegate && !step.signed_by(&old.owner) {
            found.push(format!("{key} has a delegate whom its owner did not name"));
        }
    }
    Ok(found)
}

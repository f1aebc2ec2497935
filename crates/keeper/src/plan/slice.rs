//! A slice of a liquidation as the program would take it, on copies of the accounts: what moves, who pays whom, how everybody stands afterwards.

use ballast::instructions::{insurance_payment, share_of, split, stays_with_losses};
use ballast_risk::Q32_ONE;
use ballast_risk::liquidation::{auction_price, fraction_to_buffer_q32};
use ballast_risk::numbers::{mul_q32_ceil, mul_q32_floor, signed_value_ceil};
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{Bank, MarginAccount, MarketTerms, Position, QUOTE_ASSET, StateError, ledger};
use bytemuck::Zeroable;
use fixed::types::I80F48;

/// The three accounts of a liquidation.
#[derive(Clone)]
pub(super) struct Parties {
    pub account: Box<MarginAccount>,
    pub liquidator: Box<MarginAccount>,
    pub fund: Box<MarginAccount>,
}

/// The auction's terms now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Price of the whole portfolio, quote units.
    pub price: i64,
    /// The fraction that the program would take, Q32.
    pub needed_q32: u64,
    /// Equity at marks of the whole.
    equity_mark: i64,
    /// Whether the fund cannot pay what a taker would be paid.
    pub exhausted: bool,
}

/// What was moved.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved {
    /// At marks, quote units, rounded up.
    value: i64,
    /// Assets of which a deposit met a loan.
    pub netted_assets: Vec<u8>,
    /// Markets whose totals change.
    pub netted_markets: Vec<MarketTerms>,
    /// Sizes of what was moved, quote units: tokens, options, everything else.
    pub sizes: [i64; 3],
}

/// The auction's price now and what it sells. `account` is seen by the auction's clock, `report` becomes its figures.
///
/// # Errors
/// What the program would refuse with.
pub(super) fn agree(
    view: &View,
    account: &mut MarginAccount,
    fund: &MarginAccount,
    report: &mut Report,
) -> Result<Terms, StateError> {
    view.assess(account, Purpose::Liquidate, report)?;
    let parameters = &view.exchange.liquidation;
    let gap_max_s = parameters.observation_gap_max_s;
    account.observe_auction(report.is_liquidatable(), view.now, gap_max_s);
    let available = fund_cash(view, fund)?;
    let price = price(view, account, report)?;
    let price = if report.equity_mark >= 0 {
        price.max(-to_signed(available)?)
    } else {
        price
    };
    let is_dust = report.gross_value.unsigned_abs() < parameters.dust_value;
    let mut needed_q32 = if is_dust {
        Q32_ONE
    } else {
        let allowance = rounding_allowance(view, account)?;
        let least = fraction_to_buffer_q32(
            report.buffer_margin.saturating_add(allowance),
            report.equity_maintenance,
            price.saturating_sub(allowance),
        );
        in_whole_lots_q32(account, report, least)
    };
    let mut exhausted = false;
    if price < 0 {
        let cost = price.unsigned_abs();
        let affordable = (u128::from(available) << 32) / u128::from(cost);
        needed_q32 = needed_q32.min(u64::try_from(affordable).unwrap_or(u64::MAX));
        exhausted = needed_q32 == 0 || is_exhausted(view, available, cost);
    }
    Ok(Terms {
        price,
        needed_q32,
        equity_mark: report.equity_mark,
        exhausted,
    })
}

/// The auction's price of a whole account for what its clock has seen, from its report.
///
/// # Errors
/// [`StateError::Overflow`].
pub(super) fn price(
    view: &View,
    account: &MarginAccount,
    report: &Report,
) -> Result<i64, StateError> {
    Ok(auction_price(
        &view.exchange.liquidation.auction(),
        report.equity_mark,
        report.maintenance_margin,
        account.auction_elapsed_s,
    )?)
}

/// Cash of the insurance fund, quote units.
///
/// # Errors
/// [`StateError::Overflow`].
pub(super) fn fund_cash(view: &View, fund: &MarginAccount) -> Result<u64, StateError> {
    ledger::deposit(fund, QUOTE_ASSET, view.board.indexes(QUOTE_ASSET)?)
}

/// Whether the fund can pay nothing worth a slice of what a portfolio costs it.
pub(super) fn is_exhausted(view: &View, available: u64, cost: u64) -> bool {
    available < cost.min(view.exchange.liquidation.dust_value.max(1))
}

/// Takes a fraction of everything and pays for it. `report` is the account's, from [`agree`], and its figures afterwards when this returns; the
/// outcome is `None` where the program would refuse because the account would be worse off.
///
/// # Errors
/// What the program would refuse with.
pub(super) fn take(
    view: &View,
    parties: &mut Parties,
    terms: &Terms,
    fraction_q32: u64,
    report: &mut Report,
) -> Result<Option<Moved>, StateError> {
    let mut moved = Moved::default();
    let mut bank = scratch_bank();
    for index in 0..parties.account.balances.len() {
        take_balance(view, parties, index, fraction_q32, &mut bank, &mut moved)?;
    }
    let (account, liquidator) = (&mut parties.account, &mut parties.liquidator);
    let mut valued = report.positions().iter();
    for from in account.positions.iter_mut().filter(|slot| !slot.is_free()) {
        let valued = valued.next().ok_or(StateError::UnknownIndex)?;
        let round_down = stays_with_losses(report.equity_mark, valued.profit);
        let from = (from, valued.value, round_down);
        take_position(view, from, liquidator, fraction_q32, &mut moved)?;
    }
    pay(view, parties, terms, fraction_q32, moved.value, &mut bank)?;

    let before = report.risk_mark();
    let account = &mut parties.account;
    view.assess(account, Purpose::Liquidate, report)?;
    let margins = [before.maintenance_margin, report.maintenance_margin];
    let insured = insurance_payment(terms.price, terms.equity_mark, fraction_q32, margins);
    let insured = to_signed(insured.map_err(|_| StateError::Overflow)?)?;
    let (fund, liquidator) = (&mut parties.fund, &mut parties.liquidator);
    move_cash(view, &mut bank, fund, liquidator, insured)?;
    if !account.has_obligations() || report.is_above_buffer() {
        account.end_liquidation();
    } else if !report.risk_mark().keeps_ratio_of(&before) {
        return Ok(None);
    }
    Ok(Some(moved))
}

fn take_balance(
    view: &View,
    parties: &mut Parties,
    index: usize,
    fraction_q32: u64,
    bank: &mut Bank,
    moved: &mut Moved,
) -> Result<(), StateError> {
    let from = &mut parties.account.balances[index];
    let (asset, shares) = (from.asset, from.shares.get());
    let part = share_of(shares, fraction_q32).ok_or(StateError::Overflow)?;
    if part == 0 {
        return Ok(());
    }
    let indexes = view.board.indexes(asset)?;
    let price = view.liquidation_price(asset, shares > 0)?;
    if price == 0 {
        return Ok(());
    }
    let value = ledger::value_ceil(part, indexes, price)?;
    let to = parties.liquidator.balance_mut(asset)?;
    let held = to.shares.get();
    if asset != QUOTE_ASSET {
        moved.sizes[0] = moved.sizes[0].saturating_add(value.saturating_abs());
        if held != 0 && (held > 0) != (part > 0) {
            moved.netted_assets.push(asset);
        }
    }
    ledger::move_shares(from, to, part, indexes, Some(bank))?;
    moved.value = add(moved.value, value)?;
    Ok(())
}

fn take_position(
    view: &View,
    (from, lots_value, round_down): (&mut Position, i64, bool),
    liquidator: &mut MarginAccount,
    fraction_q32: u64,
    moved: &mut Moved,
) -> Result<(), StateError> {
    let to = liquidator.position_mut(&from.terms)?;
    let held = *to;
    view.settle_funding(from)?;
    view.settle_funding(to)?;
    let settled = *from;
    let (lots, quote) = split(from, fraction_q32, round_down).ok_or(StateError::Overflow)?;
    if lots == 0 && quote == 0 {
        return Ok(());
    }
    from.change(-lots, -quote)?;
    to.change(lots, quote)?;
    if nets(&held, lots, quote) {
        moved.netted_markets.push(settled.terms);
    }
    let value = part_ceil(lots_value, lots, settled.base_lots)?;
    let kind = if settled.terms.is_option() { 1 } else { 2 };
    moved.sizes[kind] = moved.sizes[kind].saturating_add(value.saturating_abs());
    moved.value = add(moved.value, add(value, quote)?)?;
    Ok(())
}

/// Whether what the liquidator holds is opposite to what it takes, so that the market's totals change.
fn nets(held: &Position, lots: i64, quote: i64) -> bool {
    let opposite = |held: i64, taken: i64| held.signum() == -taken.signum() && taken != 0;
    opposite(held.base_lots, lots) || (!held.terms.is_perpetual() && opposite(held.quote, quote))
}

/// Liquidator to account, liquidator to fund.
fn pay(
    view: &View,
    parties: &mut Parties,
    terms: &Terms,
    fraction_q32: u64,
    value: i64,
    bank: &mut Bank,
) -> Result<(), StateError> {
    let share_q32 = view.exchange.liquidation.insurance_share_q32;
    let pro_rata = mul_q32_floor(terms.equity_mark, fraction_q32)?;
    let rounding = value.checked_sub(pro_rata).ok_or(StateError::Overflow)?;
    let paid = mul_q32_ceil(terms.price.max(0), fraction_q32)?;
    let discount = terms.equity_mark.max(0) - terms.price.max(0);
    let discount = mul_q32_floor(discount.max(0), fraction_q32)?;
    let fee = mul_q32_floor(discount, share_q32)?;
    let Parties {
        account,
        liquidator,
        fund,
    } = parties;
    move_cash(view, bank, liquidator, account, add(rounding, paid)?)?;
    move_cash(view, bank, liquidator, fund, fee)
}

/// Moves quote units, the other way when they are negative.
fn move_cash(
    view: &View,
    bank: &mut Bank,
    from: &mut MarginAccount,
    to: &mut MarginAccount,
    amount: i64,
) -> Result<(), StateError> {
    let (from, to) = if amount >= 0 { (from, to) } else { (to, from) };
    let indexes = view.board.indexes(QUOTE_ASSET)?;
    let size = amount.unsigned_abs();
    if size == 0 {
        return Ok(());
    }
    ledger::debit(from.balance_mut(QUOTE_ASSET)?, bank, indexes, size)?;
    ledger::credit(to.balance_mut(QUOTE_ASSET)?, bank, indexes, size)
}

/// A bank whose totals are nobody's and never run out.
pub(super) fn scratch_bank() -> Bank {
    let plenty = I80F48::from_bits(1 << 120);
    let mut bank = Bank::zeroed();
    bank.deposit_shares.set(plenty);
    bank.borrow_shares.set(plenty);
    bank
}

/// What rounding may cost an account in a slice at most, quote units.
fn rounding_allowance(view: &View, account: &MarginAccount) -> Result<i64, StateError> {
    let mut allowance = 16i64;
    for balance in account.balances.iter().filter(|slot| !slot.is_free()) {
        let unit = view.liquidation_price(balance.asset, balance.shares.get() > 0)?;
        let units = signed_value_ceil(2, unit)?;
        allowance = allowance.saturating_add(units).saturating_add(4);
    }
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    Ok(allowance.saturating_add(4 * positions.count() as i64))
}

/// The smallest fraction of at least `fraction_q32` at which every position worth a tenth of the account or more moves whole lots.
pub(super) fn in_whole_lots_q32(
    account: &MarginAccount,
    report: &Report,
    fraction_q32: u64,
) -> u64 {
    let positions = account.positions.iter().filter(|slot| !slot.is_free());
    let large = positions.zip(report.positions()).filter(|(slot, valued)| {
        slot.base_lots != 0
            && valued.value.saturating_abs().saturating_mul(10) >= report.gross_value
    });
    large
        .fold(fraction_q32, |largest, (slot, _)| {
            let size = u128::from(slot.base_lots.unsigned_abs());
            let lots = (size * u128::from(fraction_q32)).div_ceil(u128::from(Q32_ONE));
            largest.max(((lots << 32) / size) as u64)
        })
        .min(Q32_ONE)
}

fn to_signed(amount: u64) -> Result<i64, StateError> {
    i64::try_from(amount).map_err(|_| StateError::Overflow)
}

fn add(left: i64, right: i64) -> Result<i64, StateError> {
    left.checked_add(right).ok_or(StateError::Overflow)
}

/// The program's rounding of a part of a position's value.
///
/// # Errors
/// [`StateError::Overflow`].
pub(super) fn part_ceil(value: i64, lots: i64, of_lots: i64) -> Result<i64, StateError> {
    ballast::instructions::part_ceil(value, lots, of_lots).map_err(|_| StateError::Overflow)
}

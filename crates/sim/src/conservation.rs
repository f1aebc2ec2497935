//! The books that must balance after every step, read from the accounts' bytes.

use crate::{Venue, World};
use anyhow::Result;
use ballast_client::state::health::View;
use ballast_client::state::{MarginAccount, Market, MarketKind, MarketStatus, ledger};
use fixed::types::I80F48;

/// Everything that does not add up, each in a sentence. An empty list is what must come out.
///
/// Per market: the sum of lots is 0; open interest is the sum of long lots, debts that of negative quote; the sum of quote (funding up to now
/// included, in a settled market the lots at their payoff) and fees is the settlement pool, to the unit in dated markets; in a perpetual each payment of funding may leave less than one
/// unit more in the pool. Per bank: the sums of shares are the totals; vault tokens and loans cover deposits, settlement pools and fees.
///
/// # Errors
/// When an account of the exchange cannot be read.
pub fn violations(world: &World, venue: &Venue) -> Result<Vec<String>> {
    let accounts = margin_accounts(world, venue);
    let mut found = Vec::new();
    let markets = markets(world, venue);
    for market in &markets {
        check_market(world, venue, market, &accounts, &mut found)?;
    }
    for index in 0..venue.config.assets.len() {
        check_bank(world, venue, index, &accounts, &markets, &mut found)?;
    }
    Ok(found)
}

/// Every margin account of the exchange, the insurance fund among them.
pub fn margin_accounts(world: &World, venue: &Venue) -> Vec<Box<MarginAccount>> {
    world
        .svm
        .get_program_accounts(&ballast::ID)
        .iter()
        .filter_map(|(_, account)| ballast_client::read_account::<MarginAccount>(&account.data))
        .filter(|account| account.exchange == venue.addresses.exchange)
        .collect()
}

/// Every market of the exchange.
pub fn markets(world: &World, venue: &Venue) -> Vec<Box<Market>> {
    world
        .svm
        .get_program_accounts(&ballast::ID)
        .iter()
        .filter_map(|(_, account)| ballast_client::read_account::<Market>(&account.data))
        .filter(|market| market.exchange == venue.addresses.exchange)
        .collect()
}

fn check_market(
    world: &World,
    venue: &Venue,
    market: &Market,
    accounts: &[Box<MarginAccount>],
    found: &mut Vec<String>,
) -> Result<()> {
    let terms = &market.terms;
    let asset = venue.config.assets.get(usize::from(terms.underlying) + 1);
    let name = match (terms.kind()?, asset) {
        (MarketKind::Perpetual, Some(asset)) => asset.name.to_owned(),
        _ => format!("{terms:?}"),
    };
    let (exchange, board) = (venue.exchange(world)?, venue.board(world)?);
    let view = View {
        exchange: &exchange,
        board: &board,
        now: world.now(),
    };
    let index = match terms.is_perpetual() {
        true => view.funding_index(terms.underlying)?,
        false => I80F48::ZERO,
    };
    let positions = accounts
        .iter()
        .flat_map(|account| &account.positions)
        .filter(|position| !position.is_free() && position.terms == *terms);
    // A settled market's lots turn into quote one by one, at their payoff.
    let settled = market.status == MarketStatus::Closed as u8;
    let payoff = if settled {
        i128::from(terms.payoff(market.settlement_price)?)
    } else {
        0
    };
    let (mut lots, mut long, mut debts, mut quote) = (0i128, 0i128, 0i128, 0i128);
    // What is due by funding, exactly: bits of an I80F48.
    let mut funding_bits = 0i128;
    for position in positions {
        lots += i128::from(position.base_lots);
        long += i128::from(position.base_lots.max(0));
        debts -= i128::from(position.quote.min(0));
        quote += i128::from(position.quote) + i128::from(position.base_lots) * payoff;
        if position.base_lots != 0 && terms.is_perpetual() {
            let growth = (index - position.funding_index.get()).to_bits();
            funding_bits -= i128::from(position.base_lots) * growth;
        }
    }
    if lots != 0 && !settled {
        found.push(format!("{name}: lots sum to {lots}, not 0"));
    }
    if long - lots != i128::from(market.short_interest_lots) {
        found.push(format!(
            "{name}: shorts are {} lots, the market says {}",
            long - lots,
            market.short_interest_lots
        ));
    }
    if long != i128::from(market.open_interest_lots) {
        found.push(format!(
            "{name}: longs are {long} lots, open interest says {}",
            market.open_interest_lots
        ));
    }
    if !terms.is_perpetual() && debts != i128::from(market.debts) {
        found.push(format!(
            "{name}: debts are {debts}, the market says {}",
            market.debts
        ));
    }
    let owed_bits = ((quote + i128::from(market.fees)) << 48) + funding_bits;
    let dust_bits = (i128::from(market.settlement_pool) << 48) - owed_bits;
    // Without funding nothing is ever rounded. With it, no transaction settles more than a few positions in a market.
    let most = match board.perpetuals[usize::from(terms.underlying)].updated_at {
        0 => 0,
        _ if !terms.is_perpetual() => 0,
        _ => i128::from(world.transactions) << 49,
    };
    if !(0..=most).contains(&dust_bits) {
        found.push(format!(
            "{name}: quote, funding and fees are {} and {dust_bits} bits less than the pool, which holds {}",
            owed_bits >> 48,
            market.settlement_pool
        ));
    }
    Ok(())
}

fn check_bank(
    world: &World,
    venue: &Venue,
    index: usize,
    accounts: &[Box<MarginAccount>],
    markets: &[Box<Market>],
    found: &mut Vec<String>,
) -> Result<()> {
    let name = venue.config.assets[index].name;
    let bank = venue.bank(world, index)?;
    let board = venue.board(world)?;
    let indexes = board.indexes(index as u8)?;
    let (mut deposits, mut loans) = (I80F48::ZERO, I80F48::ZERO);
    for balance in accounts
        .iter()
        .filter_map(|account| account.balance(index as u8))
    {
        let shares = balance.shares.get();
        if shares > 0 {
            deposits += shares;
        } else {
            loans -= shares;
        }
    }
    if deposits != bank.deposit_shares.get() || loans != bank.borrow_shares.get() {
        found.push(format!(
            "{name}: shares are {deposits} and {loans}, the bank says {} and {}",
            bank.deposit_shares.get(),
            bank.borrow_shares.get()
        ));
    }
    let pools: u64 = if index == 0 {
        markets.iter().map(|market| market.settlement_pool).sum()
    } else {
        0
    };
    if pools != bank.settlement_pools {
        found.push(format!(
            "{name}: pools hold {pools}, the bank says {}",
            bank.settlement_pools
        ));
    }
    let vault = world.tokens(&bank.vault);
    let has = u128::from(vault) + u128::from(ledger::loans_total(&bank, indexes)?);
    // What depositors can take is rounded down for each of them, so the sum rounded down is a fair claim.
    let deposits = bank
        .deposit_shares
        .get()
        .checked_mul(indexes.deposit.get())
        .map_or(u128::MAX, |total| total.floor().to_num());
    let owes = deposits + u128::from(bank.settlement_pools) + u128::from(bank.fees);
    if has < owes {
        found.push(format!("{name}: the bank has {has} and owes {owes}"));
    }
    Ok(())
}

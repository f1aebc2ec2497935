//! The books that must balance after every step, read from the accounts' bytes.

use crate::{Venue, World};
use anyhow::{Result, anyhow};
use ballast_client::state::health::View;
use ballast_client::state::{
    Bank, MarginAccount, Market, MarketStatus, Position, QUOTE_ASSET, ledger,
};
use fixed::types::I80F48;

/// Everything that does not add up, each in a sentence. An empty list is what must come out: see [`Books`].
///
/// # Errors
/// When an account of the exchange cannot be read.
pub fn violations(world: &World, venue: &Venue) -> Result<Vec<String>> {
    let (exchange, board) = (venue.exchange(world)?, venue.board(world)?);
    let (accounts, markets) = (margin_accounts(world, venue), markets(world, venue));
    let banks: Result<Vec<_>> = (0..venue.config.assets.len())
        .map(|index| venue.bank(world, index))
        .collect();
    let banks = banks?;
    let books = Books {
        view: View {
            exchange: &exchange,
            board: &board,
            now: world.now(),
        },
        accounts: accounts.iter().map(|account| &**account).collect(),
        markets: markets.iter().map(|market| &**market).collect(),
        banks: banks
            .iter()
            .map(|bank| (&**bank, world.tokens(&bank.vault)))
            .collect(),
        transactions: world.transactions,
    };
    let mut found = Vec::new();
    for check in [
        Books::positions,
        Books::market_money,
        Books::shares,
        Books::loans,
        Books::bank_money,
    ] {
        found.extend(check(&books)?);
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

/// All accounts of one exchange at one moment, and what must hold of them. Every check returns what does not, each in a sentence.
pub struct Books<'a> {
    /// Configuration, board and time.
    pub view: View<'a>,
    /// Every margin account, the insurance fund among them.
    pub accounts: Vec<&'a MarginAccount>,
    /// Every market.
    pub markets: Vec<&'a Market>,
    /// Every bank with the tokens in its vault.
    pub banks: Vec<(&'a Bank, u64)>,
    /// Transactions up to now, none of which has settled the funding of more than a few positions.
    pub transactions: u64,
}

impl Books<'_> {
    /// Per market: lots sum to 0, open interest is the sum of long lots, short interest that of short ones, debts that of negative quote.
    ///
    /// # Errors
    /// When a market has terms that do not exist.
    pub fn positions(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for market in &self.markets {
            let name = self.name(market)?;
            let (mut lots, mut long, mut debts) = (0i128, 0i128, 0i128);
            for position in self.positions_in(market) {
                lots += i128::from(position.base_lots);
                long += i128::from(position.base_lots.max(0));
                debts -= i128::from(position.quote.min(0));
            }
            // A settled market's lots turn into quote one by one.
            let settled = market.status == MarketStatus::Closed as u8;
            if lots != 0 && !settled {
                found.push(format!("{name}: lots sum to {lots}, not 0"));
            }
            let totals = [
                ("longs", long, i128::from(market.open_interest_lots)),
                (
                    "shorts",
                    long - lots,
                    i128::from(market.short_interest_lots),
                ),
            ];
            for (what, sum, total) in totals {
                if sum != total {
                    found.push(format!(
                        "{name}: {what} are {sum} lots, the market says {total}"
                    ));
                }
            }
            if !market.terms.is_perpetual() && debts != i128::from(market.debts) {
                let total = market.debts;
                found.push(format!(
                    "{name}: debts are {debts}, the market says {total}"
                ));
            }
        }
        Ok(found)
    }

    /// Per market: the sum of quote (funding up to now included, in a settled market the lots at their payoff) and fees is the settlement pool, to
    /// the unit in dated markets; in a perpetual each payment of funding may leave less than one unit more in the pool.
    ///
    /// # Errors
    /// When a market has terms that do not exist.
    pub fn market_money(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for market in &self.markets {
            let terms = &market.terms;
            let index = match terms.is_perpetual() {
                true => self.view.funding_index(terms.underlying)?,
                false => I80F48::ZERO,
            };
            let payoff = if market.status == MarketStatus::Closed as u8 {
                i128::from(terms.payoff(market.settlement_price)?)
            } else {
                0
            };
            let mut quote = 0i128;
            // What is due by funding, exactly: bits of an I80F48.
            let mut funding_bits = 0i128;
            for position in self.positions_in(market) {
                quote += i128::from(position.quote) + i128::from(position.base_lots) * payoff;
                if position.base_lots != 0 && terms.is_perpetual() {
                    let growth = (index - position.funding_index.get()).to_bits();
                    funding_bits -= i128::from(position.base_lots) * growth;
                }
            }
            let owed_bits = ((quote + i128::from(market.fees)) << 48) + funding_bits;
            let dust_bits = (i128::from(market.settlement_pool) << 48) - owed_bits;
            // Without funding nothing is ever rounded. With it, no transaction settles more than a few positions in a market.
            let most = match self.view.board.perpetuals[usize::from(terms.underlying)].updated_at {
                0 => 0,
                _ if !terms.is_perpetual() => 0,
                _ => i128::from(self.transactions) << 49,
            };
            if !(0..=most).contains(&dust_bits) {
                found.push(format!(
                    "{}: quote, funding and fees are {} and {dust_bits} bits less than the pool, which holds {}",
                    self.name(market)?,
                    owed_bits >> 48,
                    market.settlement_pool
                ));
            }
        }
        Ok(found)
    }

    /// Per bank: the sum of all deposits' shares is the total.
    ///
    /// # Errors
    /// Never; like the other checks.
    pub fn shares(&self) -> Result<Vec<String>> {
        let total = |bank: &Bank| bank.deposit_shares.get();
        Ok(self.compare_shares("deposits", total, |shares| shares.max(I80F48::ZERO)))
    }

    /// Per bank: the sum of all loans' shares is the total, so that every loan is owed by a margin account.
    ///
    /// # Errors
    /// Never; like the other checks.
    pub fn loans(&self) -> Result<Vec<String>> {
        let total = |bank: &Bank| bank.borrow_shares.get();
        Ok(self.compare_shares("loans", total, |shares| (-shares).max(I80F48::ZERO)))
    }

    fn compare_shares(
        &self,
        what: &str,
        total: impl Fn(&Bank) -> I80F48,
        part: impl Fn(I80F48) -> I80F48,
    ) -> Vec<String> {
        let mut found = Vec::new();
        for (bank, _) in &self.banks {
            let balances = self.accounts.iter();
            let sum = balances
                .filter_map(|account| account.balance(bank.asset))
                .fold(I80F48::ZERO, |sum, slot| sum + part(slot.shares.get()));
            let total = total(bank);
            if sum != total {
                let asset = bank.asset;
                found.push(format!(
                    "asset {asset}: shares of {what} are {sum}, the bank says {total}"
                ));
            }
        }
        found
    }

    /// Per bank: vault tokens and loans cover deposits, settlement pools and fees, and the pools are those of the markets.
    ///
    /// # Errors
    /// When an asset is not listed.
    pub fn bank_money(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for (bank, vault) in &self.banks {
            let asset = bank.asset;
            let indexes = self.view.board.indexes(asset)?;
            let pools: u64 = match asset {
                QUOTE_ASSET => self
                    .markets
                    .iter()
                    .map(|market| market.settlement_pool)
                    .sum(),
                _ => 0,
            };
            if pools != bank.settlement_pools {
                let total = bank.settlement_pools;
                found.push(format!(
                    "asset {asset}: pools hold {pools}, the bank says {total}"
                ));
            }
            let has = u128::from(*vault) + u128::from(ledger::loans_total(bank, indexes)?);
            // What depositors can take is rounded down for each of them, so the sum rounded down is a fair claim.
            let deposits = bank
                .deposit_shares
                .get()
                .checked_mul(indexes.deposit.get())
                .map_or(u128::MAX, |total| total.floor().to_num());
            let owes = deposits + u128::from(bank.settlement_pools) + u128::from(bank.fees);
            if has < owes {
                found.push(format!("asset {asset}: the bank has {has} and owes {owes}"));
            }
        }
        Ok(found)
    }

    fn positions_in(&self, market: &Market) -> impl Iterator<Item = &Position> {
        let accounts = self.accounts.iter();
        accounts.filter_map(|account| account.position(&market.terms))
    }

    fn name(&self, market: &Market) -> Result<String> {
        let terms = &market.terms;
        let listed = self.view.exchange.underlying(terms.underlying)?;
        let name = String::from_utf8_lossy(&listed.name);
        let name = name.trim_end_matches('\0');
        let kind = terms.kind().map_err(|error| anyhow!("{error:?}"))?;
        Ok(match terms.is_perpetual() {
            true => name.to_owned(),
            false => format!("{name} {kind:?} {} {}", terms.strike, terms.expiry),
        })
    }
}

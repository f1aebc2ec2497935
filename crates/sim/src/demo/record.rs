//! What the report is made of.

use super::{Demo, keeper};
use crate::demo::traders::{Profile, Trader};
use crate::report::{ComputeUnits, Holdings, PortfolioRow, Step, Summary};
use anchor_lang::prelude::Pubkey;
use anyhow::Result;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{MarginAccount, Market, MarketKind, ledger};
use ballast_client::units::from_q32;

/// The tenor whose implied volatility is shown: one day.
const TENOR: usize = 0;

impl Demo {
    /// What a trader holds, and his equity at marks, quote units.
    pub(super) fn standing(&self, trader: &Trader) -> Result<(Holdings, i64)> {
        let account = self.world.read::<MarginAccount>(&trader.account)?;
        let venue = &self.floor.venue;
        let report = venue.assess(&self.world, &trader.account, Purpose::ReduceRisk)?;
        Ok((Holdings::of(&account), report.equity_mark))
    }

    pub(super) fn record(&self, work: &keeper::Work) -> Result<Step> {
        let venue = &self.floor.venue;
        let exchange = venue.exchange(&self.world)?;
        let board = venue.board(&self.world)?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: self.world.now(),
        };
        let mut report = Report::boxed();
        let (mut ratios, mut total, mut flagged) = (Vec::new(), 0.0, 0);
        for trader in &self.traders {
            let account = self.world.read::<MarginAccount>(&trader.account)?;
            // At the last known prices where there are no others.
            view.assess(&account, Purpose::ReduceRisk, &mut report)?;
            total += report.equity_mark as f64 / 1e6;
            flagged += u32::from(account.in_liquidation());
            if report.maintenance_margin > 0 {
                let margin = report.maintenance_margin as f64;
                ratios.push(report.equity_maintenance as f64 / margin);
            }
        }
        ratios.sort_by(f64::total_cmp);
        let percentile = |p: usize| match ratios.len() {
            0 => f64::INFINITY,
            len => ratios[(len - 1) * p / 100],
        };
        let ranges = (1..self.prices.len()).map(|index| {
            let listed = &exchange.underlyings[index - 1];
            let entry = &board.prices[usize::from(listed.feed)];
            from_q32(
                board.underlyings[index - 1].scan_range_q32(listed, entry.confidence_ratio_q32),
            )
        });
        let implied = board.underlyings[..self.prices.len() - 1]
            .iter()
            .map(|state| from_q32(state.atm_volatility_q32[TENOR]));
        Ok(Step {
            time_s: self.world.now(),
            prices: self.prices[1..].to_vec(),
            total_equity: total,
            insurance: self.insurance()? as f64 / 1e6,
            ratio_percentiles: [5, 25, 50, 75, 95].map(percentile),
            liquidatable: work.found,
            in_liquidation: flagged,
            liquidations: work.slices,
            liquidated_value: work.value,
            scan_ranges: ranges.collect(),
            implied_volatilities: implied.collect(),
            open_interest: self.open_interest()?,
        })
    }

    /// Open interest by kind at the price of the underlying, US dollars.
    fn open_interest(&self) -> Result<[f64; 4]> {
        let venue = &self.floor.venue;
        let perpetuals = (1..self.prices.len()).map(crate::Venue::perpetual);
        let mut totals = [0.0; 4];
        for terms in perpetuals.chain(self.floor.listings.dated()) {
            // Settled markets are gone.
            if let Ok(market) = self.world.read::<Market>(&venue.addresses.market(&terms)) {
                let index = usize::from(terms.underlying) + 1;
                totals[usize::from(terms.kind)] +=
                    venue.tokens(index, market.open_interest_lots) * self.prices[index];
            }
        }
        Ok(totals)
    }

    /// The figures before everybody leaves.
    pub(super) fn summary(&self) -> Result<Summary> {
        let (standing, closed) = self.liquidation_results()?;
        let (unresolved, unresolved_debt) = self.unresolved()?;
        let with = |holds: fn(&Holdings) -> bool| {
            let holders = self.traders.iter().zip(&self.beginnings);
            let accounts = holders.filter(move |(_, (held, _))| holds(held));
            let accounts: Vec<_> = accounts.map(|(trader, _)| trader.account).collect();
            let liquidated = accounts
                .iter()
                .filter(|key| self.keeper.liquidated.contains(*key));
            [accounts.len(), liquidated.count()]
        };
        let [with_futures, with_futures_liquidated] = with(|held| held.futures > 0);
        let [with_options, with_options_liquidated] = with(|held| held.options > 0);
        let settled = &self.crank.settled;
        let futures = settled
            .iter()
            .filter(|row| row.kind == MarketKind::Future)
            .count();
        let [by_longs, by_shorts] = self.crank.funding_paid;
        let attacker = self.attacker.as_ref();
        let [taken, debt_taken] = attacker.map_or([0; 2], |of| of.from_insurance);
        Ok(Summary {
            accounts: self.traders.len() + self.attackers().len(),
            liquidations: self.keeper.slices,
            accounts_liquidated: self.keeper.liquidated.len(),
            fully_closed: closed,
            partially_liquidated_and_healthy: standing,
            bad_debt_quote: self.keeper.bad_debt
                + debt_taken
                + self.keeper.given_up
                + self.keeper.loss_shared
                + unresolved_debt,
            bad_debt_paid_quote: self.keeper.bad_debt + debt_taken,
            accounts_insolvent: self.keeper.insolvent.len() + usize::from(debt_taken > 0),
            insurance_paid_quote: self.keeper.insurance_paid + taken,
            accounts_deleveraged: self.keeper.deleveraged.len(),
            profit_given_up_quote: self.keeper.given_up,
            loans_written_off: self.keeper.resolutions,
            loss_shared_quote: self.keeper.loss_shared,
            attacker_put_in_quote: self.attacker.as_ref().map(|of| (of.put_in * 1e6) as i64),
            attacker_end_quote: self.attacker_end()?,
            in_liquidation_at_the_end: unresolved,
            insurance_start_quote: self.insurance_start as i64,
            insurance_end_quote: self.insurance()? as i64,
            accounts_with_futures: with_futures,
            accounts_with_futures_liquidated: with_futures_liquidated,
            accounts_with_options: with_options,
            accounts_with_options_liquidated: with_options_liquidated,
            markets_listed: self.prices.len() - 1 + self.floor.listings.dated().count(),
            futures_settled: futures,
            series_settled: settled.len() - futures,
            positions_settled: settled.iter().map(|row| row.positions).sum(),
            settled_quote: settled.iter().map(|row| (row.received * 1e6) as i64).sum(),
            funding_updates: self.crank.funding_updates,
            funding_paid_by_longs_quote: by_longs as i64,
            funding_paid_by_shorts_quote: by_shorts as i64,
            surfaces_posted: self.crank.surfaces,
            ..Summary::default()
        })
    }

    /// Adds what is only known once everybody has left.
    pub(super) fn finish(&self, summary: &mut Summary) {
        summary.transactions = self.world.transactions;
        summary.conservation_violations = self.violation_count;
        let units = self.world.compute_units.iter().map(|(name, units)| {
            let mut sorted = units.clone();
            sorted.sort_unstable();
            let figures = ComputeUnits {
                count: sorted.len() as u64,
                median: sorted[sorted.len() / 2],
                max: *sorted.last().unwrap_or(&0),
            };
            (name.clone(), figures)
        });
        summary.cu = units.collect();
    }

    /// How each profile has come through.
    pub(super) fn portfolios(&self) -> Result<Vec<PortfolioRow>> {
        let mut rows = Vec::new();
        for profile in Profile::ALL {
            let [name, manner] = profile.words();
            let mut row = PortfolioRow {
                name,
                manner,
                ..PortfolioRow::default()
            };
            let all = self.traders.iter().zip(&self.beginnings);
            for (trader, (held, equity)) in all.filter(|(trader, _)| trader.profile == profile) {
                row.accounts += 1;
                row.liquidated += usize::from(self.keeper.liquidated.contains(&trader.account));
                row.closed += usize::from(self.keeper.closed.contains(&trader.account));
                row.holdings.add(held);
                row.equity_start += *equity as f64 / 1e6;
                row.equity_end += self.standing(trader)?.1 as f64 / 1e6;
            }
            if row.accounts > 0 {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// How many liquidated accounts still stand, healthy, and how many were taken whole.
    fn liquidation_results(&self) -> Result<(usize, usize)> {
        let (mut standing, mut closed) = (0, 0);
        for account in &self.keeper.liquidated {
            let state = self.world.read::<MarginAccount>(account)?;
            if self.keeper.closed.contains(account) {
                closed += 1;
            } else if !state.in_liquidation()
                && !state.is_empty()
                && !self
                    .floor
                    .venue
                    .assess(&self.world, account, Purpose::Liquidate)?
                    .is_liquidatable()
            {
                standing += 1;
            }
        }
        Ok((standing, closed))
    }

    /// Accounts still in liquidation, and the equity below zero that nobody has taken over, quote units.
    fn unresolved(&self) -> Result<(usize, i64)> {
        let (mut accounts, mut debt) = (0, 0);
        for key in &self.accounts {
            if self.world.read::<MarginAccount>(key)?.in_liquidation() {
                let venue = &self.floor.venue;
                let report = venue.assess(&self.world, key, Purpose::ReduceRisk)?;
                accounts += 1;
                debt += report.equity_mark.min(0).saturating_neg();
            }
        }
        Ok((accounts, debt))
    }

    /// The attacker's margin accounts.
    fn attackers(&self) -> Vec<Pubkey> {
        let attacker = self.attacker.iter();
        attacker
            .flat_map(|attacker| attacker.accounts(&self.floor))
            .collect()
    }

    /// What the attacker has in the end, quote units at the last prices, which are fair again.
    fn attacker_end(&self) -> Result<Option<i64>> {
        let Some(attacker) = &self.attacker else {
            return Ok(None);
        };
        let worth = attacker.worth(&self.world, &self.floor, &self.prices)?;
        Ok(Some((worth * 1e6) as i64))
    }

    /// Cash of the insurance fund, quote units.
    fn insurance(&self) -> Result<u64> {
        let venue = &self.floor.venue;
        let fund = self
            .world
            .read::<MarginAccount>(&venue.addresses.insurance_fund())?;
        let board = venue.board(&self.world)?;
        Ok(ledger::deposit(&fund, 0, board.indexes(0)?)?)
    }
}

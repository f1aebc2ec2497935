//! What the keeper may send: one transaction each, whole or not at all.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_state::{MarketKind, MarketTerms};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of the keeper's work that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// Takes prices from Pyth accounts to the board.
    Prices,
    /// Accrues interest of lent assets.
    Interest,
    /// Updates funding rates.
    Funding,
    /// Fills crossing orders.
    Matching,
    /// Removes orders that cannot trade any more.
    Pruning,
    /// Settles expired markets and closes them.
    Expiry,
    /// Moves profit and loss of open markets into cash, and fees to the bank.
    Pnl,
    /// Flags accounts, watches their auctions and takes slices.
    Liquidation,
    /// Deleverages insolvent accounts and shares their losses.
    Waterfall,
    /// Trades the keeper's own positions away.
    Inventory,
}

impl Duty {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Prices,
        Self::Interest,
        Self::Funding,
        Self::Matching,
        Self::Pruning,
        Self::Expiry,
        Self::Pnl,
        Self::Liquidation,
        Self::Waterfall,
        Self::Inventory,
    ];

    /// Its name in configuration, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prices => "prices",
            Self::Interest => "interest",
            Self::Funding => "funding",
            Self::Matching => "matching",
            Self::Pruning => "pruning",
            Self::Expiry => "expiry",
            Self::Pnl => "pnl",
            Self::Liquidation => "liquidation",
            Self::Waterfall => "waterfall",
            Self::Inventory => "inventory",
        }
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a job is about. Two jobs of one key are the same work: never in flight together, and one's failure holds the other up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKey {
    /// One of several transactions of price accounts, by number.
    Prices(u8),
    /// One of several transactions that write prices of a file to a local cluster's stub, by number.
    Write(u8),
    /// Interest of an asset.
    Interest(u8),
    /// The funding rate of the perpetual on an underlying.
    Funding(u8),
    /// Two crossing orders, by account and number.
    Fill {
        /// Account of the older order.
        maker: Pubkey,
        /// Its number.
        maker_order: u64,
        /// Account of the younger order.
        taker: Pubkey,
        /// Its number.
        taker_order: u64,
    },
    /// An order, by account and number.
    Prune(Pubkey, u64),
    /// The settlement price of a market.
    Finalize(MarketTerms),
    /// An account's lots in a settled market.
    SettlePosition(Pubkey, MarketTerms),
    /// An account's profit or loss in a market, as part of the duty `Pnl` or, in settled markets, `Expiry`.
    SettlePnl(Pubkey, MarketTerms),
    /// An insolvent account's loss, which has to become a loan before it can be shared.
    SettleLoss(Pubkey, MarketTerms),
    /// An empty settled market.
    CloseMarket(MarketTerms),
    /// Fees of a market.
    CollectFees(MarketTerms),
    /// An account that is below its maintenance margin and not flagged.
    Flag(Pubkey),
    /// A flagged account whose auction has to be seen, or whose flag can go.
    Observe(Pubkey),
    /// A slice of a flagged account.
    Liquidate(Pubkey),
    /// Two opposite positions: the insolvent account's and the counterparty's.
    Deleverage(Pubkey, Pubkey, MarketTerms),
    /// An insolvent account's loan of an asset.
    Resolve(Pubkey, u8),
    /// The keeper's own position in a market, against resting orders.
    Unwind(MarketTerms),
    /// The keeper's own resting order in a market.
    Quote(MarketTerms),
}

impl JobKey {
    /// The duty it belongs to.
    pub fn duty(&self) -> Duty {
        match self {
            Self::Prices(_) | Self::Write(_) => Duty::Prices,
            Self::Interest(_) => Duty::Interest,
            Self::Funding(_) => Duty::Funding,
            Self::Fill { .. } => Duty::Matching,
            Self::Prune(..) => Duty::Pruning,
            Self::Finalize(_) | Self::SettlePosition(..) | Self::CloseMarket(_) => Duty::Expiry,
            Self::SettlePnl(_, terms) if !terms.is_perpetual() => Duty::Expiry,
            Self::SettlePnl(..) | Self::CollectFees(_) => Duty::Pnl,
            Self::Flag(_) | Self::Observe(_) | Self::Liquidate(_) => Duty::Liquidation,
            Self::SettleLoss(..) | Self::Deleverage(..) | Self::Resolve(..) => Duty::Waterfall,
            Self::Unwind(_) | Self::Quote(_) => Duty::Inventory,
        }
    }

    /// A short name of what is done, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Prices(_) => "refresh prices",
            Self::Write(_) => "write prices",
            Self::Interest(_) => "accrue interest",
            Self::Funding(_) => "update funding",
            Self::Fill { .. } => "fill",
            Self::Prune(..) => "prune",
            Self::Finalize(_) => "finalize settlement",
            Self::SettlePosition(..) => "settle position",
            Self::SettlePnl(..) => "settle pnl",
            Self::SettleLoss(..) => "settle loss",
            Self::CloseMarket(_) => "close market",
            Self::CollectFees(_) => "collect fees",
            Self::Flag(_) => "flag",
            Self::Observe(_) => "observe",
            Self::Liquidate(_) => "liquidate",
            Self::Deleverage(..) => "deleverage",
            Self::Resolve(..) => "resolve bankruptcy",
            Self::Unwind(_) => "unwind",
            Self::Quote(_) => "quote",
        }
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Prices(part) | Self::Write(part) => write!(formatter, "{name} ({part})"),
            Self::Interest(asset) => write!(formatter, "{name} of asset {asset}"),
            Self::Funding(underlying) => write!(formatter, "{name} of underlying {underlying}"),
            Self::Fill {
                maker,
                maker_order,
                taker,
                taker_order,
            } => write!(
                formatter,
                "{name} order {taker_order} of {taker} against {maker_order} of {maker}"
            ),
            Self::Prune(account, order) => write!(formatter, "{name} order {order} of {account}"),
            Self::Finalize(terms)
            | Self::CloseMarket(terms)
            | Self::CollectFees(terms)
            | Self::Unwind(terms)
            | Self::Quote(terms) => write!(formatter, "{name}: {}", Named(terms)),
            Self::SettlePosition(account, terms)
            | Self::SettlePnl(account, terms)
            | Self::SettleLoss(account, terms) => {
                write!(formatter, "{name} of {account}: {}", Named(terms))
            }
            Self::Flag(account) | Self::Observe(account) | Self::Liquidate(account) => {
                write!(formatter, "{name} {account}")
            }
            Self::Deleverage(account, counterparty, terms) => write!(
                formatter,
                "{name} {account} against {counterparty}: {}",
                Named(terms)
            ),
            Self::Resolve(account, asset) => {
                write!(formatter, "{name} of {account}, asset {asset}")
            }
        }
    }
}

/// A market's terms in words.
struct Named<'a>(&'a MarketTerms);

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MarketTerms {
            expiry,
            strike,
            underlying,
            ..
        } = self.0;
        match self.0.kind() {
            Ok(MarketKind::Perpetual) => write!(formatter, "perpetual {underlying}"),
            Ok(MarketKind::Future) => write!(formatter, "future {underlying} of {expiry}"),
            Ok(MarketKind::Call) => write!(formatter, "call {underlying} {strike} of {expiry}"),
            Ok(MarketKind::Put) => write!(formatter, "put {underlying} {strike} of {expiry}"),
            Err(_) => write!(formatter, "unknown market"),
        }
    }
}

/// What a job keeps others from while it is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// A margin account, whole.
    Account(Pubkey),
    /// A resting order, by account and number.
    Order(Pubkey, u64),
}

/// How urgent a kind of work is, the least urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nobody waits for it: orders to prune, fees to collect, markets to close.
    Tidying,
    /// Cash for who has won.
    Settling,
    /// Fees for the keeper.
    Filling,
    /// Trading the inventory away.
    Unwinding,
    /// Interest, funding, settlement prices, which have their time.
    Cranking,
    /// Auctions that have to be watched.
    Watching,
    /// Flags, slices, losses to share.
    Liquidating,
    /// The keeper's own margin is below its floor.
    Saving,
    /// Prices, which everything depends on.
    Pricing,
}

/// Order of jobs: the greatest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Urgency {
    /// The kind of work.
    pub class: Class,
    /// Within it, the greater the more urgent; jobs of equal weight keep their sequence, in which they were worked out one upon the other.
    pub weight: u64,
}

impl From<Class> for Urgency {
    fn from(class: Class) -> Self {
        Self { class, weight: 0 }
    }
}

/// One transaction, signed by the keeper's key alone.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it is about.
    pub key: JobKey,
    /// How urgent it is.
    pub urgency: Urgency,
    /// What is sent, but for compute budget and fee.
    pub instructions: Vec<Instruction>,
    /// What the keeper is estimated to gain after fees and the cost of unwinding, quote units; negative for services.
    pub value: i64,
    /// What no other job may touch before this one has landed or lapsed.
    pub claims: Vec<Claim>,
    /// Sizes and prices for the log; may be empty.
    pub note: String,
}

impl Job {
    /// The duty it belongs to.
    pub fn duty(&self) -> Duty {
        self.key.duty()
    }

    /// Different accounts it names, programs and the payer included: what bounds the size of its transaction.
    pub fn account_count(&self) -> usize {
        let accounts = self.instructions.iter().flat_map(|instruction| {
            let metas = instruction.accounts.iter().map(|meta| meta.pubkey);
            metas.chain([instruction.program_id])
        });
        accounts.collect::<std::collections::HashSet<_>>().len()
    }
}

impl fmt::Display for Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.key)?;
        if !self.note.is_empty() {
            write!(formatter, " ({})", self.note)?;
        }
        Ok(())
    }
}

//! `ballast asset`: what can be deposited and borrowed.

use ballast_client::Mirror;
use ballast_client::instructions;
use ballast_risk::Q32_ONE;
use ballast_risk::interest::utilisation_q32;
use ballast_risk::numbers::{product_q32, value_ceil};
use ballast_state::{NONE, QUOTE_ASSET, ledger};
use clap::Subcommand;
use serde::Serialize;

use crate::amounts::Decimal;
use crate::context::{Context, Receipts};
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

/// The commands.
#[derive(Subcommand)]
pub enum Asset {
    /// List all assets with deposits, loans and rates.
    ///
    /// Example: ballast asset list
    List,
    /// Show an asset: deposits, loans, utilisation, rates per year, caps, and its haircuts now.
    ///
    /// Example: ballast asset show SOL
    Show {
        /// Ticker or mint.
        asset: String,
    },
    /// Bring the interest of assets up to now. Anyone may.
    ///
    /// Example: ballast asset accrue USDC SOL
    Accrue {
        /// Tickers or mints; all that are lent when none is named.
        #[arg(value_name = "ASSET")]
        assets: Vec<String>,
    },
}

#[derive(Clone, Debug, Serialize)]
struct AssetFigures {
    asset: String,
    mint: String,
    bank: String,
    vault: String,
    mode: &'static str,
    price: Decimal,
    deposits: Decimal,
    loans: Decimal,
    available: Decimal,
    utilisation: Decimal,
    borrow_rate: Decimal,
    deposit_rate: Decimal,
    deposit_cap: Decimal,
    borrow_cap: Decimal,
    outflow_limit: Option<Decimal>,
    outflow_window_s: u64,
    origination_fee: Decimal,
    interest_fee_share: Decimal,
    interest_insurance_share: Decimal,
    fees: Decimal,
    settlement_pools: Option<Decimal>,
    haircuts: Haircuts,
    accrued_at: i64,
}

/// Fractions of value, at present volatility and totals.
#[derive(Clone, Debug, Serialize)]
struct Haircuts {
    deposit_maintenance: Decimal,
    deposit_initial: Decimal,
    loan_maintenance: Decimal,
    loan_initial: Decimal,
    range: Option<Decimal>,
    size_start: Decimal,
}

fn figures(mirror: &Mirror, index: u8) -> Result<AssetFigures, Failure> {
    let exchange = &mirror.exchange;
    let listed = exchange.asset(index)?;
    let bank = mirror
        .banks
        .get(&index)
        .ok_or_else(|| Failure::input(format!("asset {index} has no bank")))?;
    let indexes = mirror.board.indexes(index)?;
    let deposits = ledger::deposits_total(bank, indexes)?;
    let loans = ledger::loans_total(bank, indexes)?;
    let utilisation = utilisation_q32(loans, deposits);
    let (curve, shares) = (listed.interest_curve(), listed.interest_shares());
    let deposit_rate = curve.deposit_rate_q32(utilisation, &shares);
    let entry = mirror.board.price(listed.feed)?;
    let range_q32 = if listed.underlying == NONE {
        None
    } else {
        let underlying = exchange.underlying(listed.underlying)?;
        let state = mirror.board.underlying(listed.underlying)?;
        Some(state.scan_range_q32(underlying, entry.confidence_ratio_q32))
    };
    let further = product_q32(range_q32.unwrap_or(0), listed.haircut_range_multiplier_q32);
    // Above the start the part that counts falls in proportion.
    let price = match index {
        QUOTE_ASSET => fixed::types::I80F48::ONE,
        _ => entry.price.get(),
    };
    let total = value_ceil(deposits, price).map_or(u64::MAX, i64::unsigned_abs);
    let start = listed.haircut_size_start;
    let counting = if start == 0 || total <= start {
        Q32_ONE
    } else {
        u64::try_from((u128::from(start) << 32) / u128::from(total)).unwrap_or(Q32_ONE)
    };
    let initial =
        Q32_ONE.saturating_sub(listed.deposit_haircut_initial_q32.saturating_add(further));
    let deposit_initial = Q32_ONE - product_q32(initial, counting).min(Q32_ONE);
    let amount = |units: u64| Decimal::new(units, listed.decimals);
    let exponent = names::feed_exponent(exchange, listed.feed);
    Ok(AssetFigures {
        asset: names::asset(exchange, index),
        mint: listed.mint.to_string(),
        bank: mirror.addresses.bank(&listed.mint).to_string(),
        vault: bank.vault.to_string(),
        mode: crate::exchange::mode(listed.mode),
        price: match index {
            QUOTE_ASSET => Decimal::new(1, 0u32),
            _ => Decimal::fixed(price, exponent, 9),
        },
        deposits: amount(deposits),
        loans: amount(loans),
        available: amount(deposits.saturating_sub(loans)),
        utilisation: Decimal::q32(utilisation),
        borrow_rate: Decimal::q32(curve.borrow_rate_q32(utilisation)),
        deposit_rate: Decimal::q32(deposit_rate.unwrap_or(0)),
        deposit_cap: amount(bank.deposit_cap),
        borrow_cap: amount(bank.borrow_cap),
        outflow_limit: (bank.outflow_limit != 0).then(|| amount(bank.outflow_limit)),
        outflow_window_s: bank.outflow_window_s,
        origination_fee: Decimal::q32(listed.origination_fee_q32),
        interest_fee_share: Decimal::q32(listed.interest_fee_share_q32),
        interest_insurance_share: Decimal::q32(listed.interest_insurance_share_q32),
        fees: amount(bank.fees),
        settlement_pools: (index == QUOTE_ASSET).then(|| amount(bank.settlement_pools)),
        haircuts: Haircuts {
            deposit_maintenance: Decimal::q32(listed.deposit_haircut_maintenance_q32),
            deposit_initial: Decimal::q32(if index == QUOTE_ASSET {
                0
            } else {
                deposit_initial
            }),
            loan_maintenance: Decimal::q32(listed.loan_haircut_maintenance_q32),
            loan_initial: Decimal::q32(listed.loan_haircut_initial_q32.saturating_add(further)),
            range: range_q32.map(Decimal::q32),
            size_start: Decimal::usd(start),
        },
        accrued_at: indexes.accrued_at,
    })
}

#[derive(Serialize)]
struct List {
    assets: Vec<AssetFigures>,
}

impl Show for List {
    fn show(&self, page: &mut Page) {
        let rows = self.assets.iter().map(|asset| {
            vec![
                asset.asset.clone(),
                asset.mode.to_owned(),
                asset.price.price(),
                asset.deposits.shown(2),
                asset.loans.shown(2),
                asset.utilisation.percent(1),
                asset.deposit_rate.percent(2),
                asset.borrow_rate.percent(2),
                asset.deposit_cap.shown(0),
            ]
        });
        let heads = [
            "asset",
            "mode",
            "price",
            "deposits",
            "loans",
            "utilised",
            "earn",
            "pay",
            "deposit cap",
        ];
        page.table(&heads, 2, rows);
    }
}

impl Show for AssetFigures {
    fn show(&self, page: &mut Page) {
        let haircuts = &self.haircuts;
        let limit = match self.outflow_limit {
            Some(limit) => format!(
                "{} within {}",
                limit.amount(),
                names::span(self.outflow_window_s as i64)
            ),
            None => "none".into(),
        };
        page.fields([
            ("asset", format!("{}, {}", self.asset, self.mode)),
            ("mint", self.mint.clone()),
            ("bank", self.bank.clone()),
            ("vault", self.vault.clone()),
            ("price", self.price.price()),
            (
                "deposits",
                format!(
                    "{} of {}",
                    self.deposits.amount(),
                    self.deposit_cap.amount()
                ),
            ),
            (
                "loans",
                format!("{} of {}", self.loans.amount(), self.borrow_cap.amount()),
            ),
            ("utilisation", self.utilisation.percent(2)),
            ("deposits earn a year", self.deposit_rate.percent(2)),
            ("loans pay a year", self.borrow_rate.percent(2)),
            ("fee on new loans", self.origination_fee.percent(3)),
            (
                "of the interest",
                format!(
                    "{} to the exchange, {} to the insurance fund",
                    self.interest_fee_share.percent(1),
                    self.interest_insurance_share.percent(1)
                ),
            ),
            ("net outflow at most", limit),
            ("exchange's fees", self.fees.amount()),
            ("interest accrued at", names::time(self.accrued_at)),
        ]);
        let rows = [
            (
                "deposits",
                haircuts.deposit_maintenance,
                haircuts.deposit_initial,
            ),
            ("loans", haircuts.loan_maintenance, haircuts.loan_initial),
        ];
        let rows = rows.map(|(name, maintenance, initial)| {
            vec![name.to_owned(), maintenance.percent(2), initial.percent(2)]
        });
        page.table(&["haircut now", "maintenance", "initial"], 1, rows);
    }
}

/// Runs a command.
pub async fn run(context: &Context, command: &Asset) -> Result<(), Failure> {
    let mut session = context.session().await?;
    match command {
        Asset::List => {
            let indexes = 0..session.mirror.exchange.asset_count;
            let assets = indexes.map(|index| figures(&session.mirror, index));
            context.print(&List {
                assets: assets.collect::<Result<_, _>>()?,
            })
        }
        Asset::Show { asset } => {
            let index = names::find_asset(&session.mirror.exchange, asset)?;
            context.print(&figures(&session.mirror, index)?)
        }
        Asset::Accrue { assets } => {
            let exchange = &session.mirror.exchange;
            let chosen: Vec<u8> = if assets.is_empty() {
                let all = 0..exchange.asset_count;
                all.filter(|index| {
                    let listed = exchange.asset(*index);
                    listed.is_ok_and(|listed| listed.interest_rates_q32 != [0; 4])
                })
                .collect()
            } else {
                let found = assets.iter().map(|name| names::find_asset(exchange, name));
                found.collect::<Result<_, _>>()?
            };
            let key = context.keypair()?;
            let mut transactions = Vec::new();
            for index in chosen {
                let mint = session.mirror.exchange.asset(index)?.mint;
                let accrue = instructions::accrue_interest(&session.mirror.addresses, &mint);
                let name = names::asset(&session.mirror.exchange, index);
                let action = format!("accrue the interest of {name}");
                transactions.push(
                    context
                        .send(&mut session, action, &[accrue], &[&key])
                        .await?,
                );
            }
            context.print(&Receipts { transactions })
        }
    }
}

//! `ballast exchange`: an exchange, its authorities and what only they may do.

mod apply;
mod show;

pub use show::mode;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::Role;
use ballast_client::instructions;
use ballast_client::rpc::Session;
use ballast_state::{PAUSABLE_ALL, Pausable, QUOTE_ASSET, ledger};
use clap::{Subcommand, ValueEnum};
use solana_signer::Signer;

use crate::account::{capital, destination};
use crate::amounts::{Amount, native};
use crate::context::{Context, Receipts, token};
use crate::failure::Failure;
use crate::names;

/// The commands.
#[derive(Subcommand)]
pub enum Exchange {
    /// Show authorities, assets, underlyings, feeds, fees, the insurance fund and what is paused.
    ///
    /// Example: ballast exchange show
    Show,
    /// Print how an exchange differs from a configuration file, and change what differs. Asks first.
    ///
    /// Creates and lists what is missing. What stands as $NAME in the file is taken from the environment; without one there, $ADMIN,
    /// $RISK_AUTHORITY, $EXCHANGE and $BOARD are the keys given here.
    ///
    /// Example: ballast exchange apply --config migrations/devnet.toml --url devnet --dry-run
    Apply(apply::Apply),
    /// Pause instructions for a time. Needs the admin or the guardian. Asks first.
    ///
    /// Example: ballast exchange pause withdraw transfer --for 6h
    Pause {
        /// Which, by name; all when none is named. They replace those that are paused now.
        #[arg(value_name = "INSTRUCTION", value_parser = pausable)]
        instructions: Vec<u64>,
        /// For how long: seconds, or 30m, 6h, 2d. Three days at most.
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        duration: u64,
    },
    /// End a pause. Needs the admin or the guardian. Asks first.
    ///
    /// Example: ballast exchange unpause
    Unpause,
    /// Propose another key for an authority. Needs the admin. Asks first.
    ///
    /// Example: ballast exchange propose-authority guardian 7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2
    ProposeAuthority {
        /// Which.
        role: RoleName,
        /// The key, which has to accept.
        proposed: Pubkey,
    },
    /// Take over an authority that this key was proposed for. Asks first.
    ///
    /// Example: ballast exchange accept-authority guardian --keypair guardian.json
    AcceptAuthority {
        /// Which.
        role: RoleName,
    },
    /// Move the trading fees of markets to the bank of the quote asset. Anyone may.
    ///
    /// Example: ballast exchange collect-fees SOL-PERP
    CollectFees {
        /// Which markets; all that have any when none is named.
        #[arg(value_name = "MARKET")]
        markets: Vec<String>,
    },
    /// Take fees out of an asset's bank. Needs the admin. Asks first.
    ///
    /// Example: ballast exchange withdraw-fees USDC all
    WithdrawFees {
        /// Ticker or mint.
        asset: String,
        /// Whole tokens, or `all`.
        amount: Amount,
        /// The token account they go to; the admin's usual one by default.
        #[arg(long, value_name = "ADDRESS")]
        to: Option<Pubkey>,
    },
    /// Take cash that lies above its floor out of the insurance fund. Needs the admin. Asks first.
    ///
    /// Example: ballast exchange withdraw-insurance USDC 1000
    WithdrawInsurance {
        /// Ticker or mint.
        asset: String,
        /// Whole tokens, or `all`.
        amount: Amount,
        /// The token account they go to; the admin's usual one by default.
        #[arg(long, value_name = "ADDRESS")]
        to: Option<Pubkey>,
    },
}

/// An authority.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleName {
    /// Lists assets, underlyings and markets, takes fees, proposes authorities.
    Admin,
    /// Changes risk parameters.
    Risk,
    /// Pauses for a bounded time.
    Guardian,
}

impl RoleName {
    fn role(self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::Risk => Role::Risk,
            Self::Guardian => Role::Guardian,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Risk => "risk authority",
            Self::Guardian => "guardian",
        }
    }
}

/// Instructions that can be paused, by name.
pub const PAUSABLE: [(&str, Pausable); 20] = [
    ("deposit", Pausable::Deposit),
    ("withdraw", Pausable::Withdraw),
    ("transfer", Pausable::Transfer),
    ("place-order", Pausable::PlaceOrder),
    ("fill-order", Pausable::FillOrder),
    ("settle-pnl", Pausable::SettlePnl),
    ("start-liquidation", Pausable::StartLiquidation),
    ("liquidate", Pausable::Liquidate),
    ("refresh-prices", Pausable::RefreshPrices),
    ("accrue-interest", Pausable::AccrueInterest),
    ("open-account", Pausable::OpenAccount),
    ("place-and-fill", Pausable::PlaceAndFill),
    ("prune-order", Pausable::PruneOrder),
    ("update-funding", Pausable::UpdateFunding),
    ("post-surface", Pausable::PostSurface),
    ("list-series", Pausable::ListSeries),
    ("finalize-settlement", Pausable::FinalizeSettlement),
    ("settle-position", Pausable::SettlePosition),
    ("auto-deleverage", Pausable::AutoDeleverage),
    ("resolve-bankruptcy", Pausable::ResolveBankruptcy),
];

fn pausable(name: &str) -> Result<u64, String> {
    let found = PAUSABLE.iter().find(|(known, _)| *known == name);
    found.map(|(_, bit)| 1 << *bit as u8).ok_or_else(|| {
        let all: Vec<&str> = PAUSABLE.iter().map(|(name, _)| *name).collect();
        format!("must be one of {}", all.join(", "))
    })
}

/// Seconds, or a number with s, m, h or d.
pub fn duration(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((index, 's')) => (&text[..index], 1),
        Some((index, 'm')) => (&text[..index], 60),
        Some((index, 'h')) => (&text[..index], 3_600),
        Some((index, 'd')) => (&text[..index], 86_400),
        _ => (text, 1),
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "must be seconds, or a whole number with s, m, h or d".into())
}

/// Runs a command.
pub async fn run(context: &Context, command: &Exchange) -> Result<(), Failure> {
    match command {
        Exchange::Show => show::show(context).await,
        Exchange::Apply(arguments) => arguments.run(context).await,
        Exchange::Pause {
            instructions,
            duration,
        } => {
            let chosen = instructions.iter().fold(0, |all, bit| all | bit);
            let chosen = if chosen == 0 { PAUSABLE_ALL } else { chosen };
            pause(context, chosen, *duration).await
        }
        Exchange::Unpause => pause(context, 0, 0).await,
        Exchange::ProposeAuthority { role, proposed } => {
            let action = format!("propose {proposed} as {}", role.name());
            as_signer(context, action, |session, key| {
                Ok(vec![instructions::propose_authority(
                    &session.mirror.addresses,
                    key,
                    role.role(),
                    proposed,
                )])
            })
            .await
        }
        Exchange::AcceptAuthority { role } => {
            let action = format!("become {}", role.name());
            as_signer(context, action, |session, key| {
                Ok(vec![instructions::accept_authority(
                    &session.mirror.addresses,
                    key,
                    role.role(),
                )])
            })
            .await
        }
        Exchange::CollectFees { markets } => collect_fees(context, markets).await,
        Exchange::WithdrawFees { asset, amount, to } => {
            take(context, asset, *amount, *to, Source::Fees).await
        }
        Exchange::WithdrawInsurance { asset, amount, to } => {
            take(context, asset, *amount, *to, Source::Insurance).await
        }
    }
}

/// Asks, then sends what only an authority may, signed by it.
async fn as_signer(
    context: &Context,
    action: String,
    build: impl FnOnce(&Session, &Pubkey) -> Result<Vec<Instruction>, Failure>,
) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = context.keypair()?;
    context.confirm(&format!("{}?", capital(&action)))?;
    let all = build(&session, &key.pubkey())?;
    context.execute(&mut session, action, &all, &[&key]).await
}

async fn pause(context: &Context, chosen: u64, seconds: u64) -> Result<(), Failure> {
    let named = PAUSABLE
        .iter()
        .filter(|(_, bit)| chosen >> *bit as u8 & 1 == 1);
    let named: Vec<&str> = named.map(|(name, _)| *name).collect();
    let action = if named.is_empty() {
        "end the pause".to_owned()
    } else if chosen == PAUSABLE_ALL {
        format!("pause everything for {}", names::span(seconds as i64))
    } else {
        format!(
            "pause {} for {}",
            named.join(", "),
            names::span(seconds as i64)
        )
    };
    as_signer(context, action, |session, key| {
        let exchange = &session.mirror.exchange;
        // A guardian may shorten a pause but leave no instruction out of it: the same ones end now.
        let ends = chosen == 0 && *key != exchange.admin;
        let chosen = if ends {
            exchange.paused_instructions
        } else {
            chosen
        };
        Ok(vec![instructions::set_pause(
            &session.mirror.addresses,
            key,
            chosen,
            seconds,
        )])
    })
    .await
}

async fn collect_fees(context: &Context, markets: &[String]) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = context.keypair()?;
    let chosen = if markets.is_empty() {
        let with_fees = session
            .mirror
            .markets
            .iter()
            .filter(|(_, market)| market.fees.min(market.settlement_pool) > 0);
        with_fees.map(|(terms, _)| *terms).collect()
    } else {
        let exchange = &session.mirror.exchange;
        let found = markets
            .iter()
            .map(|name| names::find_market(exchange, name));
        found.collect::<Result<Vec<_>, _>>()?
    };
    let quote = session
        .mirror
        .exchange
        .asset(ballast_state::QUOTE_ASSET)?
        .mint;
    let mut transactions = Vec::new();
    for terms in chosen {
        let name = names::market(&session.mirror.exchange, &terms);
        let collect = instructions::collect_fees(&session.mirror.addresses, &terms, &quote);
        let action = format!("collect the fees of {name}");
        transactions.push(
            context
                .send(&mut session, action, &[collect], &[&key])
                .await?,
        );
    }
    context.print(&Receipts { transactions })
}

#[derive(Clone, Copy, PartialEq)]
enum Source {
    Fees,
    Insurance,
}

async fn take(
    context: &Context,
    asset: &str,
    amount: Amount,
    to: Option<Pubkey>,
    source: Source,
) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = context.keypair()?;
    let admin = key.pubkey();
    let index = names::find_asset(&session.mirror.exchange, asset)?;
    let ticker = names::asset(&session.mirror.exchange, index);
    let decimals = session.mirror.exchange.asset(index)?.decimals;
    let token = token(&session, index).await?;
    let (amount, shown) = match amount {
        Amount::All if source == Source::Insurance => {
            (above_floor(&mut session, index).await?, "all".to_owned())
        }
        Amount::All => (u64::MAX, "all".to_owned()),
        Amount::Exactly(amount) => (
            native(amount, decimals).map_err(Failure::input)?,
            amount.amount(),
        ),
    };
    let payer = context.fee_payer()?.map_or(admin, |payer| payer.pubkey());
    let (to, before, after) = destination(&payer, &admin, &token, to);
    let addresses = session.mirror.addresses;
    let (take, what) = match source {
        Source::Fees => (
            instructions::withdraw_fees(&addresses, &admin, token, &to, amount),
            "fees",
        ),
        Source::Insurance => (
            instructions::withdraw_insurance(&addresses, &admin, token, &to, amount),
            "the insurance fund",
        ),
    };
    let action = format!("take {shown} {ticker} of {what} to {to}");
    context.confirm(&format!("{}?", capital(&action)))?;
    let all = [before, vec![take], after].concat();
    context.execute(&mut session, action, &all, &[&key]).await
}

/// What the insurance fund has of an asset above its floor, native units.
async fn above_floor(session: &mut Session, asset: u8) -> Result<u64, Failure> {
    let fund = session.mirror.addresses.insurance_fund();
    session.read(&[fund]).await?;
    let mirror = &session.mirror;
    let account = mirror.accounts.get(&fund);
    let account = account.ok_or_else(|| Failure::input("there is no insurance fund"))?;
    let deposit = ledger::deposit(account, asset, mirror.board.indexes(asset)?)?;
    let floor = match asset {
        QUOTE_ASSET => mirror.exchange.liquidation.insurance_floor,
        _ => 0,
    };
    Ok(deposit.saturating_sub(floor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let all = ["90", "90s", "30m", "6h", "2d"].map(|text| duration(text).unwrap());
        assert_eq!(all, [90, 90, 1_800, 21_600, 172_800]);
        for text in ["", "h", "1.5h", "-1", "1w"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn everything_that_can_be_paused_has_a_name() {
        let all = PAUSABLE
            .iter()
            .fold(0, |all, (_, bit)| all | 1 << *bit as u8);
        assert_eq!(all, PAUSABLE_ALL);
        assert_eq!(pausable("withdraw"), Ok(2));
        assert!(pausable("cancel").is_err());
    }
}

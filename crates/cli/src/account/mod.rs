//! `ballast account`: margin accounts.

mod figures;
mod history;
mod show;
mod what_if;

pub use figures::{AuctionFigures, assess_leniently, liquidation_report};
pub use show::{OrderFigures, orders, show_orders};

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_spl::token::spl_token::native_mint;
use ballast_client::instructions::{self, Token};
use ballast_client::rpc::Session;
use ballast_state::MarginAccount;
use clap::{Args, Subcommand};
use serde::Serialize;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::amounts::{Amount, Decimal, native};
use crate::context::{
    Context, Which, addresses_with, create_token_account, margin_account, token, token_account,
};
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

/// The commands.
#[derive(Subcommand)]
pub enum Account {
    /// Open a margin account.
    ///
    /// Example: ballast account open --sub-account 1
    Open {
        /// Your number for it.
        #[arg(long, value_name = "N", default_value_t = 0)]
        sub_account: u16,
    },
    /// Close an empty margin account; its rent comes back. Asks first.
    ///
    /// Example: ballast account close --sub-account 1
    Close {
        /// Your number for it.
        #[arg(long, value_name = "N", default_value_t = 0)]
        sub_account: u16,
    },
    /// List the margin accounts of an owner.
    ///
    /// Example: ballast account list --owner 7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2
    List {
        /// Whose; who signs by default.
        #[arg(long, value_name = "ADDRESS")]
        owner: Option<Pubkey>,
        /// Those of everybody.
        #[arg(long, conflicts_with = "owner")]
        all: bool,
    },
    /// Show balances, positions, orders, margin with its parts, and liquidation prices.
    ///
    /// Prices are the board's, as the program would take them now. Example: ballast account show --sub-account 1
    Show {
        /// The margin account's address, instead of --owner and --sub-account.
        #[arg(value_name = "ACCOUNT", conflicts_with_all = ["account", "owner", "sub_account"])]
        address: Option<Pubkey>,
        #[command(flatten)]
        which: Which,
    },
    /// Deposit tokens, or repay a loan with them.
    ///
    /// Example: ballast account deposit USDC 1000
    Deposit(Deposit),
    /// Withdraw tokens, or borrow them. Asks first.
    ///
    /// Example: ballast account withdraw SOL 2.5
    Withdraw(Withdraw),
    /// Move a deposit to another margin account of yours.
    ///
    /// Example: ballast account transfer USDC 100 --to-sub-account 1
    Transfer(Transfer),
    /// Let another key trade for an account, but not withdraw, or take that back.
    #[command(subcommand)]
    Delegate(Delegate),
    /// Show what the figures would be after deposits, trades and moves of prices. Nothing is sent.
    ///
    /// Example: ballast account what-if --trade SOL-PERP=-10@150 --price SOL=-20% --implied SOL=+50%
    WhatIf(what_if::WhatIfArgs),
    /// Print what has happened to an account, the newest first: fills, deposits, settlements, liquidations.
    ///
    /// Example: ballast account history --limit 50
    History {
        /// The margin account's address, instead of --owner and --sub-account.
        #[arg(value_name = "ACCOUNT", conflicts_with_all = ["account", "owner", "sub_account"])]
        address: Option<Pubkey>,
        #[command(flatten)]
        which: Which,
        /// How many transactions are looked through.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Only those before this signature.
        #[arg(long, value_name = "SIGNATURE")]
        before: Option<String>,
    },
}

/// What `deposit` is given.
#[derive(Args)]
pub struct Deposit {
    /// Ticker or mint.
    asset: String,
    /// Whole tokens, or `all` that the token account holds.
    amount: Amount,
    #[command(flatten)]
    which: Which,
    /// The token account they come from; your usual one by default. Without it SOL is wrapped from your lamports.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Pubkey>,
}

/// What `withdraw` is given.
#[derive(Args)]
pub struct Withdraw {
    /// Ticker or mint.
    asset: String,
    /// Whole tokens, or `all` that is deposited.
    amount: Amount,
    /// Your number for the account.
    #[arg(long, value_name = "N", default_value_t = 0)]
    sub_account: u16,
    /// The token account they go to; your usual one by default, created when it is missing. Without it SOL is unwrapped.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Pubkey>,
    /// Borrow what the deposit does not cover.
    #[arg(long)]
    allow_borrow: bool,
}

/// What `transfer` is given.
#[derive(Args)]
pub struct Transfer {
    /// Ticker or mint.
    asset: String,
    /// Whole tokens, or `all` that is deposited.
    amount: Amount,
    /// Your number for the account they come from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    sub_account: u16,
    /// Your number for the account they go to.
    #[arg(long, value_name = "N")]
    to_sub_account: u16,
}

/// Who may trade beside the owner.
#[derive(Subcommand)]
pub enum Delegate {
    /// Let a key trade for the account. Asks first.
    ///
    /// Example: ballast account delegate set 7Np41oeYqPefeNQEHSv1UDhYrehxin3NStELsSKCT4K2
    Set {
        /// The key.
        delegate: Pubkey,
        /// Your number for the account.
        #[arg(long, value_name = "N", default_value_t = 0)]
        sub_account: u16,
    },
    /// Let nobody else trade for the account any more.
    ///
    /// Example: ballast account delegate clear
    Clear {
        /// Your number for the account.
        #[arg(long, value_name = "N", default_value_t = 0)]
        sub_account: u16,
    },
}

fn named(address: Option<Pubkey>, which: &Which) -> Which {
    Which {
        account: address.or(which.account),
        ..which.clone()
    }
}

/// Runs a command.
pub async fn run(context: &Context, command: &Account) -> Result<(), Failure> {
    match command {
        Account::Open { sub_account } => open(context, *sub_account).await,
        Account::Close { sub_account } => close(context, *sub_account).await,
        Account::List { owner, all } => list(context, *owner, *all).await,
        Account::Show { address, which } => show::show(context, &named(*address, which)).await,
        Account::Deposit(arguments) => deposit(context, arguments).await,
        Account::Withdraw(arguments) => withdraw(context, arguments).await,
        Account::Transfer(arguments) => transfer(context, arguments).await,
        Account::Delegate(Delegate::Set {
            delegate,
            sub_account,
        }) => {
            context.confirm(&format!(
                "Let {delegate} trade for account {sub_account}, with everything that is in it?"
            ))?;
            set_delegate(context, *sub_account, delegate).await
        }
        Account::Delegate(Delegate::Clear { sub_account }) => {
            set_delegate(context, *sub_account, &Pubkey::default()).await
        }
        Account::WhatIf(arguments) => what_if::what_if(context, arguments).await,
        Account::History {
            address,
            which,
            limit,
            before,
        } => history::history(context, &named(*address, which), *limit, before.as_deref()).await,
    }
}

async fn open(context: &Context, sub_account: u16) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = context.keypair()?;
    let owner = key.pubkey();
    let payer = context.fee_payer()?.map_or(owner, |payer| payer.pubkey());
    let addresses = session.mirror.addresses;
    let open = instructions::open_account(&addresses, &owner, &payer, sub_account);
    let action = format!("open account {sub_account}");
    context
        .execute(&mut session, action, &[open], &[&key])
        .await
}

async fn close(context: &Context, sub_account: u16) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = context.keypair()?;
    let addresses = session.mirror.addresses;
    let account = addresses.margin_account(&key.pubkey(), sub_account);
    margin_account(&mut session, &account).await?;
    context.confirm(&format!("Close account {sub_account}?"))?;
    let close = instructions::close_account(&addresses, &key.pubkey(), sub_account);
    let action = format!("close account {sub_account}");
    context
        .execute(&mut session, action, &[close], &[&key])
        .await
}

async fn set_delegate(
    context: &Context,
    sub_account: u16,
    delegate: &Pubkey,
) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let key = context.keypair()?;
    let account = session
        .mirror
        .addresses
        .margin_account(&key.pubkey(), sub_account);
    margin_account(&mut session, &account).await?;
    let set = instructions::set_delegate(&account, &key.pubkey(), delegate);
    context
        .execute(&mut session, "set the delegate", &[set], &[&key])
        .await
}

async fn deposit(context: &Context, arguments: &Deposit) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let asset = names::find_asset(&session.mirror.exchange, &arguments.asset)?;
    let ticker = names::asset(&session.mirror.exchange, asset);
    let key = context.keypair()?;
    let depositor = key.pubkey();
    let addresses = session.mirror.addresses;
    let account = arguments.which.key(context, &addresses.exchange)?;
    margin_account(&mut session, &account).await?;
    let token = token(&session, asset).await?;
    let wraps = token.mint == native_mint::ID && arguments.from.is_none();
    let source = arguments
        .from
        .unwrap_or_else(|| token_account(&depositor, &token));
    let decimals = session.mirror.exchange.asset(asset)?.decimals;
    let amount = match arguments.amount {
        Amount::Exactly(amount) => native(amount, decimals).map_err(Failure::input)?,
        Amount::All if wraps => {
            return Err(Failure::input(
                "`all` of SOL would leave nothing for fees: say how much",
            ));
        }
        Amount::All => token_balance(&session, &source).await?,
    };
    let mut all = if wraps {
        instructions::wrap_sol(&depositor, amount)
    } else {
        Vec::new()
    };
    all.push(instructions::deposit(
        &addresses, token, &account, &depositor, &source, amount,
    ));
    let shown = Decimal::new(amount, decimals).amount();
    let action = format!("deposit {shown} {ticker} into {account}");
    context.execute(&mut session, action, &all, &[&key]).await
}

/// What a token account holds, native units.
async fn token_balance(session: &Session, account: &Pubkey) -> Result<u64, Failure> {
    // The amount stands behind mint and owner, in both token programs.
    const AMOUNT: usize = 64;
    let found = session.connection.accounts(&[*account]).await?;
    let data = found
        .into_iter()
        .flatten()
        .map(|(_, update)| update.data)
        .next();
    data.and_then(|data| Some(u64::from_le_bytes(*data.get(AMOUNT..)?.first_chunk()?)))
        .ok_or_else(|| {
            Failure::input(format!(
                "there is no token account {account}: name one by --from"
            ))
        })
}

/// Where tokens that leave go: the account that was named, or the usual one, created when it is missing. With what stands behind the
/// withdrawal to unwrap SOL.
pub fn destination(
    payer: &Pubkey,
    owner: &Pubkey,
    token: &Token,
    named: Option<Pubkey>,
) -> (Pubkey, Vec<Instruction>, Vec<Instruction>) {
    match named {
        Some(named) => (named, Vec::new(), Vec::new()),
        None => {
            let after = if token.mint == native_mint::ID {
                vec![instructions::unwrap_sol(owner)]
            } else {
                Vec::new()
            };
            (
                token_account(owner, token),
                vec![create_token_account(payer, owner, token)],
                after,
            )
        }
    }
}

async fn withdraw(context: &Context, arguments: &Withdraw) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let asset = names::find_asset(&session.mirror.exchange, &arguments.asset)?;
    let ticker = names::asset(&session.mirror.exchange, asset);
    let key = context.keypair()?;
    let owner = key.pubkey();
    let payer = context.fee_payer()?.map_or(owner, |payer| payer.pubkey());
    let addresses = session.mirror.addresses;
    let account = addresses.margin_account(&owner, arguments.sub_account);
    margin_account(&mut session, &account).await?;
    let token = token(&session, asset).await?;
    let decimals = session.mirror.exchange.asset(asset)?.decimals;
    let (amount, shown) = match arguments.amount {
        Amount::All if arguments.allow_borrow => {
            return Err(Failure::input(
                "`all` and --allow-borrow do not go together",
            ));
        }
        Amount::All => (u64::MAX, "all".to_owned()),
        Amount::Exactly(amount) => (
            native(amount, decimals).map_err(Failure::input)?,
            amount.amount(),
        ),
    };
    let (to, before, after) = destination(&payer, &owner, &token, arguments.to);
    let borrows = if arguments.allow_borrow {
        ", borrowing what is missing"
    } else {
        ""
    };
    let action = format!("withdraw {shown} {ticker} to {to}{borrows}");
    context.confirm(&format!("{}?", capital(&action)))?;
    let withdraw = instructions::withdraw(
        &addresses,
        token,
        &account,
        &owner,
        &to,
        amount,
        arguments.allow_borrow,
    );
    let all = [before, vec![withdraw], after].concat();
    context.execute(&mut session, action, &all, &[&key]).await
}

/// With a capital letter in front.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

async fn transfer(context: &Context, arguments: &Transfer) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let exchange = &session.mirror.exchange;
    let asset = names::find_asset(exchange, &arguments.asset)?;
    let ticker = names::asset(exchange, asset);
    let listed = exchange.asset(asset)?;
    let (amount, shown) = match arguments.amount {
        Amount::All => (u64::MAX, "all".to_owned()),
        Amount::Exactly(amount) => (
            native(amount, listed.decimals).map_err(Failure::input)?,
            amount.amount(),
        ),
    };
    let key: Keypair = context.keypair()?;
    let owner = key.pubkey();
    let mint = listed.mint;
    let addresses = session.mirror.addresses;
    let [from, to] = [arguments.sub_account, arguments.to_sub_account]
        .map(|number| addresses.margin_account(&owner, number));
    for account in [from, to] {
        margin_account(&mut session, &account).await?;
    }
    let transfer = instructions::transfer(&addresses, &mint, &from, &to, &owner, amount);
    let action = format!(
        "transfer {shown} {ticker} from account {} to account {}",
        arguments.sub_account, arguments.to_sub_account
    );
    context
        .execute(&mut session, action, &[transfer], &[&key])
        .await
}

#[derive(Serialize)]
struct Listed {
    address: String,
    owner: String,
    sub_account: u16,
    equity: Option<Decimal>,
    maintenance_margin: Option<Decimal>,
    health_initial: Option<Decimal>,
    positions: usize,
    orders: usize,
    in_liquidation: bool,
}

#[derive(Serialize)]
struct List {
    accounts: Vec<Listed>,
    #[serde(skip)]
    of_everybody: bool,
}

impl Show for List {
    fn show(&self, page: &mut Page) {
        if self.accounts.is_empty() {
            page.line("no margin accounts");
        }
        let shown = |value: &Option<Decimal>| value.map_or_else(|| "-".into(), Decimal::money);
        let rows = self.accounts.iter().map(|account| {
            let mut row = vec![account.address.clone()];
            if !self.of_everybody {
                row.push(account.sub_account.to_string());
            }
            row.extend([
                shown(&account.equity),
                shown(&account.maintenance_margin),
                account.positions.to_string(),
                account.orders.to_string(),
                if account.in_liquidation {
                    "liquidation"
                } else {
                    ""
                }
                .to_owned(),
            ]);
            row
        });
        let mut heads = vec!["account"];
        if !self.of_everybody {
            heads.push("#");
        }
        heads.extend(["equity", "margin", "positions", "orders", "state"]);
        page.table(&heads, 1, rows);
    }
}

async fn list(context: &Context, owner: Option<Pubkey>, all: bool) -> Result<(), Failure> {
    let connection = context.connection()?;
    let exchange = context.exchange(&connection).await?;
    let mut session = Session::open(connection, &exchange).await?;
    let tag = [MarginAccount::TAG, exchange.as_ref()].concat();
    let owner = if all {
        None
    } else {
        Some(context.owner(owner)?)
    };
    let keys = addresses_with(&session.connection, &tag, owner.as_ref()).await?;
    session.read(&keys).await?;
    let view = session.mirror.view(session.time.unix);
    let found = keys
        .iter()
        .filter_map(|key| Some((key, session.mirror.accounts.get(key)?)));
    let mut accounts: Vec<Listed> = found
        .map(|(key, account)| {
            let report = assess_leniently(&view, account)
                .ok()
                .map(|(report, _)| report);
            let figure = |figure: i64| Some(Decimal::usd(figure));
            Listed {
                address: key.to_string(),
                owner: account.owner.to_string(),
                sub_account: account.sub_account,
                equity: report
                    .as_ref()
                    .and_then(|report| figure(report.equity_mark)),
                maintenance_margin: report
                    .as_ref()
                    .and_then(|report| figure(report.maintenance_margin)),
                health_initial: report
                    .as_ref()
                    .and_then(|report| figure(report.health_initial())),
                positions: account
                    .positions
                    .iter()
                    .filter(|slot| !slot.is_free())
                    .count(),
                orders: account
                    .orders
                    .iter()
                    .filter(|order| order.lots != 0)
                    .count(),
                in_liquidation: account.in_liquidation(),
            }
        })
        .collect();
    accounts.sort_by_key(|account| (account.owner.clone(), account.sub_account));
    context.print(&List {
        accounts,
        of_everybody: all,
    })
}

//! A market maker that quotes perpetuals, futures and options around the board's mark, and lists what is missing.

mod desk;
mod listing;
mod quotes;

use crate::exchange::Exchange;
use crate::retry::Patience;
use crate::sender::Sender;
use crate::tokens::{Token, mint_to};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::clock::sysvar as clock;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_spl::associated_token::get_associated_token_address;
use anyhow::{Context, Result};
use ballast_client::args::{MarketArgs, MarketParameters};
use ballast_client::rpc::{ClientError, ClusterTime, Connection};
use ballast_client::state::health::{Purpose, Report};
use ballast_client::state::{
    MarginAccount, MarketStatus, MarketTerms, Position, is_on_expiry_grid,
};
use ballast_client::{ExchangeAddresses, Mirror, Update, instructions};
use desk::{Desk, desks};
use listing::Money;
use solana_signer::Signer;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// USDC in a new account, and what it gets when its initial health is lower than a fifth of it.
const CASH: f64 = 5_000_000.0;
/// Value of the underlying's token in the account of perpetuals and futures, US dollars: somebody may want to borrow it.
const TOKENS: f64 = 3_000_000.0;
/// How often cash of a settled position is asked for again, seconds.
const ASK_AGAIN_S: i64 = 60;

/// How the market maker works.
#[derive(Clone, Copy, Debug)]
pub struct MakerOptions {
    /// How long it rests between two looks.
    pub every: Duration,
    /// How long after an expiry it settles its positions itself, seconds: a keeper is usually faster.
    pub settle_after_s: i64,
}

impl Default for MakerOptions {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(2),
            settle_after_s: 45,
        }
    }
}

/// A running market maker. It stops when this is dropped; its orders lapse within a quarter of an hour.
pub struct MarketMaker {
    task: tokio::task::JoinHandle<()>,
}

impl MarketMaker {
    /// Opens and funds its accounts, lists what is missing and quotes, then goes on in the background. Prices and surfaces must be on the board.
    ///
    /// # Errors
    /// When the accounts cannot be opened, or the first quotes are refused.
    pub async fn start(
        connection: Connection,
        exchange: &Exchange,
        options: MakerOptions,
    ) -> Result<Self> {
        let mut maker = Maker::open(connection, exchange, options).await?;
        maker.round().await?;
        let task = tokio::spawn(async move {
            let mut patience = Patience::new("quotes");
            loop {
                tokio::time::sleep(options.every).await;
                patience.note(maker.round().await);
            }
        });
        Ok(Self { task })
    }
}

impl Drop for MarketMaker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Maker {
    connection: Connection,
    options: MakerOptions,
    addresses: ExchangeAddresses,
    tokens: Vec<Token>,
    owner: Pubkey,
    admin: Pubkey,
    faucet: Pubkey,
    own: Sender,
    as_admin: Sender,
    as_faucet: Sender,
    desks: Vec<Desk>,
    money: Money,
    mirror: Mirror,
    now: i64,
    /// When cash was asked for last, by account and market.
    asked: HashMap<(Pubkey, MarketTerms), i64>,
}

impl Maker {
    async fn open(
        connection: Connection,
        exchange: &Exchange,
        options: MakerOptions,
    ) -> Result<Self> {
        let keys = &exchange.keys;
        let mirror = connection.exchange(&exchange.addresses.exchange).await?;
        let owner = keys.maker.pubkey();
        Ok(Self {
            desks: desks(&mirror, &owner),
            own: Sender::new(&connection, &keys.maker),
            as_admin: Sender::new(&connection, &keys.admin),
            as_faucet: Sender::new(&connection, &keys.faucet),
            admin: keys.admin.pubkey(),
            faucet: keys.faucet.pubkey(),
            addresses: exchange.addresses,
            tokens: exchange.tokens.clone(),
            money: Money::default(),
            asked: HashMap::new(),
            now: 0,
            connection,
            options,
            owner,
            mirror,
        })
    }

    /// One look at everything, and what is to be done.
    async fn round(&mut self) -> Result<()> {
        self.read().await.context("reading")?;
        self.fund().await.context("funding")?;
        self.settle().await.context("settling")?;
        self.choose();
        self.list().await.context("listing")?;
        self.quote().await.context("quoting")
    }

    /// Reads the board, the own accounts and the markets.
    async fn read(&mut self) -> Result<()> {
        let addresses = self.addresses;
        let mut keys: BTreeSet<Pubkey> = [clock::ID, addresses.exchange, addresses.board].into();
        keys.extend(self.desks.iter().map(|desk| desk.account));
        let listed = self.mirror.markets.keys();
        let chosen = self.desks.iter().flat_map(|desk| &desk.markets);
        keys.extend(listed.chain(chosen).map(|terms| addresses.market(terms)));
        let keys: Vec<Pubkey> = keys.into_iter().collect();
        let found = self.connection.accounts(&keys).await?;
        for (key, account) in keys.into_iter().zip(found) {
            match account {
                Some((_, update)) if key == clock::ID => {
                    let time = ClusterTime::read(&update.data);
                    self.now = time.map_or(self.now, |time| time.unix);
                }
                Some((_, update)) => {
                    self.mirror.apply(&update);
                }
                None => {
                    let slot = self.mirror.slot(&key).unwrap_or_default();
                    self.mirror.apply(&Update {
                        key,
                        slot,
                        data: Vec::new(),
                    });
                }
            }
        }
        Ok(())
    }

    fn account(&self, desk: usize) -> Option<&MarginAccount> {
        let key = self.desks.get(desk)?.account;
        self.mirror.accounts.get(&key).map(|account| &**account)
    }

    /// Opens accounts that are missing and fills up those that have lost much.
    async fn fund(&mut self) -> Result<()> {
        let quote = self.tokens.first().context("no quote asset")?.clone();
        let mut deposits = Vec::new();
        for index in 0..self.desks.len() {
            let desk = &self.desks[index];
            let opens = self.account(index).is_none();
            if !opens && !self.is_short(index) {
                continue;
            }
            let cash = (quote.clone(), quote.amount(CASH));
            let tokens = match opens && desk.is_linear() {
                true => self.tokens_to_lend(desk.underlying)?,
                false => None,
            };
            deposits.push((index, opens, cash, tokens));
        }
        if deposits.is_empty() {
            return Ok(());
        }
        let mut mints: Vec<(Token, u64)> = Vec::new();
        let all = deposits
            .iter()
            .flat_map(|(_, _, cash, tokens)| [Some(cash), tokens.as_ref()]);
        for (token, amount) in all.flatten() {
            match mints.iter_mut().find(|(known, _)| known == token) {
                Some((_, sum)) => *sum = sum.saturating_add(*amount),
                None => mints.push((token.clone(), *amount)),
            }
        }
        let mints = mints
            .iter()
            .map(|(token, sum)| mint_to(&self.faucet, &self.owner, &token.mint, *sum));
        let mints: Vec<[Instruction; 2]> = mints.collect::<Result<_>>()?;
        self.as_faucet.send(mints.concat()).await?;

        let transactions = deposits.iter().map(|(index, opens, cash, tokens)| {
            let desk = &self.desks[*index];
            let mut transaction = Vec::new();
            if *opens {
                transaction.push(instructions::open_account(
                    &self.addresses,
                    &self.owner,
                    &self.owner,
                    desk.sub_account,
                ));
            }
            for (token, amount) in [Some(cash), tokens.as_ref()].into_iter().flatten() {
                transaction.extend(self.deposit(&desk.account, token, *amount));
            }
            transaction
        });
        let transactions = transactions.collect();
        for result in self.own.send_all(transactions).await {
            result?;
        }
        tracing::info!("{} accounts funded", deposits.len());
        self.read().await
    }

    /// Whether an account has too little left to quote with.
    fn is_short(&self, desk: usize) -> bool {
        let Some(account) = self.account(desk) else {
            return false;
        };
        let mut report = Report::boxed();
        let view = self.mirror.view(self.now);
        // With a price that cannot be used nothing can be said.
        view.assess(account, Purpose::AddRisk, &mut report).is_ok()
            && (report.health_initial() as f64) < CASH * 1e6 / 5.0
    }

    /// Tokens of an underlying that others may borrow, and their amount.
    fn tokens_to_lend(&self, underlying: u8) -> Result<Option<(Token, u64)>> {
        let exchange = &self.mirror.exchange;
        let assets = exchange.assets[..usize::from(exchange.asset_count)].iter();
        let mut others = assets.zip(&self.tokens).skip(1);
        let Some((_, token)) = others.find(|(asset, _)| asset.underlying == underlying) else {
            return Ok(None);
        };
        let lot: f64 = self.mirror.view(self.now).last_mark(underlying)?.to_num();
        let lot_size = exchange.underlying(underlying)?.lot_size as f64;
        // The underlying has the decimals of its token.
        Ok(Some((
            token.clone(),
            (TOKENS * 1e6 / lot * lot_size).round() as u64,
        )))
    }

    fn deposit(&self, account: &Pubkey, token: &Token, amount: u64) -> [Instruction; 2] {
        let source = get_associated_token_address(&self.owner, &token.mint);
        let (addresses, owner, mint) = (&self.addresses, &self.owner, &token.mint);
        [
            instructions::accrue_interest(addresses, mint),
            instructions::deposit(addresses, mint, account, owner, &source, amount),
        ]
    }

    /// Turns positions in markets that have expired into cash, where nobody else has done it yet.
    async fn settle(&mut self) -> Result<()> {
        let mut jobs = Vec::new();
        for desk in &self.desks {
            let Some(account) = self.mirror.accounts.get(&desk.account) else {
                continue;
            };
            for position in account.positions.iter().filter(|slot| !slot.is_free()) {
                let due = position
                    .terms
                    .expiry
                    .saturating_add(self.options.settle_after_s);
                if !position.terms.is_perpetual() && self.now >= due {
                    jobs.extend(self.settling(&desk.account, position)?);
                }
            }
        }
        let mut sent = Vec::new();
        for (account, terms, job) in jobs {
            let asked = self.asked.entry((account, terms)).or_insert(i64::MIN);
            if self.now.saturating_sub(*asked) >= ASK_AGAIN_S {
                *asked = self.now;
                sent.push(job);
            }
        }
        for result in self.own.send_all(sent).await {
            // Somebody was faster, or losers have not paid in yet.
            refusals_are_news(result.map(drop), "settling")?;
        }
        let now = self.now;
        self.asked
            .retain(|_, asked| now.saturating_sub(*asked) < 10 * ASK_AGAIN_S);
        Ok(())
    }

    fn settling(
        &self,
        account: &Pubkey,
        position: &Position,
    ) -> Result<Option<(Pubkey, MarketTerms, Vec<Instruction>)>> {
        let terms = position.terms;
        let Some(market) = self.mirror.markets.get(&terms) else {
            return Ok(None);
        };
        let mut job = Vec::new();
        if market.status(self.now) == MarketStatus::Settling {
            if self.mirror.view(self.now).settlement(&terms)?.is_none() {
                return Ok(None);
            }
            job.push(instructions::finalize_settlement(&self.addresses, &terms));
        }
        if position.base_lots != 0 {
            job.push(instructions::settle_position(
                &self.addresses,
                &terms,
                account,
            ));
        } else {
            let quote = self.tokens.first().context("no quote asset")?;
            job.push(instructions::accrue_interest(&self.addresses, &quote.mint));
            job.push(instructions::settle_pnl(
                &self.addresses,
                &terms,
                &quote.mint,
                account,
            ));
        }
        Ok(Some((*account, terms, job)))
    }

    /// Decides what each desk quotes.
    fn choose(&mut self) {
        let view = self.mirror.view(self.now);
        for desk in &mut self.desks {
            // Without a price what was chosen stays.
            let Ok(mark) = view.fresh_mark(desk.underlying) else {
                continue;
            };
            let account = self.mirror.accounts.get(&desk.account);
            let positions = account.map_or(&[][..], |account| &account.positions);
            desk.choose(
                &self.mirror,
                &mut self.money,
                mark.to_num(),
                positions,
                self.now,
            );
        }
    }

    /// Lists what is missing.
    async fn list(&mut self) -> Result<()> {
        let (mut futures, mut series) = (Vec::new(), Vec::new());
        for desk in &self.desks {
            let missing = desk
                .markets
                .iter()
                .filter(|terms| !self.mirror.markets.contains_key(terms));
            for terms in missing {
                if terms.is_option() {
                    // In its last hour nothing is listed any more.
                    if is_on_expiry_grid(terms.expiry, self.now) {
                        series.push(vec![instructions::list_series(
                            &self.addresses,
                            terms,
                            &self.owner,
                        )]);
                    }
                } else if let Some(perpetual) = self
                    .mirror
                    .markets
                    .get(&MarketTerms::perpetual(terms.underlying))
                {
                    let args = MarketArgs {
                        terms: (*terms).into(),
                        parameters: MarketParameters::from(perpetual),
                    };
                    futures.push(vec![instructions::add_market(
                        &self.addresses,
                        &self.admin,
                        &self.admin,
                        args,
                    )]);
                }
            }
        }
        let listed = futures.len() + series.len();
        let mut results = self.as_admin.send_all(futures).await;
        results.extend(self.own.send_all(series).await);
        for result in results {
            refusals_are_news(result.map(drop), "listing")?;
        }
        if listed > 0 {
            tracing::info!("{listed} markets listed");
            self.read().await?;
        }
        Ok(())
    }

    /// Replaces the orders that will not do any more.
    async fn quote(&mut self) -> Result<()> {
        let (mut cancels, mut places) = (Vec::new(), Vec::new());
        for desk in &self.desks {
            let Some(account) = self.mirror.accounts.get(&desk.account) else {
                continue;
            };
            let orders = desk.orders(
                &self.mirror,
                &self.addresses,
                &self.owner,
                account,
                self.now,
            )?;
            cancels.extend(orders.cancels);
            places.extend(orders.places);
        }
        // First, so that there are free slots.
        for result in self.own.send_all(cancels).await {
            result?;
        }
        let sent = places.len();
        let mut refused = 0;
        let mut last = None;
        for result in self.own.send_all(places).await {
            if let Err(error) = result {
                error.refusal().with_context(|| error.to_string())?;
                refused += 1;
                last = Some(error);
            }
        }
        match last {
            // A price that has moved meanwhile, a position that was just filled: the next round sees it. All of them is something else.
            Some(error) if refused == sent && sent > 1 => Err(error.into()),
            Some(error) => {
                tracing::info!("{refused} of {sent} quotes: {error}");
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// A refusal is told and nothing more; any other failure is an error.
fn refusals_are_news(result: Result<(), ClientError>, what: &str) -> Result<(), ClientError> {
    match result {
        Err(ClientError::Refused(refusal)) => {
            tracing::info!("{what}: {refusal}");
            Ok(())
        }
        other => other,
    }
}

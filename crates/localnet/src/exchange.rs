//! An exchange on a cluster, from `migrations/localnet.toml`: keys, mints, feeds, and everything that the file lists.

use crate::folder::{Description, Folder};
use crate::prices::Feed;
use crate::tokens::{self, LAMPORTS, Token};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::clock::sysvar as clock;
use anyhow::{Context, Result, bail};
use ballast_client::config::{Change, Config, FeedSource, Plan, Signatory, State, plan};
use ballast_client::rpc::Connection;
use ballast_client::state::{Board, Exchange as ExchangeAccount};
use ballast_client::{ExchangeAddresses, instructions};
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::{BTreeMap, BTreeSet};

/// What the exchange lists.
pub const CONFIG: &str = include_str!("../../../migrations/localnet.toml");
/// The longest name of a feed: it is the seed of its price account.
const FEED_NAME_MAX: usize = 32;
/// USDC that stand behind bankrupt accounts.
const INSURANCE: f64 = 1_000_000.0;

/// SOL for the keys that send transactions.
const POCKET_MONEY: [(&str, u64); 7] = [
    ("admin", 1_000),
    ("risk", 1_000),
    ("guardian", 1_000),
    ("surface", 1_000),
    ("maker", 10_000),
    ("keeper", 1_000),
    ("prices", 1_000),
];

/// The keys of a localnet. All of them are files in its folder.
#[derive(Debug)]
pub struct Keys {
    /// Has the SOL, mints the tokens, pays for the set-up.
    pub faucet: Keypair,
    /// Admin of the exchange.
    pub admin: Keypair,
    /// Its risk authority.
    pub risk: Keypair,
    /// Its guardian.
    pub guardian: Keypair,
    /// Posts volatility surfaces.
    pub surface: Keypair,
    /// The exchange's account.
    pub exchange: Keypair,
    /// The board's account.
    pub board: Keypair,
    /// The market maker.
    pub maker: Keypair,
    /// The keeper.
    pub keeper: Keypair,
    /// Pays for writing prices.
    pub prices: Keypair,
}

impl Keys {
    /// Reads them, and makes those that are missing.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(folder: &Folder) -> Result<Self> {
        Ok(Self {
            faucet: folder.key("faucet")?,
            admin: folder.key("admin")?,
            risk: folder.key("risk")?,
            guardian: folder.key("guardian")?,
            surface: folder.key("surface")?,
            exchange: folder.key("exchange")?,
            board: folder.key("board")?,
            maker: folder.key("maker")?,
            keeper: folder.key("keeper")?,
            prices: folder.key("prices")?,
        })
    }

    fn of(&self, signatory: Signatory) -> &Keypair {
        match signatory {
            Signatory::Payer => &self.faucet,
            Signatory::Exchange => &self.exchange,
            Signatory::Board => &self.board,
            Signatory::Admin => &self.admin,
            Signatory::Risk => &self.risk,
        }
    }
}

/// An exchange that is set up.
#[derive(Debug)]
pub struct Exchange {
    /// Its two accounts.
    pub addresses: ExchangeAddresses,
    /// Its keys.
    pub keys: Keys,
    /// What it lists, names filled in.
    pub config: Config,
    /// Its tokens, in the order of its assets.
    pub tokens: Vec<Token>,
    /// Its price feeds, in the order of the file.
    pub feeds: Vec<Feed>,
}

impl Exchange {
    /// Sets an exchange up, or brings the one that is there to what `config` says. `tell` is given a line for each step.
    ///
    /// The faucet's key must own SOL: start the cluster with it as its mint.
    ///
    /// # Errors
    /// When the cluster cannot be reached or refuses something; a configuration with mistakes.
    pub async fn provision(
        connection: &Connection,
        folder: &Folder,
        config: &str,
        mut tell: impl FnMut(&str),
    ) -> Result<Self> {
        let keys = Keys::open(folder)?;
        let config = Config::parse(config)?;
        let mints = config
            .assets
            .names()
            .map(|name| Ok((name.to_owned(), folder.key(&format!("mint-{name}"))?)));
        let mints = mints.collect::<Result<Vec<(String, Keypair)>>>()?;
        let feeds = feeds_of(&config)?;
        let config = filled(config, &keys, &mints, &feeds)?;

        pocket_money(connection, folder, &keys.faucet).await?;
        for ((_, mint), (_, asset)) in mints.iter().zip(&config.assets.0) {
            tokens::create_mint(connection, &keys.faucet, mint, asset.decimals).await?;
        }
        let tokens = mints
            .iter()
            .zip(&config.assets.0)
            .map(|((name, mint), (_, asset))| Token {
                name: name.clone(),
                mint: mint.pubkey(),
                decimals: asset.decimals,
            });
        let exchange = Self {
            addresses: config.addresses()?,
            tokens: tokens.collect(),
            keys,
            config,
            feeds,
        };
        let is_new = exchange.apply(connection, &mut tell).await?;
        if is_new {
            exchange.insure(connection).await?;
            tell("insurance fund filled");
        }
        Ok(exchange)
    }

    /// The quote asset.
    ///
    /// # Errors
    /// When the configuration has no assets.
    pub fn quote(&self) -> Result<&Token> {
        self.tokens
            .first()
            .context("the configuration lists no assets")
    }

    /// The token of a ticker.
    pub fn token(&self, name: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.name == name)
    }

    /// What other programs need to know.
    pub fn describe(&self, url: &str, ws_url: &str, folder: &Folder) -> Description {
        let mints = self
            .tokens
            .iter()
            .map(|token| (token.name.clone(), token.mint.to_string()));
        let accounts = self
            .feeds
            .iter()
            .map(|feed| (feed.name.clone(), feed.account.to_string()));
        Description {
            url: url.to_owned(),
            ws_url: ws_url.to_owned(),
            program: ballast::ID.to_string(),
            exchange: self.addresses.exchange.to_string(),
            board: self.addresses.board.to_string(),
            mints: mints.collect(),
            price_accounts: accounts.collect(),
            faucet_keypair: folder.key_path("faucet"),
            app_url: None,
        }
    }

    /// Sends what leads from what is on chain to the configuration. Returns whether there was no exchange before.
    async fn apply(&self, connection: &Connection, tell: &mut impl FnMut(&str)) -> Result<bool> {
        let state = read_state(connection, &self.config).await?;
        let rent = |len: usize| connection.rpc().get_minimum_balance_for_rent_exemption(len);
        let exchange_len = ExchangeAccount::ACCOUNT_LEN;
        let rents = [rent(exchange_len).await?, rent(Board::ACCOUNT_LEN).await?];
        let payer = self.keys.faucet.pubkey();
        let Plan {
            changes,
            left_alone,
        } = plan(&self.config, &state, &payer, |len| {
            rents[usize::from(len != exchange_len)]
        })?;
        for line in left_alone {
            tell(&line);
        }
        for change in &changes {
            connection
                .send(&change.instructions, &self.signers(change))
                .await
                .with_context(|| change.description.clone())?;
            tell(&change.description);
        }
        Ok(state.exchange.is_none())
    }

    /// The keys that sign a change, who pays first.
    fn signers(&self, change: &Change) -> Vec<&dyn Signer> {
        let keys = change
            .signatories
            .iter()
            .map(|signatory| self.keys.of(*signatory));
        keys.map(|key| key as &dyn Signer).collect()
    }

    async fn insure(&self, connection: &Connection) -> Result<()> {
        let (quote, faucet) = (self.quote()?, &self.keys.faucet);
        let amount = quote.amount(INSURANCE);
        tokens::fund(connection, faucet, &faucet.pubkey(), 0, &[(quote, amount)]).await?;
        let source = anchor_spl::associated_token::get_associated_token_address(
            &faucet.pubkey(),
            &quote.mint,
        );
        let fund = self.addresses.insurance_fund();
        let instructions = [
            instructions::accrue_interest(&self.addresses, &quote.mint),
            instructions::deposit(
                &self.addresses,
                &quote.mint,
                &fund,
                &faucet.pubkey(),
                &source,
                amount,
            ),
        ];
        connection.send(&instructions, &[faucet]).await?;
        Ok(())
    }
}

/// The feeds of a configuration, at the stub's accounts.
fn feeds_of(config: &Config) -> Result<Vec<Feed>> {
    let feeds = config.feeds.0.iter().map(|(name, feed)| {
        if name.len() > FEED_NAME_MAX {
            bail!("feeds.{name}: a name of more than {FEED_NAME_MAX} bytes");
        }
        let program = match feed.source {
            FeedSource::PythPull => oracle_stub::RECEIVER_ID,
            FeedSource::PythPush => oracle_stub::ORACLE_ID,
        };
        Ok(Feed::new(name, program))
    });
    feeds.collect()
}

/// The configuration with everything in the place of its `$NAME`s: keys, `$SOL_FEED` for the feed `SOL/USD`, `$SOL_MINT` for the asset `SOL`.
fn filled(
    mut config: Config,
    keys: &Keys,
    mints: &[(String, Keypair)],
    feeds: &[Feed],
) -> Result<Config> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (name, key) in [
        ("EXCHANGE", &keys.exchange),
        ("BOARD", &keys.board),
        ("ADMIN", &keys.admin),
        ("RISK_AUTHORITY", &keys.risk),
        ("GUARDIAN", &keys.guardian),
        ("SURFACE_AUTHORITY", &keys.surface),
    ] {
        values.insert(name.to_owned(), key.pubkey().to_string());
    }
    for (name, mint) in mints {
        values.insert(format!("{name}_MINT"), mint.pubkey().to_string());
    }
    for feed in feeds {
        let base = feed.name.split('/').next().unwrap_or_default();
        values.insert(format!("{base}_FEED"), feed.written_id());
    }
    let missing = std::cell::RefCell::new(BTreeSet::new());
    config.fill(|name| {
        let value = values.get(name).cloned();
        if value.is_none() {
            missing.borrow_mut().insert(format!("${name}"));
        }
        value
    });
    let missing: Vec<String> = missing.into_inner().into_iter().collect();
    if !missing.is_empty() {
        bail!(
            "the configuration has {}, which a localnet does not know",
            missing.join(", ")
        );
    }
    Ok(config)
}

/// What is on chain of what the configuration names.
async fn read_state(connection: &Connection, config: &Config) -> Result<State> {
    let mut known: BTreeMap<Pubkey, Option<(Pubkey, Vec<u8>)>> = BTreeMap::new();
    let mut wanted = vec![clock::ID];
    // What is asked for depends on what is found: three rounds at most.
    loop {
        let found = connection.accounts(&wanted).await?;
        for (key, account) in wanted.drain(..).zip(found) {
            known.insert(key, account.map(|(owner, update)| (owner, update.data)));
        }
        let state = State::read(config, |key| {
            let account = known.get(key).cloned();
            if account.is_none() {
                wanted.push(*key);
            }
            Ok::<_, ballast_client::config::ConfigError>(account.flatten())
        })?;
        if wanted.is_empty() {
            return Ok(state);
        }
    }
}

/// Gives the keys that pay for transactions what they have less than half of.
async fn pocket_money(connection: &Connection, folder: &Folder, faucet: &Keypair) -> Result<()> {
    let mut instructions = Vec::new();
    for (name, sol) in POCKET_MONEY {
        let key = folder.key(name)?.pubkey();
        let has = connection.rpc().get_balance(&key).await?;
        if has < sol * LAMPORTS / 2 {
            let lamports = sol * LAMPORTS - has;
            let from = faucet.pubkey();
            instructions.push(anchor_lang::solana_program::system_instruction::transfer(
                &from, &key, lamports,
            ));
        }
    }
    if !instructions.is_empty() {
        connection
            .send(&instructions, &[faucet])
            .await
            .context("the faucet gives SOL")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled_localnet(text: &str) -> Result<Config> {
        let temporary = tempfile::tempdir()?;
        let folder = Folder::open(temporary.path())?;
        let config = Config::parse(text)?;
        let mints: Vec<_> = config
            .assets
            .names()
            .map(|name| (name.to_owned(), Keypair::new()))
            .collect();
        let feeds = feeds_of(&config)?;
        filled(config, &Keys::open(&folder)?, &mints, &feeds)
    }

    #[test]
    fn every_name_of_the_file_is_filled_and_valid() {
        let config = filled_localnet(CONFIG).unwrap();
        let state = State {
            now: 1,
            ..State::default()
        };
        // A plan takes every value apart; mints must be on chain for more than that.
        let error = plan(&config, &state, &Pubkey::default(), |_| 0).unwrap_err();
        assert!(
            error.path.starts_with("assets.") && error.path.ends_with(".mint"),
            "{error}"
        );
        let btc = config.feeds.get("BTC/USD").unwrap();
        let account = oracle_stub::price_address(
            &oracle_stub::ORACLE_ID,
            &Feed::new("BTC/USD", oracle_stub::ORACLE_ID).id,
        );
        assert_eq!(btc.id, account.to_string());
        assert_eq!(config.feeds.get("SOL/USD").unwrap().id.len(), 64);
    }

    #[test]
    fn unknown_names_are_refused() {
        let text = CONFIG.replace("$GUARDIAN", "$NOBODY");
        let error = filled_localnet(&text).unwrap_err().to_string();
        assert!(error.contains("$NOBODY"), "{error}");
    }
}

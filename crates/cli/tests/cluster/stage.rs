//! An exchange on a real cluster, its traders, and a keeper in a process of its own.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_spl::associated_token::get_associated_token_address;
use anyhow::{Context, Result, bail, ensure};
use ballast_client::args::{
    MarketArgs, MarketParameters, OrderArgs, OrderFilter, OrderType, SurfaceArgs,
};
use ballast_client::rpc::{Connection, Session};
use ballast_client::state::health::{Purpose, Report};
use ballast_client::state::{MarginAccount, Market, MarketTerms, QUOTE_ASSET, TENORS, ledger};
use ballast_client::units::q32;
use ballast_client::{ExchangeAddresses, instructions};
use ballast_localnet::{
    CONFIG, Cluster, ClusterOptions, Exchange, Feed, Folder, LAMPORTS, Quote, Token, fund,
};
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The command.
pub const BALLAST: &str = env!("CARGO_BIN_EXE_ballast");
/// USDC, in quote units.
pub const USDC: u64 = 1_000_000;

/// A key with a margin account.
pub struct Trader {
    pub key: Keypair,
    pub account: Pubkey,
}

/// Everything a test needs.
pub struct Stage {
    pub cluster: Cluster,
    pub connection: Connection,
    pub exchange: Exchange,
    pub folder: Folder,
    _temporary: TempDir,
}

/// A keeper in a process of its own. Dropping it kills it.
pub struct KeeperProcess {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Stage {
    /// Starts a cluster at a time (unix seconds), or at present, with the exchange of `migrations/localnet.toml`, changed by `adapt`.
    pub async fn start(time: Option<i64>, adapt: impl Fn(&str) -> String) -> Result<Self> {
        let temporary = tempfile::tempdir()?;
        let folder = Folder::open(temporary.path())?;
        let cluster = Cluster::start(ClusterOptions {
            mint: Some(folder.key("faucet")?.pubkey()),
            start_time: time,
            ..ClusterOptions::default()
        })
        .await?;
        let connection = cluster.connection();
        let exchange = Exchange::provision(&connection, &folder, &adapt(CONFIG), |_| {}).await?;
        Ok(Self {
            cluster,
            connection,
            exchange,
            folder,
            _temporary: temporary,
        })
    }

    pub fn addresses(&self) -> &ExchangeAddresses {
        &self.exchange.addresses
    }

    pub async fn now(&self) -> Result<i64> {
        Ok(self.connection.time().await?.unix)
    }

    /// Waits until the cluster's clock shows a time.
    pub async fn wait_until(&self, time: i64) -> Result<()> {
        while self.now().await? < time {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    }

    /// Writes the stub's prices, US dollars, as published at a time; whether the board takes them is the keeper's work.
    pub async fn publish(&self, prices: &[(&str, f64)], time: i64) -> Result<()> {
        let payer = &self.exchange.keys.prices;
        let mut writes = Vec::new();
        for (ticker, price) in prices {
            let quote = Quote {
                price: *price,
                confidence: price * 0.000_5,
                ema: *price,
            };
            let feed = self.feed(ticker)?;
            writes.push(feed.write(&payer.pubkey(), &quote, time));
        }
        self.connection.send(&writes, &[payer]).await?;
        Ok(())
    }

    fn feed(&self, ticker: &str) -> Result<&Feed> {
        let mut feeds = self.exchange.feeds.iter();
        feeds
            .find(|feed| feed.ticker() == ticker)
            .with_context(|| format!("no feed of {ticker}"))
    }

    pub fn usdc(&self) -> Result<&Token> {
        self.exchange.quote()
    }

    /// A new trader with a margin account that holds so many USDC.
    pub async fn trader(&self, name: &str, dollars: u64) -> Result<Trader> {
        let key = self.folder.key(name)?;
        let (faucet, usdc) = (&self.exchange.keys.faucet, self.usdc()?);
        let amount = dollars * USDC;
        fund(
            &self.connection,
            faucet,
            &key.pubkey(),
            10 * LAMPORTS,
            &[(usdc, amount)],
        )
        .await?;
        let account = self.addresses().margin_account(&key.pubkey(), 0);
        let owner = key.pubkey();
        let source = get_associated_token_address(&owner, &usdc.mint);
        let addresses = self.addresses();
        self.execute(
            &[
                instructions::open_account(addresses, &owner, &owner, 0),
                instructions::deposit(addresses, &usdc.mint, &account, &owner, &source, amount),
            ],
            &key,
        )
        .await?;
        Ok(Trader { key, account })
    }

    /// Sends with everything that has to stand before it.
    pub async fn execute(&self, instructions: &[Instruction], signer: &Keypair) -> Result<()> {
        let exchange = self.addresses().exchange;
        let mut session = Session::open(self.connection.clone(), &exchange).await?;
        session.execute(instructions, &[signer]).await?;
        Ok(())
    }

    /// Rests an order; crossing ones are for the keeper to match.
    pub async fn place(
        &self,
        trader: &Trader,
        terms: &MarketTerms,
        side: u8,
        price: u64,
        lots: u64,
    ) -> Result<()> {
        let args = OrderArgs {
            side,
            price,
            lots,
            client_id: 0,
            expires_at: 0,
            reduce_only: false,
            order_type: Default::default(),
        };
        let place = instructions::place_order(
            self.addresses(),
            terms,
            &trader.account,
            &trader.key.pubkey(),
            args,
        );
        self.execute(&[place], &trader.key).await
    }

    /// Buys from the resting orders of another trader.
    pub async fn take(
        &self,
        trader: &Trader,
        maker: &Trader,
        terms: &MarketTerms,
        price: u64,
        lots: u64,
    ) -> Result<()> {
        let orders = self.account(&maker.account).await?.orders;
        let order = orders
            .iter()
            .find(|order| order.lots > 0 && order.terms == *terms);
        let order = order.context("the maker has no order")?;
        let args = OrderArgs {
            side: 0,
            price,
            lots,
            client_id: 0,
            expires_at: 0,
            reduce_only: false,
            order_type: OrderType::ImmediateOrCancel,
        };
        let key = trader.key.pubkey();
        let cancel = instructions::cancel_all(&trader.account, &key, OrderFilter::default());
        let take = instructions::place_and_fill(
            self.addresses(),
            terms,
            &trader.account,
            &key,
            args,
            &[(maker.account, order.id)],
        );
        self.execute(&[cancel, take], &trader.key).await
    }

    /// Posts a flat surface of SOL, and lists a market on it.
    pub async fn list(&self, terms: &MarketTerms) -> Result<()> {
        let keys = &self.exchange.keys;
        let surface = SurfaceArgs {
            underlying: terms.underlying,
            atm_volatility_q32: [q32(0.8); TENORS],
            skew_q32: 0,
            smile_q32: 0,
            carry_q32: 0,
        };
        let post = instructions::post_surface(self.addresses(), &keys.surface.pubkey(), surface);
        self.connection.send(&[post], &[&keys.surface]).await?;
        let admin = keys.admin.pubkey();
        let args = MarketArgs {
            terms: (*terms).into(),
            parameters: MarketParameters {
                tick_size: 1,
                order_minimum_lots: 1,
                open_interest_cap_lots: 1 << 40,
                status: 0,
            },
        };
        let add = instructions::add_market(self.addresses(), &admin, &admin, args);
        self.connection.send(&[add], &[&keys.admin]).await?;
        Ok(())
    }

    pub async fn account(&self, key: &Pubkey) -> Result<Box<MarginAccount>> {
        let account = self.connection.read::<MarginAccount>(key).await?;
        account.with_context(|| format!("there is no account {key}"))
    }

    pub async fn market(&self, terms: &MarketTerms) -> Result<Option<Box<Market>>> {
        Ok(self
            .connection
            .read(&self.addresses().market(terms))
            .await?)
    }

    /// The figures of an account as a liquidation counts them.
    pub async fn report(&self, key: &Pubkey) -> Result<Box<Report>> {
        let exchange = self.addresses().exchange;
        let mut session = Session::open(self.connection.clone(), &exchange).await?;
        session.read(&[*key]).await?;
        let account = session
            .mirror
            .accounts
            .get(key)
            .context("no such account")?;
        let mut report = Report::boxed();
        session
            .mirror
            .view(session.time.unix)
            .assess(account, Purpose::Liquidate, &mut report)?;
        Ok(report)
    }

    /// Cash of an account, quote units.
    pub async fn cash(&self, key: &Pubkey) -> Result<i64> {
        let exchange = self.addresses().exchange;
        let mut session = Session::open(self.connection.clone(), &exchange).await?;
        session.read(&[*key]).await?;
        let account = session
            .mirror
            .accounts
            .get(key)
            .context("no such account")?;
        let indexes = session.mirror.board.indexes(QUOTE_ASSET)?;
        Ok(match account.balance(QUOTE_ASSET) {
            Some(balance) => ledger::amount(balance, indexes)?,
            None => 0,
        })
    }

    /// Tokens of a key in its own wallet, native units.
    pub async fn wallet(&self, owner: &Pubkey) -> Result<u64> {
        let key = get_associated_token_address(owner, &self.usdc()?.mint);
        let balance = self
            .connection
            .rpc()
            .get_token_account_balance(&key)
            .await?;
        Ok(balance.amount.parse()?)
    }

    /// Asks until there is an answer.
    pub async fn until<T, F>(&self, what: &str, patience_s: u64, mut wanted: F) -> Result<T>
    where
        F: AsyncFnMut() -> Result<Option<T>>,
    {
        let start = Instant::now();
        loop {
            if let Some(found) = wanted().await? {
                return Ok(found);
            }
            if start.elapsed() > Duration::from_secs(patience_s) {
                bail!(
                    "{what}: not within {patience_s} s; what the keepers said:\n{}",
                    self.keeper_logs()
                );
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }

    /// Writes the configuration of a keeper whose key has this name, serving on this port, with further lines.
    pub fn keeper_config(&self, name: &str, port: u16, top: &str, policy: &str) -> Result<PathBuf> {
        let config = self.folder.path(&format!("{name}.toml"));
        let text = format!(
            "url = \"{}\"\nexchange = \"{}\"\nkeypair = \"{}\"\nlisten = \"127.0.0.1:{port}\"\n{top}\n\
             [watching]\nsnapshot_s = 10\n[policy]\nprice_interval_s = 5\nsettle_interval_s = 5\nsettle_minimum = 1\n{policy}\n",
            self.cluster.url(),
            self.addresses().exchange,
            self.folder.key_path(name).display(),
        );
        fs::write(&config, text)?;
        Ok(config)
    }

    /// Starts a keeper as its operator does.
    pub fn start_keeper(&self, name: &str, top: &str, policy: &str) -> Result<KeeperProcess> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = self.keeper_config(name, port, top, policy)?;
        let path = self.folder.path(&format!("{name}.log"));
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)?;
        let child = Command::new(BALLAST)
            .args(["keeper", "run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(KeeperProcess {
            child,
            port,
            log: path,
        })
    }

    /// Everything that keepers have said.
    fn keeper_logs(&self) -> String {
        let files = fs::read_dir(self.folder.root()).into_iter().flatten();
        let logs = files.flatten().map(|file| file.path());
        let logs = logs.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
        logs.map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_default();
            format!("{}:\n{text}\n", path.display())
        })
        .collect()
    }
}

impl KeeperProcess {
    /// Kills it without a warning.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Tells it to stop and gives whether it ended well.
    pub fn stop(mut self) -> Result<bool> {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        ensure!(told.success(), "kill");
        Ok(self.child.wait()?.success())
    }

    /// What it, and its forerunners of the same name, logged as errors.
    pub fn errors(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let errors = log.lines().filter(|line| line.contains("ERROR"));
        errors.map(str::to_owned).collect()
    }

    /// One of its pages: status and body.
    pub fn page(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").context("no HTTP")?;
        Ok((status.context("no status")?, body.to_owned()))
    }
}

impl Drop for KeeperProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Everything together.

use crate::cluster::{Cluster, ClusterOptions, deploy_folder};
use crate::exchange::{CONFIG, Exchange, Keys};
use crate::faucet::Faucet;
use crate::folder::Folder;
use crate::keeper::Keeper;
use crate::maker::{MakerOptions, MarketMaker};
use crate::prices::{PriceOptions, Prices};
use crate::surface::Surfaces;
use crate::web::{self, AppOptions, Network, Web};
use anyhow::{Context, Result, bail};
use solana_signer::Signer;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

/// What a localnet has.
#[derive(Clone, Debug)]
pub struct LocalnetOptions {
    /// Where it keeps its ledger, keys and logs.
    pub folder: PathBuf,
    /// The port of the RPC; any free one without it.
    pub rpc_port: Option<u16>,
    /// Starts with an empty ledger. Keys, and so addresses, stay.
    pub reset: bool,
    /// What the exchange lists, as `migrations/localnet.toml`.
    pub config: String,
    /// How prices move.
    pub prices: PriceOptions,
    /// Whether a market maker quotes.
    pub maker: Option<MakerOptions>,
    /// Whether a keeper runs; without it prices are refreshed on the board as they are written, and nothing else is done.
    pub keeper: bool,
    /// What the cluster's clock shows at the start, unix seconds.
    pub start_time: Option<i64>,
    /// Whether and how the app is served.
    pub app: Option<AppOptions>,
}

impl LocalnetOptions {
    /// Everything, with the usual settings.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            rpc_port: None,
            reset: false,
            config: CONFIG.to_owned(),
            prices: PriceOptions::default(),
            maker: Some(MakerOptions::default()),
            keeper: true,
            start_time: None,
            app: None,
        }
    }
}

/// A cluster with an exchange that lives. Dropping it stops everything, the cluster last.
pub struct Localnet {
    web: Option<Web>,
    keeper: Option<Keeper>,
    _maker: Option<MarketMaker>,
    _surfaces: Surfaces,
    /// The price pusher.
    pub prices: Prices,
    /// The exchange.
    pub exchange: Exchange,
    /// The validator.
    pub cluster: Cluster,
    /// Where everything is kept.
    pub folder: Folder,
    /// Kept from others.
    _lock: File,
}

impl Localnet {
    /// Starts everything. `tell` is given a line for each step.
    ///
    /// # Errors
    /// What cannot be started, and why.
    pub async fn start(options: LocalnetOptions, mut tell: impl FnMut(&str)) -> Result<Self> {
        let folder = Folder::open(&options.folder)?;
        let lock = File::create(folder.path("lock"))?;
        if lock.try_lock().is_err() {
            bail!("a localnet is running in {}", folder.root().display());
        }
        if options.reset {
            empty(&folder)?;
        }
        folder.forget()?;
        note_programs(&folder, &mut tell)?;
        // What is wrong with it is told before everything else has been started.
        let site = options.app.as_ref().map(web::open).transpose()?;

        let keys = Keys::open(&folder)?;
        let cluster = Cluster::start(ClusterOptions {
            folder: Some(folder.root().to_owned()),
            rpc_port: options.rpc_port,
            mint: Some(keys.faucet.pubkey()),
            start_time: options.start_time,
            ..ClusterOptions::default()
        })
        .await?;
        tell(&format!("validator at {}", cluster.url()));
        let connection = cluster.connection();
        let exchange = Exchange::provision(&connection, &folder, &options.config, &mut tell)
            .await
            .context("setting the exchange up")?;

        // Until a keeper does it.
        let refreshing = PriceOptions {
            refresh: true,
            ..options.prices
        };
        let (feeds, addresses) = (exchange.feeds.clone(), exchange.addresses);
        let prices = Prices::start(
            connection.clone(),
            &exchange.keys.prices,
            addresses,
            feeds,
            refreshing,
        )
        .await?;
        tell("prices");
        let surfaces = Surfaces::start(connection.clone(), &exchange)
            .await
            .context("the first volatility surfaces")?;
        tell("volatility surfaces");
        let maker = match options.maker {
            Some(options) => {
                let maker = MarketMaker::start(connection, &exchange, options);
                let maker = maker.await.context("the market maker")?;
                tell("market maker");
                Some(maker)
            }
            None => None,
        };
        let keeper = match options.keeper {
            true => {
                let keeper = Keeper::start(&cluster, &exchange, &folder).await;
                let keeper = keeper.context("the keeper")?;
                tell("keeper");
                Some(keeper)
            }
            false => None,
        };
        prices.set_refresh(keeper.is_none());
        let mut description = exchange.describe(&cluster.url(), &cluster.ws_url(), &folder);
        let web = match site {
            Some(site) => {
                let network = Network::from(&description);
                let faucet = Faucet::open(&description)?;
                let web = web::serve(site, &network, faucet, prices.walk())?;
                tell("app");
                description.app_url = Some(web.url());
                Some(web)
            }
            None => None,
        };
        folder.describe(&description)?;
        Ok(Self {
            web,
            keeper,
            _maker: maker,
            _surfaces: surfaces,
            prices,
            exchange,
            cluster,
            folder,
            _lock: lock,
        })
    }

    /// Whether something has ended that should not, in words. A keeper is reported once; the board's prices are refreshed without it.
    ///
    /// # Errors
    /// When the validator has ended: nothing goes on without it.
    pub fn check(&mut self) -> Result<Option<String>> {
        if let Some(ended) = self.cluster.ended()? {
            bail!("{ended}");
        }
        let ended = self
            .keeper
            .as_mut()
            .map(Keeper::ended)
            .transpose()?
            .flatten();
        if ended.is_some() {
            self.keeper = None;
            self.prices.set_refresh(true);
        }
        Ok(ended)
    }

    /// Where the app is served, when it is.
    pub fn app_url(&self) -> Option<String> {
        self.web.as_ref().map(Web::url)
    }

    /// Where the keeper's metrics and health are served, when there is one.
    pub fn keeper_address(&self) -> Option<String> {
        let port = self.cluster.ports().spare;
        self.keeper
            .as_ref()
            .map(|_| format!("http://127.0.0.1:{port}"))
    }
}

/// Takes the ledger away; keys stay.
fn empty(folder: &Folder) -> Result<()> {
    for name in ["ledger", "accounts"] {
        let path = folder.path(name);
        if path.exists() {
            fs::remove_dir_all(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Tells when the programs were built anew since the ledger was begun: it keeps those that it began with.
fn note_programs(folder: &Folder, tell: &mut impl FnMut(&str)) -> Result<()> {
    let path = folder.path("programs");
    let mut hasher = DefaultHasher::new();
    for name in ["ballast.so", "oracle_stub.so"] {
        // When one is missing, the cluster says so.
        fs::read(deploy_folder().join(name))
            .unwrap_or_default()
            .hash(&mut hasher);
    }
    let present = format!("{:016x}", hasher.finish());
    if !folder.path("ledger").exists() {
        return fs::write(&path, present)
            .with_context(|| format!("cannot write {}", path.display()));
    }
    if fs::read_to_string(&path).is_ok_and(|before| before != present) {
        tell(
            "note: the programs have changed; this ledger keeps those that it began with, --reset takes the new ones",
        );
    }
    Ok(())
}

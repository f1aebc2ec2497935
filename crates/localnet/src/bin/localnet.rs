//! `cargo xtask localnet`: an exchange on a local cluster that lives until it is stopped.

use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, anyhow, bail};
use ballast_localnet::{
    AppOptions, CONTROL_FILE, Command as PriceCommand, Faucet, Folder, Localnet, LocalnetOptions,
    USUAL_DOLLARS, USUAL_SOL, WalkOptions,
};
use clap::{Args, Parser, Subcommand};
use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Names the folder when no option does.
const FOLDER_VARIABLE: &str = "BALLAST_LOCALNET_DIR";
/// Names the folder with the built app when no option does.
const APP_VARIABLE: &str = "BALLAST_APP_DIR";
const LOG: &str = "localnet.log";
/// How often the processes are looked after.
const LOOK: Duration = Duration::from_millis(500);

/// An exchange on a local cluster: validator, prices that walk, a market maker, a keeper.
///
/// It runs until Ctrl-C. The ledger stays and goes on at the next start; --reset begins a new one, with the same addresses.
///
/// All tokens are test tokens with mints of their own, SOL too: it is no wrapped SOL. `fund` gives any wallet SOL for fees and some of
/// every token.
///
/// Prices walk by themselves and can be set by hand while it runs: `price SOL x0.8` takes a fifth off, `price SOL 120` sets it,
/// `price SOL halt` stops publishing it, so that it becomes stale, and `price SOL resume` goes on. The same lines, such as `SOL x0.8`, may be
/// written to the file prices.control in the folder.
#[derive(Parser)]
#[command(
    name = "cargo xtask localnet",
    bin_name = "cargo xtask localnet",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(flatten)]
    run: Run,
    #[command(subcommand)]
    command: Option<Command>,
    /// Where ledger, keys and logs are kept; target/localnet by default.
    #[arg(long, global = true)]
    folder: Option<PathBuf>,
}

#[derive(Args)]
struct Run {
    /// The port of the RPC, 0 for any free one; the websocket is on the next one.
    #[arg(long, default_value_t = 8899)]
    rpc_port: u16,
    /// Prices with the same seed walk the same way, as long as nobody sets them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How fast prices move, compared with usual; 0 keeps them where they are.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// The folder with the built app, which is served; without it, and without BALLAST_APP_DIR, none is.
    #[arg(long, value_name = "DIR")]
    app: Option<PathBuf>,
    /// The port of the app, 0 for any free one.
    #[arg(long, default_value_t = 8080)]
    app_port: u16,
    /// Without the app.
    #[arg(long, conflicts_with = "app")]
    no_app: bool,
    /// Another configuration than migrations/localnet.toml.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Without a market maker.
    #[arg(long)]
    no_maker: bool,
    /// Without a keeper.
    #[arg(long)]
    no_keeper: bool,
    /// Begin a new ledger.
    #[arg(long)]
    reset: bool,
    /// What the cluster's clock shows at the start, unix seconds; the present time by default. Linux only.
    #[arg(long)]
    start_time: Option<i64>,
}

impl Run {
    /// What is served of the app.
    fn app(&self) -> Option<AppOptions> {
        let named = env::var_os(APP_VARIABLE).filter(|path| !path.is_empty());
        let folder = self.app.clone().or_else(|| named.map(PathBuf::from));
        folder.filter(|_| !self.no_app).map(|folder| AppOptions {
            folder,
            port: self.app_port,
        })
    }
}

#[derive(Subcommand)]
enum Command {
    /// Give a wallet SOL and test tokens on the running localnet.
    Fund {
        /// The wallet's address.
        wallet: Pubkey,
        /// SOL for fees and rent.
        #[arg(long, default_value_t = USUAL_SOL)]
        sol: f64,
        /// How much of each token it gets, US dollars.
        #[arg(long, default_value_t = USUAL_DOLLARS)]
        dollars: f64,
    },
    /// Set a price on the running localnet by hand: `price SOL x0.8`, `price SOL 120`, `price SOL halt`, `price SOL resume`.
    Price {
        /// The ticker.
        ticker: String,
        /// A factor such as x0.8, a price in US dollars, `halt` or `resume`.
        action: String,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let root = match arguments
        .folder
        .or_else(|| env::var_os(FOLDER_VARIABLE).map(PathBuf::from))
    {
        Some(root) => root,
        None => PathBuf::from("target/localnet"),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments.command {
        None => runtime.block_on(live(arguments.run, &Folder::open(&root)?)),
        Some(Command::Fund {
            wallet,
            sol,
            dollars,
        }) => {
            let folder = Folder::existing(&root)?;
            runtime.block_on(give(&folder, &wallet, sol, dollars))
        }
        Some(Command::Price { ticker, action }) => {
            set_price(&Folder::existing(&root)?, &ticker, &action)
        }
    }
}

/// Runs a localnet until somebody stops it.
async fn live(run: Run, folder: &Folder) -> Result<()> {
    log_into(folder)?;
    let mut options = LocalnetOptions::new(folder.root().to_owned());
    options.rpc_port = (run.rpc_port != 0).then_some(run.rpc_port);
    options.reset = run.reset;
    options.keeper = !run.no_keeper;
    options.start_time = run.start_time;
    options.prices.walk = WalkOptions {
        seed: run.seed,
        speed: run.speed,
    };
    options.prices.control = Some(folder.path(CONTROL_FILE));
    options.app = run.app();
    if run.no_maker {
        options.maker = None;
    }
    if let Some(path) = run.config {
        options.config =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let stopped = async {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    };
    tokio::pin!(stopped);
    let start = Localnet::start(options, |line| println!("  {line}"));
    let mut localnet = tokio::select! {
        started = start => started?,
        () = &mut stopped => {
            println!("\nstopped before it was ready");
            return Ok(());
        }
    };
    introduce(&localnet);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = &mut stopped => break,
            _ = look.tick() => {
                if let Some(ended) = localnet.check()? {
                    tracing::error!("{ended}");
                    eprintln!("{ended}");
                }
            }
        }
    }
    println!("\nstopping");
    drop(localnet);
    Ok(())
}

/// Says where everything is.
fn introduce(localnet: &Localnet) {
    let Localnet {
        cluster,
        exchange,
        folder,
        ..
    } = localnet;
    if let Some(url) = localnet.app_url() {
        println!("\nThe app is at {url}");
    }
    println!("\nRPC        {}", cluster.url());
    println!("websocket  {}", cluster.ws_url());
    println!("exchange   {}", exchange.addresses.exchange);
    println!("board      {}", exchange.addresses.board);
    for token in &exchange.tokens {
        println!("{:<10} {}", format!("{} mint", token.name), token.mint);
    }
    println!("faucet     {}", folder.key_path("faucet").display());
    if let Some(address) = localnet.keeper_address() {
        println!("keeper     {address}/metrics");
    }
    println!("logs       {}", folder.path(LOG).display());
    println!("           {}", folder.path("keeper.log").display());
    println!("           {}", cluster.log().display());
    println!("\nSOL and tokens for a wallet:  cargo xtask localnet fund <ADDRESS>");
    println!("a crash:                      cargo xtask localnet price SOL x0.8");
    println!("Ctrl-C stops everything.");
}

/// Everything that is not the validator's or the keeper's goes into one log.
fn log_into(folder: &Folder) -> Result<()> {
    let path = folder.path(LOG);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,ballast_localnet=info,localnet=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(file))
        .try_init()
        .map_err(|error| anyhow!("the log: {error}"))
}

async fn give(folder: &Folder, wallet: &Pubkey, sol: f64, dollars: f64) -> Result<()> {
    let faucet = Faucet::open(&folder.description()?)?;
    let gift = faucet.give(wallet, sol, dollars).await?;
    println!("{sol} SOL for fees");
    for (token, amount) in gift.tokens {
        println!("{amount:.4} {token}");
    }
    Ok(())
}

fn set_price(folder: &Folder, ticker: &str, action: &str) -> Result<()> {
    let command = PriceCommand::parse(ticker, action).map_err(|problem| anyhow!(problem))?;
    let description = folder.description()?;
    let known = description
        .price_accounts
        .keys()
        .map(|feed| feed.split('/').next().unwrap_or_default());
    let known: Vec<&str> = known.collect();
    if !known.contains(&ticker) {
        bail!("{ticker} has no price here, only {}", known.join(", "));
    }
    let path = folder.path(CONTROL_FILE);
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(file, "{command}")?;
    println!("{command}: within some seconds");
    Ok(())
}

//! Ten thousand margin accounts and a fall of 15% within one price: how long until the last one that has to be liquidated is, first on the embedded
//! VM (the decisions and the program, one transaction after the other), then on a validator (with the network's and the node's part).
//!
//! `cargo xtask bench` runs it and puts `target/bench/load.json` into docs/performance.md. `$BALLAST_BIN` is the command `ballast`; without it
//! the cluster's part is left out. `$BALLAST_LOAD_ACCOUNTS` changes the number of accounts.

use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, bail, ensure};
use ballast_client::args::{ExchangeParameters, OrderArgs, OrderType};
use ballast_client::oracle::{PricePoint, all_price_accounts};
use ballast_client::units::q32;
use ballast_client::{Mirror, Update, instructions};
use ballast_keeper::{Identity, JobKey, Memory, Policy, Situation, Verdict, plan};
use ballast_localnet::{Cluster, ClusterOptions, Preloaded};
use ballast_sim::{Venue, VenueConfig, World};
use ballast_state::health::{Purpose, Report};
use ballast_state::{MarginAccount, Side};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Margin accounts beside the keeper's and the maker's.
const ACCOUNTS: usize = 10_000;
/// The fall.
const GAP: f64 = 0.15;
/// Leverages at which accounts begin: of those above about 4.5 little is left.
const LEVERAGE: std::ops::Range<f64> = 0.5..6.0;
/// USDC.
const DOLLAR: u64 = 1_000_000;
/// The cluster's part ends here, however much is left.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> Result<()> {
    let count = match std::env::var("BALLAST_LOAD_ACCOUNTS") {
        Ok(count) => count.parse().context("$BALLAST_LOAD_ACCOUNTS")?,
        Err(_) => ACCOUNTS,
    };
    eprintln!("opening {count} accounts");
    let mut crowd = Crowd::open(count)?;
    let preloaded = crowd.preloaded();
    let embedded = crowd.embedded()?;
    eprintln!("embedded VM: {embedded:#}");
    let cluster = match std::env::var_os("BALLAST_BIN") {
        Some(ballast) => tokio::runtime::Runtime::new()?
            .block_on(crowd.on_cluster(Path::new(&ballast), preloaded))?,
        None => Value::Null,
    };
    eprintln!("cluster: {cluster:#}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    fs::create_dir_all(target.join("bench"))?;
    let result = json!({ "accounts": count, "gap": GAP, "embedded": embedded, "cluster": cluster });
    fs::write(target.join("bench/load.json"), format!("{result:#}"))?;
    Ok(())
}

/// An exchange with many accounts.
struct Crowd {
    world: World,
    venue: Venue,
    keeper: Keypair,
    prices: Vec<f64>,
}

impl Crowd {
    /// Opens accounts by ordinary transactions: cash, and one or two perpetuals long or, more seldom, short, against one maker.
    fn open(count: usize) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
        let mut world = World::new(now)?;
        let venue = Venue::create(&mut world, VenueConfig::default(), 1)?;
        let mut parameters = ExchangeParameters::from(&*venue.exchange(&world)?);
        // Slices pay at once: the machines are measured, not how long an auction waits for takers.
        let auction = &mut parameters.liquidation;
        auction.discount_start_q32 = q32(0.1);
        (auction.first_s, auction.zero_s, auction.premium_full_s) = (60, 120, 120);
        auction.observation_gap_max_s = 60;
        let admin = venue.admin.pubkey();
        let hurry = instructions::update_exchange(&venue.addresses, &admin, parameters);
        world.send(&[hurry], &[&venue.admin])?;
        let prices: Vec<f64> = venue
            .config
            .assets
            .iter()
            .map(|asset| asset.price)
            .collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let key = |rng: &mut ChaCha8Rng| Keypair::new_from_array(rng.random());
        let (maker, keeper) = (key(&mut rng), key(&mut rng));
        for rich in [&maker, &keeper] {
            venue.open_account(&mut world, rich)?;
            let amount = 300_000_000 * DOLLAR;
            world.mint_tokens(&venue.mints[0], &rich.pubkey(), amount)?;
            venue.deposit(&mut world, rich, 0, amount)?;
        }
        let market_count = prices.len() - 1;
        for number in 0..count {
            if number % 200 == 0 {
                world.advance(1);
                venue.set_prices(&mut world, &prices)?;
                venue.quote_all(&mut world, &maker, &prices)?;
            }
            let owner = key(&mut rng);
            venue.open_account(&mut world, &owner)?;
            let dollars = rng.random_range(500.0..50_000.0);
            let amount = dollars as u64 * DOLLAR;
            world.mint_tokens(&venue.mints[0], &owner.pubkey(), amount)?;
            venue.deposit(&mut world, &owner, 0, amount)?;
            let legs = rng.random_range(1..=2);
            let leverage = rng.random_range(LEVERAGE);
            for leg in 0..legs {
                let index = 1 + (number + leg) % market_count;
                let side = match rng.random_bool(0.8) {
                    true => Side::Bid,
                    false => Side::Ask,
                };
                let tokens = dollars * leverage / legs as f64 / prices[index];
                let lots = venue.lots(index, tokens).max(1);
                // What its margin does not allow it does not get.
                let _ = venue.take(&mut world, &maker, &owner, index, side, lots, prices[index]);
            }
        }
        world.advance(1);
        venue.set_prices(&mut world, &prices)?;
        Ok(Self {
            world,
            venue,
            keeper,
            prices,
        })
    }

    fn fallen(&self) -> Vec<f64> {
        let fall = |(index, price): (usize, &f64)| match index {
            0 => *price,
            _ => price * (1.0 - GAP),
        };
        self.prices.iter().enumerate().map(fall).collect()
    }

    /// Everything that a cluster needs to go on from here.
    fn preloaded(&self) -> Vec<Preloaded> {
        let svm = &self.world.svm;
        let mut found = Vec::new();
        for program in [
            ballast::ID,
            oracle_stub::RECEIVER_ID,
            oracle_stub::ORACLE_ID,
        ] {
            found.extend(svm.get_program_accounts(&program));
        }
        let mut keys = self.venue.mints.clone();
        for mint in &self.venue.mints {
            keys.push(self.venue.addresses.vault(mint));
        }
        for key in keys {
            found.extend(svm.get_account(&key).map(|account| (key, account)));
        }
        let accounts = found.into_iter().map(|(key, account)| Preloaded {
            key,
            lamports: account.lamports,
            owner: account.owner,
            data: account.data,
        });
        accounts.collect()
    }

    fn identity(&self) -> Identity {
        let signer = self.keeper.pubkey();
        Identity {
            signer,
            margin_account: self.venue.addresses.margin_account(&signer, 0),
        }
    }

    /// The keeper's decisions and the program on the embedded VM.
    fn embedded(&mut self) -> Result<Value> {
        let mut mirror = self.mirror()?;
        let policy = policy();
        let mut memory = Memory::new(1);
        let identity = self.identity();
        let mut scans: Vec<f64> = Vec::new();
        let (mut slices, mut flags, mut raced, mut failed) = (0u64, 0u64, 0u64, 0u64);
        let fallen = self.fallen();
        self.world.advance(1);
        let due = {
            self.venue.set_prices(&mut self.world, &fallen)?;
            read_all(&self.world, &mut mirror);
            below(&mirror, self.world.now(), &identity.margin_account)?
        };
        let start = Instant::now();
        let mut simulated_s = 0;
        for _ in 0..10_000 {
            read_all(&self.world, &mut mirror);
            let prices = price_points(&self.world, &mirror);
            let situation = Situation {
                mirror: &mirror,
                now: self.world.now(),
                slot: slot(&self.world),
                identity: &identity,
                policy: &policy,
                prices: &prices,
                rehearsal: false,
            };
            let scan = Instant::now();
            let planned = plan(&situation, &mut memory);
            scans.push(scan.elapsed().as_secs_f64() * 1e3);
            let is_done = planned.scan.below_maintenance == 0 && planned.scan.in_liquidation == 0;
            if is_done {
                break;
            }
            for job in &planned.jobs {
                memory.sent(job, slot(&self.world));
                let metas = job.instructions.iter().flat_map(|one| &one.accounts);
                let signs = metas.into_iter().any(|meta| meta.is_signer);
                let signers: &[&Keypair] = if signs { &[&self.keeper] } else { &[] };
                match self.world.send(&job.instructions, signers) {
                    Ok(_) => {
                        memory.succeeded(&job.key, slot(&self.world));
                        slices += u64::from(matches!(job.key, JobKey::Liquidate(_)));
                        flags += u64::from(matches!(job.key, JobKey::Flag(_)));
                    }
                    Err(refusal) => match memory.refused(&job.key, &refusal, self.world.now()) {
                        Verdict::Failure => failed += 1,
                        _ => raced += 1,
                    },
                }
            }
            // The auction's clock.
            self.world.advance(1);
            simulated_s += 1;
            self.venue.set_prices(&mut self.world, &fallen)?;
        }
        let seconds = start.elapsed().as_secs_f64();
        read_all(&self.world, &mut mirror);
        let missed = below(&mirror, self.world.now(), &identity.margin_account)?;
        Ok(json!({
            "below_maintenance": due,
            "liquidations": slices,
            "flags": flags,
            "seconds": seconds,
            "cluster_seconds": simulated_s,
            "per_second": slices as f64 / seconds,
            "scan_ms_mean": scans.iter().sum::<f64>() / scans.len() as f64,
            "scan_ms_max": scans.iter().copied().fold(0.0, f64::max),
            "missed": missed,
            "raced": raced,
            "failed": failed,
        }))
    }

    /// The keeper as a process, on a validator that starts with these accounts.
    async fn on_cluster(&self, ballast: &Path, mut accounts: Vec<Preloaded>) -> Result<Value> {
        let payer = Keypair::new();
        for key in [&self.keeper, &payer] {
            accounts.push(Preloaded {
                key: key.pubkey(),
                lamports: 1_000_000_000_000,
                owner: anchor_lang::system_program::ID,
                data: Vec::new(),
            });
        }
        let cluster = Cluster::start(ClusterOptions {
            accounts,
            patience: Duration::from_secs(300),
            ..ClusterOptions::default()
        })
        .await?;
        let connection = cluster.connection();
        let publish = async |prices: &[f64]| -> Result<()> {
            let now = connection.time().await?.unix;
            let writes = prices.iter().enumerate().map(|(index, dollars)| {
                let mut price = self.venue.stub_price(&self.world, index, *dollars);
                price.publish_time = now;
                self.venue.write_price_by(&payer.pubkey(), index, &price)
            });
            let writes: Vec<_> = writes.collect();
            connection.send(&writes, &[&payer]).await?;
            Ok(())
        };
        publish(&self.prices).await?;

        let folder = tempfile::tempdir()?;
        let keeper = KeeperProcess::start(ballast, folder.path(), &cluster, self)?;
        let calm = |metrics: &Metrics| {
            metrics.get("ballast_accounts") > 0.0
                && metrics.get("ballast_accounts_below_maintenance") == 0.0
                && metrics.get("ballast_accounts_in_liquidation") == 0.0
        };
        keeper
            .wait("the keeper sees everything", |metrics| calm(metrics))
            .await?;
        // Prices that are fresh on the board, and a mind at rest.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let before = keeper.usage()?;
        let calm_metrics = keeper.metrics()?;

        publish(&self.fallen()).await?;
        let start = Instant::now();
        keeper
            .wait("the fall is seen", |metrics| {
                metrics.get("ballast_accounts_below_maintenance") > 0.0
            })
            .await?;
        let seen = start.elapsed();
        keeper
            .wait("the last liquidation", |metrics| calm(metrics))
            .await?;
        let seconds = start.elapsed().as_secs_f64();
        let usage = keeper.usage()?;
        let metrics = keeper.metrics()?;
        let count =
            |name: &str, label: &str| metrics.sum(name, label) - calm_metrics.sum(name, label);
        let done = "ballast_transactions_done_total";
        let liquidations = count(done, "job=\"liquidate\"");
        let mirror = connection.mirror(&self.venue.addresses.exchange).await?;
        let now = connection.time().await?.unix;
        let missed = below(&mirror, now, &self.identity().margin_account)?;
        let scans = metrics.get("ballast_scan_seconds_count")
            - calm_metrics.get("ballast_scan_seconds_count");
        let scan_s =
            metrics.get("ballast_scan_seconds_sum") - calm_metrics.get("ballast_scan_seconds_sum");
        let result = json!({
            "seen_seconds": seen.as_secs_f64(),
            "seconds": seconds,
            "liquidations": liquidations,
            "per_second": liquidations / seconds,
            "transactions": count(done, ""),
            "raced": count("ballast_transactions_raced_total", ""),
            "failed": count("ballast_transactions_failed_total", ""),
            "missed": missed,
            "scan_ms_mean": scan_s / scans.max(1.0) * 1e3,
            "keeper_cpu_seconds": usage.cpu_s - before.cpu_s,
            "keeper_memory_mb": usage.memory_mb,
        });
        ensure!(keeper.stop()?, "the keeper did not end well");
        Ok(result)
    }

    fn mirror(&self) -> Result<Mirror> {
        let data = |key: &Pubkey| self.world.svm.get_account(key).map(|account| account.data);
        let addresses = &self.venue.addresses;
        let (exchange, board) = (data(&addresses.exchange), data(&addresses.board));
        let mirror = Mirror::new(
            &addresses.exchange,
            &exchange.unwrap_or_default(),
            &board.unwrap_or_default(),
        );
        let mut mirror = mirror.context("no exchange")?;
        read_all(&self.world, &mut mirror);
        Ok(mirror)
    }
}

/// As many jobs at once as a busy keeper plans.
fn policy() -> Policy {
    Policy {
        jobs_maximum: 256,
        ..Policy::default()
    }
}

/// Accounts below their maintenance margin.
fn below(mirror: &Mirror, now: i64, own: &Pubkey) -> Result<u64> {
    let fund = mirror.addresses.insurance_fund();
    let view = mirror.view(now);
    let mut report = Report::boxed();
    let mut count = 0;
    for (key, account) in &mirror.accounts {
        if *key == fund || key == own || !account.has_obligations() {
            continue;
        }
        view.assess(account, Purpose::Liquidate, &mut report)?;
        count += u64::from(report.is_liquidatable());
    }
    Ok(count)
}

fn slot(world: &World) -> u64 {
    world.svm.get_sysvar::<solana_clock::Clock>().slot
}

fn read_all(world: &World, mirror: &mut Mirror) {
    let slot = slot(world);
    let accounts = world.svm.get_program_accounts(&ballast::ID).into_iter();
    let updates: Vec<Update> = accounts
        .map(|(key, account)| Update {
            key,
            slot,
            data: account.data,
        })
        .collect();
    mirror.apply_snapshot(slot, &updates);
}

fn price_points(world: &World, mirror: &Mirror) -> Vec<PricePoint> {
    let accounts = all_price_accounts(&mirror.exchange).into_iter();
    let read = accounts.filter_map(|(key, _)| {
        let account = world.svm.get_account(&key)?;
        PricePoint::read(&key, &account.owner, &account.data)
    });
    read.collect()
}

/// What trading of the crowd needs beyond the venue's own actions.
trait Trading {
    fn quote_all(&self, world: &mut World, maker: &Keypair, prices: &[f64]) -> Result<()>;
    #[allow(clippy::too_many_arguments, reason = "a trade has as many")]
    fn take(
        &self,
        world: &mut World,
        maker: &Keypair,
        taker: &Keypair,
        index: usize,
        side: Side,
        lots: u64,
        dollars: f64,
    ) -> Result<()>;
}

impl Trading for Venue {
    /// The maker's orders, one on each side of every market, larger than anybody needs. Their numbers follow from their sequence.
    fn quote_all(&self, world: &mut World, maker: &Keypair, prices: &[f64]) -> Result<()> {
        let account = self.addresses.margin_account(&maker.pubkey(), 0);
        let cancel = instructions::cancel_all(&account, &maker.pubkey(), Default::default());
        world.send(&[cancel], &[maker])?;
        for (index, dollars) in prices.iter().enumerate().skip(1) {
            for side in [Side::Bid, Side::Ask] {
                let lots = self.lots(index, 100_000_000.0 / dollars);
                let args = OrderArgs {
                    client_id: (index * 2 + side as usize) as u64,
                    ..Self::limit(side, self.price_per_lot(index, *dollars), lots)
                };
                self.place_in(world, maker, &Self::perpetual(index), args)?;
            }
        }
        Ok(())
    }

    fn take(
        &self,
        world: &mut World,
        maker: &Keypair,
        taker: &Keypair,
        index: usize,
        side: Side,
        lots: u64,
        dollars: f64,
    ) -> Result<()> {
        let account = self.addresses.margin_account(&maker.pubkey(), 0);
        let opposite = 1 - side as u64;
        let orders = world.read::<MarginAccount>(&account)?.orders;
        let order = orders
            .iter()
            .find(|order| order.lots > 0 && order.client_id == index as u64 * 2 + opposite)
            .context("the maker does not quote")?;
        let args = OrderArgs {
            order_type: OrderType::ImmediateOrCancel,
            ..Self::limit(side, self.price_per_lot(index, dollars), lots)
        };
        let own = self.addresses.margin_account(&taker.pubkey(), 0);
        let take = instructions::place_and_fill(
            &self.addresses,
            &Self::perpetual(index),
            &own,
            &taker.pubkey(),
            args,
            &[(account, order.id)],
        );
        world.send(&[take], &[taker])?;
        Ok(())
    }
}

/// `ballast keeper run`.
struct KeeperProcess {
    child: Child,
    port: u16,
    log: PathBuf,
}

struct Usage {
    cpu_s: f64,
    memory_mb: f64,
}

impl KeeperProcess {
    fn start(ballast: &Path, folder: &Path, cluster: &Cluster, crowd: &Crowd) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let key = folder.join("keeper.json");
        fs::write(&key, format!("{:?}", crowd.keeper.to_bytes()))?;
        let config = folder.join("keeper.toml");
        let text = format!(
            "url = \"{}\"\nexchange = \"{}\"\nkeypair = \"{}\"\nlisten = \"127.0.0.1:{port}\"\n\
             [sending]\npriority_fee_max = 0\nin_flight = 512\n[policy]\njobs_maximum = 256\n",
            cluster.url(),
            crowd.venue.addresses.exchange,
            key.display(),
        );
        fs::write(&config, text)?;
        let log = folder.join("keeper.log");
        let output = fs::File::create(&log)?;
        let child = Command::new(ballast)
            .args(["keeper", "run", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self { child, port, log })
    }

    fn metrics(&self) -> Result<Metrics> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(Metrics::parse(&answer))
    }

    async fn wait(&self, what: &str, wanted: impl Fn(&Metrics) -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            if self.metrics().is_ok_and(|metrics| wanted(&metrics)) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(40).collect();
                bail!(
                    "{what}: not within {} s\n{}",
                    PATIENCE.as_secs(),
                    tail.join("\n")
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the process has used so far, by the system's books.
    fn usage(&self) -> Result<Usage> {
        const TICKS_PER_SECOND: f64 = 100.0;
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = fs::read_to_string(process.join("stat"))?;
        // After the name, which may hold anything: state, ..., utime and stime as 12th and 13th.
        let (_, fields) = stat.rsplit_once(')').context("no stat")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<f64>().ok())
        };
        let cpu = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
        let status = fs::read_to_string(process.join("status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak =
            peak.and_then(|text| text.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        Ok(Usage {
            cpu_s: cpu.context("no times")? / TICKS_PER_SECOND,
            memory_mb: peak.context("no memory")? / 1e3,
        })
    }

    fn stop(mut self) -> Result<bool> {
        Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        Ok(self.child.wait()?.success())
    }
}

impl Drop for KeeperProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page of metrics: name with labels, and value.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn parse(page: &str) -> Self {
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        let values = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(values.collect())
    }

    fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// Sum over everything of a name whose labels have this.
    fn sum(&self, name: &str, label: &str) -> f64 {
        let of_name = self
            .0
            .iter()
            .filter(|(key, _)| key.split('{').next() == Some(name) && key.contains(label));
        of_name.map(|(_, value)| value).sum()
    }
}

//! Metrics for Prometheus, and a page that says whether the keeper is well.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Names of all metrics, with what they count.
pub mod names {
    /// Margin accounts known.
    pub const ACCOUNTS: &str = "ballast_accounts";
    /// Accounts below their maintenance margin at the last look.
    pub const BELOW_MAINTENANCE: &str = "ballast_accounts_below_maintenance";
    /// Accounts in liquidation at the last look.
    pub const IN_LIQUIDATION: &str = "ballast_accounts_in_liquidation";
    /// Accounts that cannot be assessed for want of a price.
    pub const WITHOUT_PRICE: &str = "ballast_accounts_without_price";
    /// Time of one look at everything, seconds.
    pub const SCAN_SECONDS: &str = "ballast_scan_seconds";
    /// Transactions that went through, by duty.
    pub const DONE: &str = "ballast_transactions_done_total";
    /// Transactions that somebody else was faster with, by duty and reason.
    pub const RACED: &str = "ballast_transactions_raced_total";
    /// Transactions that failed otherwise, by duty and reason.
    pub const FAILED: &str = "ballast_transactions_failed_total";
    /// Transactions on their way.
    pub const IN_FLIGHT: &str = "ballast_transactions_in_flight";
    /// From planning to confirmation, seconds, by duty.
    pub const CONFIRMED_SECONDS: &str = "ballast_confirmed_seconds";
    /// Compute units of transactions, by duty.
    pub const COMPUTE_UNITS: &str = "ballast_compute_units";
    /// Estimated profit of what went through, US dollars.
    pub const PROFIT: &str = "ballast_estimated_profit_usd";
    /// The keeper's own equity, US dollars.
    pub const OWN_EQUITY: &str = "ballast_own_equity_usd";
    /// The keeper's own equity above its initial margin, US dollars.
    pub const OWN_HEALTH: &str = "ballast_own_health_usd";
    /// Lamports of the paying key.
    pub const LAMPORTS: &str = "ballast_own_lamports";
    /// Cash of the insurance fund, US dollars.
    pub const INSURANCE: &str = "ballast_insurance_fund_usd";
    /// Age of the board's price, seconds, by feed.
    pub const PRICE_AGE: &str = "ballast_price_age_seconds";
    /// Times the stream broke.
    pub const STREAM_LOST: &str = "ballast_stream_lost_total";
    /// Snapshots taken.
    pub const SNAPSHOTS: &str = "ballast_snapshots_total";
    /// Slot of the last clock seen.
    pub const SLOT: &str = "ballast_slot";
    /// Alerts raised, by kind.
    pub const ALERTS: &str = "ballast_alerts_total";
}

/// Says to the metrics library what each metric means.
fn describe() {
    use ::metrics::describe_histogram as histogram;
    use ::metrics::{describe_counter as counter, describe_gauge as gauge};
    gauge!(names::ACCOUNTS, "Margin accounts known");
    gauge!(
        names::BELOW_MAINTENANCE,
        "Accounts below maintenance margin"
    );
    gauge!(names::IN_LIQUIDATION, "Accounts in liquidation");
    gauge!(
        names::WITHOUT_PRICE,
        "Accounts that cannot be assessed for want of a price"
    );
    histogram!(names::SCAN_SECONDS, "Seconds of one look at everything");
    counter!(names::DONE, "Transactions that went through, by duty");
    counter!(
        names::RACED,
        "Transactions that somebody else was faster with"
    );
    counter!(names::FAILED, "Transactions that failed otherwise");
    gauge!(names::IN_FLIGHT, "Transactions on their way");
    histogram!(
        names::CONFIRMED_SECONDS,
        "Seconds from planning to confirmation"
    );
    histogram!(names::COMPUTE_UNITS, "Compute units of transactions");
    gauge!(
        names::PROFIT,
        "Estimated profit of liquidations and fills, US dollars"
    );
    gauge!(names::OWN_EQUITY, "The keeper's own equity, US dollars");
    gauge!(
        names::OWN_HEALTH,
        "The keeper's own equity above its initial margin, US dollars"
    );
    gauge!(names::LAMPORTS, "Lamports of the paying key");
    gauge!(names::INSURANCE, "Cash of the insurance fund, US dollars");
    gauge!(
        names::PRICE_AGE,
        "Age of the board's price by feed, seconds"
    );
    counter!(names::STREAM_LOST, "Times the stream broke");
    counter!(names::SNAPSHOTS, "Snapshots taken");
    gauge!(names::SLOT, "Slot of the last clock seen");
    counter!(names::ALERTS, "Alerts raised, by kind");
}

/// The one recorder of the process.
fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Another recorder that the process has set gets the metrics instead; the page is empty then.
        let _ = ::metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

/// How the keeper is.
#[derive(Clone, Debug)]
pub struct Vitals {
    /// When the stream last said something.
    pub heard_at: Instant,
    /// How long it may be silent.
    pub silence_max: Duration,
    /// Slot of the last clock seen.
    pub slot: u64,
    /// Its time, unix seconds.
    pub time: i64,
    /// Margin accounts known.
    pub accounts: usize,
    /// Transactions on their way.
    pub in_flight: usize,
    /// Whether its own margin account is there and above its floor; `None` when it does not liquidate.
    pub can_liquidate: Option<bool>,
    /// The last failure, with its time.
    pub last_failure: Option<(i64, String)>,
}

impl Vitals {
    /// Before anything is known.
    pub fn new(silence_max: Duration) -> Self {
        Self {
            heard_at: Instant::now(),
            silence_max,
            slot: 0,
            time: 0,
            accounts: 0,
            in_flight: 0,
            can_liquidate: None,
            last_failure: None,
        }
    }

    /// Whether it sees what happens.
    pub fn is_well(&self) -> bool {
        self.slot > 0 && self.heard_at.elapsed() <= self.silence_max
    }
}

/// Vitals that the page and the keeper share.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Mutex<Vitals>>);

impl Shared {
    /// Shares vitals.
    pub fn new(vitals: Vitals) -> Self {
        Self(Arc::new(Mutex::new(vitals)))
    }

    /// To read or change them.
    pub fn lock(&self) -> MutexGuard<'_, Vitals> {
        // Plain values: a panic elsewhere leaves nothing half done.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Starts counting, and serves `/metrics` and `/health` until the process ends. Gives the address it listens on.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(listen: SocketAddr, vitals: Shared) -> std::io::Result<SocketAddr> {
    let handle = recorder();
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/metrics", get(move || async move { handle.render() }))
        .route("/health", get(health))
        .with_state(vitals);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "metrics are not served any more");
        }
    });
    Ok(address)
}

/// Starts counting without serving anything.
pub fn count() {
    recorder();
}

/// Folds samples together. Without it they pile up when nobody asks for the page.
pub fn upkeep() {
    recorder().run_upkeep();
}

async fn health(State(vitals): State<Shared>) -> (StatusCode, axum::Json<serde_json::Value>) {
    let vitals = vitals.lock().clone();
    let status = if vitals.is_well() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let failure = vitals
        .last_failure
        .as_ref()
        .map(|(time, text)| json!({ "time": time, "text": text }));
    let body = json!({
        "healthy": vitals.is_well(),
        "slot": vitals.slot,
        "time": vitals.time,
        "silent_seconds": vitals.heard_at.elapsed().as_secs(),
        "accounts": vitals.accounts,
        "in_flight": vitals.in_flight,
        "can_liquidate": vitals.can_liquidate,
        "last_failure": failure,
    });
    (status, axum::Json(body))
}

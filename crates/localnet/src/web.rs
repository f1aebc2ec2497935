//! The built app, served on this machine only, with what it needs to know about the network, the faucet and prices set by hand.

use crate::faucet::{Faucet, Gift, USUAL_DOLLARS, USUAL_SOL};
use crate::folder::Description;
use crate::prices::{Command, Walk, lock};
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, ensure};
use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;
use tower_http::services::{ServeDir, ServeFile};

/// What one request gets of the faucet at most.
const SOL_MAX: f64 = 10_000.0;
const DOLLARS_MAX: f64 = 10_000_000.0;

/// Names under which a browser on this machine knows this machine. Another name that leads here is somebody's attempt to reach it from his page.
const LOCAL: [&str; 2] = ["localhost", "127.0.0.1"];

/// Files whose name has a hash of their content.
const HASHED: &str = "/assets";

/// Which RPC the app talks to is the user's choice; everything else is the app's own. Components set styles from scripts.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self' http: https: ws: wss:; object-src 'none'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
];

/// How the app is served.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// Where the built app lies.
    pub folder: PathBuf,
    /// The port; 0 for any free one.
    pub port: u16,
}

/// What the app needs to know about the network, at `/network.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// What people call it.
    pub name: String,
    /// What wallets call it.
    pub chain: String,
    /// JSON RPC.
    pub rpc_url: String,
    /// Its websocket.
    pub ws_url: String,
    /// The exchange.
    pub exchange: String,
    /// Where `{kind}` (`tx` or `address`) `{id}` is explained.
    pub explorer: String,
    /// Where the faucet is.
    pub faucet: String,
    /// Where prices are set by hand.
    pub prices: String,
}

impl From<&Description> for Network {
    fn from(description: &Description) -> Self {
        let rpc = description.url.replace(':', "%3A").replace('/', "%2F");
        Self {
            name: "localnet".into(),
            chain: "solana:localnet".into(),
            rpc_url: description.url.clone(),
            ws_url: description.ws_url.clone(),
            exchange: description.exchange.clone(),
            explorer: format!(
                "https://explorer.solana.com/{{kind}}/{{id}}?cluster=custom&customUrl={rpc}"
            ),
            faucet: "/faucet".into(),
            prices: "/price".into(),
        }
    }
}

/// A folder that is there and a port that is ours.
#[derive(Debug)]
pub struct Site {
    folder: PathBuf,
    listener: TcpListener,
}

/// Takes the port.
///
/// # Errors
/// When the folder has no built app, or somebody has the port.
pub fn open(options: &AppOptions) -> Result<Site> {
    let AppOptions { folder, port } = options;
    ensure!(
        folder.join("index.html").is_file(),
        "{} has no index.html: build the app with `cargo xtask app build`",
        folder.display()
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).with_context(|| {
        format!("cannot serve the app on port {port}; choose another one with --app-port")
    })?;
    listener.set_nonblocking(true)?;
    let folder = folder.clone();
    Ok(Site { folder, listener })
}

/// The app being served. Dropping it stops that.
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Web {
    /// Where the app is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the app. Needs a tokio runtime.
///
/// # Errors
/// When the system refuses.
pub fn serve(site: Site, network: &Network, faucet: Faucet, walk: Arc<Mutex<Walk>>) -> Result<Web> {
    let network = serde_json::to_value(network)?;
    let router = router(&site, network, faucet, walk);
    let address = site.listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(site.listener)?;
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the app is served no more: {error}");
        }
    });
    Ok(Web { address, task })
}

fn router(site: &Site, network: Value, faucet: Faucet, walk: Arc<Mutex<Walk>>) -> Router {
    // The app's own addresses are no files; what it is made of is there or is not.
    let page = ServeFile::new(site.folder.join("index.html"));
    let files = ServeDir::new(&site.folder).fallback(page);
    let hashed = ServeDir::new(site.folder.join(HASHED.trim_start_matches('/')));
    Router::new()
        .route("/network.json", get(async || Json(network)))
        .route("/faucet", post(give).with_state(Arc::new(faucet)))
        .route("/price", post(set_price).with_state(walk))
        .nest_service(HASHED, hashed)
        .fallback_service(files)
        .layer(from_fn(guard))
}

/// Answers only to pages of its own, and says to browsers what these may do and how long they keep.
async fn guard(request: Request, next: Next) -> Response {
    let is_hashed = request.uri().path().starts_with(HASHED);
    let mut response = match check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let is_json = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let caching = if is_json {
        "no-store"
    } else if is_hashed && response.status().is_success() {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    for (name, value) in HEADERS.into_iter().chain([(CACHE_CONTROL, caching)]) {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Whether a request may come from a page of ours.
fn check(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !LOCAL.contains(&name) {
        let names = LOCAL.join(" or ");
        return Err(forbidden(&format!("only {names} is answered")));
    }
    match text(ORIGIN) {
        Some(origin) if *method == Method::POST && origin != format!("http://{host}") => {
            Err(forbidden("other sites are not answered"))
        }
        _ => Ok(()),
    }
}

/// Why a request was refused; the text goes to the app as `{"error": …}`.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

fn forbidden(why: &str) -> Refusal {
    Refusal(StatusCode::FORBIDDEN, why.to_owned())
}

fn bad(why: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why.into())
}

/// What is asked of the faucet; as much as `localnet fund` gives unless it says how much.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    address: String,
    sol: Option<f64>,
    dollars: Option<f64>,
}

impl Ask {
    /// Wallet, SOL and US dollars, when these are within bounds.
    fn checked(&self) -> Result<(Pubkey, f64, f64), Refusal> {
        let sol = self.sol.unwrap_or(USUAL_SOL);
        let dollars = self.dollars.unwrap_or(USUAL_DOLLARS);
        for (name, amount, most) in [("sol", sol, SOL_MAX), ("dollars", dollars, DOLLARS_MAX)] {
            if !(0.0..=most).contains(&amount) {
                return Err(bad(format!("{name} must be between 0 and {most}")));
            }
        }
        if sol == 0.0 && dollars == 0.0 {
            return Err(bad("neither sol nor dollars are asked for"));
        }
        let address = &self.address;
        let wallet = address.parse();
        let wallet = wallet.map_err(|_| bad(format!("{address:?} is no address")))?;
        Ok((wallet, sol, dollars))
    }
}

async fn give(
    State(faucet): State<Arc<Faucet>>,
    ask: Result<Json<Ask>, JsonRejection>,
) -> Result<Json<Gift>, Refusal> {
    let Json(ask) = ask?;
    let (wallet, sol, dollars) = ask.checked()?;
    let gift = faucet.give(&wallet, sol, dollars).await;
    gift.map(Json).map_err(|error| {
        tracing::warn!("the faucet: {error:#}");
        Refusal(StatusCode::BAD_GATEWAY, format!("{error:#}"))
    })
}

/// A price to be set by hand, in the words of `localnet price`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    ticker: String,
    action: String,
}

async fn set_price(
    State(walk): State<Arc<Mutex<Walk>>>,
    change: Result<Json<Change>, JsonRejection>,
) -> Result<Json<Value>, Refusal> {
    let Json(Change { ticker, action }) = change?;
    let command = Command::parse(&ticker, &action).map_err(bad)?;
    let mut walk = lock(&walk);
    if !walk.apply(&command) {
        let known: Vec<&str> = walk.tickers().collect();
        let known = known.join(", ");
        return Err(bad(format!("{ticker} has no price here, only {known}")));
    }
    tracing::info!(%command, "price set by hand");
    let price = walk.quote(&ticker).map(|quote| quote.price);
    Ok(Json(json!({ "ticker": ticker, "price": price })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::prices::WalkOptions;
    use std::collections::BTreeMap;
    use std::fs;
    use tempfile::TempDir;

    /// An app that is served without a cluster: the faucet finds nobody.
    struct Served {
        web: Web,
        walk: Arc<Mutex<Walk>>,
        client: reqwest::Client,
        _folder: TempDir,
    }

    fn description(folder: &Folder) -> Description {
        folder.key("faucet").unwrap();
        let price_accounts =
            ["USDC/USD", "SOL/USD"].map(|feed| (feed.into(), format!("of {feed}")));
        Description {
            url: "http://127.0.0.1:9".into(),
            ws_url: "ws://127.0.0.1:10".into(),
            program: ballast::ID.to_string(),
            exchange: Pubkey::new_unique().to_string(),
            board: Pubkey::new_unique().to_string(),
            mints: BTreeMap::from([("SOL".into(), "mint of SOL".into())]),
            price_accounts: price_accounts.into(),
            faucet_keypair: folder.key_path("faucet"),
            app_url: None,
        }
    }

    fn serve_app() -> Served {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let app = AppOptions {
            folder: folder.path("app"),
            port: 0,
        };
        let error = open(&app).unwrap_err().to_string();
        assert!(error.contains("has no index.html"), "{error}");
        fs::create_dir_all(app.folder.join("assets")).unwrap();
        for (name, text) in [
            ("index.html", "<html>"),
            ("theme.json", "{}"),
            ("assets/index-1.js", "1"),
            ("assets/ballast_risk-2.wasm", "2"),
        ] {
            fs::write(app.folder.join(name), text).unwrap();
        }
        let description = description(&folder);
        let network = Network::from(&description);
        let faucet = Faucet::open(&description).unwrap();
        let walk = Walk::new(&["USDC", "SOL"], &WalkOptions::default());
        let walk = Arc::new(Mutex::new(walk));
        let web = serve(open(&app).unwrap(), &network, faucet, walk.clone()).unwrap();
        Served {
            web,
            walk,
            client: reqwest::Client::new(),
            _folder: temporary,
        }
    }

    impl Served {
        fn address(&self, path: &str) -> String {
            format!("{}{path}", self.web.url())
        }

        /// Status, type, caching, body.
        async fn get(&self, path: &str) -> (u16, String, String, String) {
            let answer = self.client.get(self.address(path)).send().await.unwrap();
            let header = |name: HeaderName| {
                let value = answer.headers().get(name.as_str());
                value.map_or("", |value| value.to_str().unwrap()).to_owned()
            };
            assert_eq!(header(CONTENT_SECURITY_POLICY), POLICY);
            let (kind, caching) = (header(CONTENT_TYPE), header(CACHE_CONTROL));
            let status = answer.status().as_u16();
            (status, kind, caching, answer.text().await.unwrap())
        }

        async fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> (u16, Value) {
            let mut request = self.client.post(self.address(path)).body(body.to_owned());
            request = request.header("content-type", "application/json");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            (status, answer.json().await.unwrap())
        }
    }

    #[tokio::test]
    async fn files_have_their_types_and_other_addresses_are_the_app_s() {
        let served = serve_app();
        let keep = "public, max-age=31536000, immutable";
        for (path, status, kind, caching, body) in [
            ("/", 200, "text/html", "no-cache", "<html>"),
            ("/trade/SOL-PERP", 200, "text/html", "no-cache", "<html>"),
            ("/theme.json", 200, "application/json", "no-store", "{}"),
            ("/assets/index-1.js", 200, "text/javascript", keep, "1"),
            (
                "/assets/ballast_risk-2.wasm",
                200,
                "application/wasm",
                keep,
                "2",
            ),
            ("/assets/index-0.js", 404, "", "no-cache", ""),
            (
                "/../keys/faucet.json",
                200,
                "text/html",
                "no-cache",
                "<html>",
            ),
            (
                "/..%2fkeys/faucet.json",
                200,
                "text/html",
                "no-cache",
                "<html>",
            ),
        ] {
            let expected = (status, kind.into(), caching.into(), body.into());
            assert_eq!(served.get(path).await, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn the_app_is_told_where_everything_is() {
        let served = serve_app();
        let (status, _, caching, body) = served.get("/network.json").await;
        assert_eq!((status, caching.as_str()), (200, "no-store"));
        let network: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(network["rpcUrl"], "http://127.0.0.1:9");
        assert_eq!(network["wsUrl"], "ws://127.0.0.1:10");
        assert_eq!(
            network["explorer"],
            "https://explorer.solana.com/{kind}/{id}?cluster=custom&customUrl=http%3A%2F%2F127.0.0.1%3A9"
        );
    }

    #[tokio::test]
    async fn the_faucet_says_what_is_wrong() {
        let served = serve_app();
        let wallet = Pubkey::new_unique();
        for (body, status, problem) in [
            ("{".into(), 400, "Failed to parse"),
            ("{}".into(), 422, "missing field `address`"),
            (r#"{"address":"me"}"#.into(), 400, "\"me\" is no address"),
            (
                format!(r#"{{"address":"{wallet}","sol":-1}}"#),
                400,
                "sol must",
            ),
            (
                format!(r#"{{"address":"{wallet}","dollars":1e9}}"#),
                400,
                "dollars must",
            ),
            (
                format!(r#"{{"address":"{wallet}","sol":0,"dollars":0}}"#),
                400,
                "neither",
            ),
            (
                format!(r#"{{"address":"{wallet}"}}"#),
                502,
                "is the localnet running?",
            ),
        ] {
            let (found, answer) = served.post("/faucet", &body, &[]).await;
            let error = answer["error"].as_str().unwrap();
            assert!(
                found == status && error.contains(problem),
                "{body}: {found} {error}"
            );
        }
        let text = served.client.post(served.address("/faucet")).body("{}");
        assert_eq!(text.send().await.unwrap().status(), 415);
    }

    #[tokio::test]
    async fn prices_are_set_by_hand() {
        let served = serve_app();
        let set = async |body: &str| served.post("/price", body, &[]).await;
        let (status, answer) = set(r#"{"ticker":"SOL","action":"x0.8"}"#).await;
        assert_eq!((status, &answer["ticker"]), (200, &json!("SOL")));
        let price = lock(&served.walk).quote("SOL").unwrap().price;
        assert_eq!((answer["price"].as_f64(), price), (Some(120.0), 120.0));
        let (status, answer) = set(r#"{"ticker":"SOL","action":"halt"}"#).await;
        assert_eq!((status, &answer["price"]), (200, &Value::Null));
        for (body, problem) in [
            (r#"{"ticker":"SOL","action":"x-1"}"#, "neither a price"),
            (r#"{"ticker":"DOGE","action":"1"}"#, "only USDC, SOL"),
        ] {
            let (status, answer) = set(body).await;
            let error = answer["error"].as_str().unwrap();
            assert!(status == 400 && error.contains(problem), "{status} {error}");
        }
    }

    #[tokio::test]
    async fn other_sites_are_not_answered() {
        let served = serve_app();
        let own = served.web.url();
        let localhost = own.replace("127.0.0.1", "localhost");
        let host = localhost.trim_start_matches("http://");
        for (headers, expected) in [
            (vec![("origin", own.as_str())], 200),
            (vec![("origin", &localhost), ("host", host)], 200),
            (vec![("origin", &localhost)], 403),
            (vec![("origin", "http://127.0.0.1:1")], 403),
            (vec![("origin", "https://evil.example")], 403),
            (vec![("origin", "null")], 403),
            (vec![("host", "evil.example")], 403),
            (vec![("host", "localhost.evil.example:80")], 403),
        ] {
            let body = r#"{"ticker":"SOL","action":"resume"}"#;
            let (status, _) = served.post("/price", body, &headers).await;
            assert_eq!(status, expected, "{headers:?}");
        }
        let page = served.client.get(served.address("/network.json"));
        let page = page.header("host", "evil.example").send().await.unwrap();
        assert_eq!(page.status(), 403);
    }
}

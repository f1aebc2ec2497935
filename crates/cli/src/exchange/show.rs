//! `ballast exchange show`.

use anchor_lang::prelude::Pubkey;
use ballast_client::Mirror;
use ballast_state::{FeedKind, NONE, Pausable, QUOTE_ASSET, ledger};
use serde::Serialize;

use super::PAUSABLE;
use crate::amounts::{Decimal, Scale};
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};

#[derive(Serialize)]
struct Authority {
    role: &'static str,
    key: String,
    proposed: Option<String>,
}

#[derive(Serialize)]
struct AssetLine {
    asset: String,
    mint: String,
    decimals: u8,
    feed: String,
    underlying: Option<String>,
    mode: &'static str,
}

#[derive(Serialize)]
struct UnderlyingLine {
    underlying: String,
    feed: String,
    lot: Decimal,
    range_minimum: Decimal,
    range_maximum: Decimal,
    price_band: Decimal,
    strike_step: Decimal,
    surface_authority: String,
    funding_period_s: u64,
    funding_maximum: Decimal,
    markets: usize,
}

#[derive(Serialize)]
struct FeedLine {
    feed: String,
    kind: &'static str,
    id: String,
    max_age_s: u64,
    max_confidence: Decimal,
    compare_with: Option<String>,
}

#[derive(Serialize)]
struct FeeLine {
    kind: &'static str,
    maker: Decimal,
    taker: Decimal,
    filler_share: Decimal,
    premium_cap: Decimal,
}

#[derive(Serialize)]
struct Overview {
    exchange: String,
    board: String,
    insurance_fund: String,
    insurance_cash: Option<Decimal>,
    insurance_floor: Decimal,
    authorities: Vec<Authority>,
    paused: Vec<&'static str>,
    pause_ends_at: Option<i64>,
    initial_factor: Decimal,
    max_offset: Decimal,
    assets: Vec<AssetLine>,
    underlyings: Vec<UnderlyingLine>,
    feeds: Vec<FeedLine>,
    fees: Vec<FeeLine>,
}

/// What an [`ballast_state::AssetMode`] is called.
pub fn mode(mode: u8) -> &'static str {
    match mode {
        0 => "active",
        1 => "reduce-only",
        _ => "closing",
    }
}

fn overview(mirror: &Mirror, now: i64) -> Result<Overview, Failure> {
    let exchange = &mirror.exchange;
    let proposed = |key: Pubkey| (key != Pubkey::default()).then(|| key.to_string());
    let authorities = [
        ("admin", exchange.admin, exchange.pending_admin),
        (
            "risk authority",
            exchange.risk_authority,
            exchange.pending_risk_authority,
        ),
        ("guardian", exchange.guardian, exchange.pending_guardian),
    ];
    let is_paused = |bit: Pausable| exchange.is_paused(bit, now);
    let paused = PAUSABLE.iter().filter(|(_, bit)| is_paused(*bit));
    let paused: Vec<&str> = paused.map(|(name, _)| *name).collect();
    let fund = mirror.accounts.get(&exchange.insurance_fund);
    let cash =
        fund.map(|fund| ledger::deposit(fund, QUOTE_ASSET, mirror.board.indexes(QUOTE_ASSET)?));
    let assets = (0..exchange.asset_count).map(|index| {
        let listed = exchange.asset(index)?;
        Ok(AssetLine {
            asset: names::asset(exchange, index),
            mint: listed.mint.to_string(),
            decimals: listed.decimals,
            feed: names::feed(exchange, listed.feed),
            underlying: (listed.underlying != NONE)
                .then(|| names::underlying(exchange, listed.underlying)),
            mode: mode(listed.mode),
        })
    });
    let underlyings = (0..exchange.underlying_count).map(|index| {
        let listed = exchange.underlying(index)?;
        let scale = Scale::of(exchange, index)?;
        Ok(UnderlyingLine {
            underlying: names::underlying(exchange, index),
            feed: names::feed(exchange, listed.feed),
            lot: scale.size(1),
            range_minimum: Decimal::q32(listed.range_minimum_q32),
            range_maximum: Decimal::q32(listed.range_maximum_q32),
            price_band: Decimal::q32(listed.price_band_q32),
            strike_step: scale.price(listed.strike_step),
            surface_authority: listed.surface_authority.to_string(),
            funding_period_s: listed.funding_period_s,
            funding_maximum: Decimal::q32(listed.funding_maximum_q32),
            markets: mirror
                .markets
                .keys()
                .filter(|terms| terms.underlying == index)
                .count(),
        })
    });
    let feeds = (0..exchange.feed_count).map(|index| {
        let feed = exchange.feed(index)?;
        let (kind, id) = match feed.kind() {
            Some(FeedKind::PythPush) => ("pyth-push", Pubkey::new_from_array(feed.id).to_string()),
            Some(FeedKind::PythPull) => ("pyth-pull", hex(&feed.id)),
            None => ("?", hex(&feed.id)),
        };
        Ok(FeedLine {
            feed: names::feed(exchange, index),
            kind,
            id,
            max_age_s: feed.max_age_s,
            max_confidence: Decimal::q32(feed.max_confidence_q32),
            compare_with: (feed.compare_with != NONE)
                .then(|| names::feed(exchange, feed.compare_with)),
        })
    });
    let kinds = ["perpetual", "future", "call", "put"];
    let fees = kinds
        .into_iter()
        .zip(&exchange.fees)
        .map(|(kind, rates)| FeeLine {
            kind,
            maker: Decimal::q32(rates.maker_q32),
            taker: Decimal::q32(rates.taker_q32),
            filler_share: Decimal::q32(rates.filler_share_q32),
            premium_cap: Decimal::q32(rates.premium_cap_q32),
        });
    Ok(Overview {
        exchange: mirror.addresses.exchange.to_string(),
        board: mirror.addresses.board.to_string(),
        insurance_fund: exchange.insurance_fund.to_string(),
        insurance_cash: cash.transpose()?.map(Decimal::usd),
        insurance_floor: Decimal::usd(exchange.liquidation.insurance_floor),
        authorities: authorities
            .map(|(role, key, pending)| Authority {
                role,
                key: key.to_string(),
                proposed: proposed(pending),
            })
            .into(),
        pause_ends_at: (!paused.is_empty()).then_some(exchange.pause_ends_at),
        paused,
        initial_factor: Decimal::q32(exchange.margin.initial_factor_q32),
        max_offset: Decimal::q32(exchange.margin.max_offset_q32),
        assets: assets.collect::<Result<_, Failure>>()?,
        underlyings: underlyings.collect::<Result<_, Failure>>()?,
        feeds: feeds.collect::<Result<_, Failure>>()?,
        fees: fees.collect(),
    })
}

/// A feed's id where there is little room; the zeros at the end of made-up ones say nothing.
fn short_id(id: &str) -> String {
    match id.get(..32) {
        Some(head) if id.len() == 64 => format!("{head}…"),
        _ => id.to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Show for Overview {
    fn show(&self, page: &mut Page) {
        page.fields([
            ("exchange", self.exchange.clone()),
            ("board", self.board.clone()),
            ("insurance fund", self.insurance_fund.clone()),
            (
                "its cash",
                format!(
                    "{} USD, governance leaves {}",
                    self.insurance_cash
                        .map_or_else(|| "?".into(), Decimal::money),
                    self.insurance_floor.money()
                ),
            ),
            (
                "margin",
                format!(
                    "initial {} × maintenance, offsets up to {}",
                    self.initial_factor.amount(),
                    self.max_offset.percent(0)
                ),
            ),
            (
                "paused",
                match self.pause_ends_at {
                    Some(end) => {
                        format!("{} until {} UTC", self.paused.join(", "), names::time(end))
                    }
                    None => "nothing".into(),
                },
            ),
        ]);
        let rows = self.authorities.iter().flat_map(|authority| {
            let row = |role: String, key: &String| vec![role, key.clone()];
            let proposed = authority.proposed.as_ref();
            let proposed = proposed.map(|key| row(format!("{}, proposed", authority.role), key));
            [row(authority.role.to_owned(), &authority.key)]
                .into_iter()
                .chain(proposed)
        });
        page.table(&["authority", "key"], 2, rows);
        let rows = self.assets.iter().map(|asset| {
            vec![
                asset.asset.clone(),
                asset.mint.clone(),
                asset.feed.clone(),
                asset.underlying.clone().unwrap_or_else(|| "-".into()),
                asset.mode.to_owned(),
                asset.decimals.to_string(),
            ]
        });
        page.table(
            &["asset", "mint", "feed", "underlying", "mode", "decimals"],
            5,
            rows,
        );
        let rows = self.underlyings.iter().map(|entry| {
            vec![
                entry.underlying.clone(),
                entry.feed.clone(),
                entry.lot.amount(),
                format!(
                    "{} to {}",
                    entry.range_minimum.percent(0),
                    entry.range_maximum.percent(0)
                ),
                entry.price_band.percent(1),
                entry.strike_step.amount(),
                names::span(entry.funding_period_s as i64),
                entry.funding_maximum.percent(2),
                entry.markets.to_string(),
            ]
        });
        let heads = [
            "underlying",
            "feed",
            "lot",
            "scan range",
            "price band",
            "strikes",
            "funding",
            "at most",
            "markets",
        ];
        page.table(&heads, 2, rows);
        let rows = self.feeds.iter().map(|feed| {
            vec![
                feed.feed.clone(),
                feed.kind.to_owned(),
                short_id(&feed.id),
                names::span(feed.max_age_s as i64),
                feed.max_confidence.percent(1),
            ]
        });
        page.table(&["feed", "kind", "id", "age", "conf."], 3, rows);
        let rows = self.fees.iter().map(|fee| {
            vec![
                fee.kind.to_owned(),
                fee.maker.percent(3),
                fee.taker.percent(3),
                fee.filler_share.percent(0),
                fee.premium_cap.percent(0),
            ]
        });
        page.table(
            &[
                "fees",
                "maker",
                "taker",
                "filler's share",
                "of premium at most",
            ],
            1,
            rows,
        );
    }
}

/// Shows the exchange.
pub async fn show(context: &Context) -> Result<(), Failure> {
    let mut session = context.session().await?;
    let fund = session.mirror.exchange.insurance_fund;
    session.read(&[fund]).await?;
    context.print(&overview(&session.mirror, session.time.unix)?)
}

//! Volatility surfaces: implied volatility follows what is realised, within what one post and one day may change.

use crate::exchange::Exchange;
use crate::retry::Patience;
use crate::sender::Sender;
use anyhow::Result;
use ballast_client::args::SurfaceArgs;
use ballast_client::rpc::Connection;
use ballast_client::state::{Board, TENORS, Underlying, UnderlyingState};
use ballast_client::units::{from_q32, q32};
use ballast_client::{ExchangeAddresses, instructions};
use ballast_risk::Q32_ONE;
use ballast_risk::surface::TENOR_DAYS;
use ballast_risk::time::DAY_S;
use solana_signer::Signer;
use std::time::Duration;

/// How much of what the venue allows a post uses: rounding must not carry it over.
const INSIDE: f64 = 0.95;
/// Which part of a rise in realised volatility one day's implied volatility follows; longer tenors follow less, by the root of their time.
const FOLLOWS: f64 = 0.5;
/// Downside costs more than upside, and both wings more than the middle; within what a first day allows.
const SKEW: f64 = -0.06;
const SMILE: f64 = 0.02;
/// Yearly carry of forwards in calm markets; it falls by as much for every doubling of realised volatility.
const CARRY: f64 = 0.045;
/// How often the poster looks whether a post is due.
const LOOK: Duration = Duration::from_secs(5);

/// The next surface of an underlying within the venue's bounds, at `now` (unix seconds). `calm` is its volatility in usual times, to which it
/// returns.
pub fn next_surface(
    underlying: u8,
    listed: &Underlying,
    last: &UnderlyingState,
    calm: f64,
    now: i64,
) -> SurfaceArgs {
    let realised = from_q32(last.volatility_q32);
    let is_first = last.surface_time == 0;
    // After a day what stands becomes the anchor.
    let rolls = now.saturating_sub(last.anchor_time) >= DAY_S as i64;
    let (anchors, anchor_carry) = match rolls && !is_first {
        true => (last.atm_volatility_q32, last.carry_q32),
        false => (last.anchor_volatility_q32, last.anchor_carry_q32),
    };
    let step = from_q32(listed.surface_step_q32) * INSIDE;
    let day = from_q32(listed.surface_day_q32) * INSIDE;
    let distance = 1.0 + (from_q32(listed.surface_distance_q32) - 1.0) * INSIDE;
    let [floor, cap] = [listed.surface_floor_q32, listed.surface_cap_q32].map(from_q32);
    let mut volatility = [0.0; TENORS];
    // Total variance must not fall with time: volatility not faster than its root.
    let mut least = 0.0;
    for (tenor, days) in TENOR_DAYS.into_iter().enumerate() {
        let root = (days as f64).sqrt();
        let wanted = (calm + FOLLOWS / root * (realised - calm))
            .clamp(
                realised / distance,
                (realised * distance).max(realised / distance),
            )
            .clamp(floor, cap);
        let before = from_q32(last.atm_volatility_q32[tenor]);
        let anchor = from_q32(anchors[tenor]);
        let reached = if is_first {
            wanted
        } else {
            let lowest = (anchor * (1.0 - day)).min(realised);
            let highest = (anchor * (1.0 + day)).max(realised);
            // Where the market has come back from it takes several steps to follow.
            wanted
                .clamp(lowest, highest)
                .clamp(before * (1.0 - step), before * (1.0 + step))
        };
        volatility[tenor] = reached.max(least / root);
        least = volatility[tenor] * root * 1.000_001;
    }
    let signed = |value: f64| (value * Q32_ONE as f64) as i64;
    let most = from_q32(listed.carry_maximum_q32);
    let carry = (CARRY * (1.0 - (realised / calm).max(1.0).log2())).clamp(-most, most);
    let anchor = anchor_carry as f64 / Q32_ONE as f64;
    let reached = carry.clamp(anchor - most * day, anchor + most * day);
    SurfaceArgs {
        underlying,
        atm_volatility_q32: volatility.map(q32),
        skew_q32: signed(SKEW),
        smile_q32: signed(SMILE),
        carry_q32: signed(reached),
    }
}

/// Posts the surfaces of all underlyings as often as the venue allows. It stops when this is dropped.
pub struct Surfaces {
    task: tokio::task::JoinHandle<()>,
}

impl Surfaces {
    /// Posts the first ones and goes on in the background.
    ///
    /// # Errors
    /// When the first ones are refused; prices must be on the board.
    pub async fn start(connection: Connection, exchange: &Exchange) -> Result<Self> {
        let calm = exchange.config.underlyings.0.iter();
        let mut poster = Poster {
            sender: Sender::new(&connection, &exchange.keys.surface),
            connection,
            addresses: exchange.addresses,
            authority: exchange.keys.surface.pubkey(),
            calm: calm
                .map(|(_, underlying)| underlying.initial_volatility)
                .collect(),
        };
        poster.post().await?;
        let task = tokio::spawn(async move {
            let mut patience = Patience::new("surfaces");
            loop {
                tokio::time::sleep(LOOK).await;
                patience.note(poster.post().await);
            }
        });
        Ok(Self { task })
    }
}

impl Drop for Surfaces {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Poster {
    connection: Connection,
    sender: Sender,
    addresses: ExchangeAddresses,
    authority: anchor_lang::prelude::Pubkey,
    /// By underlying.
    calm: Vec<f64>,
}

impl Poster {
    /// Posts what is due.
    async fn post(&mut self) -> Result<()> {
        let now = self.connection.time().await?.unix;
        let (Some(exchange), Some(board)) = (
            self.connection
                .read::<ballast_client::state::Exchange>(&self.addresses.exchange)
                .await?,
            self.connection.read::<Board>(&self.addresses.board).await?,
        ) else {
            anyhow::bail!("the exchange is gone");
        };
        let mut posts = Vec::new();
        for (index, calm) in self.calm.iter().enumerate() {
            let underlying = index as u8;
            let (listed, last) = (
                exchange.underlying(underlying)?,
                board.underlying(underlying)?,
            );
            let age_s = now.saturating_sub(last.surface_time);
            let interval_s = i64::try_from(listed.surface_interval_s).unwrap_or(i64::MAX);
            // A second more: the block may be of an earlier one than the clock that was read.
            if last.surface_time != 0 && age_s <= interval_s {
                continue;
            }
            let surface = next_surface(underlying, listed, last, *calm, now);
            posts.push(vec![instructions::post_surface(
                &self.addresses,
                &self.authority,
                surface,
            )]);
        }
        for result in self.sender.send_all(posts).await {
            result?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    /// With the bounds of `migrations/localnet.toml`.
    fn listed() -> Underlying {
        let mut listed = Underlying::zeroed();
        listed.surface_floor_q32 = q32(0.1);
        listed.surface_cap_q32 = q32(4.0);
        listed.surface_step_q32 = q32(0.2);
        listed.surface_day_q32 = q32(0.2);
        listed.surface_distance_q32 = q32(5.0);
        listed.carry_maximum_q32 = q32(0.5);
        listed
    }

    #[test]
    fn surfaces_follow_realised_volatility_within_their_bounds() {
        let (listed, mut state) = (listed(), UnderlyingState::zeroed());
        let realised = [0.5, 0.5, 4.0, 20.0, 20.0, 3.0, 0.4, 0.02];
        for (minute, realised) in realised.into_iter().enumerate() {
            state.volatility_q32 = q32(realised);
            let args = next_surface(0, &listed, &state, 0.5, 1_000 + minute as i64 * 60);
            let posted = args.atm_volatility_q32.map(from_q32);
            let before = state.atm_volatility_q32.map(from_q32);
            for ((tenor, now), before) in posted.into_iter().enumerate().zip(before) {
                assert!(
                    minute == 0 || (now / before - 1.0).abs() <= 0.2,
                    "{posted:?}"
                );
                assert!((0.1..=4.0).contains(&now));
                assert!(now >= before || now * 5.0 > realised, "{tenor}");
            }
            let variances = posted
                .iter()
                .zip(TENOR_DAYS)
                .map(|(vol, days)| vol * vol * days as f64);
            assert!(variances.is_sorted());
            let anchors = state.anchor_volatility_q32.map(from_q32);
            for ((now, anchor), before) in posted.iter().zip(anchors).zip(before) {
                let most = (anchor * 1.2).max(realised);
                assert!(minute == 0 || *now <= most || *now < before, "{posted:?}");
            }
            let carry = args.carry_q32.abs_diff(state.anchor_carry_q32);
            assert!(carry <= q32(0.1), "{carry}");
            state.atm_volatility_q32 = args.atm_volatility_q32;
            (state.carry_q32, state.surface_time) = (args.carry_q32, 1);
            if minute == 0 {
                (state.anchor_volatility_q32, state.anchor_time) = (args.atm_volatility_q32, 1_000);
            }
        }
        assert!(from_q32(state.atm_volatility_q32[0]) > 0.3);
    }
}

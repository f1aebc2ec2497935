//! The formulas of docs/liquidation.md in double precision, with the reference venue's parameters.

use super::scene::Scene;
use ballast_client::state::health::Report;
use ballast_client::state::{MarginAccount, MarketTerms};
use solana_keypair::Keypair;

/// Steps of Q32.
const STEP: f64 = 1.0 / 4_294_967_296.0;

/// An account before a slice, in quote units.
pub struct Model {
    /// Equity at marks.
    pub equity: f64,
    /// Equity after maintenance haircuts.
    pub after_haircuts: f64,
    /// Maintenance margin.
    pub margin: f64,
    /// Where a liquidation ends.
    pub buffer: f64,
    /// Sum of the sizes of all values.
    gross: f64,
    /// Native units and value of each balance.
    pub balances: Vec<(u8, f64, f64)>,
    /// Terms, lots, quote and value of the lots of each position.
    pub positions: Vec<(MarketTerms, i64, i64, f64)>,
    /// What a native unit of everything it has is worth together, and rounding besides.
    pub rounding: f64,
    /// What one lot of every position is worth together.
    pub one_lot: f64,
}

impl Model {
    pub fn of(scene: &Scene, key: &Keypair) -> Self {
        Self::new(scene, &scene.stage.state(key), &scene.figures(key))
    }

    fn new(scene: &Scene, account: &MarginAccount, report: &Report) -> Self {
        let balances: Vec<_> = report
            .balances()
            .iter()
            .map(|entry| (entry.asset, entry.amount as f64, entry.value as f64))
            .collect();
        let slots = account.positions.iter().filter(|slot| !slot.is_free());
        let positions: Vec<_> = slots
            .zip(report.positions())
            .map(|(slot, entry)| (slot.terms, slot.base_lots, slot.quote, entry.value as f64))
            .collect();
        let board = scene.stage.venue.board(&scene.stage.world).unwrap();
        let unit = |asset: u8| match asset {
            0 => 1.0,
            _ => board.prices[usize::from(asset)].price.get().to_num(),
        };
        let units: f64 = balances.iter().map(|&(asset, ..)| unit(asset)).sum();
        let spot = |terms: &MarketTerms| {
            let asset = usize::from(terms.underlying) + 1;
            let lot = scene.stage.venue.config.assets[asset].lot_size as f64;
            unit(asset as u8) * lot
        };
        let margin = report.maintenance_margin as f64;
        assert!((report.initial_margin as f64 - 1.25 * margin).abs() < 2.0);
        Self {
            equity: report.equity_mark as f64,
            after_haircuts: report.equity_maintenance as f64,
            margin,
            buffer: margin + 0.5 * 0.25 * margin,
            gross: report.gross_value as f64,
            rounding: 20.0 + 4.0 * (balances.len() + positions.len()) as f64 + 2.0 * units,
            one_lot: positions.iter().map(|(terms, ..)| spot(terms)).sum(),
            balances,
            positions,
        }
    }

    /// What a fraction of 2^-32 is worth, and a few units.
    pub fn step(&self) -> f64 {
        3.0 + 2.0 * STEP * self.equity.abs().max(self.margin)
    }

    /// Price of the whole after `t` seconds, with so much in the insurance fund.
    pub fn price(&self, t: f64, fund: f64) -> f64 {
        let (m, w) = (self.equity, 0.05 * self.margin);
        if m <= 0.0 {
            return m - w * (t / 10_800.0).min(1.0);
        }
        if t <= 900.0 {
            return m * (1.0 - 0.01 - 0.14 * t / 900.0);
        }
        if t <= 7_200.0 {
            return m * 0.85 * (7_200.0 - t) / 6_300.0;
        }
        (-w * ((t - 7_200.0) / 3_600.0).min(1.0)).max(-fund)
    }

    /// `f*` in whole lots of the large positions, from the formula as it is and from what rounding may add to it.
    pub fn fractions(&self, price: f64, fund: f64) -> (f64, f64) {
        let exact = |more: f64| {
            let missing = self.buffer + more - self.after_haircuts;
            match () {
                () if self.gross < 100e6 => 1.0,
                () if missing <= 0.0 => 0.0,
                () if price - more <= 0.0 => 1.0,
                () => missing / (missing + price - more),
            }
        };
        let whole = |fraction: f64| {
            let large = self
                .positions
                .iter()
                .filter(|(_, lots, _, value)| *lots != 0 && value.abs() * 10.0 >= self.gross);
            large.fold(fraction, |most, (_, lots, ..)| {
                let size = lots.unsigned_abs() as f64;
                most.max((size * fraction - 1e-9).ceil() / size)
            })
        };
        let affordable = if price < 0.0 { fund / -price } else { 1.0 };
        let bounds = [-2.0, self.rounding].map(|more| whole(exact(more)).min(affordable).min(1.0));
        // The price itself is rounded to units and in steps of Q32.
        let off = 4.0 * STEP + self.step() / price.abs().max(self.step());
        (bounds[0] - off, bounds[1] + off)
    }

    /// `f*` as the formula says, without lots and rounding.
    pub fn exact_fraction(&self, price: f64) -> f64 {
        let missing = self.buffer - self.after_haircuts;
        missing / (missing + price)
    }
}

/// Lots that a fraction (Q32) moves: rounded up, or down.
pub fn lots_of(base_lots: i64, fraction_q32: u64, down: bool) -> i64 {
    let product = i128::from(base_lots.unsigned_abs()) * i128::from(fraction_q32);
    let up = if down { 0 } else { (1 << 32) - 1 };
    let lots = (product + up) >> 32;
    lots as i64 * base_lots.signum()
}

/// The quote that goes with lots, towards zero.
pub fn quote_of(quote: i64, lots: i64, of_lots: i64) -> i64 {
    (i128::from(quote) * i128::from(lots.abs()) / i128::from(of_lots.abs())) as i64
}

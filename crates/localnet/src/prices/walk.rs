//! A random walk of several prices: geometric, with fat tails, together.

use super::Quote;
use super::control::{Action, Command};
use ballast_risk::time;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StudentT};

const YEAR_S: f64 = time::YEAR_S as f64;
/// Degrees of freedom of returns: moments up to the third exist, and a move of six deviations comes once in some thousand steps.
const FREEDOM: f64 = 4.0;
/// No step is larger than so many standard deviations: a jump is for whoever sets a price by hand.
const STEP_MAX: f64 = 12.0;
/// Which part of the variance all tokens have in common.
const COMMON: f64 = 0.6;
/// Confidence intervals, as a part of the price.
const CONFIDENCE: f64 = 0.0005;
/// Half-life of the published average, seconds.
const EMA_HALF_LIFE_S: f64 = time::HOUR_S as f64;
/// Half-life of a stable token's distance from its peg, seconds.
const PEG_HALF_LIFE_S: f64 = 600.0;

/// How a price moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asset {
    /// Where it starts, US dollars.
    pub price: f64,
    /// Its volatility, annualised.
    pub volatility: f64,
    /// Whether it is drawn back to where it started.
    pub pegged: bool,
}

impl Asset {
    /// What is known of a ticker; others start at 1 and move as a small token does.
    pub fn of(ticker: &str) -> Self {
        let (price, volatility) = match ticker {
            "BTC" => (100_000.0, 0.45),
            "ETH" => (3_000.0, 0.65),
            "SOL" => (150.0, 0.8),
            "USDC" => (1.0, 0.02),
            _ => (1.0, 0.9),
        };
        Self {
            price,
            volatility,
            pegged: ticker == "USDC",
        }
    }
}

/// How prices walk.
#[derive(Clone, Debug)]
pub struct WalkOptions {
    /// The same seed gives the same walk.
    pub seed: u64,
    /// How fast they move compared with usual; 0 keeps them where they are.
    pub speed: f64,
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            speed: 1.0,
        }
    }
}

struct Path {
    ticker: String,
    asset: Asset,
    price: f64,
    ema: f64,
    halted: bool,
}

/// The walk of several prices.
pub struct Walk {
    random: ChaCha8Rng,
    returns: StudentT<f64>,
    speed: f64,
    paths: Vec<Path>,
}

impl Walk {
    /// From where [`Asset::of`] says that the tickers start.
    pub fn new(tickers: &[&str], options: &WalkOptions) -> Self {
        let paths = tickers.iter().map(|ticker| {
            let asset = Asset::of(ticker);
            Path {
                ticker: (*ticker).to_owned(),
                asset,
                price: asset.price,
                ema: asset.price,
                halted: false,
            }
        });
        Self {
            random: ChaCha8Rng::seed_from_u64(options.seed),
            returns: StudentT::new(FREEDOM).expect("the degrees of freedom are positive"),
            speed: options.speed.max(0.0),
            paths: paths.collect(),
        }
    }

    /// Lets so many seconds pass.
    pub fn step(&mut self, seconds: f64) {
        let root_time = (seconds.max(0.0) / YEAR_S).sqrt() * self.speed;
        let common = self.shock();
        for index in 0..self.paths.len() {
            let own = self.shock();
            let path = &mut self.paths[index];
            let shock = if path.asset.pegged {
                own
            } else {
                COMMON.sqrt() * common + (1.0 - COMMON).sqrt() * own
            };
            let deviation = path.asset.volatility * root_time;
            // The drift keeps the price where it is on average.
            path.price *= (deviation * shock - deviation * deviation / 2.0).exp();
            if path.asset.pegged {
                let stays = 0.5f64.powf(seconds / PEG_HALF_LIFE_S);
                path.price = path.asset.price + (path.price - path.asset.price) * stays;
            }
            let stays = 0.5f64.powf(seconds / EMA_HALF_LIFE_S);
            path.ema = path.price + (path.ema - path.price) * stays;
        }
    }

    /// A shock of unit variance.
    fn shock(&mut self) -> f64 {
        let deviation = (FREEDOM / (FREEDOM - 2.0)).sqrt();
        let shock = self.returns.sample(&mut self.random) / deviation;
        shock.clamp(-STEP_MAX, STEP_MAX)
    }

    /// Changes a price by hand. Returns whether the ticker is known.
    pub fn apply(&mut self, command: &Command) -> bool {
        let Some(path) = self
            .paths
            .iter_mut()
            .find(|path| path.ticker == command.ticker)
        else {
            return false;
        };
        match command.action {
            Action::Set(price) => path.price = price,
            Action::Multiply(factor) => path.price *= factor,
            Action::Halt => path.halted = true,
            Action::Resume => path.halted = false,
        }
        // A stable token that was set by hand stays there.
        if matches!(command.action, Action::Set(_) | Action::Multiply(_)) {
            path.asset.price = path.price;
        }
        true
    }

    /// All tickers.
    pub fn tickers(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|path| path.ticker.as_str())
    }

    /// What is published of a ticker now; nothing when it is unknown or halted.
    pub fn quote(&self, ticker: &str) -> Option<Quote> {
        let path = self
            .paths
            .iter()
            .find(|path| path.ticker == ticker && !path.halted)?;
        Some(Quote {
            price: path.price,
            confidence: path.price * CONFIDENCE,
            ema: path.ema,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKERS: [&str; 4] = ["USDC", "SOL", "ETH", "BTC"];
    const STEP_S: f64 = 3.0;

    fn walk(seed: u64) -> Walk {
        let options = WalkOptions {
            seed,
            ..WalkOptions::default()
        };
        Walk::new(&TICKERS, &options)
    }

    fn price(walk: &Walk, ticker: &str) -> f64 {
        walk.quote(ticker).unwrap().price
    }

    /// Returns of two tickers over many steps.
    fn returns(tickers: [&str; 2], steps: usize) -> Vec<[f64; 2]> {
        let mut walk = walk(7);
        (0..steps)
            .map(|_| {
                let before = tickers.map(|ticker| price(&walk, ticker));
                walk.step(STEP_S);
                let after = tickers.map(|ticker| price(&walk, ticker));
                [(after[0] / before[0]).ln(), (after[1] / before[1]).ln()]
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_walk() {
        let (mut one, mut two, mut other) = (walk(3), walk(3), walk(4));
        for _ in 0..50 {
            for walk in [&mut one, &mut two, &mut other] {
                walk.step(STEP_S);
            }
        }
        assert_eq!(price(&one, "SOL"), price(&two, "SOL"));
        assert_ne!(price(&one, "SOL"), price(&other, "SOL"));
    }

    #[test]
    fn returns_have_their_volatility_fat_tails_and_company() {
        let all = returns(["SOL", "BTC"], 40_000);
        let count = all.len() as f64;
        let moment = |power: i32| all.iter().map(|both| both[0].powi(power)).sum::<f64>() / count;
        let volatility = (moment(2) * YEAR_S / STEP_S).sqrt();
        assert!((volatility / 0.8 - 1.0).abs() < 0.05, "{volatility}");
        let kurtosis = moment(4) / moment(2).powi(2);
        assert!(kurtosis > 4.0, "{kurtosis}");
        let covariance = all.iter().map(|[a, b]| a * b).sum::<f64>() / count;
        let variance = all.iter().map(|both| both[1].powi(2)).sum::<f64>() / count;
        let correlation = covariance / (moment(2) * variance).sqrt();
        assert!((correlation - COMMON).abs() < 0.06, "{correlation}");
    }

    #[test]
    fn stable_tokens_stay_at_their_peg() {
        let mut walk = walk(5);
        for _ in 0..20_000 {
            walk.step(STEP_S);
            assert!((price(&walk, "USDC") - 1.0).abs() < 0.005);
        }
    }

    #[test]
    fn prices_set_by_hand_are_where_the_walk_goes_on() {
        let mut walk = walk(6);
        assert!(walk.apply(&Command::multiply("SOL", 0.8)));
        assert!(walk.apply(&Command::set("USDC", 0.9)));
        assert!(!walk.apply(&Command::set("DOGE", 1.0)));
        assert!((price(&walk, "SOL") - 120.0).abs() < 1e-9);
        for _ in 0..100 {
            walk.step(STEP_S);
        }
        assert!((price(&walk, "SOL") / 120.0 - 1.0).abs() < 0.05);
        assert!((price(&walk, "USDC") - 0.9).abs() < 0.005);
        // The average follows within hours.
        assert!(walk.quote("SOL").unwrap().ema > 135.0);
        walk.apply(&Command::new("SOL", Action::Halt));
        assert_eq!(walk.quote("SOL"), None);
        walk.apply(&Command::new("SOL", Action::Resume));
        assert!(walk.quote("SOL").is_some());
    }

    #[test]
    fn without_speed_nothing_moves() {
        let options = WalkOptions {
            speed: 0.0,
            ..WalkOptions::default()
        };
        let mut walk = Walk::new(&TICKERS, &options);
        walk.step(3_600.0);
        assert_eq!(
            TICKERS.map(|ticker| price(&walk, ticker)),
            [1.0, 150.0, 3_000.0, 100_000.0]
        );
    }
}

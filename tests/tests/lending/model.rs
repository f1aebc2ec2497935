//! A year of loans against double precision.

use super::scene::*;
use ballast::events::InterestAccrued;
use ballast_client::instructions;
use ballast_tests::SOL;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Balances and indexes of one bank in double precision, written from the documentation alone.
struct Model {
    deposit: f64,
    borrow: f64,
    /// Signed shares; the last are the insurance fund's.
    shares: [f64; 5],
}

impl Model {
    fn sums(&self) -> [f64; 2] {
        let sum = |sign: f64| self.shares.iter().map(|s| (s * sign).max(0.0)).sum::<f64>();
        [sum(1.0) * self.deposit, sum(-1.0) * self.borrow]
    }

    /// Fees, insurance and what is left for nobody after a stretch of time.
    fn accrue(&mut self, seconds: f64) -> [f64; 3] {
        const CURVE: [(f64, f64); 4] = [(0.0, 0.0), (0.7, 0.06), (0.9, 0.2), (1.0, 1.5)];
        let [deposits, loans] = self.sums();
        let used = if loans > 0.0 {
            (loans / deposits).min(1.0)
        } else {
            0.0
        };
        let right = CURVE
            .iter()
            .position(|point| used <= point.0)
            .unwrap()
            .max(1);
        let ((x0, y0), (x1, y1)) = (CURVE[right - 1], CURVE[right]);
        let x = (y0 + (y1 - y0) * (used - x0) / (x1 - x0)) * seconds / YEAR;
        let interest = loans * x;
        self.borrow *= 1.0 + x;
        self.deposit *= 1.0 + x * used * 0.85;
        self.shares[4] += (interest * 0.05).floor() / self.deposit;
        let lenders = deposits * x * used * 0.85;
        [interest * 0.1, interest * 0.05, interest * 0.85 - lenders]
    }

    fn amount(&self, who: usize) -> f64 {
        let shares = self.shares[who];
        shares
            * if shares > 0.0 {
                self.deposit
            } else {
                self.borrow
            }
    }

    fn add(&mut self, who: usize, amount: f64) {
        let after = self.amount(who) + amount;
        self.shares[who] = after
            / if after > 0.0 {
                self.deposit
            } else {
                self.borrow
            };
    }
}

#[test]
fn a_quiet_year_of_irregular_accruals_matches_double_precision() {
    let borrow = a_year(20, 0.01);
    assert!((1.02..1.3).contains(&borrow), "{borrow}");
}

#[test]
fn a_year_of_shortage_matches_double_precision() {
    let borrow = a_year(21, 0.3);
    assert!(borrow > 1.5, "{borrow}");
}

/// A year of random accruals, deposits, loans and repayments. Of the withdrawals, the part `drain` takes the last token out of the
/// vault. Returns the borrow index at the end.
fn a_year(seed: u64, drain: f64) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut stage = stage();
    let traders: Vec<Keypair> = (0..4)
        .map(|n| stage.trader(10 + n, 100_000_000.0))
        .collect();
    for key in &traders {
        stage.mint(key, SOL, 100_000 * TOKEN);
    }
    let mut model = Model {
        deposit: 1.0,
        borrow: 1.0,
        shares: [0.0; 5],
    };
    let admin = stage.venue.admin.insecure_clone();
    let chest = stage.mint(&admin, SOL, 0);
    let fund = stage.venue.addresses.insurance_fund();
    let (start, mut steps, mut loans) = (stage.world.now(), 0u64, 0);
    let (mut taken, mut kept, mut nobodys) = (0, 0, 0.0);
    while stage.world.now() < start + 365 * DAY {
        // From a second to three weeks, every order of magnitude as often.
        let gap = (21.0 * DAY as f64).powf(random.random_range(0.0..1.0)) as i64;
        stage.world.advance(gap);
        let expected = model.accrue(gap as f64);
        steps += 1;

        let who = random.random_range(0..4);
        let key = &traders[who];
        let amount = (1e9 * 10f64.powf(random.random_range(-3.0..3.0))) as u64;
        let free = vault(&stage, SOL);
        let mut instructions = vec![stage.accrue(SOL)];
        let mut signer = key;
        let fees_before = bank(&stage, SOL).fees;
        match random.random_range(0..10) {
            0..4 => {
                instructions.push(stage.deposit(key, SOL, amount));
                model.add(who, amount as f64);
            }
            // Withdrawals first use up deposits, then borrow.
            4..9 if free > 0 => {
                let amount = if random.random_bool(drain) {
                    free
                } else {
                    amount.min(free)
                };
                loans += u64::from(model.amount(who) < amount as f64);
                instructions.push(stage.withdraw(key, SOL, amount, true));
                model.add(who, -(amount as f64));
            }
            9 if fees_before > 0 && free >= fees_before => {
                let (addresses, mint) = (&stage.venue.addresses, &stage.venue.mints[SOL]);
                let take = instructions::withdraw_fees(
                    addresses,
                    &admin.pubkey(),
                    mint,
                    &chest,
                    fees_before,
                );
                instructions.push(take);
                signer = &admin;
                taken += fees_before;
            }
            _ => {}
        }
        let signers: &[&Keypair] = if instructions.len() > 1 {
            &[signer]
        } else {
            &[]
        };
        let event: InterestAccrued = send(&mut stage, &instructions, signers);
        kept += event.fees;

        let close =
            |ours: f64, exact: f64, rest: f64| (ours - exact).abs() <= exact.abs() * 1e-8 + rest;
        for (ours, exact) in growth(&stage, SOL)
            .into_iter()
            .zip([model.deposit, model.borrow])
        {
            assert!((ours / exact - 1.0).abs() < 1e-6, "{ours} {exact}");
        }
        for (ours, exact) in [event.fees, event.insurance].into_iter().zip(expected) {
            assert!(
                close(ours as f64, exact, 3.0),
                "{ours} {exact} after {gap} s"
            );
        }
        let rest = 3.0 * steps as f64;
        for (who, key) in traders.iter().enumerate() {
            let (ours, exact) = (stage.owned(&stage.account(key), SOL), model.amount(who));
            let scale = model.sums()[0] * 1e-8;
            assert!(close(ours as f64, exact, rest + scale), "{ours} {exact}");
        }
        assert!(close(stage.owned(&fund, SOL) as f64, model.amount(4), rest));
        assert_eq!(bank(&stage, SOL).fees + taken, kept);
        assert_eq!(stage.world.tokens(&chest), taken);
        stage.check_books();
        // Nothing is lost either: what belongs to nobody are roundings, and the lenders' part of loans beyond all deposits.
        let now = bank(&stage, SOL);
        let [deposits, lent] = [
            (now.deposit_shares, growth(&stage, SOL)[0]),
            (now.borrow_shares, growth(&stage, SOL)[1]),
        ]
        .map(|(shares, index)| shares.get().to_num::<f64>() * index);
        let surplus = vault(&stage, SOL) as f64 + lent - deposits - now.fees as f64;
        nobodys += expected[2];
        assert!(
            close(surplus, nobodys, rest + deposits * 1e-8),
            "{surplus} {nobodys}"
        );
    }
    // It was a year worth looking at.
    assert!(steps > 100 && loans > 20 && taken > 0);
    growth(&stage, SOL)[1]
}

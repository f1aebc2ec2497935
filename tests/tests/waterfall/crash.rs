//! The whole waterfall on one crash: slices, the insurance fund, counterparties in profit, depositors. From the events alone everybody's losses and
//! gains can be told.

use super::scene::{ALL, END_S, FIRST_S, Scene, USDC, WHOLE, near, sol};
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast::events::{BankruptcyResolved, Deleveraged, Liquidated, LiquidationEnded};
use ballast_client::events::RawEvent;
use ballast_client::state::MarketTerms;
use ballast_client::units::from_q32;
use ballast_sim::Venue;
use ballast_tests::{BTC, ETH, SOL};
use solana_keypair::Keypair;
use std::collections::BTreeMap;

/// Everybody, and what the events say that each has gained.
struct Crash {
    scene: Scene,
    /// Long, or owing: whoever may be liquidated.
    weak: Vec<Keypair>,
    /// Short.
    strong: Vec<Keypair>,
    told: Told,
}

/// What events tell, quote units.
#[derive(Default)]
struct Told {
    gains: BTreeMap<Pubkey, f64>,
    /// Discounts and premiums that takers got.
    discounts: f64,
    fees: f64,
    insurance: f64,
    given_up: f64,
    written_off: f64,
    /// The deposit index of USDC.
    index: f64,
    /// How many events: each may be rounded.
    count: u32,
    ended: Vec<Pubkey>,
}

impl Told {
    fn gain(&mut self, who: Pubkey, amount: f64) {
        *self.gains.entry(who).or_default() += amount;
    }

    /// Reads the events of a transaction; `deposits` are those of USDC before it.
    fn read(&mut self, events: &[RawEvent], fund: Pubkey, deposits: &[(Pubkey, f64)]) {
        for event in events {
            if let Some(slice) = event.parse::<Liquidated>() {
                self.count += 1;
                let part = from_q32(slice.fraction_q32);
                let sold = part * (slice.equity_mark - slice.price.max(0)) as f64;
                let (fee, paid) = (slice.insurance_fee as f64, slice.insurance_payment as f64);
                self.gain(slice.margin_account, -sold);
                self.gain(slice.liquidator, sold - fee + paid);
                self.gain(fund, fee - paid);
                self.discounts += sold + paid;
                self.fees += fee;
                self.insurance += paid;
            } else if let Some(closed) = event.parse::<Deleveraged>() {
                self.count += 1;
                let given_up = closed.given_up as f64;
                self.gain(closed.margin_account, given_up);
                self.gain(closed.counterparty, -given_up);
                self.given_up += given_up;
            } else if let Some(resolved) = event.parse::<BankruptcyResolved>() {
                self.count += 1;
                assert_eq!(resolved.asset, 0);
                let written_off = resolved.written_off as f64;
                let index = resolved.deposit_index_bits as f64 / 2f64.powi(48);
                self.gain(resolved.margin_account, written_off);
                for &(who, deposit) in deposits {
                    self.gain(who, -deposit * (1.0 - index / self.index));
                }
                self.index = index;
                self.written_off += written_off;
            } else if let Some(ended) = event.parse::<LiquidationEnded>() {
                self.ended.push(ended.margin_account);
            }
        }
    }
}

impl Crash {
    /// Five who will fail, for reasons of their own, and who is on the other side.
    fn new() -> Self {
        let mut scene = Scene::steady();
        let dealer = scene.dealer.insecure_clone();
        let (eth, btc) = (Venue::perpetual(ETH), Venue::perpetual(BTC));
        let mut weak = Vec::new();
        // Long SOL against the dealer and a second short.
        let second = scene.stage.trader(20, 50_000.0);
        for (number, usdc) in [(10, 3_500.0), (11, 4_000.0), (12, 3_300.0)] {
            let key = scene.stage.trader(number, usdc);
            scene.buy(&key, &dealer, &sol(), 6_000);
            scene.buy(&key, &second, &sol(), 4_000);
            weak.push(key);
        }
        // Long ETH; long BTC with 10 SOL besides; a loan of USDC on SOL.
        let key = scene.stage.trader(13, 3_500.0);
        scene.buy(&key, &dealer, &eth, 5_000);
        weak.push(key);
        let key = scene.stage.trader(14, 2_500.0);
        scene.stage.fund(&key, SOL, 10.0);
        scene.buy(&key, &dealer, &btc, 2_000);
        weak.push(key);
        let key = scene.stage.trader(15, 1.0);
        scene.stage.fund(&key, SOL, 100.0);
        let borrow = scene.stage.withdraw(&key, USDC, 15_901_000_000, true);
        scene.send(&[borrow], &[&key]);
        weak.push(key);
        scene.stage.insure(3_000.0);
        let strong = vec![dealer, second];
        let told = Told {
            index: 1.0,
            ..Told::default()
        };
        Self {
            scene,
            weak,
            strong,
            told,
        }
    }

    /// The dealer's sides in ETH and BTC go to others on the way down: one has hardly a profit, the other none.
    fn hand_over(&mut self) {
        let dealer = self.scene.dealer.insecure_clone();
        for (number, asset, at, after, lots) in [
            (21, ETH, 2_900.0, 2_850.0, 5_000),
            (22, BTC, 70_000.0, 70_000.0, 2_000),
        ] {
            let key = self.scene.stage.trader(number, 10_000.0);
            self.scene.stage.set_price(asset, at);
            self.scene
                .buy(&dealer, &key, &Venue::perpetual(asset), lots);
            self.scene.stage.set_price(asset, after);
            self.strong.push(key);
        }
    }

    fn everybody(&self) -> Vec<Pubkey> {
        let keys = self.weak.iter().chain(&self.strong);
        let mut all: Vec<Pubkey> = keys.map(|key| self.scene.stage.account(key)).collect();
        all.push(self.scene.stage.account(&self.scene.taker));
        all.push(self.scene.stage.venue.addresses.insurance_fund());
        all
    }

    fn equities(&self) -> BTreeMap<Pubkey, i64> {
        let all = self.everybody().into_iter();
        all.map(|who| (who, self.scene.equity_of(&who))).collect()
    }

    /// Deposits of USDC.
    fn deposits(&self) -> Vec<(Pubkey, f64)> {
        let all = self.everybody().into_iter();
        all.map(|who| (who, self.scene.stage.owned(&who, USDC).max(0) as f64))
            .collect()
    }

    /// Sends an instruction and reads its events; the error's code when it is refused.
    fn step(&mut self, instruction: anchor_lang::solana_program::instruction::Instruction) -> u32 {
        let deposits = self.deposits();
        let taker = self.scene.taker.insecure_clone();
        let signs = instruction.accounts.iter().any(|meta| meta.is_signer);
        let signers: &[&Keypair] = if signs { &[&taker] } else { &[] };
        match self.scene.try_send(&[instruction], signers) {
            Ok(events) => {
                let fund = self.scene.stage.venue.addresses.insurance_fund();
                self.told.read(&events, fund, &deposits);
                0
            }
            Err(refusal) => refusal.code().unwrap(),
        }
    }

    fn flagged(&self) -> Vec<Keypair> {
        let keys = self.weak.iter().filter(|key| self.scene.is_flagged(key));
        keys.map(|key| key.insecure_clone()).collect()
    }

    /// Flags whoever is below his margin.
    fn start_all(&mut self) {
        for key in self
            .weak
            .iter()
            .map(|key| key.insecure_clone())
            .collect::<Vec<_>>()
        {
            let start = self.scene.start_instruction(&key);
            let code = self.step(start);
            let healthy: u32 = BallastError::NotLiquidatable.into();
            assert!(code == 0 || code == healthy);
        }
    }

    /// Takes everything that can be taken.
    fn take_all(&mut self) {
        for key in self.flagged() {
            let take = self.scene.liquidate_instruction(&key, WHOLE);
            let code = self.step(take);
            assert!(code == 0 || code == u32::from(BallastError::InsuranceFundEmpty));
        }
    }

    /// Closes an insolvent account's lots against whoever is in profit.
    fn deleverage(&mut self, key: &Keypair, terms: &MarketTerms) {
        for other in self
            .strong
            .iter()
            .map(|key| key.insecure_clone())
            .collect::<Vec<_>>()
        {
            let adl = self.scene.adl(terms, key, &other, ALL);
            let passed_over = [
                0,
                BallastError::PositionNotFound.into(),
                BallastError::CounterpartyNotInProfit.into(),
                // Its flag has gone.
                BallastError::LiquidationNotStarted.into(),
            ];
            let code = self.step(adl);
            assert!(passed_over.contains(&code), "{code}");
        }
    }
}

#[test]
fn one_crash_from_slices_to_depositors() {
    let mut crash = Crash::new();
    let markets = [sol(), Venue::perpetual(ETH), Venue::perpetual(BTC)];
    // 10% down: nobody is insolvent, slices bring the weak back to their buffers, and the fund earns.
    crash.scene.stage.set_price(SOL, 180.0);
    let before = crash.equities();
    crash.start_all();
    assert_eq!(crash.flagged().len(), 3);
    crash.take_all();
    assert!(crash.flagged().is_empty() && crash.told.insurance == 0.0);
    assert!(crash.told.fees > 0.0 && crash.told.ended.len() == 3);
    compare(&crash, &before);

    // 30% down: the fund pays until it is empty.
    crash.told = Told {
        index: 1.0,
        ..Told::default()
    };
    crash.scene.stage.set_price(SOL, 140.0);
    crash.hand_over();
    let before = crash.equities();
    crash.start_all();
    assert_eq!(crash.flagged().len(), 6);
    for key in crash.flagged() {
        assert!(crash.scene.equity(&key) < 0);
        let resolve = crash.scene.resolve_instruction(USDC, &key);
        crash
            .scene
            .refused(resolve, BallastError::InsuranceFundNotEmpty);
    }
    crash.take_all();
    assert!(crash.scene.fund() < 1_000, "{}", crash.scene.fund());
    assert!(crash.told.insurance > 2_999e6 && crash.told.given_up == 0.0);
    assert_eq!(crash.told.ended.len(), 1);
    crash.take_all();

    // Then those with an opposite position in profit.
    for key in crash.flagged() {
        for terms in &markets {
            crash.deleverage(&key, terms);
        }
    }
    assert!(crash.told.given_up > 1_000e6 && crash.told.written_off == 0.0);
    // In ETH the profit does not cover what is missing, nobody had one in BTC, and the loan has no position.
    let left = crash.flagged();
    assert_eq!(left.len(), 3);
    let lots = |crash: &Crash, place: usize| {
        crash
            .scene
            .position(&left[place], &markets[place + 1])
            .base_lots
    };
    assert_eq!((lots(&crash, 0), lots(&crash, 1)), (5_000, 2_000));

    // The open losses take what cash there is and are no loans yet.
    for (key, terms) in left.iter().zip(&markets[1..]) {
        crash.scene.settle(key, terms);
        let account = crash.scene.stage.account(key);
        assert_eq!(crash.scene.stage.owned(&account, USDC), 0);
        let settle = crash.scene.settle_instruction(key, terms);
        crash.scene.refused(settle, BallastError::LossNotCovered);
    }
    // In the end ETH is closed for the little profit there is, but not paid for.
    let given_up = crash.told.given_up;
    crash.scene.wind(&left[0], END_S);
    crash.deleverage(&left[0], &markets[1]);
    assert!(crash.told.given_up > given_up);
    assert_eq!((lots(&crash, 0), lots(&crash, 1)), (0, 2_000));
    assert!(crash.scene.is_flagged(&left[0]));
    crash.scene.wind(&left[1], END_S);

    // Losses are settled first: cash that only stands against one should bear nothing of what depositors bear.
    for key in crash
        .weak
        .iter()
        .map(|key| key.insecure_clone())
        .collect::<Vec<_>>()
    {
        for terms in &markets {
            if crash.scene.position(&key, terms).quote != 0 {
                crash.scene.settle(&key, terms);
            }
        }
    }

    // Then depositors.
    for key in &left {
        let resolve = crash.scene.resolve_instruction(USDC, key);
        crash.scene.wind(key, FIRST_S - 1);
        crash.scene.refused(resolve.clone(), BallastError::TooEarly);
        crash.scene.wind(key, FIRST_S);
        if crash.scene.position(key, &markets[2]).base_lots != 0 {
            crash
                .scene
                .refused(resolve.clone(), BallastError::PositionsStillOpen);
            crash.scene.wind(key, END_S);
        }
        assert_eq!(crash.step(resolve), 0);
    }
    assert!(crash.told.written_off > 3_000e6);
    // What is left of them has equity, and is taken.
    crash.take_all();
    assert!(crash.flagged().is_empty(), "{}", crash.flagged().len());
    crash.start_all();
    assert!(crash.flagged().is_empty());
    assert_eq!(crash.told.ended.len(), 6);
    crash.scene.stage.check_books();
    compare(&crash, &before);
    println!(
        "discounts {:.2}, fees {:.2}, insurance {:.2}, given up {:.2}, written off {:.2}",
        crash.told.discounts / 1e6,
        crash.told.fees / 1e6,
        crash.told.insurance / 1e6,
        crash.told.given_up / 1e6,
        crash.told.written_off / 1e6
    );
}

/// What everybody gained at prices that stayed, and all together nothing, is what the events say.
fn compare(crash: &Crash, before: &BTreeMap<Pubkey, i64>) {
    let after = crash.equities();
    let tolerance = 10.0 * f64::from(crash.told.count);
    let mut sum = 0;
    for (who, equity) in &after {
        let told = crash.told.gains.get(who).copied().unwrap_or_default();
        near(equity - before[who], told, tolerance);
        sum += equity - before[who];
    }
    near(sum, 0.0, tolerance);
    // Takers and the fund got what the weak did not keep; the fund, the strong and the depositors paid for the rest.
    let weak = crash.weak.iter().map(|key| crash.scene.stage.account(key));
    let gained: i64 = weak.map(|who| after[&who] - before[&who]).sum();
    let told = &crash.told;
    let expected = told.insurance - told.discounts + told.given_up + told.written_off;
    let told_of_them: f64 = crash
        .weak
        .iter()
        .map(|key| crash.told.gains.get(&crash.scene.stage.account(key)))
        .map(|gain| gain.copied().unwrap_or_default())
        .sum();
    near(gained, told_of_them, tolerance);
    // Their own deposits have borne a part of what was written off.
    assert!(expected - told_of_them >= -tolerance);
    assert!(expected - told_of_them <= told.written_off * 0.01 + tolerance);
}

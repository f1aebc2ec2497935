//! What the liquidation tests share: accounts in trouble, and a slice with what it reported.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{Liquidated, LiquidationEnded};
use ballast_client::args::LiquidateArgs;
use ballast_client::events::decode_all;
use ballast_client::instructions;
use ballast_client::state::health::{Purpose, Report};
use ballast_client::state::{MarginAccount, Side, ledger};
use ballast_sim::Refusal;
use ballast_tests::{SOL, Stage};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// 1.0 in Q32: the whole portfolio.
pub const WHOLE: u64 = 1 << 32;

/// A stage with a dealer who trades with everybody and a taker who liquidates.
pub struct Scene {
    pub stage: Stage,
    pub dealer: Keypair,
    pub taker: Keypair,
}

/// A slice that was taken.
pub struct Taken {
    pub event: Liquidated,
    /// Whether the flag was cleared.
    pub ended: bool,
}

impl Scene {
    /// Margins of this scene can be worked out by hand, see [`Stage::steady`].
    pub fn steady() -> Self {
        Self::on(Stage::steady())
    }

    pub fn on(mut stage: Stage) -> Self {
        let dealer = stage.trader(1, 10_000_000.0);
        stage.fund(&dealer, SOL, 10_000.0);
        let taker = stage.trader(2, 1_000_000.0);
        Self {
            stage,
            dealer,
            taker,
        }
    }

    /// A trader with a deposit of USDC who bought (or sold, when negative) tokens of a perpetual at the present price.
    pub fn trader(&mut self, number: u8, usdc: f64, asset: usize, tokens: f64) -> Keypair {
        let key = self.stage.trader(number, usdc);
        self.trade(&key, asset, tokens);
        key
    }

    #[track_caller]
    pub fn trade(&mut self, key: &Keypair, asset: usize, tokens: f64) {
        let side = if tokens > 0.0 { Side::Bid } else { Side::Ask };
        let price = self.stage.prices[asset];
        self.stage
            .trade(&self.dealer, key, asset, side, tokens.abs(), price)
            .unwrap();
    }

    /// Long 100 SOL from 200 with 3,490 USDC after fees, flagged at 180: equity 1,490, maintenance margin 1,800,
    /// buffer 2,025.
    pub fn flagged_long(&mut self, number: u8) -> Keypair {
        let price = self.stage.prices[SOL];
        assert_eq!(price, 200.0);
        let key = self.trader(number, 3_500.0, SOL, 100.0);
        self.stage.set_price(SOL, 180.0);
        self.start(&key);
        key
    }

    #[track_caller]
    pub fn start(&mut self, key: &Keypair) {
        let start = self.start_instruction(key);
        self.stage.world.send(&[start], &[]).unwrap();
    }

    pub fn start_instruction(&self, key: &Keypair) -> Instruction {
        instructions::start_liquidation(&self.stage.venue.addresses, &self.stage.account(key))
    }

    /// Sets the auction's clock of a flagged account as if it had been observed for so long.
    pub fn wind(&mut self, key: &Keypair, elapsed_s: u64) {
        let now = self.stage.world.now();
        let account = self.stage.account(key);
        self.stage.patch::<MarginAccount>(&account, |account| {
            account.auction_elapsed_s = elapsed_s;
            account.auction_seen_at = now;
        });
    }

    /// The taker takes as much of an account as it can.
    pub fn liquidate_instruction(&self, key: &Keypair) -> Instruction {
        self.liquidate_with(key, WHOLE, i64::MAX, &[])
    }

    pub fn liquidate_with(
        &self,
        key: &Keypair,
        fraction_max_q32: u64,
        price_max: i64,
        netting: &[Pubkey],
    ) -> Instruction {
        let venue = &self.stage.venue;
        instructions::liquidate(
            &venue.addresses,
            &venue.mints[0],
            &self.stage.account(key),
            &self.stage.account(&self.taker),
            &self.taker.pubkey(),
            netting,
            LiquidateArgs {
                fraction_max_q32,
                price_max,
            },
        )
    }

    #[track_caller]
    pub fn take(&mut self, key: &Keypair, fraction_max_q32: u64) -> Taken {
        match self.try_take(key, fraction_max_q32, &[]) {
            Ok(taken) => taken,
            Err(refusal) => panic!("{refusal}"),
        }
    }

    pub fn try_take(
        &mut self,
        key: &Keypair,
        fraction_max_q32: u64,
        netting: &[Pubkey],
    ) -> Result<Taken, Refusal> {
        let liquidate = self.liquidate_with(key, fraction_max_q32, i64::MAX, netting);
        let taker = self.taker.insecure_clone();
        let done = self.stage.world.send(&[liquidate], &[&taker])?;
        let events = decode_all(&done.logs);
        let event = events.iter().find_map(|event| event.parse::<Liquidated>());
        Ok(Taken {
            event: event.expect("the event of a slice"),
            ended: events
                .iter()
                .any(|event| event.parse::<LiquidationEnded>().is_some()),
        })
    }

    /// Sends an instruction of the taker's that must be refused and change nothing.
    #[track_caller]
    pub fn refused(&mut self, instruction: Instruction, error: BallastError) {
        let taker = self.taker.insecure_clone();
        self.stage.refused(&[instruction], &[&taker], error);
    }

    /// The figures with which the program liquidates, from the same bytes.
    pub fn figures(&self, key: &Keypair) -> Box<Report> {
        let account = self.stage.account(key);
        let (venue, world) = (&self.stage.venue, &self.stage.world);
        venue.assess(world, &account, Purpose::Liquidate).unwrap()
    }

    /// Units of an asset in a margin account.
    pub fn amount(&self, account: &Pubkey, asset: usize) -> i64 {
        let state = self.stage.world.read::<MarginAccount>(account).unwrap();
        let board = self.stage.venue.board(&self.stage.world).unwrap();
        let indexes = board.indexes(asset as u8).unwrap();
        state
            .balance(asset as u8)
            .map_or(0, |balance| ledger::amount(balance, indexes).unwrap())
    }

    /// Cash of the insurance fund, quote units.
    pub fn fund(&self) -> i64 {
        self.amount(&self.stage.venue.addresses.insurance_fund(), 0)
    }

    pub fn is_flagged(&self, key: &Keypair) -> bool {
        self.stage.state(key).in_liquidation()
    }

    /// Mark-to-market equity of an account, quote units.
    pub fn equity(&self, key: &Keypair) -> i64 {
        let account = self.stage.account(key);
        let (venue, world) = (&self.stage.venue, &self.stage.world);
        let report = venue.assess(world, &account, Purpose::ReduceRisk).unwrap();
        report.equity_mark
    }
}

/// Asserts that an amount of quote units is this many dollars, within a tolerance in quote units.
#[track_caller]
pub fn close(units: i64, dollars: f64, tolerance: f64) {
    let expected = dollars * 1e6;
    assert!(
        (units as f64 - expected).abs() <= tolerance,
        "{units} is not {expected}"
    );
}

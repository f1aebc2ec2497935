//! Who pushes a thin token up and takes what he can.

use super::floor::Floor;
use crate::{Venue, World};
use anchor_lang::prelude::Pubkey;
use anyhow::{Context, Result, ensure};
use ballast::events::Liquidated;
use ballast_client::args::LiquidateArgs;
use ballast_client::state::health::Purpose;
use ballast_client::state::{MarginAccount, Side};
use ballast_client::units::native;
use ballast_client::{events, instructions};
use ballast_risk::Q32_ONE;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// What he brings into the accounts that trade, and into the one that takes over, US dollars; and tokens into the first.
const CASH: f64 = 150_000.0;
const CAPITAL: f64 = 5_000_000.0;
const TOKENS: f64 = 100_000.0;
/// He takes what he can while the price is at least this part of the highest yet and this multiple of the fair one.
const NEAR_TOP: f64 = 0.97;
const PUSHED: f64 = 5.0;
/// Part of the price band that he uses when he trades with himself.
const BAND: f64 = 0.09;
/// A withdrawal is tried in so many halves.
const HALVES: usize = 24;

/// Three margin accounts of different owners who are one person.
pub struct Attacker {
    /// Deposits the token and is long its perpetual.
    long: Keypair,
    /// Is short against it.
    short: Keypair,
    /// Would take the short account over in its liquidation, if the insurance fund pays for it.
    taker: Keypair,
    /// The token's place among the assets.
    asset: usize,
    /// All he brought, US dollars at fair prices.
    pub put_in: f64,
    /// What the insurance fund paid him for taking himself over, and the debt that came with it, quote units.
    pub from_insurance: [i64; 2],
    highest: f64,
}

impl Attacker {
    /// Opens the accounts, deposits, and trades as much of the perpetual between them as the program allows.
    pub fn enter(
        world: &mut World,
        floor: &Floor,
        keys: [Keypair; 3],
        asset: usize,
        fair: &[f64],
    ) -> Result<Self> {
        let [long, short, taker] = keys;
        let venue = &floor.venue;
        for (key, cash) in [(&long, CASH), (&short, CASH), (&taker, CAPITAL)] {
            venue.open_account(world, key)?;
            for index in 0..fair.len() {
                world.mint_tokens(&venue.mints[index], &key.pubkey(), 0)?;
            }
            let cash = native(cash, 6);
            world.mint_tokens(&venue.mints[0], &key.pubkey(), cash)?;
            venue.deposit(world, key, 0, cash)?;
        }
        let tokens = native(TOKENS, venue.config.assets[asset].decimals);
        world.mint_tokens(&venue.mints[asset], &long.pubkey(), tokens)?;
        venue.deposit(world, &long, asset, tokens)?;
        let attacker = Self {
            long,
            short,
            taker,
            asset,
            put_in: 2.0 * CASH + CAPITAL + TOKENS * fair[asset],
            from_insurance: [0; 2],
            highest: fair[asset],
        };
        let cap = venue.market(world, asset)?.open_interest_cap_lots;
        let mut lots = cap;
        while lots > 0 && !attacker.trade(world, floor, Side::Bid, fair[asset], lots) {
            lots = lots * 9 / 10;
        }
        ensure!(lots > 0, "the attacker cannot open his position");
        Ok(attacker)
    }

    /// His margin accounts.
    pub fn accounts(&self, floor: &Floor) -> [Pubkey; 3] {
        self.keys().map(|key| floor.account(key))
    }

    /// Who signs for them.
    pub fn keys(&self) -> [&Keypair; 3] {
        [&self.long, &self.short, &self.taker]
    }

    /// Near the top: takes his short account over if it is insolvent, settles everybody's losses and his profit, sells to himself at the best price the
    /// band allows, borrows and withdraws everything that the program lets him. What is refused is refused.
    pub fn act(
        &mut self,
        world: &mut World,
        floor: &Floor,
        accounts: &[Pubkey],
        fair: &[f64],
        price: f64,
    ) -> Result<()> {
        self.highest = self.highest.max(price);
        if price < PUSHED * fair[self.asset] || price < NEAR_TOP * self.highest {
            return Ok(());
        }
        let venue = &floor.venue;
        let terms = Venue::perpetual(self.asset);
        let own = self.accounts(floor);
        self.take_over(world, floor)?;
        // Losers pay first.
        for key in accounts
            .iter()
            .filter(|key| **key != own[0])
            .chain(&own[..1])
        {
            if world.read::<MarginAccount>(key)?.position(&terms).is_some() {
                let _ = venue.settle_in(world, key, &terms);
            }
        }
        let held = world.read::<MarginAccount>(&own[0])?.lots(&terms);
        let mut lots = held.unsigned_abs();
        while lots > 0 && held > 0 {
            if self.trade(world, floor, Side::Ask, price * (1.0 + BAND), lots) {
                break;
            }
            lots /= 2;
        }
        for key in &own {
            if world.read::<MarginAccount>(key)?.position(&terms).is_some() {
                let _ = venue.settle_in(world, key, &terms);
            }
        }
        // The taker keeps what its position needs.
        for key in [&self.short, &self.long] {
            for index in 0..fair.len() {
                // Bit by bit of what the vault holds: together nearly all that is allowed.
                let mut amount = world.tokens(&venue.bank(world, index)?.vault);
                for _ in 0..HALVES {
                    amount /= 2;
                    let _ = venue.withdraw(world, key, index, amount, true);
                }
            }
        }
        Ok(())
    }

    /// Liquidates his own short account once it is worth less than nothing: the insurance fund pays for what is missing at the manipulated price.
    fn take_over(&mut self, world: &mut World, floor: &Floor) -> Result<()> {
        let venue = &floor.venue;
        let account = floor.account(&self.short);
        let report = venue.assess(world, &account, Purpose::Liquidate);
        let Some(report) = report.ok().filter(|report| report.equity_mark < 0) else {
            return Ok(());
        };
        let taker = floor.account(&self.taker);
        let instructions = [
            instructions::start_liquidation(&venue.addresses, &account),
            instructions::liquidate(
                &venue.addresses,
                &venue.mints[0],
                &account,
                &taker,
                &self.taker.pubkey(),
                &[],
                LiquidateArgs {
                    fraction_max_q32: Q32_ONE,
                    price_max: report.equity_mark,
                },
            ),
        ];
        if let Ok(done) = world.send(&instructions, &[&self.taker]) {
            let events = events::decode_all(&done.logs);
            if let Some(event) = events.iter().find_map(|event| event.parse::<Liquidated>()) {
                let part = event.fraction_q32 as f64 / Q32_ONE as f64;
                self.from_insurance[0] += event.insurance_payment as i64;
                self.from_insurance[1] += (event.equity_mark.min(0) as f64 * -part) as i64;
            }
        }
        Ok(())
    }

    /// Whether he could trade with himself.
    fn trade(&self, world: &mut World, floor: &Floor, side: Side, dollars: f64, lots: u64) -> bool {
        let venue = &floor.venue;
        let order = Venue::limit(side, venue.price_per_lot(self.asset, dollars), lots);
        venue
            .trade(world, &self.short, &self.long, self.asset, order)
            .is_ok()
    }

    /// What he has in his wallets and in accounts that are worth something, US dollars at fair prices, which must be the board's.
    pub fn worth(&self, world: &World, floor: &Floor, fair: &[f64]) -> Result<f64> {
        let venue = &floor.venue;
        let mut total = 0.0;
        for key in self.keys() {
            for (index, price) in fair.iter().enumerate() {
                let wallet = World::token_address(&key.pubkey(), &venue.mints[index]);
                let decimals = i32::from(venue.config.assets[index].decimals);
                total += world.tokens(&wallet) as f64 / 10f64.powi(decimals) * price;
            }
            let account = floor.account(key);
            let report = venue
                .assess(world, &account, Purpose::ReduceRisk)
                .context("the attacker's account")?;
            total += report.equity_mark.max(0) as f64 / 1e6;
        }
        Ok(total)
    }
}

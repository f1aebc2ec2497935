//! The end: everybody closes out, settles, repays and withdraws what is his.

use super::Demo;
use anyhow::{Context, Result};
use ballast_client::instructions;
use ballast_client::state::{MarginAccount, ledger};
use solana_keypair::Keypair;
use solana_signer::Signer;

impl Demo {
    /// Everybody closes positions, settles, repays and withdraws everything. Returns withdrawals made and refused.
    pub(super) fn leave(&mut self) -> Result<(usize, usize)> {
        let makers: Vec<Keypair> = self
            .floor
            .makers
            .iter()
            .map(Keypair::insecure_clone)
            .collect();
        self.start_progress(
            "closing and withdrawing",
            self.traders.len() + 1 + makers.len(),
        );
        // Who is still in liquidation cannot leave.
        let mut exits = Vec::new();
        for trader in &self.traders {
            if !self
                .world
                .read::<MarginAccount>(&trader.account)?
                .in_liquidation()
            {
                exits.push(trader.key.insecure_clone());
            }
        }
        exits.push(self.keeper.key.insecure_clone());
        if let Some(attacker) = &self.attacker {
            for key in attacker.keys() {
                let state = self.world.read::<MarginAccount>(&self.floor.account(key))?;
                if !state.in_liquidation() {
                    exits.push(key.insecure_clone());
                }
            }
        }
        for key in &exits {
            self.floor.close_all(&mut self.world, key)?;
        }
        // What accounts in liquidation owe becomes a loan, so that it is they who lack the money and not the winners.
        self.floor
            .settle(&mut self.world, &self.accounts, 2, |_| true)
            .context("settle_pnl")?;
        self.check_books()?;
        let (mut done, mut failed) = (0, 0);
        // The makers leave last: their tokens are what the others borrowed.
        exits.extend(makers);
        for key in &exits {
            self.repay(key)?;
        }
        for key in &exits {
            let (withdrawn, refused) = self.withdraw_all(key)?;
            done += withdrawn;
            failed += refused;
            self.progress.inc(1);
        }
        self.check_books()?;
        self.progress.finish_and_clear();
        Ok((done, failed))
    }

    /// Buys what is owed outside and deposits it.
    fn repay(&mut self, key: &Keypair) -> Result<()> {
        let venue = &self.floor.venue;
        let state = self.world.read::<MarginAccount>(&self.floor.account(key))?;
        let board = venue.board(&self.world)?;
        for balance in state.balances.iter().filter(|slot| slot.shares.get() < 0) {
            let asset = usize::from(balance.asset);
            let owed = ledger::amount(balance, board.indexes(balance.asset)?)?.unsigned_abs();
            let mint = venue.mints[asset];
            self.world.mint_tokens(&mint, &key.pubkey(), owed)?;
            venue.deposit(&mut self.world, key, asset, owed)?;
        }
        Ok(())
    }

    /// Withdraws every balance whole, which must be what the program says is there, and closes the account.
    fn withdraw_all(&mut self, key: &Keypair) -> Result<(usize, usize)> {
        let venue = &self.floor.venue;
        let account = self.floor.account(key);
        let state = self.world.read::<MarginAccount>(&account)?;
        let board = venue.board(&self.world)?;
        let (mut done, mut failed) = (0, 0);
        for balance in state.balances.iter().filter(|slot| !slot.is_free()) {
            let asset = usize::from(balance.asset);
            let mint = venue.mints[asset];
            let wallet = self.world.mint_tokens(&mint, &key.pubkey(), 0)?;
            let before = self.world.tokens(&wallet);
            let owned = ledger::deposit(&state, balance.asset, board.indexes(balance.asset)?)?;
            if owned == 0 {
                // A part of a native unit: nothing that could be paid out.
                continue;
            }
            match venue.withdraw(&mut self.world, key, asset, u64::MAX, false) {
                Ok(_) if self.world.tokens(&wallet) - before == owned => done += 1,
                Ok(_) => {
                    failed += 1;
                    let paid = self.world.tokens(&wallet) - before;
                    self.violations
                        .push(format!("a withdrawal of {owned} native units paid {paid}"));
                }
                Err(refusal) => {
                    failed += 1;
                    self.violations
                        .push(format!("a withdrawal was refused: {refusal}"));
                }
            }
        }
        if failed == 0 && self.world.read::<MarginAccount>(&account)?.is_empty() {
            let close = instructions::close_account(&venue.addresses, &key.pubkey(), 0);
            self.world.send(&[close], &[key])?;
        }
        Ok((done, failed))
    }
}

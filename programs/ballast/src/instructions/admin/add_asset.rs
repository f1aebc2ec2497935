use super::FeedChoice;
use super::bounds::{fraction, within};
use super::mint::require_transferable;
use crate::error::{BallastError, Coded};
use crate::events::AssetAdded;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use ballast_risk::Q32_ONE;
use ballast_risk::interest::InterestCurve;
use ballast_risk::time::YEAR_S;
use ballast_state::{
    ASSETS_MAX, Asset, AssetMode, Bank, Board, Exchange, NONE, QUOTE_ASSET, QUOTE_DECIMALS, seeds,
};
use fixed::types::I80F48;

/// How a token counts; see [`Asset`] and [`Bank`]. Fractions in Q32, amounts in native units.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetParameters {
    /// Haircut on deposits for maintenance, Q32: 0 to the initial one.
    pub deposit_haircut_maintenance_q32: u64,
    /// Base haircut on deposits for initial margin, Q32: 0 to 1.
    pub deposit_haircut_initial_q32: u64,
    /// Haircut on top of loans for maintenance, Q32: 0 to the initial one.
    pub loan_haircut_maintenance_q32: u64,
    /// Base haircut on top of loans for initial margin, Q32: 0 to 10.
    pub loan_haircut_initial_q32: u64,
    /// Further initial haircut per unit of the underlying's scan range, Q32: 0 to 10.
    pub haircut_range_multiplier_q32: u64,
    /// All deposits worth more than this raise the initial haircut, quote units; 0 for no limit.
    pub haircut_size_start: u64,
    /// Utilisations at which the interest curve bends, Q32, rising, below 1.
    pub interest_kinks_q32: [u64; 2],
    /// Yearly rates at utilisation 0, at the kinks and at 100%, Q32, never falling.
    pub interest_rates_q32: [u64; 4],
    /// Share of interest for the exchange's fees, Q32: 0 to 1.
    pub interest_fee_share_q32: u64,
    /// Share of interest for the insurance fund, Q32: 0 to what the fees leave.
    pub interest_insurance_share_q32: u64,
    /// Fee on new loans, owed on top, Q32: 0 to 5%.
    pub origination_fee_q32: u64,
    /// Largest sum of all deposits after one more, native units.
    pub deposit_cap: u64,
    /// Largest sum of all loans after one more, native units.
    pub borrow_cap: u64,
    /// Largest net outflow, native units; it comes back over the window. 0 for no limit.
    pub outflow_limit: u64,
    /// Time in which the outflow limit comes back, seconds: a minute to a year.
    pub outflow_window_s: u64,
    /// An [`AssetMode`]: 0 active, 1 reduce-only, 2 closing.
    pub mode: u8,
}

impl AssetParameters {
    /// Checks all bounds and writes.
    pub(super) fn write(&self, asset: &mut Asset, bank: &mut Bank) -> Result<()> {
        if bank.asset == QUOTE_ASSET {
            let no_haircut = [
                self.deposit_haircut_maintenance_q32,
                self.deposit_haircut_initial_q32,
                self.loan_haircut_maintenance_q32,
                self.loan_haircut_initial_q32,
                self.haircut_range_multiplier_q32,
            ] == [0; 5];
            require!(no_haircut, BallastError::InvalidQuoteAsset);
        }
        fraction("deposit_haircut_initial", self.deposit_haircut_initial_q32)?;
        within(
            "deposit_haircut_maintenance",
            self.deposit_haircut_maintenance_q32,
            0,
            self.deposit_haircut_initial_q32,
        )?;
        within(
            "loan_haircut_initial",
            self.loan_haircut_initial_q32,
            0,
            10 * Q32_ONE,
        )?;
        within(
            "loan_haircut_maintenance",
            self.loan_haircut_maintenance_q32,
            0,
            self.loan_haircut_initial_q32,
        )?;
        within(
            "haircut_range_multiplier",
            self.haircut_range_multiplier_q32,
            0,
            10 * Q32_ONE,
        )?;
        let curve = InterestCurve {
            kinks_q32: self.interest_kinks_q32,
            rates_q32: self.interest_rates_q32,
        };
        require!(curve.is_valid(), BallastError::InvalidInterestCurve);
        fraction("interest_fee_share", self.interest_fee_share_q32)?;
        within(
            "interest_insurance_share",
            self.interest_insurance_share_q32,
            0,
            Q32_ONE - self.interest_fee_share_q32,
        )?;
        within("origination_fee", self.origination_fee_q32, 0, Q32_ONE / 20)?;
        within("outflow_window_s", self.outflow_window_s, 60, YEAR_S)?;
        within("mode", self.mode, 0, AssetMode::Closing as u8)?;

        asset.deposit_haircut_maintenance_q32 = self.deposit_haircut_maintenance_q32;
        asset.deposit_haircut_initial_q32 = self.deposit_haircut_initial_q32;
        asset.loan_haircut_maintenance_q32 = self.loan_haircut_maintenance_q32;
        asset.loan_haircut_initial_q32 = self.loan_haircut_initial_q32;
        asset.haircut_range_multiplier_q32 = self.haircut_range_multiplier_q32;
        asset.haircut_size_start = self.haircut_size_start;
        asset.interest_kinks_q32 = self.interest_kinks_q32;
        asset.interest_rates_q32 = self.interest_rates_q32;
        asset.interest_fee_share_q32 = self.interest_fee_share_q32;
        asset.interest_insurance_share_q32 = self.interest_insurance_share_q32;
        asset.origination_fee_q32 = self.origination_fee_q32;
        asset.mode = self.mode;
        bank.deposit_cap = self.deposit_cap;
        bank.borrow_cap = self.borrow_cap;
        bank.outflow_limit = self.outflow_limit;
        bank.outflow_window_s = self.outflow_window_s;
        Ok(())
    }

    /// What is written now.
    pub fn of(asset: &Asset, bank: &Bank) -> Self {
        Self {
            deposit_haircut_maintenance_q32: asset.deposit_haircut_maintenance_q32,
            deposit_haircut_initial_q32: asset.deposit_haircut_initial_q32,
            loan_haircut_maintenance_q32: asset.loan_haircut_maintenance_q32,
            loan_haircut_initial_q32: asset.loan_haircut_initial_q32,
            haircut_range_multiplier_q32: asset.haircut_range_multiplier_q32,
            haircut_size_start: asset.haircut_size_start,
            interest_kinks_q32: asset.interest_kinks_q32,
            interest_rates_q32: asset.interest_rates_q32,
            interest_fee_share_q32: asset.interest_fee_share_q32,
            interest_insurance_share_q32: asset.interest_insurance_share_q32,
            origination_fee_q32: asset.origination_fee_q32,
            deposit_cap: bank.deposit_cap,
            borrow_cap: bank.borrow_cap,
            outflow_limit: bank.outflow_limit,
            outflow_window_s: bank.outflow_window_s,
            mode: asset.mode,
        }
    }
}

/// A new asset.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct AssetArgs {
    /// Where its price comes from.
    pub feed: FeedChoice,
    /// Index of the underlying, 255 for none.
    pub underlying: u8,
    /// How it counts.
    pub parameters: AssetParameters,
}

#[derive(Accounts)]
pub struct AddAsset<'info> {
    #[account(mut, has_one = admin @ BallastError::NotAdmin, has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    #[account(mint::token_program = token_program)]
    pub mint: Box<InterfaceAccount<'info, Mint>>,
    #[account(
        init,
        payer = payer,
        space = Bank::ACCOUNT_LEN,
        seeds = [seeds::BANK, exchange.key().as_ref(), mint.key().as_ref()],
        bump
    )]
    pub bank: AccountLoader<'info, Bank>,
    #[account(
        init,
        payer = payer,
        seeds = [seeds::VAULT, bank.key().as_ref()],
        bump,
        token::mint = mint,
        token::authority = bank,
        token::token_program = token_program
    )]
    pub vault: Box<InterfaceAccount<'info, TokenAccount>>,
    pub admin: Signer<'info>,
    #[account(mut)]
    pub payer: Signer<'info>,
    pub token_program: Interface<'info, TokenInterface>,
    pub system_program: Program<'info, System>,
}

impl AddAsset<'_> {
    pub fn handle(ctx: Context<Self>, args: AssetArgs) -> Result<()> {
        let accounts = ctx.accounts;
        let decimals = accounts.mint.decimals;
        require_transferable(&accounts.mint.to_account_info())?;
        require!(!accounts.vault.is_frozen(), BallastError::MintFreezesVault);
        let mut exchange = accounts.exchange.load_mut()?;
        let index = exchange.asset_count;
        require_gt!(ASSETS_MAX, usize::from(index), BallastError::TableFull);
        if index == QUOTE_ASSET {
            let valid = decimals == QUOTE_DECIMALS && args.underlying == NONE;
            require!(valid, BallastError::InvalidQuoteAsset);
        }
        if args.underlying != NONE {
            exchange.underlying(args.underlying).coded()?;
        }
        let feed = args.feed.resolve(&mut exchange, decimals)?;

        let mut board = accounts.board.load_mut()?;
        let indexes = &mut board.assets[usize::from(index)];
        indexes.deposit.set(I80F48::ONE);
        indexes.borrow.set(I80F48::ONE);
        indexes.accrued_at = Clock::get()?.unix_timestamp;

        let mut bank = accounts.bank.load_init()?;
        bank.exchange = accounts.exchange.key();
        bank.mint = accounts.mint.key();
        bank.vault = accounts.vault.key();
        bank.asset = index;
        bank.bump = ctx.bumps.bank;
        bank.vault_bump = ctx.bumps.vault;

        let asset = &mut exchange.assets[usize::from(index)];
        asset.mint = accounts.mint.key();
        asset.decimals = decimals;
        asset.feed = feed;
        asset.underlying = args.underlying;
        args.parameters.write(asset, &mut bank)?;
        exchange.asset_count += 1;

        emit!(AssetAdded {
            exchange: accounts.exchange.key(),
            asset: index,
            mint: accounts.mint.key(),
            bank: accounts.bank.key(),
            feed,
        });
        Ok(())
    }
}

use super::bounds::{fraction, within};
use crate::error::{BallastError, Coded};
use crate::events::AssetAdded;
use anchor_lang::prelude::*;
use anchor_spl::token_interface::{Mint, TokenAccount, TokenInterface};
use ballast_risk::Q32_ONE;
use ballast_risk::numbers::SECONDS_PER_YEAR;
use ballast_state::{
    ASSETS_MAX, Bank, Board, Exchange, FEEDS_MAX, Feed, FeedKind, NONE, QUOTE_ASSET,
    QUOTE_DECIMALS, seeds,
};
use bytemuck::Zeroable;
use fixed::types::I80F48;

/// Where a price comes from; see [`Feed`].
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct FeedArgs {
    pub name: [u8; 16],
    /// 1: Pyth pull, 2: Pyth push (legacy).
    pub kind: u8,
    /// Feed id (pull) or account address (push).
    pub id: [u8; 32],
    pub max_age_s: u64,
    pub max_confidence_q32: u64,
    pub max_divergence_q32: u64,
    pub slow_price_half_life_s: u64,
    /// Index of the feed to compare with, 255 for none.
    pub compare_with: u8,
}

/// A feed that is defined already, or a new one.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub enum FeedChoice {
    Existing(u8),
    New(FeedArgs),
}

impl FeedChoice {
    /// The feed's index, defined now if it is new; its prices are for units of `unit_decimals`.
    pub(super) fn resolve(&self, exchange: &mut Exchange, unit_decimals: u8) -> Result<u8> {
        match self {
            Self::Existing(index) => {
                let feed = exchange.feed(*index).coded()?;
                require_eq!(
                    feed.unit_decimals,
                    unit_decimals,
                    BallastError::FeedDecimalsMismatch
                );
                Ok(*index)
            }
            Self::New(args) => args.define(exchange, unit_decimals),
        }
    }
}

impl FeedArgs {
    fn define(&self, exchange: &mut Exchange, unit_decimals: u8) -> Result<u8> {
        let index = usize::from(exchange.feed_count);
        require_gt!(FEEDS_MAX, index, BallastError::TableFull);
        within(
            "kind",
            self.kind,
            FeedKind::PythPull as u8,
            FeedKind::PythPush as u8,
        )?;
        within("max_age_s", self.max_age_s, 1, 86_400)?;
        fraction("max_confidence", self.max_confidence_q32)?;
        fraction("max_divergence", self.max_divergence_q32)?;
        within(
            "slow_price_half_life_s",
            self.slow_price_half_life_s,
            0,
            SECONDS_PER_YEAR,
        )?;
        if self.compare_with != NONE {
            let other = exchange.feed(self.compare_with).coded()?;
            require_eq!(
                other.unit_decimals,
                unit_decimals,
                BallastError::FeedDecimalsMismatch
            );
        }
        exchange.feeds[index] = Feed {
            name: self.name,
            id: self.id,
            max_age_s: self.max_age_s,
            max_confidence_q32: self.max_confidence_q32,
            max_divergence_q32: self.max_divergence_q32,
            slow_price_half_life_s: self.slow_price_half_life_s,
            kind: self.kind,
            unit_decimals,
            compare_with: self.compare_with,
            ..Feed::zeroed()
        };
        exchange.feed_count += 1;
        Ok(index as u8)
    }
}

/// How a token counts; see [`ballast_state::Asset`]. Fractions in Q32, amounts in native units.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct AssetArgs {
    pub feed: FeedChoice,
    /// Index of the underlying, 255 for none.
    pub underlying: u8,
    pub deposit_haircut_maintenance_q32: u64,
    pub deposit_haircut_initial_q32: u64,
    pub loan_haircut_maintenance_q32: u64,
    pub loan_haircut_initial_q32: u64,
    pub haircut_range_multiplier_q32: u64,
    pub deposit_cap: u64,
    pub borrow_cap: u64,
}

impl AssetArgs {
    fn validate(&self, exchange: &Exchange, decimals: u8) -> Result<()> {
        if exchange.asset_count == QUOTE_ASSET {
            let no_haircut = [
                self.deposit_haircut_maintenance_q32,
                self.deposit_haircut_initial_q32,
                self.loan_haircut_maintenance_q32,
                self.loan_haircut_initial_q32,
                self.haircut_range_multiplier_q32,
            ] == [0; 5];
            let valid = decimals == QUOTE_DECIMALS && self.underlying == NONE && no_haircut;
            require!(valid, BallastError::InvalidQuoteAsset);
        }
        if self.underlying != NONE {
            exchange.underlying(self.underlying).coded()?;
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
        )
    }
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
        require_eq!(
            accounts.mint.to_account_info().data_len(),
            anchor_spl::token::Mint::LEN,
            BallastError::MintExtensionsNotSupported
        );
        let mut exchange = accounts.exchange.load_mut()?;
        let index = exchange.asset_count;
        require_gt!(ASSETS_MAX, usize::from(index), BallastError::TableFull);
        args.validate(&exchange, decimals)?;
        let feed = args.feed.resolve(&mut exchange, decimals)?;

        let asset = &mut exchange.assets[usize::from(index)];
        asset.mint = accounts.mint.key();
        asset.decimals = decimals;
        asset.feed = feed;
        asset.underlying = args.underlying;
        asset.deposit_haircut_maintenance_q32 = args.deposit_haircut_maintenance_q32;
        asset.deposit_haircut_initial_q32 = args.deposit_haircut_initial_q32;
        asset.loan_haircut_maintenance_q32 = args.loan_haircut_maintenance_q32;
        asset.loan_haircut_initial_q32 = args.loan_haircut_initial_q32;
        asset.haircut_range_multiplier_q32 = args.haircut_range_multiplier_q32;
        exchange.asset_count += 1;

        let mut board = accounts.board.load_mut()?;
        let indexes = &mut board.assets[usize::from(index)];
        indexes.deposit.set(I80F48::ONE);
        indexes.borrow.set(I80F48::ONE);
        indexes.accrued_at = Clock::get()?.unix_timestamp;

        let mut bank = accounts.bank.load_init()?;
        bank.exchange = accounts.exchange.key();
        bank.mint = accounts.mint.key();
        bank.vault = accounts.vault.key();
        bank.deposit_cap = args.deposit_cap;
        bank.borrow_cap = args.borrow_cap;
        bank.asset = index;
        bank.bump = ctx.bumps.bank;
        bank.vault_bump = ctx.bumps.vault;

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

//! Where prices come from.

use super::bounds::{fraction, within};
use crate::error::{BallastError, Coded};
use crate::events::ParametersChanged;
use anchor_lang::prelude::*;
use ballast_risk::time::{DAY_S, YEAR_S};
use ballast_state::{Exchange, FEEDS_MAX, Feed, FeedKind, NONE};
use bytemuck::Zeroable;

/// When a price may be trusted; see [`Feed`].
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedParameters {
    /// Oldest price that counts as fresh, seconds: 1 to a day.
    pub max_age_s: u64,
    /// Largest confidence interval over price that counts as certain, Q32: 0 to 1.
    pub max_confidence_q32: u64,
    /// Largest relative distance to the feed compared with, Q32: 0 to 1.
    pub max_divergence_q32: u64,
    /// Half-life of the slow price, seconds: to a year; 0 for the present price.
    pub slow_price_half_life_s: u64,
    /// Index of the feed to compare with, of the same decimals; 255 for none.
    pub compare_with: u8,
}

impl FeedParameters {
    fn write(&self, exchange: &mut Exchange, index: usize) -> Result<()> {
        within("max_age_s", self.max_age_s, 1, DAY_S)?;
        fraction("max_confidence", self.max_confidence_q32)?;
        fraction("max_divergence", self.max_divergence_q32)?;
        within(
            "slow_price_half_life_s",
            self.slow_price_half_life_s,
            0,
            YEAR_S,
        )?;
        if self.compare_with != NONE {
            let other = exchange.feed(self.compare_with).coded()?;
            require_eq!(
                other.unit_decimals,
                exchange.feeds[index].unit_decimals,
                BallastError::FeedDecimalsMismatch
            );
            within(
                "compare_with",
                usize::from(self.compare_with == index as u8),
                0,
                0,
            )?;
        }
        let feed = &mut exchange.feeds[index];
        feed.max_age_s = self.max_age_s;
        feed.max_confidence_q32 = self.max_confidence_q32;
        feed.max_divergence_q32 = self.max_divergence_q32;
        feed.slow_price_half_life_s = self.slow_price_half_life_s;
        feed.compare_with = self.compare_with;
        Ok(())
    }
}

impl From<&Feed> for FeedParameters {
    fn from(feed: &Feed) -> Self {
        Self {
            max_age_s: feed.max_age_s,
            max_confidence_q32: feed.max_confidence_q32,
            max_divergence_q32: feed.max_divergence_q32,
            slow_price_half_life_s: feed.slow_price_half_life_s,
            compare_with: feed.compare_with,
        }
    }
}

/// A new feed.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct FeedArgs {
    /// Name such as `SOL/USD`, zero-padded.
    pub name: [u8; 16],
    /// 1: Pyth pull, 2: Pyth push (legacy).
    pub kind: u8,
    /// Feed id (pull) or account address (push).
    pub id: [u8; 32],
    /// When it may be trusted.
    pub parameters: FeedParameters,
}

/// A feed that is defined already, or a new one.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub enum FeedChoice {
    /// The index of one.
    Existing(u8),
    /// A new one, which takes the next index.
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
        exchange.feeds[index] = Feed {
            name: self.name,
            id: self.id,
            kind: self.kind,
            unit_decimals,
            ..Feed::zeroed()
        };
        self.parameters.write(exchange, index)?;
        exchange.feed_count += 1;
        Ok(index as u8)
    }
}

#[derive(Accounts)]
pub struct UpdateFeed<'info> {
    #[account(mut, has_one = risk_authority @ BallastError::NotRiskAuthority)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub risk_authority: Signer<'info>,
}

impl UpdateFeed<'_> {
    pub fn handle(ctx: Context<Self>, index: u8, parameters: FeedParameters) -> Result<()> {
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        exchange.feed(index).coded()?;
        parameters.write(&mut exchange, usize::from(index))?;
        emit!(ParametersChanged {
            exchange: ctx.accounts.exchange.key(),
            table: 3,
            index,
        });
        Ok(())
    }
}

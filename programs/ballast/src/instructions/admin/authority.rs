//! Authorities change hands in two steps: the admin proposes, the new one accepts.

use crate::error::BallastError;
use crate::events::{AuthorityAccepted, AuthorityProposed};
use anchor_lang::prelude::*;
use ballast_state::Exchange;

/// What an authority may do.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Lists assets, underlyings and markets, takes fees, proposes authorities.
    Admin,
    /// Changes risk parameters.
    Risk,
    /// Pauses for a bounded time.
    Guardian,
}

impl Role {
    fn pending(self, exchange: &mut Exchange) -> &mut Pubkey {
        match self {
            Self::Admin => &mut exchange.pending_admin,
            Self::Risk => &mut exchange.pending_risk_authority,
            Self::Guardian => &mut exchange.pending_guardian,
        }
    }

    fn present(self, exchange: &mut Exchange) -> &mut Pubkey {
        match self {
            Self::Admin => &mut exchange.admin,
            Self::Risk => &mut exchange.risk_authority,
            Self::Guardian => &mut exchange.guardian,
        }
    }
}

#[derive(Accounts)]
pub struct ProposeAuthority<'info> {
    #[account(mut, has_one = admin @ BallastError::NotAdmin)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub admin: Signer<'info>,
}

impl ProposeAuthority<'_> {
    /// The default key takes a proposal back.
    pub fn handle(ctx: Context<Self>, role: Role, proposed: Pubkey) -> Result<()> {
        *role.pending(&mut *ctx.accounts.exchange.load_mut()?) = proposed;
        emit!(AuthorityProposed {
            exchange: ctx.accounts.exchange.key(),
            role: role as u8,
            proposed,
        });
        Ok(())
    }
}

#[derive(Accounts)]
pub struct AcceptAuthority<'info> {
    #[account(mut)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub proposed: Signer<'info>,
}

impl AcceptAuthority<'_> {
    pub fn handle(ctx: Context<Self>, role: Role) -> Result<()> {
        let authority = ctx.accounts.proposed.key();
        let mut exchange = ctx.accounts.exchange.load_mut()?;
        let pending = role.pending(&mut exchange);
        require_keys_eq!(*pending, authority, BallastError::NotProposed);
        *pending = Pubkey::default();
        *role.present(&mut exchange) = authority;
        if role == Role::Admin {
            // What the former admin proposed is not the new one's word.
            for role in [Role::Risk, Role::Guardian] {
                *role.pending(&mut exchange) = Pubkey::default();
            }
        }
        emit!(AuthorityAccepted {
            exchange: ctx.accounts.exchange.key(),
            role: role as u8,
            authority,
        });
        Ok(())
    }
}

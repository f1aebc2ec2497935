use crate::error::{BallastError, Coded};
use crate::events::SurfacePosted;
use crate::instructions::require_not_paused;
use anchor_lang::prelude::*;
use ballast_risk::Q32_ONE;
use ballast_risk::numbers::product_q32;
use ballast_risk::surface::TENOR_DAYS;
use ballast_risk::time::DAY_S;
use ballast_state::{Board, Exchange, Pausable, TENORS, Underlying, UnderlyingState};

/// Largest size of the skew and smile coefficients, Q32.
const COEFFICIENT_MAX_Q32: u64 = Q32_ONE;

/// A volatility surface; see [`UnderlyingState`]. Everything Q32.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfaceArgs {
    /// Index of the underlying.
    pub underlying: u8,
    /// At-the-money volatility at 1, 7, 30, 90, 180 and 365 days.
    pub atm_volatility_q32: [u64; TENORS],
    /// Part by which volatility changes per deviation of the strike from the forward: -1 to 1.
    pub skew_q32: i64,
    /// The same per deviation squared: -1 to 1.
    pub smile_q32: i64,
    /// Yearly carry of the forward.
    pub carry_q32: i64,
}

#[derive(Accounts)]
pub struct PostSurface<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    #[account(mut)]
    pub board: AccountLoader<'info, Board>,
    /// The underlying's surface authority.
    pub authority: Signer<'info>,
}

impl PostSurface<'_> {
    pub fn handle(ctx: Context<Self>, args: SurfaceArgs) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let mut board = ctx.accounts.board.load_mut()?;
        let now = Clock::get()?.unix_timestamp;
        require_not_paused(&exchange, Pausable::PostSurface, now)?;
        let listed = exchange.underlying(args.underlying).coded()?;
        require_keys_eq!(
            listed.surface_authority,
            ctx.accounts.authority.key(),
            BallastError::NotSurfaceAuthority
        );
        let state = &mut board.underlyings[usize::from(args.underlying)];
        let age_s = now.saturating_sub(state.surface_time).max(0).unsigned_abs();
        require_gte!(age_s, listed.surface_interval_s, BallastError::TooEarly);
        let is_first = state.surface_time == 0;
        if !is_first && now.saturating_sub(state.anchor_time) >= DAY_S as i64 {
            state.anchor_volatility_q32 = state.atm_volatility_q32;
            state.anchor_skew_q32 = state.skew_q32;
            state.anchor_smile_q32 = state.smile_q32;
            state.anchor_carry_q32 = state.carry_q32;
            state.anchor_time = now;
        }
        args.validate(listed, state)?;
        if is_first {
            state.anchor_volatility_q32 = args.atm_volatility_q32;
            state.anchor_time = now;
        }

        state.atm_volatility_q32 = args.atm_volatility_q32;
        state.skew_q32 = args.skew_q32;
        state.smile_q32 = args.smile_q32;
        state.carry_q32 = args.carry_q32;
        state.surface_time = now;
        emit!(SurfacePosted {
            exchange: ctx.accounts.exchange.key(),
            surface: args,
        });
        Ok(())
    }
}

impl SurfaceArgs {
    /// Checks the surface by itself, against the last one, against that of a day ago and against the realised volatility. A wrong surface could
    /// make options worth anything, so one key must not be able to move it far or fast: within a day no further than the margin of the
    /// scenarios covers, but for where the market itself has gone. Skew, smile and carry begin at 0.
    fn validate(&self, listed: &Underlying, last: &UnderlyingState) -> Result<()> {
        let is_first = last.surface_time == 0;
        let (step_q32, day_q32) = (listed.surface_step_q32, listed.surface_day_q32);
        let realised = last.volatility_q32;
        let highest = product_q32(realised, listed.surface_distance_q32);
        let mut total_variance = 0;
        for (index, days) in TENOR_DAYS.into_iter().enumerate() {
            let new = self.atm_volatility_q32[index];
            let old = last.atm_volatility_q32[index];
            let within = (listed.surface_floor_q32..=listed.surface_cap_q32).contains(&new);
            bound(within, "floor and cap")?;
            bound(
                is_first || new.abs_diff(old) <= product_q32(old, step_q32),
                "largest step",
            )?;
            let anchor = last.anchor_volatility_q32[index];
            let budget = product_q32(anchor, day_q32);
            let least = anchor.saturating_sub(budget).min(realised);
            let most = anchor.saturating_add(budget).max(realised);
            // Where the market has come back from, the surface may follow.
            let away = (new > most && new > old) || (new < least && new < old);
            bound(is_first || !away, "largest change within a day")?;
            // Too far from what is realised it may only come back.
            let too_low = product_q32(new, listed.surface_distance_q32) < realised;
            let away = too_low && (is_first || new < old);
            bound(!away, "distance below the realised volatility")?;
            let away = new > highest && (is_first || new > old);
            bound(!away, "distance above the realised volatility")?;
            // Otherwise a calendar spread would be worth less than nothing.
            let variance = product_q32(new, new).saturating_mul(days);
            bound(
                variance >= total_variance,
                "total variance, which must rise",
            )?;
            total_variance = variance;
        }
        let moved = |new: i64, anchor: i64, limit: u64, most: u64| {
            new.unsigned_abs() <= limit && new.abs_diff(anchor) <= most
        };
        // At three deviations from the money, as far as they count, each then changes a volatility by a day's change of the level.
        let (skew, smile) = (day_q32 / 3, day_q32 / 9);
        bound(
            moved(
                self.skew_q32,
                last.anchor_skew_q32,
                COEFFICIENT_MAX_Q32,
                skew,
            ),
            "skew, or its largest change within a day",
        )?;
        bound(
            moved(
                self.smile_q32,
                last.anchor_smile_q32,
                COEFFICIENT_MAX_Q32,
                smile,
            ),
            "smile, or its largest change within a day",
        )?;
        let most = listed.carry_maximum_q32;
        bound(
            moved(
                self.carry_q32,
                last.anchor_carry_q32,
                most,
                product_q32(most, day_q32),
            ),
            "carry, or its largest change within a day",
        )
    }
}

/// Names the bound in the log when it does not hold.
fn bound(holds: bool, name: &str) -> Result<()> {
    if !holds {
        msg!("the surface is beyond its {}", name);
        return err!(BallastError::SurfaceOutOfBounds);
    }
    Ok(())
}

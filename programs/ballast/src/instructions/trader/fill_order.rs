use super::matching::{Desk, Fill, require_margin};
use super::order::fillable;
use crate::error::{BallastError, Coded};
use crate::events::{FillerPaid, OrderFilled};
use crate::instructions::{end_if_recovered, require_not_paused};
use anchor_lang::prelude::*;
use ballast_risk::Q32_ONE;
use ballast_risk::numbers::mul_q32_floor;
use ballast_risk::planted::{Bug, planted};
use ballast_state::health::{Report, View};
use ballast_state::{Board, Exchange, MarginAccount, Market, Pausable};

/// Which two orders cross.
#[warn(missing_docs)]
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct FillArgs {
    /// Number of the order in the maker's account.
    pub maker_order_id: u64,
    /// Number of the order in the taker's account.
    pub taker_order_id: u64,
    /// Largest fill, lots.
    pub lots_max: u64,
}

#[derive(Accounts)]
pub struct FillOrder<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    /// The account of the older order, whose price it is.
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        constraint = maker.key() != taker.key() @ BallastError::SameAccount
    )]
    pub maker: AccountLoader<'info, MarginAccount>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub taker: AccountLoader<'info, MarginAccount>,
    /// Gets the filler's share of the fees as a credit in this market. Without it the share stays with the exchange.
    #[account(
        mut,
        has_one = exchange @ BallastError::WrongExchange,
        constraint = filler_account.key() != maker.key() @ BallastError::SameAccount,
        constraint = filler_account.key() != taker.key() @ BallastError::SameAccount
    )]
    pub filler_account: Option<AccountLoader<'info, MarginAccount>>,
    pub filler: Signer<'info>,
}

impl FillOrder<'_> {
    pub fn handle(ctx: Context<Self>, args: FillArgs) -> Result<()> {
        let accounts = ctx.accounts;
        let exchange = accounts.exchange.load()?;
        let board = accounts.board.load()?;
        let mut market = accounts.market.load_mut()?;
        let mut maker = accounts.maker.load_mut()?;
        let mut taker = accounts.taker.load_mut()?;
        require_keys_neq!(maker.owner, taker.owner, BallastError::SameAccount);
        let clock = Clock::get()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: clock.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::FillOrder, view.now)?;
        let mut desk = Desk::new(&view, &mut market, clock.slot)?;
        let resting = desk.live(&maker, args.maker_order_id)?;
        let crossing = desk.live(&taker, args.taker_order_id)?;
        require_gte!(
            crossing.placed_slot,
            resting.placed_slot,
            BallastError::MakerIsYounger
        );
        require_eq!(crossing.post_only, 0, BallastError::PostOnlyWouldTake);
        let lots_max = fillable(&taker, &crossing)?.min(args.lots_max);
        let fill = desk.agree((&maker, &resting), (&taker, &crossing), lots_max)?;

        let before = [maker.boxed_copy(), taker.boxed_copy()];
        let lots = fill.of_maker();
        let maker_funding = desk.book(&mut maker, lots, &fill, fill.maker_fee)?;
        let taker_funding = desk.book(&mut taker, -lots, &fill, fill.taker_fee)?;
        let used_up = maker.use_up(resting.id, lots.unsigned_abs())
            && taker.use_up(crossing.id, lots.unsigned_abs());
        require!(used_up, BallastError::OrderNotFound);
        desk.note_premium(&fill)?;
        let filler = match &accounts.filler_account {
            Some(loader) => {
                let mut filler = loader.load_mut()?;
                require!(
                    filler.may_trade(&accounts.filler.key()),
                    BallastError::NotOwnerOrDelegate
                );
                Some(pay_filler(&mut desk, &mut filler, loader.key(), &fill)?)
            }
            None => None,
        };
        let shared = match planted(Bug::FeePaidTwice) {
            true => 0,
            false => filler.map_or(0, |filler| filler.fee),
        };
        desk.earn(&fill, shared)?;

        let terms = desk.market.terms;
        let mut report = Report::boxed();
        let [maker_key, taker_key] = [accounts.maker.key(), accounts.taker.key()];
        let parties = [
            (&mut maker, maker_key, BallastError::MakerBelowInitialMargin),
            (&mut taker, taker_key, BallastError::TakerBelowInitialMargin),
        ];
        for ((account, key, refusal), before) in parties.into_iter().zip(&before) {
            require_margin(&view, &terms, before, account, &mut report, refusal)?;
            end_if_recovered(&view, account, &key, &mut report);
        }
        let sides = [
            (maker_key, resting.id, maker_funding),
            (taker_key, crossing.id, taker_funding),
        ];
        emit!(OrderFilled {
            filler,
            ..fill.event(accounts.market.key(), sides)
        });
        Ok(())
    }
}

/// Credits the filler in this market.
fn pay_filler(
    desk: &mut Desk,
    filler: &mut MarginAccount,
    margin_account: Pubkey,
    fill: &Fill,
) -> Result<FillerPaid> {
    let total = fill.maker_fee.checked_add(fill.taker_fee);
    let total = total.and_then(|total| i64::try_from(total).ok());
    let total = total.ok_or(BallastError::Overflow)?;
    let share = mul_q32_floor(total, desk.rates.filler_share_q32.min(Q32_ONE)).coded()?;
    let funding = match share {
        0 => 0,
        _ => {
            let view = desk.view;
            view.change_position(desk.market, filler, 0, share)
                .coded()?
        }
    };
    Ok(FillerPaid {
        margin_account,
        fee: share.unsigned_abs(),
        funding,
    })
}

use super::matching::{Desk, Fill, require_margin};
use super::order::{OrderArgs, OrderType, fillable, require_affordable, rest};
use crate::error::{BallastError, code};
use crate::events::{MakerSkipped, OrderPlaced};
use crate::instructions::{end_if_recovered, require_not_paused};
use anchor_lang::prelude::*;
use ballast_state::health::{Report, View};
use ballast_state::{Board, Exchange, MarginAccount, Market, Order, Pausable};

/// Most orders of makers in one transaction: what the VM's memory has room for, whatever becomes of each.
pub const MAKERS_MAX: usize = 16;

#[derive(Accounts)]
pub struct PlaceAndFill<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub trader: Signer<'info>,
    // Remaining accounts: the makers' margin accounts, writable, one for each of the orders named in the arguments.
}

/// A taker's order on its way through the makers.
struct Sweep<'a> {
    desk: Desk<'a>,
    market: Pubkey,
    key: Pubkey,
    account: &'a mut MarginAccount,
    order: Order,
    report: Box<Report>,
}

impl<'info> PlaceAndFill<'info> {
    /// Fills the order against the makers' resting orders in their sequence, each at its own price. A maker's order that cannot trade (gone,
    /// expired, not crossing, not affordable) is passed over with an event that says why. What is left rests, or lapses when the order is
    /// immediate-or-cancel.
    pub fn handle(
        ctx: Context<'info, Self>,
        args: OrderArgs,
        maker_orders: Vec<u64>,
    ) -> Result<()> {
        require!(
            args.order_type != OrderType::PostOnly,
            BallastError::PostOnlyWouldTake
        );
        require_gte!(
            MAKERS_MAX,
            maker_orders.len(),
            BallastError::MakersDoNotMatch
        );
        require_eq!(
            maker_orders.len(),
            ctx.remaining_accounts.len(),
            BallastError::MakersDoNotMatch
        );
        let accounts = ctx.accounts;
        let exchange = accounts.exchange.load()?;
        let board = accounts.board.load()?;
        let mut market = accounts.market.load_mut()?;
        let mut account = accounts.margin_account.load_mut()?;
        let clock = Clock::get()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: clock.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::PlaceAndFill, view.now)?;
        let key = accounts.margin_account.key();
        let mut report = Report::boxed();
        end_if_recovered(&view, &mut account, &key, &mut report);
        let trader = accounts.trader.key();
        let order = args.check(&market, &account, &trader, &view, clock.slot)?;
        fillable(&account, &order)?;
        account.next_order_id = order.id.checked_add(1).ok_or(BallastError::Overflow)?;

        let before = account.boxed_copy();
        let mut sweep = Sweep {
            desk: Desk::new(&view, &mut market, clock.slot)?,
            market: accounts.market.key(),
            key,
            account: &mut account,
            order,
            report,
        };
        let exchange_key = accounts.exchange.key();
        let mut saved = None;
        for (info, id) in ctx.remaining_accounts.iter().zip(maker_orders) {
            if sweep.order.lots == 0 || fillable(sweep.account, &sweep.order).is_err() {
                break;
            }
            require_keys_neq!(info.key(), key, BallastError::SameAccount);
            let loader = match AccountLoader::<MarginAccount>::try_from(info) {
                Ok(loader) => loader,
                // He has closed his account meanwhile.
                Err(error) => {
                    sweep.pass_over(info.key(), id, &error);
                    continue;
                }
            };
            let mut maker = loader.load_mut()?;
            require_keys_eq!(maker.exchange, exchange_key, BallastError::WrongExchange);
            require_keys_neq!(maker.owner, sweep.account.owner, BallastError::SameAccount);
            let saved = saved.get_or_insert_with(|| maker.boxed_copy());
            **saved = *maker;
            sweep.try_maker(&mut maker, saved, info.key(), id)?;
        }
        sweep.finish(&before, &args)
    }
}

impl Sweep<'_> {
    /// Trades with one maker, or passes over him with nothing changed. An error is the taker's.
    fn try_maker(
        &mut self,
        maker: &mut MarginAccount,
        saved: &MarginAccount,
        maker_key: Pubkey,
        order_id: u64,
    ) -> Result<()> {
        let market_before = *self.desk.market;
        let traded = self.trade_with(maker, saved, order_id);
        let (fill, maker_funding) = match traded {
            Ok(traded) => traded,
            Err(error) => {
                *maker = *saved;
                *self.desk.market = market_before;
                self.pass_over(maker_key, order_id, &error);
                return Ok(());
            }
        };
        end_if_recovered(self.desk.view, maker, &maker_key, &mut self.report);
        let lots = fill.of_maker();
        let taker_funding = self.desk.book(self.account, -lots, &fill, fill.taker_fee)?;
        self.order.lots -= lots.unsigned_abs();
        self.desk.note_premium(&fill)?;
        self.desk.earn(&fill, 0)?;
        let sides = [
            (maker_key, order_id, maker_funding),
            (self.key, self.order.id, taker_funding),
        ];
        emit!(fill.event(self.market, sides));
        Ok(())
    }

    fn pass_over(&self, maker: Pubkey, order_id: u64, error: &Error) {
        emit!(MakerSkipped {
            market: self.market,
            maker,
            order_id,
            reason: code(error),
        });
    }

    /// The maker's side of a fill, his margin included.
    fn trade_with(
        &mut self,
        maker: &mut MarginAccount,
        saved: &MarginAccount,
        order_id: u64,
    ) -> Result<(Fill, i64)> {
        let desk = &mut self.desk;
        let resting = desk.live(maker, order_id)?;
        let taker = (&*self.account, &self.order);
        let fill = desk.agree((maker, &resting), taker, u64::MAX)?;
        let funding = desk.book(maker, fill.of_maker(), &fill, fill.maker_fee)?;
        let used_up = maker.use_up(order_id, fill.lots.unsigned_abs());
        require!(used_up, BallastError::OrderNotFound);
        let terms = desk.market.terms;
        let refusal = BallastError::MakerBelowInitialMargin;
        require_margin(desk.view, &terms, saved, maker, &mut self.report, refusal)?;
        Ok((fill, funding))
    }

    /// Checks the taker's margin and lets the rest of his order rest or lapse.
    fn finish(mut self, before: &MarginAccount, args: &OrderArgs) -> Result<()> {
        let filled = self.order.lots < args.lots;
        let (view, terms) = (self.desk.view, self.desk.market.terms);
        let report = &mut self.report;
        if filled {
            let refusal = BallastError::TakerBelowInitialMargin;
            require_margin(view, &terms, before, self.account, report, refusal)?;
        }
        let may_rest = self.order.reduce_only == 0 || self.account.only_reduces(&self.order);
        if args.order_type == OrderType::ImmediateOrCancel {
            require!(filled, BallastError::NothingFilled);
        } else if self.order.lots > 0 && may_rest {
            require_affordable(view, self.account, &self.order, report)?;
            rest(self.account, &self.order)?;
            emit!(OrderPlaced::new(self.key, &self.order));
        }
        end_if_recovered(view, self.account, &self.key, report);
        Ok(())
    }
}

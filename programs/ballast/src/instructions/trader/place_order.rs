use crate::error::{BallastError, Coded};
use crate::events::OrderPlaced;
use crate::instructions::{end_if_recovered, require_not_paused};
use anchor_lang::prelude::*;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{
    Board, Exchange, MarginAccount, Market, MarketStatus, Order, Pausable, Position, Side,
};

/// A limit order.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct OrderArgs {
    /// 0 buys, 1 sells.
    pub side: u8,
    /// Limit price, quote units per lot.
    pub price: u64,
    pub lots: u64,
    /// The owner's own number, for his records.
    pub client_id: u64,
    /// Unix seconds; 0 for never.
    pub expires_at: u32,
    pub reduce_only: bool,
}

impl OrderArgs {
    fn side(&self) -> Result<Side> {
        match self.side {
            0 => Ok(Side::Bid),
            1 => Ok(Side::Ask),
            _ => err!(BallastError::ParameterOutOfBounds),
        }
    }

    /// The order's lots and quote as a position would book them if it were filled whole at its price.
    fn fill(&self) -> Result<(i64, i64)> {
        let lots = i64::try_from(self.lots).map_err(|_| BallastError::Overflow)?;
        let price = i64::try_from(self.price).map_err(|_| BallastError::Overflow)?;
        let quote = lots.checked_mul(price).ok_or(BallastError::Overflow)?;
        Ok(match self.side()? {
            Side::Bid => (lots, -quote),
            Side::Ask => (-lots, quote),
        })
    }
}

#[derive(Accounts)]
pub struct PlaceOrder<'info> {
    #[account(has_one = board @ BallastError::WrongBoard)]
    pub exchange: AccountLoader<'info, Exchange>,
    pub board: AccountLoader<'info, Board>,
    #[account(has_one = exchange @ BallastError::WrongExchange)]
    pub market: AccountLoader<'info, Market>,
    #[account(mut, has_one = exchange @ BallastError::WrongExchange)]
    pub margin_account: AccountLoader<'info, MarginAccount>,
    pub trader: Signer<'info>,
}

impl PlaceOrder<'_> {
    fn validate(&self, args: &OrderArgs, view: &View) -> Result<()> {
        let market = self.market.load()?;
        let account = self.margin_account.load()?;
        require!(
            account.may_trade(&self.trader.key()),
            BallastError::NotOwnerOrDelegate
        );
        let reducing_only = args.reduce_only && market.status == MarketStatus::ReduceOnly as u8;
        require!(
            market.status == MarketStatus::Active as u8 || reducing_only,
            BallastError::MarketNotActive
        );
        require!(
            args.reduce_only || !account.in_liquidation(),
            BallastError::InLiquidation
        );
        require_gte!(
            args.lots,
            market.order_minimum_lots,
            BallastError::OrderTooSmall
        );
        let on_tick = args.price > 0 && args.price.is_multiple_of(market.tick_size);
        require!(on_tick, BallastError::PriceNotOnTick);
        let within_band = view
            .is_within_band(market.terms.underlying, args.price)
            .coded()?;
        require!(within_band, BallastError::PriceOutsideBand);
        let lapsed = args.expires_at != 0 && i64::from(args.expires_at) <= view.now;
        require!(!lapsed, BallastError::OrderExpired);
        Ok(())
    }

    /// The account must be able to afford the order filled whole at its price, unless that only reduces.
    fn check_margin(&self, args: &OrderArgs, view: &View, report: &mut Report) -> Result<()> {
        let (base_lots, quote) = args.fill()?;
        let market = self.market.load()?;
        let account = self.margin_account.load()?;
        let held = account.lots(&market.terms);
        let reduces = held.signum() == -base_lots.signum();
        if args.reduce_only {
            // However large it is, a fill takes no more of it than the position.
            require!(reduces, BallastError::WouldNotReduce);
            return Ok(());
        }
        if reduces && base_lots.unsigned_abs() <= held.unsigned_abs() {
            return Ok(());
        }
        let filled = Position {
            base_lots,
            quote,
            terms: market.terms,
            ..Position::default()
        };
        view.assess_with(&account, Some(&filled), Purpose::AddRisk, report)
            .coded()?;
        require_gte!(report.health_initial(), 0, BallastError::BelowInitialMargin);
        Ok(())
    }

    pub fn handle(ctx: Context<Self>, args: OrderArgs) -> Result<()> {
        let exchange = ctx.accounts.exchange.load()?;
        let board = ctx.accounts.board.load()?;
        let clock = Clock::get()?;
        let view = View {
            exchange: &exchange,
            board: &board,
            now: clock.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::PlaceOrder, view.now)?;
        let key = ctx.accounts.margin_account.key();
        let mut report = Report::boxed();
        end_if_recovered(
            &view,
            &mut *ctx.accounts.margin_account.load_mut()?,
            &key,
            &mut report,
        );
        ctx.accounts.validate(&args, &view)?;
        ctx.accounts.check_margin(&args, &view, &mut report)?;

        let terms = ctx.accounts.market.load()?.terms;
        let mut account = ctx.accounts.margin_account.load_mut()?;
        let id = account.next_order_id;
        *account.free_order_mut().coded()? = Order {
            terms,
            price: args.price,
            lots: args.lots,
            id,
            client_id: args.client_id,
            placed_slot: clock.slot,
            expires_at: args.expires_at,
            side: args.side,
            reduce_only: args.reduce_only.into(),
            ..Order::default()
        };
        account.next_order_id = id.checked_add(1).ok_or(BallastError::Overflow)?;

        emit!(OrderPlaced {
            margin_account: key,
            terms: terms.into(),
            order_id: id,
            client_id: args.client_id,
            side: args.side,
            price: args.price,
            lots: args.lots,
            expires_at: args.expires_at,
            reduce_only: args.reduce_only,
        });
        Ok(())
    }
}

use crate::error::{BallastError, Coded};
use crate::events::OrderFilled;
use crate::instructions::{end_if_recovered, require_not_paused};
use anchor_lang::prelude::*;
use ballast_risk::Q32_ONE;
use ballast_risk::numbers::{mul_q32_ceil, mul_q32_floor};
use ballast_state::health::{Purpose, Report, RiskMark, View};
use ballast_state::{
    Board, Exchange, FeeRates, MarginAccount, Market, MarketStatus, MarketTerms, Order, Pausable,
    Side,
};

/// Which two orders cross.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct FillArgs {
    pub maker_order_id: u64,
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

/// What is traded.
struct Fill {
    lots: i64,
    price: u64,
    quote: i64,
    maker_fee: u64,
    taker_fee: u64,
    taker_side: Side,
}

/// One side of a fill while its margin is being checked.
struct Party<'a> {
    account: &'a mut MarginAccount,
    /// Set when the fill only reduces this side's position.
    before: Option<RiskMark>,
    refusal: BallastError,
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
        let view = View {
            exchange: &exchange,
            board: &board,
            now: Clock::get()?.unix_timestamp,
        };
        require_not_paused(&exchange, Pausable::FillOrder, view.now)?;
        let fees = &exchange.fees[usize::from(market.terms.kind)];
        let fill = agree(&args, &view, &market, fees, &maker, &taker)?;

        let mut report = Report::boxed();
        let signed = match fill.taker_side {
            Side::Bid => fill.lots,
            Side::Ask => -fill.lots,
        };
        let mut parties = [
            Party::new(&mut maker, BallastError::MakerBelowInitialMargin),
            Party::new(&mut taker, BallastError::TakerBelowInitialMargin),
        ];
        for (party, lots) in parties.iter_mut().zip([-signed, signed]) {
            party.remember_risk(&view, &market.terms, lots, &mut report)?;
        }

        let open_interest_before = market.open_interest_lots;
        parties[0].trade(
            &mut market,
            -signed,
            &fill,
            args.maker_order_id,
            fill.maker_fee,
        )?;
        parties[1].trade(
            &mut market,
            signed,
            &fill,
            args.taker_order_id,
            fill.taker_fee,
        )?;
        let cap_holds = market.open_interest_lots <= market.open_interest_cap_lots
            || market.open_interest_lots <= open_interest_before;
        require!(cap_holds, BallastError::OpenInterestCapExceeded);

        let filler_fee = match &accounts.filler_account {
            Some(filler) => {
                let mut filler = filler.load_mut()?;
                require!(
                    filler.may_trade(&accounts.filler.key()),
                    BallastError::NotOwnerOrDelegate
                );
                pay_filler(&mut filler, &market.terms, fees, &fill)?
            }
            None => 0,
        };
        let fees = fill.maker_fee.saturating_add(fill.taker_fee);
        market.fees = market
            .fees
            .checked_add(fees.saturating_sub(filler_fee))
            .ok_or(BallastError::Overflow)?;

        for (party, key) in parties
            .iter_mut()
            .zip([accounts.maker.key(), accounts.taker.key()])
        {
            party.check_margin(&view, &mut report)?;
            end_if_recovered(&view, party.account, &key, &mut report);
        }
        emit!(OrderFilled {
            market: accounts.market.key(),
            maker: accounts.maker.key(),
            taker: accounts.taker.key(),
            maker_order_id: args.maker_order_id,
            taker_order_id: args.taker_order_id,
            taker_side: fill.taker_side as u8,
            price: fill.price,
            lots: fill.lots.unsigned_abs(),
            maker_fee: fill.maker_fee,
            taker_fee: fill.taker_fee,
            filler_fee,
        });
        Ok(())
    }
}

/// Checks that the two orders may trade with each other, and says what.
fn agree(
    args: &FillArgs,
    view: &View,
    market: &Market,
    fees: &FeeRates,
    maker: &MarginAccount,
    taker: &MarginAccount,
) -> Result<Fill> {
    let resting = find(maker, args.maker_order_id, view, market)?;
    let crossing = find(taker, args.taker_order_id, view, market)?;
    require_gte!(
        crossing.placed_slot,
        resting.placed_slot,
        BallastError::MakerIsYounger
    );
    let crosses = match (resting.side(), crossing.side()) {
        (Side::Ask, Side::Bid) => crossing.price >= resting.price,
        (Side::Bid, Side::Ask) => crossing.price <= resting.price,
        _ => return err!(BallastError::SameSide),
    };
    require!(crosses, BallastError::OrdersDoNotCross);
    let within_band = view
        .is_within_band(market.terms.underlying, resting.price)
        .coded()?;
    require!(within_band, BallastError::PriceOutsideBand);

    let lots = fillable(maker, resting)?
        .min(fillable(taker, crossing)?)
        .min(args.lots_max);
    require_gt!(lots, 0, BallastError::ZeroAmount);
    let lots = i64::try_from(lots).map_err(|_| BallastError::Overflow)?;
    let price = i64::try_from(resting.price).map_err(|_| BallastError::Overflow)?;
    let quote = lots.checked_mul(price).ok_or(BallastError::Overflow)?;
    let fee = |rate_q32: u64| mul_q32_ceil(quote, rate_q32).map(i64::unsigned_abs).coded();
    Ok(Fill {
        lots,
        price: resting.price,
        quote,
        maker_fee: fee(fees.maker_q32)?,
        taker_fee: fee(fees.taker_q32)?,
        taker_side: crossing.side(),
    })
}

/// A live order of this market.
fn find<'a>(
    account: &'a MarginAccount,
    id: u64,
    view: &View,
    market: &Market,
) -> Result<&'a Order> {
    let order = account.order(id).ok_or(BallastError::OrderNotFound)?;
    require!(order.terms == market.terms, BallastError::WrongMarket);
    require!(!order.is_expired(view.now), BallastError::OrderExpired);
    let takes = market.status == MarketStatus::Active as u8
        || (market.status == MarketStatus::ReduceOnly as u8 && order.reduce_only != 0);
    require!(takes, BallastError::MarketNotActive);
    require!(
        order.reduce_only != 0 || !account.in_liquidation(),
        BallastError::InLiquidation
    );
    Ok(order)
}

/// How much of an order may trade now: a reduce-only order never more than the position it reduces.
fn fillable(account: &MarginAccount, order: &Order) -> Result<u64> {
    if order.reduce_only == 0 {
        return Ok(order.lots);
    }
    let held = account.lots(&order.terms);
    let opposite = match order.side() {
        Side::Bid => held < 0,
        Side::Ask => held > 0,
    };
    require!(opposite, BallastError::WouldNotReduce);
    Ok(order.lots.min(held.unsigned_abs()))
}

/// Credits the filler in this market and returns the amount.
fn pay_filler(
    filler: &mut MarginAccount,
    terms: &MarketTerms,
    fees: &FeeRates,
    fill: &Fill,
) -> Result<u64> {
    let total =
        i64::try_from(fill.maker_fee + fill.taker_fee).map_err(|_| BallastError::Overflow)?;
    let share = mul_q32_floor(total, fees.filler_share_q32.min(Q32_ONE)).coded()?;
    if share > 0 {
        filler
            .position_mut(terms)
            .and_then(|position| position.change(0, share))
            .coded()?;
    }
    Ok(share.unsigned_abs())
}

impl<'a> Party<'a> {
    fn new(account: &'a mut MarginAccount, refusal: BallastError) -> Self {
        Self {
            account,
            before: None,
            refusal,
        }
    }

    /// A fill that makes the position smaller on the same side is measured against the risk before it.
    fn remember_risk(
        &mut self,
        view: &View,
        terms: &MarketTerms,
        lots: i64,
        report: &mut Report,
    ) -> Result<()> {
        let held = self.account.lots(terms);
        let reduces = held.signum() == -lots.signum() && lots.unsigned_abs() <= held.unsigned_abs();
        if reduces {
            view.assess(self.account, Purpose::ReduceRisk, report)
                .coded()?;
            self.before = Some(report.risk_mark());
        }
        Ok(())
    }

    /// Books the fill in position, order and open interest.
    fn trade(
        &mut self,
        market: &mut Market,
        lots: i64,
        fill: &Fill,
        order_id: u64,
        fee: u64,
    ) -> Result<()> {
        let quote = if lots > 0 { -fill.quote } else { fill.quote };
        let fee = i64::try_from(fee).map_err(|_| BallastError::Overflow)?;
        let quote = quote.checked_sub(fee).ok_or(BallastError::Overflow)?;
        let position = self.account.position_mut(&market.terms).coded()?;
        let before_lots = position.base_lots;
        position.change(lots, quote).coded()?;
        let after_lots = position.base_lots;
        market.move_open_interest(before_lots, after_lots).coded()?;
        let order = self
            .account
            .order_mut(order_id)
            .ok_or(BallastError::OrderNotFound)?;
        order.lots -= lots.unsigned_abs();
        if order.lots == 0 {
            *order = Order::default();
        }
        Ok(())
    }

    /// Initial margin after the fill, or, for a fill that only reduces, no more risk than before.
    fn check_margin(&self, view: &View, report: &mut Report) -> Result<()> {
        let strict = view.assess(self.account, Purpose::AddRisk, report);
        if strict.is_ok() && report.health_initial() >= 0 {
            return Ok(());
        }
        let Some(before) = self.before else {
            strict.coded()?;
            return Err(self.refusal.into());
        };
        view.assess(self.account, Purpose::ReduceRisk, report)
            .coded()?;
        if report.risk_mark().is_no_riskier_than(&before) {
            Ok(())
        } else {
            Err(self.refusal.into())
        }
    }
}

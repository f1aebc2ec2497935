//! Ballast: cross-margin clearing on Solana.
//!
//! One margin account holds deposits, loans and positions, and one portfolio risk number decides what it may do. Nobody
//! holds users' funds but this program. The architecture and the models are in `docs/`; account layouts and health are in
//! `ballast-state`, the mathematics in `ballast-risk`.
//!
//! Every instruction is one file under [`instructions`], grouped by who calls it: its accounts with their checks, and a
//! `handle` that reads in one order: load and validate, compute, write, health, event; tokens move last.
// Anchor's derive macros expand to code that these lints would blame on us.
#![allow(clippy::result_large_err, clippy::diverging_sub_expression)]
// Events and arguments, which reach the IDL, switch it on again.
#![allow(missing_docs, reason = "Anchor's macros generate undocumented items")]

pub mod error;
pub mod events;
pub mod instructions;
pub mod oracle;

use anchor_lang::prelude::*;
pub use ballast_state as state;
use events::Terms;
use instructions::*;

declare_id!("GXDMg1wQgWB3U92DXiQ5NeDGWMm5gDnKkHxZ4ZG1e6pP");

// `ballast-state` derives addresses without this crate, so both must mean the same program.
const _: () = {
    let (here, there) = (ID.to_bytes(), ballast_state::ID.to_bytes());
    let mut i = 0;
    while i < 32 {
        assert!(here[i] == there[i]);
        i += 1;
    }
};

// Whom to tell about a weakness, readable in the program's bytes. Not in what is built to be part of other programs.
#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Ballast",
    project_url: "private",
    contacts: "other:private report through the security advisories of the repository",
    policy: "SECURITY.md of the repository",
    preferred_languages: "en",
    source_release: env!("CARGO_PKG_VERSION"),
    auditors: "none"
}

#[program]
pub mod ballast {
    use super::*;

    /// Admin: creates an exchange from two empty accounts the program owns, and its insurance fund.
    pub fn init_exchange(ctx: Context<InitExchange>, args: InitExchangeArgs) -> Result<()> {
        InitExchange::handle(ctx, args)
    }

    /// Admin: lists a token for deposits and loans. The first one is the quote asset.
    pub fn add_asset(ctx: Context<AddAsset>, args: AssetArgs) -> Result<()> {
        AddAsset::handle(ctx, args)
    }

    /// Admin: lists an underlying for derivatives, with its correlations to the ones before it.
    pub fn add_underlying(ctx: Context<AddUnderlying>, args: UnderlyingArgs) -> Result<()> {
        AddUnderlying::handle(ctx, args)
    }

    /// Admin: opens a market.
    pub fn add_market(ctx: Context<AddMarket>, args: MarketArgs) -> Result<()> {
        AddMarket::handle(ctx, args)
    }

    /// Risk authority: changes the parameters of the whole exchange.
    pub fn update_exchange(
        ctx: Context<UpdateExchange>,
        parameters: ExchangeParameters,
    ) -> Result<()> {
        UpdateExchange::handle(ctx, parameters)
    }

    /// Risk authority: changes the parameters of an asset and its bank.
    pub fn update_asset(ctx: Context<UpdateAsset>, parameters: AssetParameters) -> Result<()> {
        UpdateAsset::handle(ctx, parameters)
    }

    /// Risk authority: changes the parameters of an underlying.
    pub fn update_underlying(
        ctx: Context<UpdateUnderlying>,
        index: u8,
        parameters: UnderlyingParameters,
    ) -> Result<()> {
        UpdateUnderlying::handle(ctx, index, parameters)
    }

    /// Risk authority: changes the correlation of two underlyings.
    pub fn set_correlation(
        ctx: Context<UpdateUnderlying>,
        first: u8,
        second: u8,
        correlation: CorrelationArgs,
    ) -> Result<()> {
        UpdateUnderlying::set_correlation(ctx, first, second, correlation)
    }

    /// Risk authority: changes when a feed's price may be trusted.
    pub fn update_feed(
        ctx: Context<UpdateFeed>,
        index: u8,
        parameters: FeedParameters,
    ) -> Result<()> {
        UpdateFeed::handle(ctx, index, parameters)
    }

    /// Risk authority: changes how a market trades.
    pub fn update_market(ctx: Context<UpdateMarket>, parameters: MarketParameters) -> Result<()> {
        UpdateMarket::handle(ctx, parameters)
    }

    /// Admin or guardian: pauses instructions for a bounded time.
    pub fn set_pause(ctx: Context<SetPause>, instructions: u64, seconds: u64) -> Result<()> {
        SetPause::handle(ctx, instructions, seconds)
    }

    /// Admin: proposes a new admin, risk authority or guardian.
    pub fn propose_authority(
        ctx: Context<ProposeAuthority>,
        role: Role,
        proposed: Pubkey,
    ) -> Result<()> {
        ProposeAuthority::handle(ctx, role, proposed)
    }

    /// The proposed one: takes the authority over.
    pub fn accept_authority(ctx: Context<AcceptAuthority>, role: Role) -> Result<()> {
        AcceptAuthority::handle(ctx, role)
    }

    /// Admin: takes the exchange's part of interest and origination fees; `u64::MAX` takes all.
    pub fn withdraw_fees(ctx: Context<WithdrawFees>, amount: u64) -> Result<()> {
        WithdrawFees::handle(ctx, amount)
    }

    /// Admin: takes a deposit out of the insurance fund, above its floor.
    pub fn withdraw_insurance(ctx: Context<WithdrawInsurance>, amount: u64) -> Result<()> {
        WithdrawInsurance::handle(ctx, amount)
    }

    /// Anyone: brings an asset's interest up to now.
    pub fn accrue_interest(ctx: Context<AccrueInterest>) -> Result<()> {
        AccrueInterest::handle(ctx)
    }

    /// Anyone: writes the prices of any number of Pyth accounts (the remaining accounts) to the board.
    pub fn refresh_prices<'info>(ctx: Context<'info, RefreshPrices<'info>>) -> Result<()> {
        RefreshPrices::handle(ctx)
    }

    /// Anyone: opens an option series on the grid of expiries and strikes, and pays its rent.
    pub fn list_series(ctx: Context<ListSeries>, terms: Terms) -> Result<()> {
        ListSeries::handle(ctx, terms)
    }

    /// Surface authority: posts an underlying's volatility surface.
    pub fn post_surface(ctx: Context<PostSurface>, args: SurfaceArgs) -> Result<()> {
        PostSurface::handle(ctx, args)
    }

    /// Anyone: sets a perpetual's funding rate from its average premium.
    pub fn update_funding(ctx: Context<UpdateFunding>) -> Result<()> {
        UpdateFunding::handle(ctx)
    }

    /// Anyone: removes an order that has lapsed or that its account cannot afford.
    pub fn prune_order(ctx: Context<PruneOrder>, order_id: u64) -> Result<()> {
        PruneOrder::handle(ctx, order_id)
    }

    /// Anyone: gives an expired market its settlement price.
    pub fn finalize_settlement(ctx: Context<FinalizeSettlement>) -> Result<()> {
        FinalizeSettlement::handle(ctx)
    }

    /// Anyone: turns an account's lots of a settled market into quote.
    pub fn settle_position(ctx: Context<SettlePosition>) -> Result<()> {
        SettlePosition::handle(ctx)
    }

    /// Anyone: moves a market's trading fees to the quote asset's bank.
    pub fn collect_fees(ctx: Context<CollectFees>) -> Result<()> {
        CollectFees::handle(ctx)
    }

    /// Anyone: closes a settled market in which nothing is left; the rent goes back to who paid it.
    pub fn close_market(ctx: Context<CloseMarket>) -> Result<()> {
        CloseMarket::handle(ctx)
    }

    /// Anyone: moves an account's profit or loss in one market into cash.
    pub fn settle_pnl(ctx: Context<SettlePnl>) -> Result<()> {
        SettlePnl::handle(ctx)
    }

    /// Owner: opens a margin account.
    pub fn open_account(ctx: Context<OpenAccount>, sub_account: u16) -> Result<()> {
        OpenAccount::handle(ctx, sub_account)
    }

    /// Owner: closes an empty margin account; the rent goes back.
    pub fn close_account(ctx: Context<CloseAccount>) -> Result<()> {
        CloseAccount::handle(ctx)
    }

    /// Owner or delegate: deposits tokens, repaying a loan first. Into the insurance fund: anyone.
    pub fn deposit(ctx: Context<Deposit>, amount: u64) -> Result<()> {
        Deposit::handle(ctx, amount)
    }

    /// Owner: withdraws tokens; `u64::MAX` withdraws the whole deposit. Borrows the missing part if that is allowed.
    pub fn withdraw(ctx: Context<Withdraw>, amount: u64, allow_borrow: bool) -> Result<()> {
        Withdraw::handle(ctx, amount, allow_borrow)
    }

    /// Owner: moves a deposit to another of his accounts; `u64::MAX` moves all of it.
    pub fn transfer(ctx: Context<Transfer>, amount: u64) -> Result<()> {
        Transfer::handle(ctx, amount)
    }

    /// Owner: lets another key deposit and trade, never withdraw; the default key takes that back.
    pub fn set_delegate(ctx: Context<SetDelegate>, delegate: Pubkey) -> Result<()> {
        SetDelegate::handle(ctx, delegate)
    }

    /// Owner or delegate: rests an order in the margin account.
    pub fn place_order(ctx: Context<PlaceOrder>, args: OrderArgs) -> Result<()> {
        PlaceOrder::handle(ctx, args)
    }

    /// Owner or delegate: takes a resting order back.
    pub fn cancel_order(ctx: Context<CancelOrder>, order_id: u64) -> Result<()> {
        CancelOrder::handle(ctx, order_id)
    }

    /// Owner or delegate: takes back all resting orders, or those of a market or with a number of his own.
    pub fn cancel_all(ctx: Context<CancelAll>, filter: OrderFilter) -> Result<()> {
        CancelAll::handle(ctx, filter)
    }

    /// Owner or delegate: trades with makers' resting orders (the remaining accounts, with the orders' numbers); what is left rests or lapses.
    pub fn place_and_fill<'info>(
        ctx: Context<'info, PlaceAndFill<'info>>,
        args: OrderArgs,
        maker_orders: Vec<u64>,
    ) -> Result<()> {
        PlaceAndFill::handle(ctx, args, maker_orders)
    }

    /// Anyone: fills two crossing resting orders at the older one's price, for a share of the fees.
    pub fn fill_order(ctx: Context<FillOrder>, args: FillArgs) -> Result<()> {
        FillOrder::handle(ctx, args)
    }

    /// Anyone: flags an account below maintenance margin and cancels its orders; its auction begins.
    pub fn start_liquidation(ctx: Context<StartLiquidation>) -> Result<()> {
        StartLiquidation::handle(ctx)
    }

    /// Anyone with a margin account: takes a fraction of a flagged account's whole portfolio at the auction's price. The
    /// remaining accounts are the banks and markets in which the liquidator's own holdings are netted.
    pub fn liquidate<'info>(
        ctx: Context<'info, Liquidate<'info>>,
        args: LiquidateArgs,
    ) -> Result<()> {
        Liquidate::handle(ctx, args)
    }

    /// Anyone, when the insurance fund is empty: closes an insolvent account's lots against a counterparty's profit.
    pub fn auto_deleverage(ctx: Context<AutoDeleverage>, lots_max: u64) -> Result<()> {
        AutoDeleverage::handle(ctx, lots_max)
    }

    /// Anyone, after that: writes an insolvent account's debt off at the cost of the asset's depositors, within bounds.
    pub fn resolve_bankruptcy(ctx: Context<ResolveBankruptcy>) -> Result<()> {
        ResolveBankruptcy::handle(ctx)
    }
}

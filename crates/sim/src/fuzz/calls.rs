//! Every instruction by its discriminator.

use anchor_lang::Discriminator;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::instruction;

macro_rules! calls {
    ($($name:literal $type:ident,)*) => {
        /// Every instruction of the program: its name and the first bytes of its data.
        pub const CALLS: &[(&str, &[u8])] = &[$(($name, instruction::$type::DISCRIMINATOR)),*];
    };
}

calls! {
    "init_exchange" InitExchange,
    "add_asset" AddAsset,
    "add_underlying" AddUnderlying,
    "add_market" AddMarket,
    "update_exchange" UpdateExchange,
    "update_asset" UpdateAsset,
    "update_underlying" UpdateUnderlying,
    "set_correlation" SetCorrelation,
    "update_feed" UpdateFeed,
    "update_market" UpdateMarket,
    "set_pause" SetPause,
    "propose_authority" ProposeAuthority,
    "accept_authority" AcceptAuthority,
    "withdraw_fees" WithdrawFees,
    "withdraw_insurance" WithdrawInsurance,
    "accrue_interest" AccrueInterest,
    "refresh_prices" RefreshPrices,
    "list_series" ListSeries,
    "post_surface" PostSurface,
    "update_funding" UpdateFunding,
    "prune_order" PruneOrder,
    "finalize_settlement" FinalizeSettlement,
    "settle_position" SettlePosition,
    "collect_fees" CollectFees,
    "close_market" CloseMarket,
    "settle_pnl" SettlePnl,
    "open_account" OpenAccount,
    "close_account" CloseAccount,
    "deposit" Deposit,
    "withdraw" Withdraw,
    "transfer" Transfer,
    "set_delegate" SetDelegate,
    "place_order" PlaceOrder,
    "cancel_order" CancelOrder,
    "cancel_all" CancelAll,
    "place_and_fill" PlaceAndFill,
    "fill_order" FillOrder,
    "start_liquidation" StartLiquidation,
    "liquidate" Liquidate,
    "auto_deleverage" AutoDeleverage,
    "resolve_bankruptcy" ResolveBankruptcy,
}

/// The name of an instruction of Ballast; `None` for another program's, and for data that is none of Ballast's.
pub fn name(instruction: &Instruction) -> Option<&'static str> {
    let own = instruction.program_id == ballast::ID;
    let known = CALLS.iter();
    known
        .filter(|_| own)
        .find(|(_, discriminator)| instruction.data.starts_with(discriminator))
        .map(|(name, _)| *name)
}

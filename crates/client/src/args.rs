//! The arguments of the instructions, as the program defines them.

pub use ballast::instructions::{
    AssetArgs, AssetParameters, CorrelationArgs, ExchangeParameters, FeeArgs, FeedArgs, FeedChoice,
    FeedParameters, FillArgs, FundingParameters, InitExchangeArgs, LiquidateArgs, LiquidationArgs,
    MAKERS_MAX, MarginArgs, MarketArgs, MarketParameters, OptionParameters, OrderArgs, OrderFilter,
    OrderType, PAUSE_GAP_S, PAUSE_MAX_S, Role, SurfaceArgs, SurfaceParameters, UnderlyingArgs,
    UnderlyingParameters,
};

//! Reference parameters: how a venue's exchange, assets, underlyings and markets are listed.

use super::{PriceSource, Venue};
use anchor_lang::prelude::Pubkey;
use ballast::events::Terms;
use ballast_client::args::{
    AssetArgs, AssetParameters, CorrelationArgs, ExchangeParameters, FeeArgs, FeedArgs, FeedChoice,
    FeedParameters, FundingParameters, InitExchangeArgs, LiquidationArgs, MarginArgs, MarketArgs,
    MarketParameters, OptionParameters, SurfaceParameters, UnderlyingArgs, UnderlyingParameters,
};
use ballast_client::state::NONE;
use ballast_client::units::{native, q32, ticker};
use solana_signer::Signer;

impl Venue {
    /// Reference parameters of the whole exchange.
    pub fn exchange_args(authority: &Pubkey) -> InitExchangeArgs {
        let fees = FeeArgs {
            maker_q32: q32(0.0002),
            taker_q32: q32(0.0005),
            filler_share_q32: q32(0.2),
            premium_cap_q32: q32(0.1),
        };
        InitExchangeArgs {
            risk_authority: *authority,
            guardian: *authority,
            parameters: ExchangeParameters {
                margin: MarginArgs {
                    initial_factor_q32: q32(1.25),
                    max_offset_q32: q32(0.6),
                    depeg_multiplier_q32: q32(5.0),
                    wide_confidence_multiplier_q32: q32(2.0),
                },
                liquidation: LiquidationArgs {
                    discount_start_q32: q32(0.01),
                    discount_first_q32: q32(0.15),
                    first_s: 900,
                    zero_s: 7_200,
                    premium_full_s: 10_800,
                    premium_q32: q32(0.05),
                    buffer_q32: q32(0.5),
                    insurance_share_q32: q32(0.25),
                    dust_value: native(100.0, 6),
                    observation_gap_max_s: 120,
                    insurance_floor: 0,
                    loss_maximum_q32: q32(0.05),
                },
                fees: [fees; 4],
            },
        }
    }

    /// How the venue's `index`th token is listed as an underlying.
    pub fn underlying_args(&self, index: usize) -> UnderlyingArgs {
        let spec = &self.config.assets[index];
        let bps = |correlation: f64| (correlation * 1e4).round() as i16;
        let pair = CorrelationArgs {
            low_bps: bps(self.config.correlation.0),
            high_bps: bps(self.config.correlation.1),
        };
        UnderlyingArgs {
            name: ticker(spec.name),
            feed: FeedChoice::New(self.feed_args(index)),
            decimals: spec.decimals,
            lot_size: spec.lot_size,
            initial_volatility_q32: q32(spec.volatility),
            parameters: UnderlyingParameters {
                // Three standard deviations over one day: 3·√(1/365).
                range_volatility_multiplier_q32: q32(0.157),
                range_minimum_q32: q32(spec.range.0),
                range_maximum_q32: q32(spec.range.1),
                range_confidence_multiplier_q32: q32(2.0),
                volatility_half_life_s: 4 * 3_600,
                volatility_interval_s: 60,
                size_lambda_q32: q32(self.config.size_lambda),
                size_depth: native(spec.depth, 6),
                size_cap_q32: q32(0.1),
                unsettled_profit_cap: native(100_000.0, 6),
                price_band_q32: q32(0.1),
                funding: FundingParameters {
                    period_s: 8 * 3_600,
                    interval_s: 3_600,
                    maximum_q32: q32(0.0075),
                    impact_value: native(10_000.0, 6),
                },
                options: OptionParameters {
                    strike_step: self.price_per_lot(index, spec.strike_step),
                    strike_span_q32: q32(4.0),
                    tick_size: spec.tick_size,
                    open_interest_cap_lots: 1 << 40,
                    price_band_q32: q32(0.03),
                    short_minimum_q32: q32(0.01),
                    long_discount_q32: q32(0.1),
                    shock_up_q32: q32(0.4),
                    shock_down_q32: q32(0.3),
                    shock_exponents_q32: [q32(0.3), q32(0.13)],
                },
                surface: SurfaceParameters {
                    authority: self.admin.pubkey(),
                    floor_q32: q32(0.1),
                    cap_q32: q32(4.0),
                    step_q32: q32(0.2),
                    interval_s: 60,
                    max_age_s: 3_600,
                    distance_q32: q32(5.0),
                    day_q32: q32(0.2),
                    carry_maximum_q32: q32(0.5),
                    stale_multiplier_q32: q32(1.2),
                },
            },
            correlations: vec![pair; index - 1],
        }
    }

    /// How the venue's `index`th token is listed as an asset; `feed` is its feed's index when that exists.
    pub fn asset_args(&self, index: usize, feed: FeedChoice) -> AssetArgs {
        let spec = &self.config.assets[index];
        let is_quote = index == 0;
        let loan = |haircut: f64| if is_quote { 0 } else { q32(haircut) };
        AssetArgs {
            feed,
            underlying: if is_quote { NONE } else { index as u8 - 1 },
            parameters: AssetParameters {
                deposit_haircut_maintenance_q32: q32(spec.haircuts.0),
                deposit_haircut_initial_q32: q32(spec.haircuts.1),
                loan_haircut_maintenance_q32: loan(0.02),
                loan_haircut_initial_q32: loan(0.05),
                haircut_range_multiplier_q32: loan(0.25),
                haircut_size_start: 0,
                // docs/interest.md says why.
                interest_kinks_q32: if is_quote {
                    [q32(0.8), q32(0.92)]
                } else {
                    [q32(0.7), q32(0.9)]
                },
                interest_rates_q32: match (self.config.interest, is_quote) {
                    (false, _) => [0; 4],
                    (true, true) => [0, q32(0.05), q32(0.12), q32(0.6)],
                    (true, false) => [0, q32(0.06), q32(0.2), q32(1.5)],
                },
                interest_fee_share_q32: q32(0.1),
                interest_insurance_share_q32: q32(0.05),
                origination_fee_q32: 0,
                deposit_cap: native(1e9, spec.decimals.min(9)),
                borrow_cap: native(1e8, spec.decimals.min(9)),
                outflow_limit: 0,
                outflow_window_s: 86_400,
                mode: 0,
            },
        }
    }

    /// How the `index`th token's price feed is defined.
    pub fn feed_args(&self, index: usize) -> FeedArgs {
        let spec = &self.config.assets[index];
        let id = self.feed_id(index);
        FeedArgs {
            name: ticker(&format!("{}/USD", spec.name)),
            kind: match spec.source {
                PriceSource::Pull => 1,
                PriceSource::Push => 2,
            },
            id: match spec.source {
                PriceSource::Pull => id,
                PriceSource::Push => self.price_account(index).to_bytes(),
            },
            parameters: FeedParameters {
                max_age_s: self.config.price_max_age_s,
                max_confidence_q32: q32(0.02),
                max_divergence_q32: q32(0.02),
                slow_price_half_life_s: 3_600,
                compare_with: NONE,
            },
        }
    }

    /// The perpetual's listing.
    pub fn market_args(&self, index: usize) -> MarketArgs {
        MarketArgs {
            terms: Terms::from(Self::perpetual(index)),
            parameters: MarketParameters {
                tick_size: self.config.assets[index].tick_size,
                order_minimum_lots: 1,
                open_interest_cap_lots: 1 << 40,
                status: 0,
            },
        }
    }
}

//! The exchange and its board.

use ballast_risk::interest::utilisation_q32;
use ballast_risk::time::YEAR_S;
use ballast_state::health::View;
use ballast_state::{
    Asset, AssetMode, Bank, Exchange, FeeRates, Feed, FeedKind, NONE, Pausable, StateError,
    Underlying, Validity, ledger,
};
use fixed::types::I80F48;

use crate::wire::{Integer, Seconds};

answer! {
    /// Everything about an exchange and its board.
    pub struct Venue {
        /// Address of the board.
        pub board: String,
        /// Address of the insurance fund, a margin account.
        pub insurance_fund: String,
        /// Initial margin over maintenance margin.
        pub initial_factor_q32: Integer,
        /// Largest part of the sum of directional losses that offsets across underlyings may take away.
        pub offset_max_q32: Integer,
        /// Factor on margin per unit that the quote asset's price lies below 0.99.
        pub depeg_multiplier_q32: Integer,
        /// Parameters of liquidation.
        pub liquidation: LiquidationFigures,
        /// Instructions that are paused now.
        pub paused: Vec<Instruction>,
        /// When the pause ends by itself, if anything is paused now.
        pub pause_ends_at: Option<Seconds>,
        /// Fees per kind of market.
        pub fees: Fees,
        /// Price feeds, by index.
        pub feeds: Vec<FeedFigures>,
        /// Assets, by index; the first is the quote asset.
        pub assets: Vec<AssetFigures>,
        /// Underlyings, by index.
        pub underlyings: Vec<VenueUnderlying>,
        /// Correlations of pairs of underlyings.
        pub correlations: Vec<CorrelationFigures>,
    }

    /// Parameters of liquidation.
    pub struct LiquidationFigures {
        /// Where between maintenance and initial margin an account leaves liquidation.
        pub buffer_q32: Integer,
        /// Discount when the auction starts.
        pub discount_start_q32: Integer,
        /// Discount at `first`.
        pub discount_first_q32: Integer,
        /// First stretch of the auction.
        pub first: Seconds,
        /// When the price of a solvent account reaches 0.
        pub zero: Seconds,
        /// When the insurance fund's premium is full.
        pub premium_full: Seconds,
        /// The largest such premium as a part of the maintenance margin.
        pub premium_q32: Integer,
        /// Share of the discount that goes to the insurance fund.
        pub insurance_share_q32: Integer,
        /// Accounts whose gross value is below this are taken whole, quote units.
        pub dust_value: Integer,
    }

    /// Instructions that can be paused.
    pub enum Instruction {
        /// `deposit`.
        Deposit,
        /// `withdraw`.
        Withdraw,
        /// `transfer`.
        Transfer,
        /// `place_order`.
        PlaceOrder,
        /// `fill_order`.
        FillOrder,
        /// `settle_pnl`.
        SettlePnl,
        /// `start_liquidation`.
        StartLiquidation,
        /// `liquidate`.
        Liquidate,
        /// `refresh_prices`.
        RefreshPrices,
        /// `accrue_interest`.
        AccrueInterest,
        /// `open_account`.
        OpenAccount,
        /// `place_and_fill`.
        PlaceAndFill,
        /// `prune_order`.
        PruneOrder,
        /// `update_funding`.
        UpdateFunding,
        /// `post_surface`.
        PostSurface,
        /// `list_series`.
        ListSeries,
        /// `finalize_settlement`.
        FinalizeSettlement,
        /// `settle_position`.
        SettlePosition,
        /// `auto_deleverage`.
        AutoDeleverage,
        /// `resolve_bankruptcy`.
        ResolveBankruptcy,
    }

    /// Trading fees by kind of market.
    pub struct Fees {
        /// Of perpetuals.
        pub perpetual: FeeFigures,
        /// Of futures.
        pub future: FeeFigures,
        /// Of calls.
        pub call: FeeFigures,
        /// Of puts.
        pub put: FeeFigures,
    }

    /// Trading fees of one kind of market: fractions of the traded value, for options of the underlying's value.
    pub struct FeeFigures {
        /// Paid by the older order.
        pub maker_q32: Integer,
        /// Paid by the younger order.
        pub taker_q32: Integer,
        /// Share of both fees that goes to whoever submits the fill.
        pub filler_share_q32: Integer,
        /// Options: largest fee as a share of the premium.
        pub premium_cap_q32: Integer,
    }

    /// How far a price may be trusted.
    pub enum PriceValidity {
        /// Recent, certain, in agreement with its second source.
        Fresh,
        /// Recent, but uncertain.
        Wide,
        /// Too old, or apart from its second source.
        Stale,
        /// Never written.
        Never,
    }

    /// Where a feed's prices come from.
    #[serde(tag = "kind", rename_all_fields = "camelCase")]
    pub enum FeedSource {
        /// A `PriceUpdateV2` account of the Pyth receiver program with this feed id, any.
        PythPull {
            /// The feed id, 64 hexadecimal digits.
            feed_id: String,
        },
        /// The legacy price account of the Pyth oracle program at this address.
        PythPush {
            /// Its address.
            address: String,
        },
        /// A source that this engine does not know.
        Unknown,
    }

    /// A price feed. Prices are quote units per whole token or unit of the underlying, Q32.
    pub struct FeedFigures {
        /// Its index.
        pub index: u8,
        /// Name such as `SOL/USD`.
        pub name: String,
        /// Where its prices come from.
        pub source: FeedSource,
        /// Decimals of the token or base unit.
        pub decimals: u8,
        /// The feed compared with.
        pub compare_with: Option<u8>,
        /// Oldest price that counts as fresh.
        pub age_max: Seconds,
        /// Largest confidence interval over price that counts as certain.
        pub confidence_max_q32: Integer,
        /// Largest distance to the feed compared with.
        pub divergence_max_q32: Integer,
        /// When the price was published; nothing before the first.
        pub publish_time: Option<Seconds>,
        /// How long ago that was.
        pub age: Option<Seconds>,
        /// How far it may be trusted now.
        pub validity: PriceValidity,
        /// Whether it is apart from its second source.
        pub divergent: bool,
        /// The price.
        pub price_q32: Integer,
        /// Its confidence interval.
        pub confidence_q32: Integer,
        /// The slow price.
        pub slow_q32: Integer,
        /// Slot in which the board took it.
        pub updated_slot: Integer,
    }

    /// What may be done with an asset.
    pub enum Mode {
        /// Everything.
        Active,
        /// Deposits only repay, and nothing more is lent.
        ReduceOnly,
        /// Likewise, and deposits do not count for initial margin.
        Closing,
    }

    /// A token that can be deposited and borrowed.
    pub struct AssetFigures {
        /// Its index.
        pub index: u8,
        /// Its mint.
        pub mint: String,
        /// Its decimals.
        pub decimals: u8,
        /// What may be done with it.
        pub mode: Mode,
        /// Its price feed.
        pub feed: u8,
        /// The underlying whose scenarios it takes part in.
        pub underlying: Option<u8>,
        /// Price of a whole token, quote units; of the quote asset 1.
        pub price_q32: Integer,
        /// All deposits when interest was last accrued, native units.
        pub deposits_total: Integer,
        /// All loans at that time, native units.
        pub loans_total: Integer,
        /// When interest was last accrued.
        pub accrued_at: Seconds,
        /// Loans over deposits.
        pub utilisation_q32: Integer,
        /// Yearly rate that deposits earn now.
        pub deposit_rate_q32: Integer,
        /// Yearly rate that loans pay now.
        pub borrow_rate_q32: Integer,
        /// Utilisations at which the interest curve bends.
        pub interest_kinks_q32: Vec<Integer>,
        /// Yearly rates at utilisation 0, at the kinks and at 100%.
        pub interest_rates_q32: Vec<Integer>,
        /// Share of interest that lenders do not get.
        pub interest_fee_q32: Integer,
        /// Fee on new loans.
        pub origination_fee_q32: Integer,
        /// Haircut on deposits for maintenance.
        pub deposit_haircut_maintenance_q32: Integer,
        /// Haircut on deposits for initial margin, now: its base and the part that follows the scan range.
        pub deposit_haircut_initial_q32: Integer,
        /// Haircut on top of loans for maintenance.
        pub loan_haircut_maintenance_q32: Integer,
        /// Haircut on top of loans for initial margin, now.
        pub loan_haircut_initial_q32: Integer,
        /// Worth of all deposits from which on the haircut grows, quote units; nothing for no limit.
        pub haircut_size_start: Option<Integer>,
        /// Native units per deposit share.
        pub deposit_index_q32: Integer,
        /// Native units per loan share.
        pub borrow_index_q32: Integer,
        /// What its bank says, while that is loaded.
        pub bank: Option<BankFigures>,
    }

    /// A bank, native units. Totals are at the indexes of the board.
    pub struct BankFigures {
        /// All deposits.
        pub deposits: Integer,
        /// All loans.
        pub loans: Integer,
        /// Largest sum of deposits.
        pub deposit_cap: Integer,
        /// Largest sum of loans.
        pub borrow_cap: Integer,
        /// Largest net outflow at once; nothing for no limit.
        pub outflow_limit: Option<Integer>,
        /// What may leave now by that limit.
        pub outflow_left: Option<Integer>,
        /// In which time the whole limit comes back.
        pub outflow_window: Seconds,
    }

    /// What perpetuals, futures and options are written on. Prices and marks are quote units per lot.
    pub struct VenueUnderlying {
        /// Its index.
        pub index: u8,
        /// Its ticker.
        pub name: String,
        /// Its price feed.
        pub feed: u8,
        /// Decimals of its base unit.
        pub decimals: u8,
        /// Base units in a lot.
        pub lot_size: Integer,
        /// Mark of a lot; nothing before the first price.
        pub mark_q32: Option<Integer>,
        /// Scan range.
        pub range_q32: Integer,
        /// Realised volatility.
        pub realised_volatility_q32: Integer,
        /// The volatility surface.
        pub surface: SurfaceFigures,
        /// Yearly carry of the forward.
        pub carry_q32: Integer,
        /// Funding of the perpetual.
        pub funding: FundingFigures,
        /// How far an order's price may lie from the mark.
        pub price_band_q32: Integer,
        /// How far an option's price may lie from its mark beyond that, as a part of the underlying's mark.
        pub option_price_band_q32: Integer,
        /// Strikes are multiples of this.
        pub strike_step: Integer,
        /// Strikes of a new series lie between the mark divided and multiplied by this.
        pub strike_span_q32: Integer,
        /// Tick of option series.
        pub option_tick_size: Integer,
        /// Largest open interest of an option series that anyone lists, lots.
        pub option_open_interest_cap: Integer,
        /// Minimum margin of a net short option as a part of the mark.
        pub short_option_minimum_q32: Integer,
        /// Discount on long options for initial margin.
        pub long_option_discount_q32: Integer,
        /// Relative rise of implied volatility in scenarios, at 30 days.
        pub volatility_shock_up_q32: Integer,
        /// Relative fall of implied volatility in scenarios, at 30 days.
        pub volatility_shock_down_q32: Integer,
        /// Largest unsettled profit of one account that counts for initial margin, quote units.
        pub unsettled_profit_cap: Integer,
        /// Depth of the market for the size contingency, quote units.
        pub size_depth: Integer,
    }

    /// A volatility surface.
    pub struct SurfaceFigures {
        /// Volatility at the money by tenor.
        pub at_the_money: Vec<TenorFigures>,
        /// Skew coefficient.
        pub skew_q32: Integer,
        /// Smile coefficient.
        pub smile_q32: Integer,
        /// Lowest volatility.
        pub floor_q32: Integer,
        /// Highest volatility.
        pub cap_q32: Integer,
        /// When it was posted; nothing before the first.
        pub posted_at: Option<Seconds>,
        /// How long ago that was.
        pub age: Option<Seconds>,
        /// Whether it is too old to open options on.
        pub stale: bool,
    }

    /// Volatility at the money of one tenor.
    pub struct TenorFigures {
        /// The tenor.
        pub days: u16,
        /// Its volatility.
        pub volatility_q32: Integer,
    }

    /// Funding of a perpetual. Positive rates are paid by the long side.
    pub struct FundingFigures {
        /// Time in which the rate is paid once.
        pub period: Seconds,
        /// The rate per period as a part of the mark; 0 once it no longer stands.
        pub rate_q32: Integer,
        /// The same for a year.
        pub yearly_rate_q32: Integer,
        /// Largest rate per period.
        pub maximum_q32: Integer,
        /// When the rate was last updated; nothing before the first time.
        pub updated_at: Option<Seconds>,
        /// Until when it stands.
        pub stands_until: Seconds,
    }

    /// Estimates of the correlation of two underlyings.
    pub struct CorrelationFigures {
        /// Indexes of the two.
        pub underlyings: [u8; 2],
        /// The low estimate, 1e-4.
        pub low_bps: i16,
        /// The high estimate, 1e-4.
        pub high_bps: i16,
    }
}

/// Days of the tenors of a surface.
const TENOR_DAYS: [u16; ballast_state::TENORS] = [1, 7, 30, 90, 180, 365];

/// The instructions by their bit.
const INSTRUCTIONS: [(Pausable, Instruction); 20] = [
    (Pausable::Deposit, Instruction::Deposit),
    (Pausable::Withdraw, Instruction::Withdraw),
    (Pausable::Transfer, Instruction::Transfer),
    (Pausable::PlaceOrder, Instruction::PlaceOrder),
    (Pausable::FillOrder, Instruction::FillOrder),
    (Pausable::SettlePnl, Instruction::SettlePnl),
    (Pausable::StartLiquidation, Instruction::StartLiquidation),
    (Pausable::Liquidate, Instruction::Liquidate),
    (Pausable::RefreshPrices, Instruction::RefreshPrices),
    (Pausable::AccrueInterest, Instruction::AccrueInterest),
    (Pausable::OpenAccount, Instruction::OpenAccount),
    (Pausable::PlaceAndFill, Instruction::PlaceAndFill),
    (Pausable::PruneOrder, Instruction::PruneOrder),
    (Pausable::UpdateFunding, Instruction::UpdateFunding),
    (Pausable::PostSurface, Instruction::PostSurface),
    (Pausable::ListSeries, Instruction::ListSeries),
    (
        Pausable::FinalizeSettlement,
        Instruction::FinalizeSettlement,
    ),
    (Pausable::SettlePosition, Instruction::SettlePosition),
    (Pausable::AutoDeleverage, Instruction::AutoDeleverage),
    (Pausable::ResolveBankruptcy, Instruction::ResolveBankruptcy),
];

pub(crate) fn validity_name(validity: Validity) -> PriceValidity {
    match validity {
        Validity::Fresh => PriceValidity::Fresh,
        Validity::Wide => PriceValidity::Wide,
        Validity::Stale => PriceValidity::Stale,
        Validity::NeverSet => PriceValidity::Never,
    }
}

/// Time since a moment; nothing for one that never was.
pub(crate) fn age(time: i64, now: i64) -> Option<Seconds> {
    (time > 0).then(|| Seconds(now.saturating_sub(time).max(0)))
}

fn moment(time: i64) -> Option<Seconds> {
    (time > 0).then_some(Seconds(time))
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).trim_end_matches('\0').into()
}

/// A price per native unit, of a whole token, Q32; saturating.
fn whole_q32(price: I80F48, decimals: u8) -> Integer {
    let unit = 10i128.saturating_pow(decimals.into());
    let bits = price.to_bits();
    let (whole, part) = (bits >> 48, bits & ((1 << 48) - 1));
    let whole = whole.saturating_mul(unit).saturating_mul(1 << 32);
    Integer(whole.saturating_add(part.saturating_mul(unit) >> 16))
}

/// Everything about the exchange and its board, with the banks that are loaded.
///
/// # Errors
/// [`StateError::UnknownIndex`] for a configuration that points outside its tables.
pub fn venue(view: &View, banks: &[Bank]) -> Result<Venue, StateError> {
    let exchange = view.exchange;
    let liquidation = &exchange.liquidation;
    let paused: Vec<_> = INSTRUCTIONS
        .into_iter()
        .filter(|(instruction, _)| exchange.is_paused(*instruction, view.now))
        .map(|(_, instruction)| instruction)
        .collect();
    let underlyings = 0..exchange.underlying_count;
    let pairs = underlyings
        .clone()
        .flat_map(|b| (0..b).map(move |a| [a, b]));
    Ok(Venue {
        board: exchange.board.to_string(),
        insurance_fund: exchange.insurance_fund.to_string(),
        initial_factor_q32: exchange.margin.initial_factor_q32.into(),
        offset_max_q32: exchange.margin.max_offset_q32.into(),
        depeg_multiplier_q32: exchange.margin.depeg_multiplier_q32.into(),
        liquidation: LiquidationFigures {
            buffer_q32: liquidation.buffer_q32.into(),
            discount_start_q32: liquidation.discount_start_q32.into(),
            discount_first_q32: liquidation.discount_first_q32.into(),
            first: liquidation.first_s.into(),
            zero: liquidation.zero_s.into(),
            premium_full: liquidation.premium_full_s.into(),
            premium_q32: liquidation.premium_q32.into(),
            insurance_share_q32: liquidation.insurance_share_q32.into(),
            dust_value: liquidation.dust_value.into(),
        },
        pause_ends_at: (!paused.is_empty()).then_some(Seconds(exchange.pause_ends_at)),
        paused,
        fees: {
            let [perpetual, future, call, put] = exchange.fees.map(FeeFigures::from);
            Fees {
                perpetual,
                future,
                call,
                put,
            }
        },
        feeds: (0..exchange.feed_count)
            .map(|index| feed(view, index))
            .collect::<Result<_, _>>()?,
        assets: (0..exchange.asset_count)
            .map(|index| {
                let bank = banks.iter().find(|bank| bank.asset == index);
                asset(view, index, bank)
            })
            .collect::<Result<_, _>>()?,
        underlyings: underlyings
            .map(|index| underlying(view, index))
            .collect::<Result<_, _>>()?,
        correlations: pairs.map(|pair| correlation(exchange, pair)).collect(),
    })
}

impl From<FeeRates> for FeeFigures {
    fn from(rates: FeeRates) -> Self {
        Self {
            maker_q32: rates.maker_q32.into(),
            taker_q32: rates.taker_q32.into(),
            filler_share_q32: rates.filler_share_q32.into(),
            premium_cap_q32: rates.premium_cap_q32.into(),
        }
    }
}

fn correlation(exchange: &Exchange, underlyings: [u8; 2]) -> CorrelationFigures {
    let pair = exchange.correlation(underlyings[0], underlyings[1]);
    CorrelationFigures {
        underlyings,
        low_bps: pair.low_bps,
        high_bps: pair.high_bps,
    }
}

fn source(feed: &Feed) -> FeedSource {
    match feed.kind() {
        Some(FeedKind::PythPull) => FeedSource::PythPull {
            feed_id: feed.id.iter().map(|byte| format!("{byte:02x}")).collect(),
        },
        Some(FeedKind::PythPush) => FeedSource::PythPush {
            address: ballast_state::Pubkey::from(feed.id).to_string(),
        },
        None => FeedSource::Unknown,
    }
}

fn feed(view: &View, index: u8) -> Result<FeedFigures, StateError> {
    let feed = view.exchange.feed(index)?;
    let entry = view.board.price(index)?;
    let whole = |price: I80F48| whole_q32(price, feed.unit_decimals);
    Ok(FeedFigures {
        index,
        name: text(&feed.name),
        source: source(feed),
        decimals: feed.unit_decimals,
        compare_with: (feed.compare_with != NONE).then_some(feed.compare_with),
        age_max: Seconds(feed.age_max_s()),
        confidence_max_q32: feed.max_confidence_q32.into(),
        divergence_max_q32: feed.max_divergence_q32.into(),
        publish_time: moment(entry.publish_time),
        age: age(entry.publish_time, view.now),
        validity: validity_name(entry.validity(feed, view.now)),
        divergent: entry.is_divergent(feed),
        price_q32: whole(entry.price.get()),
        confidence_q32: whole(entry.confidence.get()),
        slow_q32: whole(entry.slow.get()),
        updated_slot: entry.updated_slot.into(),
    })
}

fn mode(asset: &Asset) -> Mode {
    if asset.is_active() {
        Mode::Active
    } else if asset.mode == AssetMode::Closing as u8 {
        Mode::Closing
    } else {
        Mode::ReduceOnly
    }
}

fn asset(view: &View, index: u8, bank: Option<&Bank>) -> Result<AssetFigures, StateError> {
    let listed = view.exchange.asset(index)?;
    let indexes = view.board.indexes(index)?;
    let utilisation = utilisation_q32(indexes.loans_total, indexes.deposits_total);
    let curve = listed.interest_curve();
    let shares = listed.interest_shares();
    let price = match index {
        ballast_state::QUOTE_ASSET => I80F48::ONE,
        _ => view.board.price(listed.feed)?.price.get(),
    };
    let range_haircut = match listed.underlying {
        NONE => 0,
        underlying => {
            let range = i128::from(scan_range(view, underlying)?);
            let multiplier = i128::from(listed.haircut_range_multiplier_q32);
            (range * multiplier + i128::from(u32::MAX)) >> 32
        }
    };
    let initial = |base: u64| Integer(i128::from(base) + range_haircut);
    Ok(AssetFigures {
        index,
        mint: listed.mint.to_string(),
        decimals: listed.decimals,
        mode: mode(listed),
        feed: listed.feed,
        underlying: (listed.underlying != NONE).then_some(listed.underlying),
        price_q32: whole_q32(price, listed.decimals),
        deposits_total: indexes.deposits_total.into(),
        loans_total: indexes.loans_total.into(),
        accrued_at: Seconds(indexes.accrued_at),
        utilisation_q32: utilisation.into(),
        deposit_rate_q32: curve.deposit_rate_q32(utilisation, &shares)?.into(),
        borrow_rate_q32: curve.borrow_rate_q32(utilisation).into(),
        interest_kinks_q32: curve.kinks_q32.map(Integer::from).into(),
        interest_rates_q32: curve.rates_q32.map(Integer::from).into(),
        interest_fee_q32: Integer(i128::from(shares.fees_q32) + i128::from(shares.insurance_q32)),
        origination_fee_q32: listed.origination_fee_q32.into(),
        deposit_haircut_maintenance_q32: listed.deposit_haircut_maintenance_q32.into(),
        deposit_haircut_initial_q32: initial(listed.deposit_haircut_initial_q32),
        loan_haircut_maintenance_q32: listed.loan_haircut_maintenance_q32.into(),
        loan_haircut_initial_q32: initial(listed.loan_haircut_initial_q32),
        haircut_size_start: (listed.haircut_size_start != 0)
            .then(|| listed.haircut_size_start.into()),
        deposit_index_q32: Integer::q32(indexes.deposit.get()),
        borrow_index_q32: Integer::q32(indexes.borrow.get()),
        bank: bank.map(|bank| bank_figures(view, bank)).transpose()?,
    })
}

fn bank_figures(view: &View, bank: &Bank) -> Result<BankFigures, StateError> {
    let indexes = view.board.indexes(bank.asset)?;
    let limited = bank.outflow_limit != 0;
    Ok(BankFigures {
        deposits: ledger::deposits_total(bank, indexes)?.into(),
        loans: ledger::loans_total(bank, indexes)?.into(),
        deposit_cap: bank.deposit_cap.into(),
        borrow_cap: bank.borrow_cap.into(),
        outflow_limit: limited.then(|| bank.outflow_limit.into()),
        outflow_left: bank.outflow_left(view.now).map(Integer::from),
        outflow_window: bank.outflow_window_s.into(),
    })
}

fn scan_range(view: &View, underlying: u8) -> Result<u64, StateError> {
    let listed = view.exchange.underlying(underlying)?;
    let confidence = view.board.price(listed.feed)?.confidence_ratio_q32;
    let state = view.board.underlying(underlying)?;
    Ok(state.scan_range_q32(listed, confidence))
}

fn underlying(view: &View, index: u8) -> Result<VenueUnderlying, StateError> {
    let listed = view.exchange.underlying(index)?;
    let state = view.board.underlying(index)?;
    let mark = view.last_mark(index).ok();
    Ok(VenueUnderlying {
        index,
        name: text(&listed.name),
        feed: listed.feed,
        decimals: view.exchange.feed(listed.feed)?.unit_decimals,
        lot_size: listed.lot_size.into(),
        mark_q32: mark.map(Integer::q32),
        range_q32: scan_range(view, index)?.into(),
        realised_volatility_q32: state.volatility_q32.into(),
        surface: SurfaceFigures {
            at_the_money: TENOR_DAYS
                .into_iter()
                .zip(state.atm_volatility_q32)
                .map(|(days, volatility)| TenorFigures {
                    days,
                    volatility_q32: volatility.into(),
                })
                .collect(),
            skew_q32: state.skew_q32.into(),
            smile_q32: state.smile_q32.into(),
            floor_q32: listed.surface_floor_q32.into(),
            cap_q32: listed.surface_cap_q32.into(),
            posted_at: moment(state.surface_time),
            age: age(state.surface_time, view.now),
            stale: view.surface_is_stale(index)?,
        },
        carry_q32: state.carry_q32.into(),
        funding: funding(view, index, listed, mark),
        price_band_q32: listed.price_band_q32.into(),
        option_price_band_q32: listed.option_price_band_q32.into(),
        strike_step: listed.strike_step.into(),
        strike_span_q32: listed.strike_span_q32.into(),
        option_tick_size: listed.option_tick_size.into(),
        option_open_interest_cap: listed.option_open_interest_cap_lots.into(),
        short_option_minimum_q32: listed.short_option_minimum_q32.into(),
        long_option_discount_q32: listed.long_option_discount_q32.into(),
        volatility_shock_up_q32: listed.volatility_shock_up_q32.into(),
        volatility_shock_down_q32: listed.volatility_shock_down_q32.into(),
        unsettled_profit_cap: listed.unsettled_profit_cap.into(),
        size_depth: listed.size_depth.into(),
    })
}

fn funding(view: &View, index: u8, listed: &Underlying, mark: Option<I80F48>) -> FundingFigures {
    let state = &view.board.perpetuals[usize::from(index)];
    let stands = view.now < state.stands_until;
    let per_second = if stands {
        state.per_second.get()
    } else {
        I80F48::ZERO
    };
    let rate = |seconds: u64| {
        let paid = per_second.to_bits().checked_mul(seconds.into());
        let (paid, mark) = paid.zip(mark.filter(|mark| *mark > 0))?;
        Some(Integer(paid.checked_mul(1 << 32)? / mark.to_bits()))
    };
    FundingFigures {
        period: listed.funding_period_s.into(),
        rate_q32: rate(listed.funding_period_s).unwrap_or_default(),
        yearly_rate_q32: rate(YEAR_S).unwrap_or_default(),
        maximum_q32: listed.funding_maximum_q32.into(),
        updated_at: moment(state.updated_at),
        stands_until: Seconds(state.stands_until),
    }
}

//! Expired positions that become quote, and what of profits and losses may move into cash before and after that.

use crate::scene::{
    DAY_S, EXPIRY, LOT_SIZE, buy, cash, crank, dated, finalize, list, maker_fee, market,
    patch_underlying, pause, pnl, position, post, refused, settle_pnl, settle_position, taker_fee,
    units,
};
use crate::window::Window;
use anchor_lang::error::ErrorCode;
use ballast::error::BallastError;
use ballast_client::state::{MarketKind, MarketTerms, Pausable};
use ballast_sim::Venue;
use ballast_tests::{Code, SOL, Stage, with};
use solana_keypair::Keypair;

/// Two traders with a future, a call at 200 and a put at 210 on SOL, of the first expiry.
pub struct Traded {
    pub stage: Stage,
    pub long: Keypair,
    pub short: Keypair,
    pub future: MarketTerms,
    pub call: MarketTerms,
    pub put: MarketTerms,
    pub window: Window,
}

impl Traded {
    /// Nothing is traded yet; options may be opened for an hour.
    pub fn new() -> Self {
        let mut stage = Stage::steady();
        let (long, short) = (stage.trader(1, 50_000.0), stage.trader(2, 50_000.0));
        post(&mut stage, 0.8, 0.0);
        let future = dated(MarketKind::Future, EXPIRY, 0.0);
        let call = dated(MarketKind::Call, EXPIRY, 200.0);
        let put = dated(MarketKind::Put, EXPIRY, 210.0);
        for terms in [&future, &call, &put] {
            list(&mut stage, terms);
        }
        Self {
            stage,
            long,
            short,
            future,
            call,
            put,
            window: Window::default(),
        }
    }

    /// The long buys from the short, at a price in dollars.
    pub fn buy(&mut self, terms: &MarketTerms, lots: u64, dollars: f64) {
        let parties = (&self.long, &self.short);
        buy(&mut self.stage, parties, terms, lots, units(dollars));
    }

    /// The short buys back from the long.
    pub fn buy_back(&mut self, terms: &MarketTerms, lots: u64, dollars: f64) {
        let parties = (&self.short, &self.long);
        buy(&mut self.stage, parties, terms, lots, units(dollars));
    }

    /// The window passes at one price; returns the settlement price.
    pub fn expire_at(&mut self, dollars: f64) -> u64 {
        let stage = &mut self.stage;
        self.window
            .publish_every(stage, EXPIRY, (1_850, -50), 100, dollars);
        self.window.average(EXPIRY).0
    }

    pub fn owners(&self) -> [Keypair; 2] {
        [&self.long, &self.short].map(Keypair::insecure_clone)
    }
}

#[test]
fn lots_become_quote_at_their_payoff_exactly() {
    for (dollars, in_the_money) in [(187.31, [false, true]), (230.77, [true, false])] {
        let mut traded = Traded::new();
        let (future, call, put) = (traded.future, traded.call, traded.put);
        traded.buy(&future, 777, 201.0);
        traded.buy(&call, 1_313, 4.0);
        traded.buy(&put, 999, 11.0);
        let price = traded.expire_at(dollars);
        assert_eq!(price, units(dollars));
        // What a lot is worth, in the words of its kind.
        let payoffs = [
            (future, price),
            (call, price.saturating_sub(2_000_000)),
            (put, 2_100_000u64.saturating_sub(price)),
        ];
        assert_eq!([payoffs[1].1 > 0, payoffs[2].1 > 0], in_the_money);
        for (terms, payoff) in payoffs {
            finalize(&mut traded.stage, &terms);
            for owner in &traded.owners() {
                let stage = &mut traded.stage;
                let before = position(stage, owner, &terms);
                assert_ne!(before.base_lots, 0);
                let open = market(stage, &terms).open_interest_lots;
                let settled = cash(stage, owner, &terms);
                assert_eq!(
                    (settled.base_lots, settled.payoff),
                    (before.base_lots, payoff)
                );
                let after = position(stage, owner, &terms);
                assert_eq!(after.base_lots, 0);
                assert_eq!(after.quote, before.quote + before.base_lots * payoff as i64);
                let less = before.base_lots.max(0).unsigned_abs();
                assert_eq!(market(stage, &terms).open_interest_lots, open - less);
                let again = settle_position(stage, owner, &terms);
                refused(stage, again, BallastError::NothingToSettle);
            }
            assert_eq!(market(&traded.stage, &terms).open_interest_lots, 0);
        }
    }
}

#[test]
fn a_position_settles_once_its_market_has_its_price() {
    let mut traded = Traded::new();
    let (future, owner) = (traded.future, traded.long.insecure_clone());
    traded.buy(&future, 100, 200.0);
    let settle = settle_position(&traded.stage, &owner, &future);
    let pending = BallastError::SettlementPending;
    refused(&mut traded.stage, settle.clone(), pending);
    traded.expire_at(200.0);
    refused(
        &mut traded.stage,
        settle.clone(),
        BallastError::SettlementPending,
    );
    let other = traded.stage.other_venue();
    let stage = &mut traded.stage;
    finalize(stage, &future);
    let (here, there) = (stage.venue.addresses, other.addresses);
    let stranger = stage.trader(3, 10.0);
    let foreign = other.open_account(&mut stage.world, &owner).unwrap();
    let (account, market) = (stage.account(&owner), here.market(&future));
    let cases = [
        (
            here.exchange,
            there.exchange,
            BallastError::WrongExchange.into(),
        ),
        (account, foreign, BallastError::WrongExchange.into()),
        (
            account,
            stage.account(&stranger),
            BallastError::PositionNotFound.into(),
        ),
        (
            market,
            here.market(&Venue::perpetual(SOL)),
            BallastError::SettlementPending.into(),
        ),
        (
            market,
            there.market(&Venue::perpetual(SOL)),
            BallastError::WrongExchange.into(),
        ),
        (
            market,
            account,
            ErrorCode::AccountDiscriminatorMismatch.into(),
        ),
    ];
    for (from, to, code) in cases {
        refused(stage, with(settle.clone(), &from, &to), Code(code));
    }
    pause(stage, Some(Pausable::SettlePosition));
    refused(stage, settle.clone(), BallastError::Paused);
    pause(stage, Some(Pausable::FinalizeSettlement));
    crank(stage, settle.clone());
    refused(stage, settle, BallastError::NothingToSettle);
}

#[test]
fn winners_get_no_more_than_losers_have_paid() {
    let mut traded = Traded::new();
    let future = traded.future;
    let second = traded.stage.trader(3, 50_000.0);
    traded.buy(&future, 2_000, 201.0);
    let [winner, first] = traded.owners();
    buy(
        &mut traded.stage,
        (&winner, &second),
        &future,
        3_000,
        units(202.0),
    );
    let price = traded.expire_at(215.0) as i64;
    let stage = &mut traded.stage;
    finalize(stage, &future);
    let pending = settle_pnl(stage, &winner, &future);
    refused(stage, pending, BallastError::SettlementPending);
    for owner in [&winner, &first, &second] {
        cash(stage, owner, &future);
    }
    let quote = |stage: &Stage, owner| position(stage, owner, &future).quote;
    let owed = [&winner, &first, &second].map(|owner| quote(stage, owner));
    let fees = market(stage, &future).fees as i64;
    assert_eq!(owed.iter().sum::<i64>() + fees, 0);
    let sold = 2_010_000 * 2_000;
    assert_eq!(owed[1], sold - maker_fee(sold) - price * 2_000);

    let collect = settle_pnl(stage, &winner, &future);
    refused(stage, collect.clone(), BallastError::SettlementPoolEmpty);
    assert_eq!(pnl(stage, &first, &future).amount, owed[1]);
    assert_eq!(stage.balance(&first, 0), 50_000_000_000 + owed[1]);
    let nothing = settle_pnl(stage, &first, &future);
    refused(stage, nothing, BallastError::PositionNotFound);
    // What the first has paid is all there is.
    assert_eq!(pnl(stage, &winner, &future).amount, -owed[1]);
    refused(stage, collect, BallastError::SettlementPoolEmpty);
    assert_eq!(pnl(stage, &second, &future).amount, owed[2]);
    assert_eq!(pnl(stage, &winner, &future).amount, owed[0] + owed[1]);
    assert_eq!(stage.balance(&winner, 0), 50_000_000_000 + owed[0]);
    assert_eq!(market(stage, &future).settlement_pool, fees as u64);
    for owner in [&winner, &first, &second] {
        assert!(position(stage, owner, &future).is_free());
    }
}

#[test]
fn an_options_profit_stays_out_of_cash_until_it_is_closed_or_expired() {
    let mut traded = Traded::new();
    let (call, put) = (traded.call, traded.put);
    traded.buy(&call, 1_000, 4.0);
    traded.buy(&put, 1_000, 11.0);
    let owners = traded.owners();
    let not_closed = |stage: &mut Stage, terms: &MarketTerms| {
        for owner in &owners {
            let settle = settle_pnl(stage, owner, terms);
            refused(stage, settle, BallastError::OptionNotClosed);
        }
    };
    not_closed(&mut traded.stage, &call);
    // The put is closed before it expires, with a loss to the long, and settles at once and without a price.
    traded.buy_back(&put, 400, 10.0);
    not_closed(&mut traded.stage, &put);
    traded.buy_back(&put, 600, 10.5);
    traded.stage.world.advance(600);
    let quotes = owners
        .each_ref()
        .map(|owner| position(&traded.stage, owner, &put).quote);
    let fees = market(&traded.stage, &put).fees as i64;
    let lost = 400 * 10_000 + 600 * 5_000;
    assert!(quotes[0] < -lost && quotes[0] > -lost - fees);
    assert_eq!(pnl(&mut traded.stage, &owners[0], &put).amount, quotes[0]);
    assert_eq!(pnl(&mut traded.stage, &owners[1], &put).amount, quotes[1]);
    assert_eq!(quotes[0] + quotes[1], -fees);

    traded.expire_at(230.0);
    not_closed(&mut traded.stage, &call);
    finalize(&mut traded.stage, &call);
    not_closed(&mut traded.stage, &call);
    let [long, short] = &owners;
    cash(&mut traded.stage, short, &call);
    let lost = position(&traded.stage, short, &call).quote;
    assert_eq!(pnl(&mut traded.stage, short, &call).amount, lost);
    // 26 dollars for each of 10 SOL.
    assert!((lost + 260_000_000).abs() < 2_000_000, "{lost}");
    let still = settle_pnl(&traded.stage, long, &call);
    refused(&mut traded.stage, still, BallastError::OptionNotClosed);
    cash(&mut traded.stage, long, &call);
    let won = position(&traded.stage, long, &call).quote;
    assert_eq!(pnl(&mut traded.stage, long, &call).amount, won);
    assert_eq!(won + lost, -(market(&traded.stage, &call).fees as i64));
}

#[test]
fn an_expired_future_waits_for_its_settlement() {
    let mut traded = Traded::new();
    let future = traded.future;
    traded.buy(&future, 1_000, 204.0);
    // Before that its loss moves at the price.
    let [long, short] = traded.owners();
    traded.stage.world.set_time(EXPIRY - 2_000);
    traded.stage.set_price(SOL, 200.0);
    let paid = 1_000 * 2_040_000;
    let cost = paid + taker_fee(paid);
    let loss = pnl(&mut traded.stage, &long, &future).amount;
    // 0.01 SOL at 200 is a little less than 2,000,000 units on the board.
    assert_eq!(loss, 1_000 * 2_000_000 - 1 - cost);
    let part = pnl(&mut traded.stage, &short, &future).amount;
    assert!(part > 39_000_000 && part <= -loss);
    let price = traded.expire_at(190.0) as i64;
    for _ in 0..2 {
        for owner in [&long, &short] {
            let settle = settle_pnl(&traded.stage, owner, &future);
            refused(&mut traded.stage, settle, BallastError::SettlementPending);
        }
        // Nor after the price is known, while the lots are open.
        if market(&traded.stage, &future).settlement_price == 0 {
            finalize(&mut traded.stage, &future);
        }
    }
    for owner in [&long, &short] {
        cash(&mut traded.stage, owner, &future);
    }
    let rest = pnl(&mut traded.stage, &long, &future).amount;
    assert_eq!(loss + rest, 1_000 * price - cost);
    let won = pnl(&mut traded.stage, &short, &future).amount;
    assert_eq!(part + won, paid - maker_fee(paid) - 1_000 * price);
}

#[test]
fn a_future_pays_what_price_and_forward_agree_on() {
    // A fifth of a year ahead; a carry of 20% puts the forward at 208, one of -20% at 192, with SOL at 200.
    let expiry = EXPIRY + 72 * DAY_S;
    let cases: [(f64, f64, f64, f64); 6] = [
        // Bought at, carry, what the long gets per SOL and the short, by the price or the forward; nothing where they disagree.
        (190.0, 0.2, 10.0, -10.0),
        (215.0, 0.2, -7.0, 7.0),
        (204.0, 0.2, 0.0, 0.0),
        (185.0, -0.2, 7.0, -7.0),
        (205.0, -0.2, -5.0, 5.0),
        (196.0, -0.2, 0.0, 0.0),
    ];
    for (bought, carry, long_gets, short_gets) in cases {
        let mut stage = Stage::steady();
        let owners = [1, 2].map(|number| stage.trader(number, 100_000.0));
        let [long, short] = &owners;
        patch_underlying(&mut stage, 0, |listed| listed.surface_day_q32 = 1 << 32);
        post(&mut stage, 0.8, carry);
        let future = dated(MarketKind::Future, expiry, 0.0);
        list(&mut stage, &future);
        buy(&mut stage, (long, short), &future, 10_000, units(bought));
        let bits = stage.venue.board(&stage.world).unwrap().prices[SOL]
            .price
            .get()
            .to_bits();
        let years = (expiry - stage.world.now()) as f64 / (365 * DAY_S) as f64;
        let forward = 200.0 * (1.0 + carry * years);
        // The loser first, so that the pool has something.
        let mut order = [(long, 1, long_gets), (short, -1, short_gets)];
        order.sort_by(|a, b| a.2.total_cmp(&b.2));
        for (owner, sign, gets) in order {
            if gets == 0.0 {
                let settle = settle_pnl(&stage, owner, &future);
                refused(&mut stage, settle, BallastError::NothingToSettle);
                continue;
            }
            let quote = position(&stage, owner, &future).quote;
            let lots = 10_000 * sign;
            let at_price = (i128::from(lots) * bits * LOT_SIZE).div_euclid(1 << 48) as i64 + quote;
            let at_forward = lots as f64 * forward * 10_000.0 + quote as f64;
            let amount = pnl(&mut stage, owner, &future).amount;
            if at_price.abs() as f64 <= at_forward.abs() {
                assert_eq!(amount, at_price);
            } else {
                assert!(
                    (amount as f64 - at_forward).abs() < 20.0,
                    "{amount} {at_forward}"
                );
            }
            // 100 SOL, but for the fees and the hours that are missing to a fifth of a year.
            assert!((amount as f64 / 1e8 - gets).abs() < 0.15, "{amount} {gets}");
            // What is left is what only the forward, or only the price, says: nothing to settle.
            let settle = settle_pnl(&stage, owner, &future);
            refused(&mut stage, settle, BallastError::NothingToSettle);
        }
    }
}

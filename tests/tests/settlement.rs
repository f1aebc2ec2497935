//! Settlement: losses become cash in the market's pool, profits come out of it.

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use ballast::error::BallastError;
use ballast::events::PnlSettled;
use ballast_client::events;
use ballast_client::state::health::Purpose;
use ballast_client::state::{Board, MarginAccount, Market, Position, Side};
use ballast_sim::{CodedError, Refusal, Venue};
use ballast_tests::{Code, ETH, SOL, Stage, with};
use solana_keypair::Keypair;

/// Buys lots of SOL at a price in dollars, fees included in nothing but `quote`.
fn buy(stage: &mut Stage, buyer: &Keypair, seller: &Keypair, lots: u64, dollars: f64) {
    stage
        .trade(seller, buyer, SOL, Side::Bid, lots as f64 / 100.0, dollars)
        .unwrap();
}

/// What an account settles, signed.
fn settle(stage: &mut Stage, owner: &Keypair) -> Result<i64, Refusal> {
    let settle = stage.settle(&stage.account(owner), SOL);
    let done = stage.world.send(&[settle], &[])?;
    let event = events::decode_all(&done.logs)[0]
        .parse::<PnlSettled>()
        .unwrap();
    assert_eq!(event.margin_account, stage.account(owner));
    assert_eq!(event.market, stage.market(SOL));
    Ok(event.amount)
}

#[track_caller]
fn settle_refused(stage: &mut Stage, owner: &Keypair, error: BallastError) {
    let settle = stage.settle(&stage.account(owner), SOL);
    stage.refused(&[settle], &[], error);
}

fn position(stage: &Stage, owner: &Keypair) -> Position {
    let terms = Venue::perpetual(SOL);
    stage
        .state(owner)
        .position(&terms)
        .copied()
        .unwrap_or_default()
}

/// The settlement pool, which the bank of the quote asset must know of as well.
fn pool(stage: &Stage) -> u64 {
    let pool = stage
        .venue
        .market(&stage.world, SOL)
        .unwrap()
        .settlement_pool;
    let bank = stage.venue.bank(&stage.world, 0).unwrap();
    assert_eq!(bank.settlement_pools, pool);
    pool
}

/// The fee on an amount of quote units, rounded up, in the arithmetic of fractions.
fn fee(quote: u64, rate_q32: u64) -> i64 {
    (u128::from(quote) * u128::from(rate_q32)).div_ceil(1 << 32) as i64
}

/// Value of lots (0.01 SOL) at the board's price, rounded down for a long and away from zero for a short.
fn value(stage: &Stage, lots: i64) -> i64 {
    let board = stage.venue.board(&stage.world).unwrap();
    let bits = board.prices[SOL].price.get().to_bits() as u128;
    let exact = u128::from(lots.unsigned_abs()) * 10_000_000 * bits;
    if lots > 0 {
        (exact >> 48) as i64
    } else {
        -(exact.div_ceil(1 << 48) as i64)
    }
}

#[test]
fn a_loser_pays_into_the_pool_and_the_winner_takes_what_is_there() {
    let mut stage = Stage::new();
    let (long, short) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    buy(&mut stage, &long, &short, 10_000, 200.0);
    stage.set_price(SOL, 210.0);
    let quote = 20_000_000_000;
    let rates = stage.venue.exchange(&stage.world).unwrap().fees[0];
    let quotes = [
        -(quote as i64) - fee(quote, rates.taker_q32),
        quote as i64 - fee(quote, rates.maker_q32),
    ];
    assert_eq!(
        [&long, &short].map(|owner| position(&stage, owner).quote),
        quotes
    );
    let equity = |stage: &Stage, owner: &Keypair| {
        let account = stage.account(owner);
        stage
            .venue
            .assess(&stage.world, &account, Purpose::AddRisk)
            .unwrap()
            .equity_mark
    };
    let before = [equity(&stage, &long), equity(&stage, &short)];
    settle_refused(&mut stage, &long, BallastError::SettlementPoolEmpty);

    let loss = settle(&mut stage, &short).unwrap();
    assert_eq!(loss, value(&stage, -10_000) + quotes[1]);
    assert_eq!(stage.balance(&short, 0), 10_000_000_000 + loss);
    assert_eq!(position(&stage, &short).quote, quotes[1] - loss);
    assert_eq!(pool(&stage), loss.unsigned_abs());
    stage.check_books();
    settle_refused(&mut stage, &short, BallastError::NothingToSettle);

    // The winner's profit is smaller by both fees: the rest of the pool is the exchange's.
    let profit = settle(&mut stage, &long).unwrap();
    assert_eq!(profit, value(&stage, 10_000) + quotes[0]);
    assert_eq!(stage.balance(&long, 0), 10_000_000_000 + profit);
    assert_eq!(position(&stage, &long).quote, quotes[0] - profit);
    assert_eq!(pool(&stage) as i64, -loss - profit);
    settle_refused(&mut stage, &long, BallastError::NothingToSettle);
    // What was paid and received is the same money, and nobody became richer or poorer.
    assert_eq!([equity(&stage, &long), equity(&stage, &short)], before);
    let fees = stage.venue.market(&stage.world, SOL).unwrap().fees;
    assert!(pool(&stage).abs_diff(fees) <= 2);
    assert_eq!(position(&stage, &long).base_lots, 10_000);
    stage.check_books();
}

#[test]
fn a_winner_is_limited_by_the_pool_until_other_losers_pay() {
    let mut stage = Stage::new();
    let (winner, first, second) = (
        stage.trader(1, 100_000.0),
        stage.trader(2, 10_000.0),
        stage.trader(3, 10_000.0),
    );
    buy(&mut stage, &winner, &first, 2_000, 200.0);
    buy(&mut stage, &winner, &second, 6_000, 200.0);
    stage.set_price(SOL, 215.0);
    let loss = settle(&mut stage, &first).unwrap();
    let part = settle(&mut stage, &winner).unwrap();
    assert_eq!((part, pool(&stage)), (-loss, 0));
    settle_refused(&mut stage, &winner, BallastError::SettlementPoolEmpty);
    stage.check_books();
    let loss = settle(&mut stage, &second).unwrap();
    let rest = settle(&mut stage, &winner).unwrap();
    assert!(rest < -loss && rest > part);
    settle_refused(&mut stage, &winner, BallastError::NothingToSettle);
    stage.check_books();
}

#[test]
fn a_loser_without_cash_becomes_a_borrower() {
    let mut stage = Stage::new();
    let (long, short) = (stage.trader(1, 50.0), stage.trader(2, 50_000.0));
    stage.fund(&long, ETH, 10.0);
    buy(&mut stage, &long, &short, 5_000, 200.0);
    stage.set_price(SOL, 190.0);
    let loss = settle(&mut stage, &long).unwrap();
    assert!((-510_000_000..-500_000_000).contains(&loss), "{loss}");
    assert_eq!(stage.balance(&long, 0), 50_000_000 + loss);
    let bank = stage.venue.bank(&stage.world, 0).unwrap();
    assert_eq!(bank.borrow_shares.get(), -(50_000_000 + loss));
    assert_eq!(bank.deposit_shares.get(), 50_000_000_000u64);
    stage.check_books();
    let profit = settle(&mut stage, &short).unwrap();
    assert_eq!(stage.balance(&short, 0), 50_000_000_000 + profit);
    // A profit repays the loan before it is a deposit.
    stage.set_price(SOL, 209.0);
    settle(&mut stage, &short).unwrap();
    let back = settle(&mut stage, &long).unwrap();
    let cash = 50_000_000 + loss + back;
    assert!(cash > 0);
    assert_eq!(stage.balance(&long, 0), cash);
    assert!(
        stage
            .venue
            .bank(&stage.world, 0)
            .unwrap()
            .borrow_shares
            .is_zero()
    );
    stage.check_books();
}

#[test]
fn settlement_takes_only_the_accounts_that_belong_together() {
    let mut stage = Stage::new();
    let other = stage.other_venue();
    let (long, short) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    let foreign = other.open_account(&mut stage.world, &long).unwrap();
    buy(&mut stage, &long, &short, 100, 200.0);
    let (here, there) = (stage.venue.addresses, other.addresses);
    let (account, market) = (stage.account(&short), stage.market(SOL));
    let usdc = here.bank(&stage.venue.mints[0]);
    let right = stage.settle(&account, SOL);
    let mismatch = ErrorCode::AccountDiscriminatorMismatch.code();
    let wrong_exchange = BallastError::WrongExchange.code();
    let cases: [(Pubkey, Pubkey, u32); 11] = [
        (here.board, there.board, BallastError::WrongBoard.code()),
        (
            here.exchange,
            there.exchange,
            BallastError::WrongBoard.code(),
        ),
        (market, there.market(&Venue::perpetual(SOL)), wrong_exchange),
        (usdc, there.bank(&other.mints[0]), wrong_exchange),
        (account, foreign, wrong_exchange),
        (
            usdc,
            here.bank(&stage.venue.mints[SOL]),
            BallastError::NotQuoteBank.code(),
        ),
        (
            market,
            stage.market(ETH),
            BallastError::PositionNotFound.code(),
        ),
        (
            account,
            here.insurance_fund(),
            BallastError::PositionNotFound.code(),
        ),
        (market, usdc, mismatch),
        (usdc, market, mismatch),
        (
            account,
            stage.venue.mints[0],
            ErrorCode::AccountOwnedByWrongProgram.code(),
        ),
    ];
    for (from, to, code) in cases {
        let wrong = with(right.clone(), &from, &to);
        stage.refused(&[wrong], &[], Code(code));
    }
    stage.world.send(&[right], &[]).unwrap();
    stage.check_books();
}

#[test]
fn an_open_position_settles_at_a_fresh_and_certain_price_only() {
    let mut stage = Stage::new();
    let (long, short) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    buy(&mut stage, &long, &short, 100, 200.0);
    stage.world.advance(121);
    settle_refused(&mut stage, &short, BallastError::StalePrice);
    stage.venue.config.confidence = 0.03;
    stage.set_price(SOL, 200.0);
    settle_refused(&mut stage, &short, BallastError::UncertainPrice);
    let board = stage.venue.addresses.board;
    stage.patch::<Board>(&board, |board| board.prices[SOL].publish_time = 0);
    settle_refused(&mut stage, &short, BallastError::PriceNeverSet);
    stage.venue.config.confidence = 0.0005;
    stage.set_price(SOL, 200.0);
    settle(&mut stage, &short).unwrap();

    // A closed one needs no price.
    buy(&mut stage, &short, &long, 100, 200.0);
    stage.world.advance(10_000);
    settle(&mut stage, &long).unwrap();
    assert_eq!(position(&stage, &long), Position::default());
    settle_refused(&mut stage, &long, BallastError::PositionNotFound);
    stage.check_books();
}

#[test]
fn figures_that_would_overflow_are_not_settled() {
    let mut stage = Stage::new();
    let (long, short) = (stage.trader(1, 10_000.0), stage.trader(2, 10_000.0));
    buy(&mut stage, &long, &short, 100, 200.0);
    let (account, market) = (stage.account(&long), stage.market(SOL));
    stage.patch::<Market>(&market, |market| market.settlement_pool = 1 << 63);
    settle_refused(&mut stage, &short, BallastError::Overflow);
    stage.patch::<MarginAccount>(&account, |account| account.positions[0].quote = i64::MAX);
    settle_refused(&mut stage, &long, BallastError::Overflow);
    stage.patch::<Market>(&market, |market| market.settlement_pool = 1);
    stage.patch::<MarginAccount>(&account, |account| {
        (account.positions[0].base_lots, account.positions[0].quote) = (0, 5);
    });
    // One unit is in the pool, but the bank knows of none.
    settle_refused(&mut stage, &long, BallastError::Overflow);
}

#[test]
fn after_everything_is_closed_and_settled_only_fees_are_left() {
    let mut stage = Stage::new();
    let traders = [1, 2, 3, 4].map(|number| stage.trader(number, 20_000.0));
    let [a, b, c, d] = &traders;
    let trades: [(&Keypair, &Keypair, u64, f64); 8] = [
        (a, b, 3_000, 200.0),
        (c, a, 1_111, 203.37),
        (b, d, 777, 198.01),
        (a, c, 2_222, 211.99),
        (d, b, 4_001, 207.5),
        (c, d, 1, 199.0),
        (b, a, 3_333, 191.23),
        (d, c, 500, 202.02),
    ];
    for (step, (buyer, seller, lots, dollars)) in trades.into_iter().enumerate() {
        stage.world.advance(30);
        stage.set_price(SOL, dollars);
        buy(&mut stage, buyer, seller, lots, dollars);
        // Now and then whoever can settles in between.
        if step % 3 == 1 {
            for owner in &traders {
                let _ = settle(&mut stage, owner);
                stage.check_books();
            }
        }
        stage.check_books();
    }
    // Longs sell to shorts until all are flat.
    loop {
        let held = traders
            .each_ref()
            .map(|owner| position(&stage, owner).base_lots);
        let Some(long) = held.iter().position(|lots| *lots > 0) else {
            assert_eq!(held, [0; 4]);
            break;
        };
        let short = held.iter().position(|lots| *lots < 0).unwrap();
        let lots = held[long].min(-held[short]) as u64;
        buy(&mut stage, &traders[short], &traders[long], lots, 202.0);
    }
    // Losers first, then winners.
    let mut order: Vec<&Keypair> = traders.iter().collect();
    order.sort_by_key(|owner| position(&stage, owner).quote);
    for owner in order {
        if !position(&stage, owner).is_free() {
            settle(&mut stage, owner).unwrap();
        }
        assert_eq!(position(&stage, owner), Position::default());
        stage.check_books();
    }
    let market = stage.venue.market(&stage.world, SOL).unwrap();
    assert_eq!((market.open_interest_lots, pool(&stage)), (0, market.fees));
    let mut cash = 0;
    for owner in &traders {
        cash += stage.balance(owner, 0);
        let leave = stage.withdraw(owner, 0, u64::MAX, false);
        stage.world.send(&[leave], &[owner]).unwrap();
        assert!(stage.state(owner).is_empty());
    }
    assert_eq!(cash + market.fees as i64, 80_000_000_000);
    let bank = stage.venue.bank(&stage.world, 0).unwrap();
    assert_eq!(stage.world.tokens(&bank.vault), market.fees);
    stage.check_books();
}

//! Flags as a weapon: set at the edge, kept without a reason, or used by the owner to do what a healthy account may not.

use crate::scene::{Raid, between};
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::error::BallastError::{
    AccountNotEmpty, InLiquidation, NotLiquidatable, OrderNotFound, WouldNotReduce,
};
use ballast_client::args::{OrderArgs, OrderFilter, OrderType};
use ballast_client::instructions;
use ballast_client::state::Side;
use ballast_sim::Venue;
use ballast_tests::{ETH, SOL};
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Opens the owner's second account with cash in it.
fn second(raid: &mut Raid, owner: &Keypair, usdc: u64) -> anchor_lang::prelude::Pubkey {
    let addresses = raid.stage.venue.addresses;
    let payer = raid.stage.world.payer.pubkey();
    let open = instructions::open_account(&addresses, &owner.pubkey(), &payer, 1);
    raid.act(&[open], &[owner]);
    let second = addresses.margin_account(&owner.pubkey(), 1);
    raid.stage.mint(owner, 0, usdc);
    let stage = &mut raid.stage;
    stage
        .venue
        .deposit_into(&mut stage.world, owner, &second, 0, usdc)
        .unwrap();
    second
}

fn sweep(raid: &Raid, taker: &Keypair, order: OrderArgs, maker: (&Keypair, u64)) -> Instruction {
    let stage = &raid.stage;
    instructions::place_and_fill(
        &stage.venue.addresses,
        &Venue::perpetual(SOL),
        &stage.account(taker),
        &taker.pubkey(),
        order,
        &[(stage.account(maker.0), maker.1)],
    )
}

#[test]
fn at_the_edge_a_flag_costs_orders_and_nothing_else() {
    let mut raid = Raid::new();
    let victim = raid.long(10);
    for dollars in [210.0, 195.0] {
        let side = if dollars > 200.0 {
            Side::Ask
        } else {
            Side::Bid
        };
        let order = raid.order(side, 1.0, dollars, false);
        let place = raid.stage.place(&victim, SOL, order);
        raid.act(&[place], &[&victim]);
    }
    let flag = raid.flag_instruction(&victim);
    // A cent of the price decides: 3,490 − 100·(200 − p) against 10·p.
    raid.price(SOL, 183.45);
    raid.refused(std::slice::from_ref(&flag), &[], NotLiquidatable);
    raid.price(SOL, 183.44);
    let before = raid.worth(&victim);
    raid.act(std::slice::from_ref(&flag), &[]);
    assert_eq!(raid.worth(&victim), before);
    let state = raid.stage.state(&victim);
    assert!(state.orders.iter().all(|order| order.lots == 0));
    // Flagging again and again does nothing more; the clock runs by the seconds that pass.
    for _ in 0..20 {
        raid.act(std::slice::from_ref(&flag), &[]);
    }
    assert_eq!(raid.stage.state(&victim).auction_elapsed_s, 0);
    // Above its margin and below its buffer it stays flagged, at the first price.
    raid.price(SOL, 184.0);
    raid.act(std::slice::from_ref(&flag), &[]);
    assert!(raid.is_flagged(&victim));
    let figures = raid.figures(&victim);
    let missing = figures.buffer_margin - figures.equity_maintenance;
    // The owner is free again for 180 USDC of his own money.
    between(missing, 179_000_000, 181_000_000);
    let lack = raid.stage.deposit(&victim, 0, missing as u64);
    raid.stage.mint(&victim, 0, missing as u64);
    raid.act(&[lack], &[&victim]);
    assert!(!raid.is_flagged(&victim));
    // And cannot be flagged at the same price again.
    raid.refused(&[flag], &[], NotLiquidatable);
}

/// Every instruction that has the account and the board at hand takes a flag off that has no reason any more.
#[test]
fn flags_clear_in_whatever_touches_the_account() {
    let names = [
        "deposit",
        "withdraw",
        "transfer from",
        "transfer to",
        "place_order",
        "place_and_fill as taker",
        "place_and_fill as maker",
        "fill_order as maker",
        "fill_order as taker",
        "start_liquidation",
        "liquidate",
    ];
    for name in names {
        let mut raid = Raid::new();
        let owner = raid.flagged_long(10);
        let friend = raid.stage.trader(11, 100_000.0);
        raid.stage.mint(&owner, 0, 1_000_000);
        let other = second(&mut raid, &owner, 1_000_000);
        // Orders that stand since the account was in trouble: the owner may only reduce.
        let reduce = raid.order(Side::Ask, 1.0, 190.0, true);
        let bid = raid.order(Side::Bid, 1.0, 190.0, false);
        let (mine, theirs) = (
            raid.stage.state(&owner).next_order_id,
            raid.stage.state(&friend).next_order_id,
        );
        let rests = [
            raid.stage.place(&owner, SOL, reduce),
            raid.stage.place(&friend, SOL, bid),
        ];
        raid.act(&rests, &[&owner, &friend]);
        raid.price(SOL, 199.0);
        assert!(raid.is_flagged(&owner) && raid.figures(&owner).is_above_buffer());

        let addresses = raid.stage.venue.addresses;
        let mint = raid.stage.venue.mints[0];
        let account = raid.stage.account(&owner);
        let key = owner.pubkey();
        let (instruction, signer) = match name {
            "deposit" => (raid.stage.deposit(&owner, 0, 1), &owner),
            "withdraw" => (raid.stage.withdraw(&owner, 0, 1, false), &owner),
            "transfer from" => (
                instructions::transfer(&addresses, &mint, &account, &other, &key, 1),
                &owner,
            ),
            "transfer to" => (
                instructions::transfer(&addresses, &mint, &other, &account, &key, 1),
                &owner,
            ),
            "place_order" => {
                let order = raid.order(Side::Bid, 1.0, 199.0, false);
                (raid.stage.place(&owner, SOL, order), &owner)
            }
            "place_and_fill as taker" => {
                let order = raid.order(Side::Ask, 1.0, 190.0, true);
                (sweep(&raid, &owner, order, (&friend, theirs)), &owner)
            }
            "place_and_fill as maker" => {
                let order = raid.order(Side::Bid, 1.0, 190.0, false);
                (sweep(&raid, &friend, order, (&owner, mine)), &friend)
            }
            "fill_order as maker" => {
                let fill = raid.stage.fill(SOL, (&owner, mine), (&friend, theirs), 1);
                (fill, &friend)
            }
            "fill_order as taker" => {
                let fill = raid.stage.fill(SOL, (&friend, theirs), (&owner, mine), 1);
                (fill, &friend)
            }
            "start_liquidation" => (raid.flag_instruction(&owner), &friend),
            _ => {
                let take = raid.take_instruction(&owner, &friend, 1, i64::MIN);
                (take, &friend)
            }
        };
        let signs = instruction.accounts.iter().any(|meta| meta.is_signer);
        let signers: &[&Keypair] = match name {
            "start_liquidation" => &[],
            name if name.starts_with("fill_order") => &[],
            _ => &[signer],
        };
        assert!(signs || signers.is_empty());
        raid.act(&[instruction], signers);
        assert!(!raid.is_flagged(&owner), "{name}");
        let state = raid.stage.state(&owner);
        assert_eq!((state.auction_elapsed_s, state.auction_seen_at), (0, 0));
    }
}

#[test]
fn what_an_owner_may_do_while_flagged() {
    let mut raid = Raid::new();
    let owner = raid.long(10);
    let friend = raid.stage.trader(11, 100_000.0);
    let prey = raid.trader(12, 3_500.0, SOL, 100.0);
    let other = second(&mut raid, &owner, 50_000_000);
    raid.stage.mint(&owner, 0, 100_000_000);
    raid.stage.mint(&owner, SOL, 1_000_000_000);
    // An order that rests since the account was healthy, and one of a friend's to trade with.
    let mine = raid.stage.state(&owner).next_order_id;
    let theirs = raid.stage.state(&friend).next_order_id;
    let ask = raid.order(Side::Ask, 1.0, 185.0, false);
    let bid = raid.order(Side::Bid, 50.0, 185.0, false);
    let rests = [
        raid.stage.place(&owner, SOL, ask),
        raid.stage.place(&friend, SOL, bid),
    ];
    raid.act(&rests, &[&owner, &friend]);
    raid.price(SOL, 180.0);
    raid.flag(&owner);
    raid.flag(&prey);

    let addresses = raid.stage.venue.addresses;
    let mint = raid.stage.venue.mints[0];
    let (account, key) = (raid.stage.account(&owner), owner.pubkey());
    let order = |raid: &Raid, side, tokens, reduce| raid.order(side, tokens, 185.0, reduce);
    let (take_in, sell) = (
        order(&raid, Side::Bid, 1.0, false),
        order(&raid, Side::Ask, 1.0, false),
    );
    let (wrong, ioc) = (
        order(&raid, Side::Bid, 1.0, true),
        OrderArgs {
            order_type: OrderType::ImmediateOrCancel,
            ..sell
        },
    );
    let place_eth = instructions::place_order(
        &addresses,
        &Venue::perpetual(ETH),
        &account,
        &key,
        Venue::limit(Side::Ask, raid.stage.venue.price_per_lot(ETH, 4_000.0), 1),
    );
    let refused: Vec<(&str, Instruction, BallastError)> = vec![
        (
            "withdraw",
            raid.stage.withdraw(&owner, 0, 1, false),
            InLiquidation,
        ),
        (
            "withdraw all",
            raid.stage.withdraw(&owner, 0, u64::MAX, false),
            InLiquidation,
        ),
        (
            "borrow",
            raid.stage.withdraw(&owner, SOL, 1, true),
            InLiquidation,
        ),
        (
            "transfer away",
            instructions::transfer(&addresses, &mint, &account, &other, &key, 1),
            InLiquidation,
        ),
        (
            "buy more",
            raid.stage.place(&owner, SOL, take_in),
            InLiquidation,
        ),
        (
            "sell without reduce-only",
            raid.stage.place(&owner, SOL, sell),
            InLiquidation,
        ),
        (
            "buy more reduce-only",
            raid.stage.place(&owner, SOL, wrong),
            WouldNotReduce,
        ),
        ("sell another market", place_eth, InLiquidation),
        (
            "sweep",
            sweep(&raid, &owner, sell, (&friend, theirs)),
            InLiquidation,
        ),
        (
            "sweep at once",
            sweep(&raid, &owner, ioc, (&friend, theirs)),
            InLiquidation,
        ),
        (
            "liquidate another",
            raid.take_instruction(&prey, &owner, 1, i64::MAX),
            InLiquidation,
        ),
        (
            "close the account",
            instructions::close_account(&addresses, &key, 0),
            AccountNotEmpty,
        ),
        // It was cancelled by the flag.
        (
            "cancel what is gone",
            instructions::cancel_order(&account, &key, mine),
            OrderNotFound,
        ),
    ];
    for (what, instruction, error) in refused {
        println!("{what}");
        raid.refused(&[instruction], &[&owner], error);
    }
    let fill = raid.stage.fill(SOL, (&owner, mine), (&friend, theirs), 1);
    raid.refused(&[fill], &[], OrderNotFound);

    // Deposit, repay, reduce, cancel.
    let worth = raid.worth(&owner);
    let reduce = order(&raid, Side::Ask, 1.0, true);
    let id = raid.stage.state(&owner).next_order_id;
    let allowed = [
        raid.stage.deposit(&owner, 0, 1_000_000),
        raid.stage.deposit(&owner, SOL, 1_000_000),
        instructions::transfer(&addresses, &mint, &other, &account, &key, 1_000_000),
        sweep(&raid, &owner, reduce, (&friend, theirs)),
        raid.stage.place(&owner, SOL, reduce),
        instructions::cancel_order(&account, &key, id + 1),
        raid.stage.place(&owner, SOL, reduce),
        instructions::cancel_all(&account, &key, OrderFilter::default()),
        raid.stage.place(&owner, SOL, reduce),
    ];
    for instruction in allowed {
        raid.act(&[instruction], &[&owner]);
        assert!(raid.is_flagged(&owner));
    }
    let fill = raid
        .stage
        .fill(SOL, (&friend, theirs), (&owner, id + 3), 100);
    raid.act(&[fill], &[]);
    assert_eq!(raid.stage.state(&owner).positions[0].base_lots, 9_800);
    // Two SOL sold 5 above the mark, less fees.
    let gain = raid.worth(&owner) - worth;
    between(gain, 9_800_000, 9_830_000);
}

/// A loan of another asset can be repaid while flagged, in part and whole, by deposit.
#[test]
fn repaying_while_flagged_clears_the_flag() {
    let mut raid = Raid::new();
    let dealer = raid.dealer.insecure_clone();
    raid.stage.fund(&dealer, ETH, 100.0);
    let owner = raid.stage.trader(10, 10_000.0);
    raid.stage.mint(&owner, ETH, 0);
    let borrow = raid.stage.withdraw(&owner, ETH, 200_000_000, true);
    raid.act(&[borrow], &[&owner]);
    raid.price(ETH, 4_450.0);
    assert!(!raid.figures(&owner).is_liquidatable());
    // 2 ETH owed, 9,100·1.02 against 10,000 and a margin of 910.
    raid.price(ETH, 4_550.0);
    raid.flag(&owner);
    let repay = raid.stage.deposit(&owner, ETH, 1_000_000);
    raid.act(&[repay], &[&owner]);
    assert!(raid.is_flagged(&owner));
    let repay = raid.stage.deposit(&owner, ETH, 199_000_000);
    raid.act(&[repay], &[&owner]);
    assert!(!raid.is_flagged(&owner));
    assert_eq!(raid.stage.balance(&owner, ETH), 0);
}

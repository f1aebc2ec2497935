//! An exchange's beginning: from fresh accounts, once, with parameters within their bounds.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_spl::token;
use ballast::events::ExchangeInitialized;
use ballast_client::args::InitExchangeArgs;
use ballast_client::state::{Board, Exchange, MarginAccount, seeds};
use ballast_client::units::q32;
use ballast_client::{ExchangeAddresses, events, instructions};
use ballast_sim::Venue;
use ballast_tests::{AlreadyInUse, Bound, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

const ONE: u64 = 1 << 32;
const YEAR_S: u64 = 365 * 86_400;

/// Keys, addresses and instructions of an exchange that does not exist yet. Signers: exchange, board, admin.
struct Fresh {
    keys: [Keypair; 3],
    addresses: ExchangeAddresses,
}

impl Fresh {
    fn new(number: u8) -> Self {
        let keys = [0, 1, 2].map(|index| Stage::key(number + index));
        let addresses = ExchangeAddresses {
            exchange: keys[0].pubkey(),
            board: keys[1].pubkey(),
        };
        Self { keys, addresses }
    }

    fn signers(&self) -> Vec<&Keypair> {
        self.keys.iter().collect()
    }

    fn init(&self, stage: &Stage, args: InitExchangeArgs) -> Vec<Instruction> {
        instructions::init_exchange(
            &self.addresses,
            &self.keys[2].pubkey(),
            &stage.world.payer.pubkey(),
            |len| stage.world.svm.minimum_balance_for_rent_exemption(len),
            args,
        )
    }
}

#[test]
fn an_exchange_starts_with_what_it_was_given_and_an_insurance_fund_without_a_key() {
    let mut stage = Stage::new();
    let fresh = Fresh::new(10);
    let [risk_authority, guardian] = [Pubkey::new_unique(), Pubkey::new_unique()];
    let args = InitExchangeArgs {
        risk_authority,
        guardian,
        ..Venue::exchange_args(&risk_authority)
    };
    let init = fresh.init(&stage, args);
    let done = stage.world.send(&init, &fresh.signers()).unwrap();

    let (exchange, board) = (fresh.addresses.exchange, fresh.addresses.board);
    let fund = fresh.addresses.insurance_fund();
    let stored: Box<Exchange> = stage.world.read(&exchange).unwrap();
    let keys = [
        stored.board,
        stored.insurance_fund,
        stored.admin,
        stored.risk_authority,
        stored.guardian,
    ];
    let expected = [
        board,
        fund,
        fresh.keys[2].pubkey(),
        risk_authority,
        guardian,
    ];
    assert_eq!(keys, expected);
    assert_eq!(stored.version, 1);
    let counts = [
        stored.asset_count,
        stored.underlying_count,
        stored.feed_count,
    ];
    assert_eq!(counts, [0; 3]);
    assert_eq!(stored.margin.initial_factor_q32, q32(1.25));
    assert_eq!(stored.margin.max_offset_q32, q32(0.6));
    assert_eq!(stored.margin.depeg_multiplier_q32, q32(5.0));
    assert_eq!(stored.margin.wide_confidence_multiplier_q32, q32(2.0));
    let auction = &stored.liquidation;
    assert_eq!(auction.discount_start_q32, q32(0.01));
    assert_eq!(auction.discount_first_q32, q32(0.15));
    assert_eq!((auction.first_s, auction.zero_s), (900, 7_200));
    assert_eq!(auction.premium_full_s, 10_800);
    assert_eq!(auction.premium_q32, q32(0.05));
    assert_eq!(auction.buffer_q32, q32(0.5));
    assert_eq!(auction.insurance_share_q32, q32(0.25));
    assert_eq!(auction.dust_value, 100_000_000);
    assert_eq!(auction.observation_gap_max_s, 120);
    for fees in &stored.fees {
        assert_eq!((fees.maker_q32, fees.taker_q32), (q32(0.0002), q32(0.0005)));
        assert_eq!(fees.filler_share_q32, q32(0.2));
        assert_eq!(fees.premium_cap_q32, q32(0.1));
    }
    assert_eq!(
        stage.world.read::<Board>(&board).unwrap().exchange,
        exchange
    );
    let account: Box<MarginAccount> = stage.world.read(&fund).unwrap();
    assert_eq!(account.exchange, exchange);
    assert_eq!(account.owner, seeds::insurance_owner(&exchange));
    assert!(!account.owner.is_on_curve() && account.is_empty());
    let event = events::decode_all(&done.logs)[0]
        .parse::<ExchangeInitialized>()
        .unwrap();
    let named = [
        event.exchange,
        event.board,
        event.insurance_fund,
        event.admin,
    ];
    assert_eq!(named, [exchange, board, fund, fresh.keys[2].pubkey()]);
}

#[test]
fn an_exchange_is_initialised_once_from_fresh_accounts_that_sign() {
    let mut stage = Stage::new();
    let fresh = Fresh::new(10);
    let args = Venue::exchange_args(&fresh.keys[2].pubkey());
    let [create, create_board, init] = fresh.init(&stage, args).try_into().unwrap();
    let (exchange, board) = (fresh.addresses.exchange, fresh.addresses.board);
    let all = fresh.signers();

    // Not created, created for another program, or too short.
    let short = |mut create: Instruction| {
        let len = u64::from_le_bytes(create.data[12..20].try_into().unwrap()) - 1;
        create.data[12..20].copy_from_slice(&len.to_le_bytes());
        create
    };
    let too_short = ErrorCode::AccountDidNotDeserialize;
    let both = [create_board.clone(), init.clone()];
    stage.refused(&both, &all, too_short);
    let mut foreign = create.clone();
    foreign.data[20..52].copy_from_slice(&token::ID.to_bytes());
    let both = [foreign, create_board.clone(), init.clone()];
    stage.refused(&both, &all, ErrorCode::AccountOwnedByWrongProgram);
    let both = [short(create.clone()), create_board.clone(), init.clone()];
    stage.refused(&both, &all, too_short);
    let both = [create.clone(), short(create_board.clone()), init.clone()];
    stage.refused(&both, &all, too_short);
    // One account for both, or those of another exchange.
    let twice = with(init.clone(), &board, &exchange);
    let (first, others) = (&fresh.keys[0], [&fresh.keys[0], &fresh.keys[2]]);
    stage.refused(&[create.clone(), twice], &others, ErrorCode::ConstraintZero);
    let running = stage.venue.addresses;
    let mut seize = unsigned(with(init.clone(), &board, &running.board), &running.board);
    stage.refused(&[create.clone(), seize], &others, ErrorCode::ConstraintZero);
    // A third party that saw the creation cannot initialise it its own way.
    seize = unsigned(init.clone(), &exchange);
    let made = [create.clone(), create_board.clone()];
    stage.world.send(&made, &[first, &fresh.keys[1]]).unwrap();
    let signer = ErrorCode::ConstraintSigner;
    stage.refused(&[seize], &[&fresh.keys[1], &fresh.keys[2]], signer);
    let seize = unsigned(init.clone(), &board);
    stage.refused(&[seize], &others, signer);
    let seize = unsigned(init.clone(), &fresh.keys[2].pubkey());
    stage.refused(&[seize], &all[..2], ErrorCode::AccountNotSigner);
    // The insurance fund is where it must be.
    for derived in [
        fresh.addresses.insurance_fund(),
        seeds::insurance_owner(&exchange),
    ] {
        let elsewhere = with(init.clone(), &derived, &Pubkey::new_unique());
        stage.refused(&[elsewhere], &all, ErrorCode::ConstraintSeeds);
    }
    stage.world.send(&[init.clone()], &all).unwrap();
    stage.refused(&[init], &all, AlreadyInUse);
}

#[test]
fn exchange_parameters_have_bounds() {
    let mut stage = Stage::new();
    let fresh = Fresh::new(10);
    let args = Venue::exchange_args(&fresh.keys[2].pubkey());
    #[rustfmt::skip]
    let bounds: [Bound<InitExchangeArgs>; 20] = [
        ("initial factor", |a, v| a.parameters.margin.initial_factor_q32 = v, ONE, 10 * ONE),
        ("max offset", |a, v| a.parameters.margin.max_offset_q32 = v, 0, ONE),
        ("de-peg multiplier", |a, v| a.parameters.margin.depeg_multiplier_q32 = v, 0, 100 * ONE),
        ("wide multiplier", |a, v| a.parameters.margin.wide_confidence_multiplier_q32 = v, 0, 10 * ONE),
        ("first discount", |a, v| a.parameters.liquidation.discount_first_q32 = v, q32(0.01), ONE / 2),
        ("start discount", |a, v| a.parameters.liquidation.discount_start_q32 = v, 0, q32(0.15)),
        ("first", |a, v| a.parameters.liquidation.first_s = v, 120, 7_140),
        ("first and gap", |a, v| (a.parameters.liquidation.first_s, a.parameters.liquidation.observation_gap_max_s) = (v, 1), 60, 7_140),
        ("gap", |a, v| a.parameters.liquidation.observation_gap_max_s = v, 1, 900),
        ("zero", |a, v| a.parameters.liquidation.zero_s = v, 960, 10_800),
        ("zero and premium", |a, v| (a.parameters.liquidation.zero_s, a.parameters.liquidation.premium_full_s) = (v, YEAR_S), 960, YEAR_S),
        ("premium full", |a, v| a.parameters.liquidation.premium_full_s = v, 7_200, YEAR_S),
        ("premium", |a, v| a.parameters.liquidation.premium_q32 = v, 0, ONE),
        ("buffer", |a, v| a.parameters.liquidation.buffer_q32 = v, 0, ONE),
        ("insurance share", |a, v| a.parameters.liquidation.insurance_share_q32 = v, 0, ONE),
        ("dust", |a, v| a.parameters.liquidation.dust_value = v, 0, 1_000_000_000),
        ("maker fee", |a, v| a.parameters.fees[0].maker_q32 = v, 0, ONE / 10),
        ("taker fee", |a, v| a.parameters.fees[1].taker_q32 = v, 0, ONE / 10),
        ("filler share", |a, v| a.parameters.fees[2].filler_share_q32 = v, 0, ONE),
        ("premium cap", |a, v| a.parameters.fees[3].premium_cap_q32 = v, 0, ONE),
    ];
    let build = |stage: &Stage, args| fresh.init(stage, args);
    stage.check_bounds(&args, &bounds, build, &fresh.signers());
}

//! Tokens of Token-2022 with and without extensions, and wrapped SOL.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::system_instruction;
use anchor_spl::associated_token::spl_associated_token_account as ata;
use anchor_spl::token::spl_token;
use anchor_spl::token_2022::spl_token_2022::extension::{
    BaseStateWithExtensions, ExtensionType, StateWithExtensions, confidential_transfer,
    default_account_state, interest_bearing_mint, metadata_pointer, pausable, scaled_ui_amount,
    transfer_fee, transfer_hook,
};
use anchor_spl::token_2022::spl_token_2022::state::{Account, AccountState, Mint};
use anchor_spl::token_2022::spl_token_2022::{ID, instruction as token_2022};
use ballast::error::BallastError;
use ballast::events::{Deposited, Withdrawn};
use ballast_client::args::{AssetArgs, FeedArgs, FeedChoice};
use ballast_client::events;
use ballast_client::instructions::{self, Token};
use ballast_client::state::{Bank, NONE};
use ballast_tests::{SOL, Stage, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

const NEW: u8 = 4;

/// Everything that a refusal must leave alone, Token-2022's accounts included.
type Snapshot = Vec<(Pubkey, Vec<u8>)>;

fn snapshot(stage: &Stage) -> Snapshot {
    let mut accounts: Snapshot = stage.snapshot().into_iter().collect();
    let theirs = stage.world.svm.get_program_accounts(&ID);
    accounts.extend(theirs.into_iter().map(|(key, account)| (key, account.data)));
    accounts.sort();
    accounts
}

#[track_caller]
fn refused(stage: &mut Stage, instruction: Instruction, signer: &Keypair, error: BallastError) {
    let before = snapshot(stage);
    stage.refused(&[instruction], &[signer], error);
    assert!(before == snapshot(stage));
}

fn admin(stage: &Stage) -> Keypair {
    stage.venue.admin.insecure_clone()
}

/// Makes a mint of Token-2022 whose extensions are written before it is initialised; the payer is its authority, and its freeze
/// authority when it has one.
fn create_mint(
    stage: &mut Stage,
    number: u8,
    extensions: &[ExtensionType],
    freezable: bool,
    initialize: impl FnOnce(&Pubkey) -> Vec<Instruction>,
) -> Token {
    let mint = Stage::key(number);
    let payer = stage.world.payer.pubkey();
    let len = ExtensionType::try_calculate_account_len::<Mint>(extensions).unwrap();
    let rent = stage.world.svm.minimum_balance_for_rent_exemption(len);
    let mut steps = vec![system_instruction::create_account(
        &payer,
        &mint.pubkey(),
        rent,
        len as u64,
        &ID,
    )];
    steps.extend(initialize(&mint.pubkey()));
    let freeze = freezable.then_some(&payer);
    let last = token_2022::initialize_mint2(&ID, &mint.pubkey(), &payer, freeze, 9);
    steps.push(last.unwrap());
    stage.world.send(&steps, &[&mint]).unwrap();
    Token {
        mint: mint.pubkey(),
        program: ID,
    }
}

/// A fee of 1%, at most 1,000 units.
fn with_fee(mint: &Pubkey) -> Instruction {
    let fee = transfer_fee::instruction::initialize_transfer_fee_config;
    fee(&ID, mint, None, None, 100, 1_000).unwrap()
}

fn with_pointer(mint: &Pubkey) -> Instruction {
    metadata_pointer::instruction::initialize(&ID, mint, None, Some(*mint)).unwrap()
}

fn with_rate(mint: &Pubkey) -> Instruction {
    interest_bearing_mint::instruction::initialize(&ID, mint, None, 500).unwrap()
}

fn list(stage: &Stage, token: Token) -> Instruction {
    let feed = FeedArgs {
        id: [0x42; 32],
        ..stage.venue.feed_args(SOL)
    };
    let args = AssetArgs {
        underlying: NONE,
        ..stage.venue.asset_args(SOL, FeedChoice::New(feed))
    };
    let (admin, payer) = (stage.venue.admin.pubkey(), stage.world.payer.pubkey());
    instructions::add_asset(&stage.venue.addresses, &admin, &payer, token, args)
}

/// Lists a token, checks its vault and returns the extensions that the vault has.
fn listed(stage: &mut Stage, token: Token) -> Vec<ExtensionType> {
    let add = list(stage, token);
    let admin = admin(stage);
    stage.world.send(&[add], &[&admin]).unwrap();
    let addresses = stage.venue.addresses;
    let bank: Box<Bank> = stage.world.read(&addresses.bank(&token.mint)).unwrap();
    assert_eq!((bank.asset, bank.mint), (NEW, token.mint));
    assert_eq!(bank.vault, addresses.vault(&token.mint));
    let vault = stage.world.svm.get_account(&bank.vault).unwrap();
    assert_eq!(vault.owner, token.program);
    let rent = &stage.world.svm;
    let rent = rent.minimum_balance_for_rent_exemption(vault.data.len());
    assert_eq!(vault.lamports, rent);
    let state = StateWithExtensions::<Account>::unpack(&vault.data).unwrap();
    assert_eq!(
        (state.base.mint, state.base.owner, state.base.state),
        (
            token.mint,
            addresses.bank(&token.mint),
            AccountState::Initialized
        )
    );
    assert!(state.base.delegate.is_none() && state.base.close_authority.is_none());
    state.get_extension_types().unwrap()
}

/// The owner's associated token account, with so many tokens in it.
fn wallet(stage: &mut Stage, owner: &Keypair, token: Token, amount: u64) -> Pubkey {
    let payer = stage.world.payer.pubkey();
    let account = ata::address::get_associated_token_address_with_program_id(
        &owner.pubkey(),
        &token.mint,
        &ID,
    );
    let steps = [
        ata::instruction::create_associated_token_account_idempotent(
            &payer,
            &owner.pubkey(),
            &token.mint,
            &ID,
        ),
        token_2022::mint_to(&ID, &token.mint, &account, &payer, &[], amount).unwrap(),
    ];
    stage.world.send(&steps, &[]).unwrap();
    account
}

fn deposit(
    stage: &Stage,
    owner: &Keypair,
    token: Token,
    source: &Pubkey,
    amount: u64,
) -> Instruction {
    let (account, key) = (stage.account(owner), owner.pubkey());
    instructions::deposit(
        &stage.venue.addresses,
        token,
        &account,
        &key,
        source,
        amount,
    )
}

fn withdraw(
    stage: &Stage,
    owner: &Keypair,
    token: Token,
    destination: &Pubkey,
    amount: u64,
) -> Instruction {
    let (account, key) = (stage.account(owner), owner.pubkey());
    let addresses = &stage.venue.addresses;
    instructions::withdraw(addresses, token, &account, &key, destination, amount, false)
}

#[test]
fn a_plain_token_of_the_new_program_is_listed_deposited_and_withdrawn() {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 1.0);
    let token = create_mint(&mut stage, 200, &[], false, |_| Vec::new());
    listed(&mut stage, token);
    let wallet = wallet(&mut stage, &owner, token, 1_000);
    let put = deposit(&stage, &owner, token, &wallet, 900);
    stage.world.send(&[put], &[&owner]).unwrap();
    assert_eq!(stage.balance(&owner, NEW.into()), 900);
    let vault = stage.venue.addresses.vault(&token.mint);
    assert_eq!(
        (stage.world.tokens(&wallet), stage.world.tokens(&vault)),
        (100, 900)
    );
    let take = withdraw(&stage, &owner, token, &wallet, u64::MAX);
    stage.world.send(&[take], &[&owner]).unwrap();
    assert_eq!(
        (stage.world.tokens(&wallet), stage.world.tokens(&vault)),
        (1_000, 0)
    );
    assert_eq!(stage.balance(&owner, NEW.into()), 0);
    stage.check_books();
}

#[test]
fn a_transfer_fee_is_the_depositors_and_the_receivers_never_the_banks() {
    let mut stage = Stage::new();
    let owner = stage.trader(1, 1.0);
    let kinds = [
        ExtensionType::TransferFeeConfig,
        ExtensionType::MetadataPointer,
    ];
    let token = create_mint(&mut stage, 200, &kinds, false, |mint| {
        vec![with_fee(mint), with_pointer(mint)]
    });
    // What the mint's extensions need.
    let of_vault = listed(&mut stage, token);
    assert!(of_vault.contains(&ExtensionType::TransferFeeAmount));

    let wallet = wallet(&mut stage, &owner, token, 1_000_000);
    let bank_key = stage.venue.addresses.bank(&token.mint);
    let vault = stage.venue.addresses.vault(&token.mint);
    // 1%, rounded up by the token program; never more than 1,000.
    let (mut held, mut left) = (0, 1_000_000);
    for (amount, fee) in [(10_000, 100), (10_001, 101), (500_000, 1_000)] {
        let put = deposit(&stage, &owner, token, &wallet, amount);
        let done = stage.world.send(&[put], &[&owner]).unwrap();
        (held, left) = (held + amount - fee, left - amount);
        let event: Deposited = events::decode_all(&done.logs)[0].parse().unwrap();
        assert_eq!((event.asset, event.amount), (NEW, amount - fee));
        assert_eq!(stage.balance(&owner, NEW.into()), held as i64);
        let tokens = [wallet, vault].map(|key| stage.world.tokens(&key));
        assert_eq!(tokens, [left, held]);
    }
    // One unit is all fee: nothing would arrive.
    let dust = deposit(&stage, &owner, token, &wallet, 1);
    refused(&mut stage, dust, &owner, BallastError::ZeroAmount);

    let take = withdraw(&stage, &owner, token, &wallet, 20_000);
    let done = stage.world.send(&[take], &[&owner]).unwrap();
    let event: Withdrawn = events::decode_all(&done.logs)[0].parse().unwrap();
    assert_eq!((event.amount, event.borrowed), (20_000, 0));
    let tokens = [wallet, vault].map(|key| stage.world.tokens(&key));
    assert_eq!(tokens, [left + 20_000 - 200, held - 20_000]);
    assert_eq!(stage.balance(&owner, NEW.into()), held as i64 - 20_000);
    let take = withdraw(&stage, &owner, token, &wallet, u64::MAX);
    stage.world.send(&[take], &[&owner]).unwrap();
    let bank: Box<Bank> = stage.world.read(&bank_key).unwrap();
    assert!(bank.deposit_shares.is_zero() && stage.world.tokens(&vault) == 0);
}

#[test]
fn what_only_describes_a_token_is_no_reason_to_refuse_it() {
    let mut stage = Stage::new();
    let pointer = [ExtensionType::MetadataPointer];
    let described = create_mint(&mut stage, 200, &pointer, true, |mint| {
        vec![with_pointer(mint)]
    });
    let state = [ExtensionType::DefaultAccountState];
    let thawed = create_mint(&mut stage, 202, &state, true, |mint| {
        let set = default_account_state::instruction::initialize_default_account_state;
        vec![set(&ID, mint, &AccountState::Initialized).unwrap()]
    });
    let admin = admin(&stage);
    for token in [described, thawed] {
        let add = list(&stage, token);
        stage.simulate(&[add], &[&admin]).unwrap();
    }
}

#[test]
fn mints_that_could_block_hide_take_or_freeze_tokens_are_refused_each_with_its_own_error() {
    type Case = (ExtensionType, fn(&Pubkey) -> Instruction, BallastError);
    let cases: [Case; 9] = [
        (
            ExtensionType::TransferHook,
            |mint| {
                let hook = Pubkey::new_from_array([5; 32]);
                transfer_hook::instruction::initialize(&ID, mint, None, Some(hook)).unwrap()
            },
            BallastError::MintHasTransferHook,
        ),
        (
            ExtensionType::ConfidentialTransferMint,
            |mint| {
                let initialize = confidential_transfer::instruction::initialize_mint;
                initialize(&ID, mint, None, true, None).unwrap()
            },
            BallastError::MintHasConfidentialTransfers,
        ),
        (
            ExtensionType::PermanentDelegate,
            |mint| {
                let thief = Pubkey::new_from_array([5; 32]);
                token_2022::initialize_permanent_delegate(&ID, mint, &thief).unwrap()
            },
            BallastError::MintHasPermanentDelegate,
        ),
        (
            ExtensionType::DefaultAccountState,
            |mint| {
                let set = default_account_state::instruction::initialize_default_account_state;
                set(&ID, mint, &AccountState::Frozen).unwrap()
            },
            BallastError::MintFreezesVault,
        ),
        (
            ExtensionType::NonTransferable,
            |mint| token_2022::initialize_non_transferable_mint(&ID, mint).unwrap(),
            BallastError::MintNotTransferable,
        ),
        (
            ExtensionType::Pausable,
            |mint| {
                let somebody = Pubkey::new_from_array([5; 32]);
                pausable::instruction::initialize(&ID, mint, &somebody).unwrap()
            },
            BallastError::MintCanBePaused,
        ),
        (
            ExtensionType::MintCloseAuthority,
            |mint| {
                let somebody = Pubkey::new_from_array([5; 32]);
                token_2022::initialize_mint_close_authority(&ID, mint, Some(&somebody)).unwrap()
            },
            BallastError::MintExtensionNotSupported,
        ),
        // Wallets would show other amounts than the vault holds.
        (
            ExtensionType::InterestBearingConfig,
            with_rate,
            BallastError::MintExtensionNotSupported,
        ),
        (
            ExtensionType::ScaledUiAmount,
            |mint| {
                let initialize = scaled_ui_amount::instruction::initialize;
                initialize(&ID, mint, None, 5.0).unwrap()
            },
            BallastError::MintExtensionNotSupported,
        ),
    ];
    let mut stage = Stage::new();
    let admin = admin(&stage);
    let mut number = 200;
    for (kind, initialize, error) in cases {
        // Alone, and behind harmless ones.
        let alone = create_mint(&mut stage, number, &[kind], true, |mint| {
            vec![initialize(mint)]
        });
        let kinds = [ExtensionType::MetadataPointer, kind];
        let behind = create_mint(&mut stage, number + 1, &kinds, true, |mint| {
            vec![with_pointer(mint), initialize(mint)]
        });
        number += 2;
        let code = u32::from(error);
        for token in [alone, behind] {
            let add = list(&stage, token);
            let before = snapshot(&stage);
            stage.refused(&[add], &[&admin], ballast_tests::Code(code));
            assert!(before == snapshot(&stage));
            let bank = stage.venue.addresses.bank(&token.mint);
            assert!(stage.world.svm.get_account(&bank).is_none());
        }
    }
}

#[test]
fn a_mint_is_listed_with_its_own_token_program_only() {
    let mut stage = Stage::new();
    let admin = admin(&stage);
    let new = create_mint(&mut stage, 200, &[], false, |_| Vec::new());
    let old = Stage::key(201);
    stage.world.create_mint(&old, 9).unwrap();
    let old = Token::from(&old.pubkey());
    for (token, program) in [(new, spl_token::ID), (old, ID)] {
        let add = list(&stage, Token { program, ..token });
        of_another_program(&mut stage, add, &admin);
        let add = list(&stage, token);
        stage.simulate(&[add], &[&admin]).unwrap();
    }
    // Nor is it deposited or withdrawn with another one.
    listed(&mut stage, new);
    let owner = stage.trader(1, 1.0);
    let wallet = wallet(&mut stage, &owner, new, 10);
    let put = deposit(&stage, &owner, new, &wallet, 10);
    let wrong = with(put.clone(), &ID, &spl_token::ID);
    of_another_program(&mut stage, wrong, &owner);
    stage.world.send(&[put], &[&owner]).unwrap();
    let take = withdraw(&stage, &owner, new, &wallet, 10);
    let wrong = with(take, &ID, &spl_token::ID);
    of_another_program(&mut stage, wrong, &owner);
}

/// The token program refuses accounts that are not its own, before Ballast has compared anything.
#[track_caller]
fn of_another_program(stage: &mut Stage, instruction: Instruction, signer: &Keypair) {
    let before = snapshot(stage);
    let refusal = stage.world.send(&[instruction], &[signer]).unwrap_err();
    let error = format!("{:?}", refusal.error);
    let by_token_program = ["IncorrectProgramId", "InvalidAccountData"];
    let expected = by_token_program.iter().any(|name| error.contains(name));
    assert!(expected, "{refusal}");
    assert!(before == snapshot(stage));
}

#[test]
fn sol_is_wrapped_deposited_withdrawn_and_unwrapped() {
    const LAMPORTS: u64 = 3_000_000_000;
    let mut stage = Stage::new();
    // Genesis has the native mint; here it is written.
    let native = spl_token::native_mint::ID;
    if stage.world.svm.get_account(&native).is_none() {
        let some_mint = stage.venue.mints[SOL];
        let mut account = stage.world.svm.get_account(&some_mint).unwrap();
        account.data.fill(0);
        (account.data[44], account.data[45]) = (9, 1);
        stage.world.svm.set_account(native, account).unwrap();
    }
    let token = Token::from(&native);
    listed(&mut stage, token);
    let owner = stage.trader(1, 1.0);
    let key = owner.pubkey();
    let before = 10 * LAMPORTS;
    stage.world.svm.airdrop(&key, before).unwrap();

    let wrapped = ballast_sim::World::token_address(&key, &native);
    let mut steps = instructions::wrap_sol(&key, LAMPORTS);
    steps.push(deposit(&stage, &owner, token, &wrapped, LAMPORTS));
    stage.world.send(&steps, &[&owner]).unwrap();
    let vault = stage.venue.addresses.vault(&native);
    assert_eq!(stage.balance(&owner, NEW.into()), LAMPORTS as i64);
    assert_eq!(stage.world.tokens(&vault), LAMPORTS);
    let rent = stage.world.svm.minimum_balance_for_rent_exemption(165);
    let lamports = |stage: &Stage, key: &Pubkey| stage.world.svm.get_balance(key).unwrap_or(0);
    assert_eq!(lamports(&stage, &vault), LAMPORTS + rent);
    assert_eq!(lamports(&stage, &key), before - LAMPORTS - rent);

    // Wrapping again adds to what is there.
    let again = instructions::wrap_sol(&key, 7);
    stage.world.send(&again, &[&owner]).unwrap();
    assert_eq!(stage.world.tokens(&wrapped), 7);
    let steps = [
        withdraw(&stage, &owner, token, &wrapped, u64::MAX),
        instructions::unwrap_sol(&key),
    ];
    stage.world.send(&steps, &[&owner]).unwrap();
    assert_eq!(stage.balance(&owner, NEW.into()), 0);
    assert_eq!(
        (lamports(&stage, &key), lamports(&stage, &vault)),
        (before, rent)
    );
    assert_eq!(lamports(&stage, &wrapped), 0);
    stage.check_books();
}

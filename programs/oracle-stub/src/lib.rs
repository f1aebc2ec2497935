//! Stands in for the Pyth programs on local clusters and in tests.
//!
//! It is loaded at the addresses of the Pyth receiver program and of the Pyth oracle program, and writes accounts in
//! the layout of whichever of the two it is called as. So the protocol under test is the one that ships: same owners,
//! same bytes. It is never deployed to a public cluster, where those addresses are Pyth's.
//!
//! One instruction, [`StubPrice`] in borsh, with the accounts: price account (writable, the address of
//! [`price_address`]), payer (signer, writable), system program.
#![allow(clippy::result_large_err)]

use anchor_lang::prelude::*;
#[cfg(not(target_os = "solana"))]
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::program::invoke_signed;
use anchor_lang::solana_program::{entrypoint::ProgramResult, system_instruction};
use pyth_sdk_solana::state::{
    AccountType, MAGIC, PriceStatus, PriceType, SolanaPriceAccount, VERSION_2,
};
use pyth_solana_receiver_sdk::price_update::{PriceFeedMessage, PriceUpdateV2, VerificationLevel};
use std::mem::size_of;

/// The Pyth receiver program: called as this, the stub writes `PriceUpdateV2` accounts.
pub const RECEIVER_ID: Pubkey = pyth_solana_receiver_sdk::ID;
/// The Pyth oracle program: called as this, the stub writes legacy price accounts.
pub const ORACLE_ID: Pubkey = pubkey!("FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH");

const SEED: &[u8] = b"price";

/// A price to write: `price × 10^exponent` US dollars.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct StubPrice {
    /// Feed id; for the legacy layout any 32 bytes that tell feeds apart.
    pub id: [u8; 32],
    /// Mantissa of the price.
    pub price: i64,
    /// Mantissa of the confidence interval.
    pub confidence: u64,
    /// Mantissa of the average price.
    pub ema: i64,
    /// Power of ten.
    pub exponent: i32,
    /// Unix seconds.
    pub publish_time: i64,
    /// Receiver: verified by all guardians needed. Oracle: the feed is trading.
    pub good: bool,
}

/// Where the stub keeps a feed when it is called as `program`.
pub fn price_address(program: &Pubkey, id: &[u8; 32]) -> Pubkey {
    Pubkey::find_program_address(&[SEED, id], program).0
}

/// What writes a price as one of the two programs. Signer: payer.
#[cfg(not(target_os = "solana"))]
pub fn write(program: &Pubkey, payer: &Pubkey, price: &StubPrice) -> Instruction {
    let mut data = Vec::new();
    price
        .serialize(&mut data)
        .expect("writing to memory does not fail");
    Instruction {
        program_id: *program,
        accounts: vec![
            AccountMeta::new(price_address(program, &price.id), false),
            AccountMeta::new(*payer, true),
            AccountMeta::new_readonly(system_program::ID, false),
        ],
        data,
    }
}

#[cfg(not(feature = "no-entrypoint"))]
anchor_lang::solana_program::entrypoint!(process);

/// Writes one price, creating its account on first use.
///
/// # Errors
/// `NotEnoughAccountKeys`, `InvalidInstructionData`, `InvalidSeeds` when the account is not the feed's,
/// `IncorrectProgramId` when called as neither of the two programs.
pub fn process(program_id: &Pubkey, accounts: &[AccountInfo], data: &[u8]) -> ProgramResult {
    let [account, payer, _system_program] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let price =
        StubPrice::try_from_slice(data).map_err(|_| ProgramError::InvalidInstructionData)?;
    let len = if *program_id == RECEIVER_ID {
        PriceUpdateV2::LEN
    } else if *program_id == ORACLE_ID {
        size_of::<SolanaPriceAccount>()
    } else {
        return Err(ProgramError::IncorrectProgramId);
    };
    let (address, bump) = Pubkey::find_program_address(&[SEED, &price.id], program_id);
    if address != *account.key {
        return Err(ProgramError::InvalidSeeds);
    }
    if account.data_is_empty() {
        let rent = Rent::get()?.minimum_balance(len);
        let create = system_instruction::create_account(
            payer.key,
            account.key,
            rent,
            len as u64,
            program_id,
        );
        invoke_signed(&create, accounts, &[&[SEED, &price.id, &[bump]]])?;
    }
    let mut data = account.try_borrow_mut_data()?;
    if *program_id == RECEIVER_ID {
        write_update(&price, &mut data)?;
    } else {
        write_legacy(&price, &mut data)?;
    }
    Ok(())
}

fn write_update(price: &StubPrice, mut data: &mut [u8]) -> Result<()> {
    let verification_level = if price.good {
        VerificationLevel::Full
    } else {
        VerificationLevel::Partial { num_signatures: 5 }
    };
    let update = PriceUpdateV2 {
        write_authority: Pubkey::default(),
        verification_level,
        price_message: PriceFeedMessage {
            feed_id: price.id,
            price: price.price,
            conf: price.confidence,
            exponent: price.exponent,
            publish_time: price.publish_time,
            prev_publish_time: price.publish_time.saturating_sub(1),
            ema_price: price.ema,
            ema_conf: price.confidence,
        },
        posted_slot: Clock::get()?.slot,
    };
    update.try_serialize(&mut data)
}

fn write_legacy(price: &StubPrice, data: &mut [u8]) -> ProgramResult {
    let slot = Clock::get()?.slot;
    let account: &mut SolanaPriceAccount =
        bytemuck::try_from_bytes_mut(data).map_err(|_| ProgramError::InvalidAccountData)?;
    account.magic = MAGIC;
    account.ver = VERSION_2;
    account.atype = AccountType::Price as u32;
    account.size = size_of::<SolanaPriceAccount>() as u32;
    account.ptype = PriceType::Price;
    account.expo = price.exponent;
    account.last_slot = slot;
    account.valid_slot = slot;
    account.ema_price.val = price.ema;
    account.prev_timestamp = account.timestamp;
    account.timestamp = price.publish_time;
    account.agg.price = price.price;
    account.agg.conf = price.confidence;
    account.agg.pub_slot = slot;
    account.agg.status = if price.good {
        PriceStatus::Trading
    } else {
        PriceStatus::Halted
    };
    Ok(())
}

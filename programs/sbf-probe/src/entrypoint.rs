//! The program's side of [`Operation`] and [`engine`]: operands from the instruction data, results into the return data.

use ballast_risk::pricing::OptionInput;
use fixed::types::I80F48;
use solana_account_info::AccountInfo;
use solana_define_syscall::definitions::sol_set_return_data;
use solana_program_entrypoint::{ProgramResult, entrypoint};
use solana_program_error::ProgramError;
use solana_pubkey::Pubkey;

use crate::engine::{self, decode_option, encode_figures};
use crate::{Operation, PAIR_BYTES, PAIRS_MAX};

entrypoint!(process);

/// For an instruction that is none of those described, or whose accounts are not those described.
const MALFORMED: ProgramError = ProgramError::Custom(1);

fn give(bytes: &[u8]) -> ProgramResult {
    // SAFETY: the pointer and the length are a slice's.
    unsafe { sol_set_return_data(bytes.as_ptr(), bytes.len() as u64) };
    Ok(())
}

fn process(_program: &Pubkey, accounts: &[AccountInfo], data: &[u8]) -> ProgramResult {
    let (code, rest) = data.split_first().ok_or(MALFORMED)?;
    match *code {
        engine::OPTIONS => options(rest),
        engine::HEALTH => health(accounts, rest),
        engine::VALUE => value(rest, engine::value),
        engine::PEER_VALUE => value(rest, engine::peer_value),
        code => arithmetic(code, rest),
    }
}

fn arithmetic(code: u8, operands: &[u8]) -> ProgramResult {
    let operation = Operation::ALL.get(usize::from(code)).ok_or(MALFORMED)?;
    let count = operands.len() / PAIR_BYTES;
    if operands.len() % PAIR_BYTES != 0 || count > PAIRS_MAX {
        return Err(MALFORMED);
    }
    let pairs = operands.chunks_exact(PAIR_BYTES).map(|pair| {
        // SAFETY: a pair is two operands; they need not be aligned.
        let operands = unsafe { pair.as_ptr().cast::<[u128; 2]>().read_unaligned() };
        (operands[0], operands[1])
    });
    let mut results = [0; PAIRS_MAX];
    operation.apply(pairs, results.iter_mut());
    let bytes = results.map(u128::to_le_bytes);
    give(bytes[..count].as_flattened())
}

fn options(bytes: &[u8]) -> ProgramResult {
    let mut figures = Vec::with_capacity(engine::OPTIONS_MAX * engine::FIGURES_BYTES);
    for option in bytes.chunks(engine::OPTION_BYTES) {
        let option = decode_option(option).ok_or(MALFORMED)?;
        figures.extend_from_slice(&encode_figures(option.report()));
    }
    give(&figures)
}

fn value(bytes: &[u8], model: impl Fn(&OptionInput) -> Option<I80F48>) -> ProgramResult {
    let option = decode_option(bytes).ok_or(MALFORMED)?;
    give(&model(&option).ok_or(MALFORMED)?.to_le_bytes())
}

fn health(accounts: &[AccountInfo], bytes: &[u8]) -> ProgramResult {
    let [exchange, board, account] = accounts else {
        return Err(MALFORMED);
    };
    let (purpose, now) = bytes.split_first().ok_or(MALFORMED)?;
    let purpose = engine::PURPOSES
        .get(usize::from(*purpose))
        .ok_or(MALFORMED)?;
    let now = i64::from_le_bytes(now.try_into().map_err(|_| MALFORMED)?);
    let (exchange, board, account) = (
        exchange.try_borrow_data()?,
        board.try_borrow_data()?,
        account.try_borrow_data()?,
    );
    let digest = engine::health([&exchange, &board, &account], *purpose, now).ok_or(MALFORMED)?;
    give(&digest.to_le_bytes())
}

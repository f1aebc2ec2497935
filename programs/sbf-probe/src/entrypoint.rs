//! The program's side of [`Operation`]: operands from the instruction data, results into the return data.

use crate::{Operation, PAIR_BYTES, PAIRS_MAX, RESULT_BYTES};

unsafe extern "C" {
    fn sol_set_return_data(data: *const u8, length: u64);
}

/// Error code of an instruction whose data is not an operation and whole pairs, or that names an account.
const MALFORMED: u64 = 1;

/// Called by the loader with the serialised accounts and instruction data.
///
/// # Safety
/// `input` is laid out as the loader does: number of accounts, accounts, length of the data, data.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn entrypoint(input: *const u8) -> u64 {
    // SAFETY: without accounts, the two lengths and then the data follow one another.
    let data = unsafe {
        if input.cast::<u64>().read() != 0 {
            return MALFORMED;
        }
        let length = input.add(8).cast::<u64>().read() as usize;
        core::slice::from_raw_parts(input.add(16), length)
    };
    let Some((code, operands)) = data.split_first() else {
        return MALFORMED;
    };
    let Some(operation) = Operation::ALL.get(usize::from(*code)) else {
        return MALFORMED;
    };
    let count = operands.len() / PAIR_BYTES;
    if operands.len() % PAIR_BYTES != 0 || count > PAIRS_MAX {
        return MALFORMED;
    }
    let pairs = operands.chunks_exact(PAIR_BYTES).map(|pair| {
        // SAFETY: a pair is two operands; they need not be aligned.
        let operands = unsafe { pair.as_ptr().cast::<[u128; 2]>().read_unaligned() };
        (operands[0], operands[1])
    });
    let mut results = [0; PAIRS_MAX];
    operation.apply(pairs, results.iter_mut());
    // SAFETY: at most the whole buffer.
    unsafe {
        sol_set_return_data(results.as_ptr().cast(), (count * RESULT_BYTES) as u64);
    }
    0
}

//! The risk engine on the VM.

use std::hash::{Hash, Hasher};

use ballast_risk::Overflow;
use ballast_risk::pricing::{OptionInput, OptionKind, OptionReport};
use ballast_risk::time::YEAR_S;
use ballast_state::health::{Purpose, Report, View};
use ballast_state::{Board, Exchange, MarginAccount, StateError, view};
use fixed::types::I80F48;

/// Code before options: returns the figures of each, [`FIGURES_BYTES`] apiece.
pub const OPTIONS: u8 = 0x80;
/// Code before a purpose's number in [`PURPOSES`] and the clock (`i64`), with the accounts exchange, board and margin account:
/// returns the digest of the outcome. The assessment is metered.
pub const HEALTH: u8 = 0x81;
/// Code before an option: one value, metered.
pub const VALUE: u8 = 0x82;
/// Code before an option: one value by the crate `solmath`, metered.
pub const PEER_VALUE: u8 = 0x83;

/// Bytes of one option.
pub const OPTION_BYTES: usize = 64;
/// Bytes of one option's figures.
pub const FIGURES_BYTES: usize = 80;
/// Most options in one instruction: their figures fill the return data.
pub const OPTIONS_MAX: usize = 12;

/// The purposes by number.
pub const PURPOSES: [Purpose; 4] = [
    Purpose::AddRisk,
    Purpose::ReduceRisk,
    Purpose::Liquidate,
    Purpose::TakeOver,
];

/// Writes an option as the program reads it.
pub fn encode_option(option: &OptionInput) -> [u8; OPTION_BYTES] {
    let mut bytes = [0; OPTION_BYTES];
    bytes[..16].copy_from_slice(&option.spot.to_le_bytes());
    bytes[16..32].copy_from_slice(&option.strike.to_le_bytes());
    bytes[32..40].copy_from_slice(&option.expiry_s.to_le_bytes());
    bytes[40..48].copy_from_slice(&option.volatility_q32.to_le_bytes());
    bytes[48..56].copy_from_slice(&option.carry_q32.to_le_bytes());
    bytes[56] = u8::from(option.kind == OptionKind::Put);
    bytes
}

/// Reads what [`encode_option`] wrote; `None` for another length.
pub fn decode_option(bytes: &[u8]) -> Option<OptionInput> {
    let bytes: &[u8; OPTION_BYTES] = bytes.try_into().ok()?;
    let wide = |at: usize| Some(I80F48::from_le_bytes(bytes[at..at + 16].try_into().ok()?));
    let word = |at: usize| Some(u64::from_le_bytes(bytes[at..at + 8].try_into().ok()?));
    Some(OptionInput {
        spot: wide(0)?,
        strike: wide(16)?,
        expiry_s: word(32)?,
        volatility_q32: word(40)?,
        carry_q32: word(48)? as i64,
        kind: if bytes[56] == 0 {
            OptionKind::Call
        } else {
            OptionKind::Put
        },
    })
}

/// The figures as bytes; all ones for an error.
pub fn encode_figures(figures: Result<OptionReport, Overflow>) -> [u8; FIGURES_BYTES] {
    let mut bytes = [u8::MAX; FIGURES_BYTES];
    if let Ok(figures) = figures {
        let numbers = [
            figures.value,
            figures.delta,
            figures.gamma,
            figures.vega,
            figures.theta,
        ];
        for (place, number) in bytes.chunks_exact_mut(16).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
    }
    bytes
}

/// A number that depends on every field (FNV-1a).
struct Digest(u64);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = crate::extend_digest(self.0, bytes);
    }
}

/// A digest of the outcome of an assessment, every field of the report included.
pub fn digest(outcome: Result<&Report, StateError>) -> u64 {
    let mut digest = Digest(crate::EMPTY_DIGEST);
    outcome.hash(&mut digest);
    digest.finish()
}

/// Writes the compute units that are left into the log; nothing on the host.
fn log_units_left() {
    #[cfg(target_os = "solana")]
    // SAFETY: the call has no arguments.
    unsafe {
        solana_define_syscall::definitions::sol_log_compute_units_();
    }
}

/// Does some work between two entries in the log. What an entry itself takes is the difference of the two before.
#[inline(never)]
fn metered<T>(work: impl FnOnce() -> T) -> T {
    log_units_left();
    log_units_left();
    let result = std::hint::black_box(work());
    log_units_left();
    result
}

/// Answers [`HEALTH`] from the data of the three accounts.
pub fn health(data: [&[u8]; 3], purpose: Purpose, now: i64) -> Option<u64> {
    let [exchange, board, account] = data;
    let (exchange, board) = (view::<Exchange>(exchange)?, view::<Board>(board)?);
    let account = view::<MarginAccount>(account)?;
    let outcome = metered(|| {
        let mut report = Report::boxed();
        let view = View {
            exchange,
            board,
            now,
        };
        view.assess(account, purpose, &mut report).map(|()| report)
    });
    Some(match &outcome {
        Ok(report) => digest(Ok(report)),
        Err(error) => digest(Err(*error)),
    })
}

/// One value by the engine.
pub fn value(option: &OptionInput) -> Option<I80F48> {
    metered(|| option.value()).ok()
}

/// One value by `solmath`, whose numbers have twelve decimals; it gives call and put together.
pub fn peer_value(option: &OptionInput) -> Option<I80F48> {
    const ONE: u128 = solmath::SCALE;
    let decimal = |x: I80F48| {
        u128::try_from(x.to_bits())
            .ok()
            .map(|bits| ((bits >> 20) * ONE) >> 28)
    };
    let (spot, strike) = (decimal(option.spot)?, decimal(option.strike)?);
    let volatility = (u128::from(option.volatility_q32) * ONE) >> 32;
    let years = u128::from(option.expiry_s) * ONE / u128::from(YEAR_S);
    let (call, put) =
        metered(|| solmath::black_scholes_price(spot, strike, 0, volatility, years)).ok()?;
    let value = match option.kind {
        OptionKind::Call => call,
        OptionKind::Put => put,
    };
    Some(I80F48::from_bits((((value << 28) / ONE) << 20) as i128))
}

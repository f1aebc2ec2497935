//! Why a transaction was refused: the program's code, name and message, or the runtime's reason.

pub use ballast::error::BallastError;
use solana_instruction_error::InstructionError;
use solana_transaction_error::TransactionError;
use std::fmt;
use strum::IntoEnumIterator;

/// An error with the code that clients see.
pub trait CodedError {
    /// The code.
    fn code(self) -> u32;
}

impl CodedError for BallastError {
    fn code(self) -> u32 {
        self.into()
    }
}

impl CodedError for anchor_lang::error::ErrorCode {
    fn code(self) -> u32 {
        self.into()
    }
}

/// The program's error with this code.
pub fn program_error(code: u32) -> Option<BallastError> {
    BallastError::iter().find(|error| error.code() == code)
}

/// Why a transaction was refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What the runtime says.
    pub error: TransactionError,
    /// Its log.
    pub logs: Vec<String>,
}

impl Refusal {
    /// The error code of the program that refused, if it was one.
    pub fn code(&self) -> Option<u32> {
        match &self.error {
            TransactionError::InstructionError(_, InstructionError::Custom(code)) => Some(*code),
            _ => None,
        }
    }

    /// Which instruction of the transaction was refused, if it was one.
    pub fn instruction(&self) -> Option<usize> {
        match self.error {
            TransactionError::InstructionError(index, _) => Some(index.into()),
            _ => None,
        }
    }

    /// The error of Ballast, if it was that which refused.
    pub fn program_error(&self) -> Option<BallastError> {
        let own = format!("Program {} failed: ", ballast::ID);
        let is_own = self.logs.is_empty() || self.logs.iter().any(|line| line.starts_with(&own));
        self.code().filter(|_| is_own).and_then(program_error)
    }

    /// Whether this is the given error.
    pub fn is(&self, error: impl CodedError) -> bool {
        self.code() == Some(error.code())
    }

    /// A short name of the reason, for logs and metrics: the program's error, or the runtime's.
    pub fn name(&self) -> String {
        match (self.program_error(), self.code()) {
            (Some(error), _) => error.name(),
            (None, Some(code)) => {
                // Anchor's own errors are named in the log.
                let mut named = self
                    .logs
                    .iter()
                    .filter_map(|line| line.split("Error Code: ").nth(1));
                let name = named.next().and_then(|rest| rest.split('.').next());
                name.map_or_else(|| format!("Custom({code})"), str::to_owned)
            }
            (None, None) => match &self.error {
                TransactionError::InstructionError(_, error) => format!("{error:?}"),
                error => format!("{error:?}"),
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.program_error() {
            // The message with what Anchor compared, when the log has it.
            write!(
                formatter,
                "{error} ({}, code {})",
                error.name(),
                error.code()
            )?;
        } else {
            write!(formatter, "{}", self.error)?;
            for line in &self.logs {
                if let Some((_, message)) = line.split_once("Error Message: ") {
                    write!(formatter, ": {message}")?;
                }
            }
        }
        if let TransactionError::InstructionError(index, _) = &self.error {
            write!(formatter, " in instruction {index}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u32, logs: &[String]) -> Refusal {
        Refusal {
            error: TransactionError::InstructionError(2, InstructionError::Custom(code)),
            logs: logs.to_vec(),
        }
    }

    #[test]
    fn every_code_has_a_name_and_a_message() {
        let codes: Vec<u32> = BallastError::iter().map(CodedError::code).collect();
        assert!(codes.len() > 90);
        let expected = (6000..).take(codes.len());
        assert!(codes.iter().copied().eq(expected));
        for error in BallastError::iter() {
            assert_eq!(program_error(error.code()).unwrap().name(), error.name());
        }
        assert!(program_error(6000 + codes.len() as u32).is_none());
        assert!(program_error(1).is_none());
    }

    #[test]
    fn refusals_say_what_happened() {
        let code = BallastError::BelowInitialMargin.code();
        let ours = refused(code, &[]);
        assert_eq!(ours.name(), "BelowInitialMargin");
        assert_eq!(
            ours.to_string(),
            format!(
                "The account would be below its initial margin (BelowInitialMargin, code {code}) in instruction 2"
            )
        );
        // Another program's code 1 is no code of ours.
        let theirs = refused(1, &["Program X failed: custom program error: 0x1".into()]);
        assert_eq!(theirs.name(), "Custom(1)");
        let not_ours = refused(code, &["Program X failed: custom program error".into()]);
        assert!(not_ours.program_error().is_none());
    }
}

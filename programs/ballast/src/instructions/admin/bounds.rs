//! Bounds of parameters, checked on every admin write.

use crate::error::BallastError;
use anchor_lang::prelude::*;
use ballast_risk::Q32_ONE;

/// Requires `minimum <= value <= maximum` and names the parameter in the log when it is not.
pub fn within<T: PartialOrd>(name: &str, value: T, minimum: T, maximum: T) -> Result<()> {
    if value < minimum || value > maximum {
        msg!("{} is out of its bounds", name);
        return err!(BallastError::ParameterOutOfBounds);
    }
    Ok(())
}

/// Requires a Q32 fraction of at most 1.
pub fn fraction(name: &str, value_q32: u64) -> Result<()> {
    within(name, value_q32, 0, Q32_ONE)
}

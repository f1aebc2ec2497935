//! Between what people write and what the program counts in. For configuration and display; never for money in transit.

use ballast_risk::Q32_ONE;

/// A fraction as Q32; negative numbers become 0 and large ones saturate.
pub fn q32(value: f64) -> u64 {
    (value * Q32_ONE as f64).round() as u64
}

/// A Q32 number as a float.
pub fn from_q32(value: u64) -> f64 {
    value as f64 / Q32_ONE as f64
}

/// An amount as native units of a token with `decimals`.
pub fn native(amount: f64, decimals: u8) -> u64 {
    (amount * 10f64.powi(i32::from(decimals))).round() as u64
}

/// A name in the 16 zero-padded bytes of a ticker; what is longer is cut.
pub fn ticker(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let len = name.len().min(16);
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    bytes
}

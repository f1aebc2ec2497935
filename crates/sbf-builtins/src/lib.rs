//! Compiler helper functions for programs built by the project's own SBF toolchain.
//!
//! LLVM turns operations that sBPF has no instruction for into calls of functions with fixed names: 128-bit
//! multiplication and division, floating point, and copies of memory. Platform-tools bring these functions along; the
//! bootstrapped toolchain links this crate instead. It is never part of a host build or of a platform-tools build.
//!
//! Functions that take or return 128-bit integers are `extern "unadjusted"`: LLVM calls them with the halves in
//! registers, whereas Rust's C convention would return them through a hidden pointer.
#![no_std]
#![no_builtins]
#![feature(abi_unadjusted, asm_experimental_arch)]
#![allow(internal_features)]
#![warn(missing_docs)]

mod bits;
mod float;
mod int;
mod mem;

//! The C ABI of [`Engine`] for the host of the WebAssembly module, on one engine for the whole instance.
//!
//! The host writes into memory from [`reserve`], and gives it and every answer back with [`release`]. An answer is an address in the upper and a
//! length in the lower half of 64 bits.

use std::cell::RefCell;
use std::slice;

use crate::Engine;

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::default();
}

/// Hands bytes out to the host.
fn give(bytes: Vec<u8>) -> u64 {
    let bytes = Box::leak(bytes.into_boxed_slice());
    (bytes.as_ptr() as u64) << 32 | bytes.len() as u64
}

/// Memory of a length, filled with zeros.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(length: usize) -> *mut u8 {
    Box::leak(vec![0; length].into_boxed_slice()).as_mut_ptr()
}

/// Gives memory back.
///
/// # Safety
/// Address and length are those of a [`reserve`] or of an answer, and were not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn release(address: *mut u8, length: usize) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(slice::from_raw_parts_mut(address, length)) });
}

/// [`Engine::load_json`].
///
/// # Safety
/// The address is that of `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn load(which: u32, address: *const u8, length: usize) -> u64 {
    // SAFETY: the caller's promise.
    let data = unsafe { slice::from_raw_parts(address, length) };
    give(ENGINE.with_borrow_mut(|engine| engine.load_json(which, data)))
}

/// [`Engine::call`].
///
/// # Safety
/// The address is that of `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn call(address: *const u8, length: usize) -> u64 {
    // SAFETY: the caller's promise.
    let request = unsafe { slice::from_raw_parts(address, length) };
    give(ENGINE.with_borrow(|engine| engine.call(request)))
}

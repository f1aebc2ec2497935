//! Copying, filling and comparing memory: short lengths by loads and stores, long ones by the VM's own calls, which cost
//! about ten units and then one per 250 bytes. sBPF reads and writes unaligned words.

unsafe extern "C" {
    fn sol_memcpy_(destination: *mut u8, source: *const u8, length: u64);
    fn sol_memmove_(destination: *mut u8, source: *const u8, length: u64);
    fn sol_memset_(destination: *mut u8, value: u8, length: u64);
    fn sol_memcmp_(a: *const u8, b: *const u8, length: u64, result: *mut i32);
}

/// Longest copy, in bytes, that is cheaper by words than by the VM's call.
const INLINE_BYTES_MAX: usize = 32;
/// Longest comparison, in bytes, that is cheaper by words than by the VM's call: addresses are 32 bytes.
const INLINE_COMPARE_BYTES_MAX: usize = 64;

#[inline(always)]
unsafe fn load<T>(from: *const u8, offset: usize) -> T {
    // SAFETY: the caller has `offset + size_of::<T>()` readable bytes.
    unsafe { from.add(offset).cast::<T>().read_unaligned() }
}

#[inline(always)]
unsafe fn store<T>(to: *mut u8, offset: usize, value: T) {
    // SAFETY: the caller has `offset + size_of::<T>()` writable bytes.
    unsafe { to.add(offset).cast::<T>().write_unaligned(value) }
}

/// Copies at most [`INLINE_BYTES_MAX`] bytes. All loads come before the first store, so the ranges may overlap.
#[inline(always)]
unsafe fn copy_short(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: every access is inside the `length` bytes that the caller vouches for.
    unsafe {
        if length > 16 {
            let first: (u64, u64) = (load(from, 0), load(from, 8));
            let last: (u64, u64) = (load(from, length - 16), load(from, length - 8));
            store(to, 0, first.0);
            store(to, 8, first.1);
            store(to, length - 16, last.0);
            store(to, length - 8, last.1);
        } else if length >= 8 {
            let first: u64 = load(from, 0);
            let last: u64 = load(from, length - 8);
            store(to, 0, first);
            store(to, length - 8, last);
        } else if length >= 4 {
            let first: u32 = load(from, 0);
            let last: u32 = load(from, length - 4);
            store(to, 0, first);
            store(to, length - 4, last);
        } else if length > 0 {
            let first: u8 = load(from, 0);
            let middle: u8 = load(from, length / 2);
            let last: u8 = load(from, length - 1);
            store(to, 0, first);
            store(to, length / 2, middle);
            store(to, length - 1, last);
        }
    }
}

/// Copies between ranges that do not overlap.
///
/// # Safety
/// As for C's `memcpy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe {
        if length > INLINE_BYTES_MAX {
            sol_memcpy_(to, from, length as u64);
        } else {
            copy_short(to, from, length);
        }
    }
    to
}

/// Copies between ranges that may overlap.
///
/// # Safety
/// As for C's `memmove`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe {
        if length > INLINE_BYTES_MAX {
            sol_memmove_(to, from, length as u64);
        } else {
            copy_short(to, from, length);
        }
    }
    to
}

/// Fills with one byte value.
///
/// # Safety
/// As for C's `memset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(to: *mut u8, value: i32, length: usize) -> *mut u8 {
    let byte = value as u8;
    // SAFETY: every store is inside the `length` bytes that the caller vouches for.
    unsafe {
        if length > INLINE_BYTES_MAX {
            sol_memset_(to, byte, length as u64);
            return to;
        }
        let word = u64::from(byte).wrapping_mul(0x0101_0101_0101_0101);
        if length > 16 {
            store(to, 0, word);
            store(to, 8, word);
            store(to, length - 16, word);
            store(to, length - 8, word);
        } else if length >= 8 {
            store(to, 0, word);
            store(to, length - 8, word);
        } else if length >= 4 {
            store(to, 0, word as u32);
            store(to, length - 4, word as u32);
        } else if length > 0 {
            store(to, 0, byte);
            store(to, length / 2, byte);
            store(to, length - 1, byte);
        }
    }
    to
}

/// Negative, zero or positive as the first differing byte of `a` is below, absent or above that of `b`.
///
/// # Safety
/// As for C's `memcmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    // SAFETY: every load is inside the `length` bytes that the caller vouches for.
    unsafe {
        if length > INLINE_COMPARE_BYTES_MAX {
            let mut result = 0;
            sol_memcmp_(a, b, length as u64, &mut result);
            return result;
        }
        let mut offset = 0;
        while offset + 8 <= length {
            let x: u64 = load(a, offset);
            let y: u64 = load(b, offset);
            if x != y {
                return if x.swap_bytes() < y.swap_bytes() {
                    -1
                } else {
                    1
                };
            }
            offset += 8;
        }
        while offset < length {
            let x: u8 = load(a, offset);
            let y: u8 = load(b, offset);
            if x != y {
                return i32::from(x) - i32::from(y);
            }
            offset += 1;
        }
    }
    0
}

/// Zero when both ranges hold the same bytes.
///
/// # Safety
/// As for C's `bcmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    // SAFETY: every load is inside the `length` bytes that the caller vouches for.
    unsafe {
        if length == 32 {
            let first = load::<u64>(a, 0) ^ load::<u64>(b, 0);
            if first != 0 {
                return 1;
            }
            let rest = (load::<u64>(a, 8) ^ load::<u64>(b, 8))
                | (load::<u64>(a, 16) ^ load::<u64>(b, 16))
                | (load::<u64>(a, 24) ^ load::<u64>(b, 24));
            return i32::from(rest != 0);
        }
        memcmp(a, b, length)
    }
}

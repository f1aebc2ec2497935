//! Moves a process's wall clock: preloaded (`LD_PRELOAD`), it adds `BALLAST_CLOCK_SHIFT_S` seconds to what the C library tells.
//!
//! The build script compiles this file on its own into a shared library. libfaketime does the same in general, but waits
//! for itself when a process's allocator (here jemalloc) asks for the time while it starts. So nothing here allocates.
#![no_std]

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

/// Clocks of the day: `CLOCK_REALTIME` and `CLOCK_REALTIME_COARSE`. Monotonic ones stay as they are.
const OF_THE_DAY: [c_int; 2] = [0, 5];
#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
#[cfg(not(target_arch = "x86_64"))]
const SYS_CLOCK_GETTIME: c_long = 113;
const RTLD_NEXT: *mut c_void = -1isize as *mut c_void;
const NAME: &CStr = c"BALLAST_CLOCK_SHIFT_S";
/// Before the environment was read.
const UNKNOWN: i64 = i64::MIN;
/// A monotonic clock starts with the machine; whatever reads more than this many seconds is a time of day.
const LONG_S: i64 = 1_000_000_000;

static SHIFT_S: AtomicI64 = AtomicI64::new(UNKNOWN);
static TIMED_WAIT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: c_long,
}

#[repr(C)]
pub struct Timeval {
    seconds: i64,
    microseconds: c_long,
}

type TimedWait = unsafe extern "C" fn(*mut c_void, *mut c_void, *const Timespec) -> c_int;

#[link(name = "c")]
unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn strtoll(text: *const c_char, end: *mut *mut c_char, base: c_int) -> i64;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

fn shift_s() -> i64 {
    let known = SHIFT_S.load(Ordering::Relaxed);
    if known != UNKNOWN {
        return known;
    }
    let text = unsafe { getenv(NAME.as_ptr()) };
    let shift = match text.is_null() {
        true => 0,
        false => unsafe { strtoll(text, core::ptr::null_mut(), 10) },
    };
    SHIFT_S.store(shift, Ordering::Relaxed);
    shift
}

/// Of the C library, with the shift.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    let result = unsafe { syscall(SYS_CLOCK_GETTIME, clock as c_long, time) } as c_int;
    if result == 0 && OF_THE_DAY.contains(&clock) {
        unsafe { (*time).seconds += shift_s() };
    }
    result
}

/// Of the C library, with the shift.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut Timeval, _zone: *mut c_void) -> c_int {
    let mut now = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    let result = unsafe { clock_gettime(OF_THE_DAY[0], &mut now) };
    if result == 0 && !time.is_null() {
        unsafe {
            (*time).seconds = now.seconds;
            (*time).microseconds = now.nanoseconds / 1_000;
        }
    }
    result
}

/// Of the C library, with the shift.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(seconds: *mut i64) -> i64 {
    let mut now = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    unsafe { clock_gettime(OF_THE_DAY[0], &mut now) };
    if !seconds.is_null() {
        unsafe { *seconds = now.seconds };
    }
    now.seconds
}

/// Of the C library: a deadline in time of day is one of the shifted clock, and the kernel knows only the real one.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_timedwait(
    condition: *mut c_void,
    mutex: *mut c_void,
    deadline: *const Timespec,
) -> c_int {
    const INVALID: c_int = 22;
    let mut wait = TIMED_WAIT.load(Ordering::Relaxed);
    if wait.is_null() {
        wait = unsafe { dlsym(RTLD_NEXT, c"pthread_cond_timedwait".as_ptr()) };
        TIMED_WAIT.store(wait, Ordering::Relaxed);
    }
    if wait.is_null() || deadline.is_null() {
        return INVALID;
    }
    let mut real = unsafe { *deadline };
    if real.seconds > LONG_S {
        real.seconds -= shift_s();
    }
    unsafe { core::mem::transmute::<*mut c_void, TimedWait>(wait)(condition, mutex, &real) }
}

#[panic_handler]
fn stop(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

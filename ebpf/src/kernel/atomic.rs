//! Atomic operations, which the standard library does not offer on this target.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

/// Adds to a value that other CPUs may add to at the same time.
#[inline(always)]
pub(crate) fn add_i64(target: *mut i64, amount: i64) {
    // SAFETY: callers pass a pointer into a map value, checked for null.
    let _previous = unsafe { atomic_xadd::<i64, i64, { AtomicOrdering::Relaxed }>(target, amount) };
}

/// Adds to a value that other CPUs may add to at the same time.
#[inline(always)]
pub(crate) fn add_u64(target: *mut u64, amount: u64) {
    // SAFETY: callers pass a pointer into a map value, checked for null.
    let _previous = unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(target, amount) };
}

/// Replaces `old` by `new`; false if the value was not `old`. Kernel 5.12 and later.
#[inline(always)]
pub(crate) fn replace_i64(target: *mut i64, old: i64, new: i64) -> bool {
    // SAFETY: callers pass a pointer into a map value, checked for null.
    let (_previous, replaced) = unsafe {
        atomic_cxchg::<i64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(
            target, old, new,
        )
    };
    replaced
}

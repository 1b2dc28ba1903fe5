//! A second program for each call, on kernels that may take the CPU away from a program.
//!
//! The kernel skips a program that is running already on the same CPU (`prog->active` in
//! `__bpf_trace_run`, `bpf_trampoline_enter`). Where programs can be preempted, that is not only itself
//! from an interrupt, but every call of every process that runs until the first one is back: thousands.
//! So each hook that counts a call by what it returned has two programs. The first counts and leaves a
//! mark for its thread; the second takes the mark away, or counts where there is none. Only where both
//! are held up at once is a call lost.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::LruHashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::btf_map;

use crate::globals::setting;

/// Marks by `pid_tgid`. User space sizes it. A mark is looked at nanoseconds after it was left, so it is
/// not the one that has to go when there is no room.
#[btf_map]
static MARKS: LruHashMap<u64, u32, 1024> = LruHashMap::new();

/// What a call does; a thread may receive a datagram from within a receive.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum Call {
    Send = 1,
    Receive = 2,
    Take = 4,
}

/// Which of the two programs runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    First,
    Second,
}

/// Whether this program is to count the call. Both must ask once for each call.
#[inline(always)]
pub(crate) fn is_to_count(turn: Turn, call: Call) -> bool {
    let bit = call as u32;
    match turn {
        Turn::First => setting!(twice) == 0 || mark(bit),
        Turn::Second => !unmark(bit),
    }
}

/// Leaves the mark; false if it could not be, when the second program will find none and count.
#[inline(always)]
fn mark(bit: u32) -> bool {
    let thread = bpf_get_current_pid_tgid();
    match MARKS.get_ptr_mut(thread) {
        Some(marks) => {
            // SAFETY: the pointer comes from a successful lookup, and only this thread writes there.
            unsafe { *marks |= bit };
            true
        }
        None => MARKS.insert(thread, bit, u64::from(BPF_ANY)).is_ok(),
    }
}

/// Takes the mark away; false if there was none.
#[inline(always)]
fn unmark(bit: u32) -> bool {
    let Some(marks) = MARKS.get_ptr_mut(bpf_get_current_pid_tgid()) else {
        return false;
    };
    // SAFETY: as above.
    unsafe {
        let is_marked = *marks & bit != 0;
        *marks &= !bit;
        is_marked
    }
}

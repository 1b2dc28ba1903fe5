//! Calls under way: what a probe on the way into a function leaves for the one on the way out.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::loss::Loss;

use crate::losses::note;
use crate::socket::Sock;

/// The arguments of a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// A `sock`.
    pub(crate) sk: u64,
    /// A `msghdr`, 0 where there is none.
    pub(crate) message: u64,
    /// Of a receive.
    pub(crate) flags: i32,
    padding: u32,
}

/// By `pid_tgid`: a thread is in one call at a time. User space sizes it.
#[btf_map]
static CALLS: HashMap<u64, Call, 1> = HashMap::new();

/// Keeps the arguments.
#[inline(always)]
pub(crate) fn enter(sk: Sock, message: u64, flags: i32) {
    let thread = bpf_get_current_pid_tgid();
    if CALLS.get_ptr(thread).is_some() {
        note(Loss::ProbeMissed);
    }
    let call = Call {
        sk: sk.addr() as u64,
        message,
        flags,
        padding: 0,
    };
    if CALLS.insert(thread, call, u64::from(BPF_ANY)).is_err() {
        // How many bytes it will move is not known yet.
        note(Loss::CallsFull);
    }
}

/// Takes the arguments; `None` for a call that is not followed, or began before we did.
#[inline(always)]
pub(crate) fn leave() -> Option<Call> {
    let thread = bpf_get_current_pid_tgid();
    let call = CALLS.get_ptr(thread)?;
    // SAFETY: the pointer comes from a successful lookup, and only this thread writes there.
    let call = unsafe { core::ptr::read(call) };
    // It was there just now.
    let _removed = CALLS.remove(thread);
    Some(call)
}

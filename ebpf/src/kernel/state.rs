//! What is remembered of a socket, in its own storage: it goes when the socket goes.

use aya_ebpf::bindings::BPF_SK_STORAGE_GET_F_CREATE;
use aya_ebpf::btf_maps::SkStorage;
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::macros::btf_map;
use core::ffi::c_void;
use nettally_ebpf::flow::ProcessKey;

use crate::handover::Slot;
use crate::socket::Sock;

/// A socket's state.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SocketState {
    /// TCP: bytes of the stream that were charged so far.
    pub(crate) consumed: i64,
    /// TCP: the process that received last, `tgid` 0 if none did.
    owner: ProcessKey,
    /// UDP: the address of the send that runs, or ran last.
    pub(crate) sent: Slot,
    /// UDP: the address of the receive that runs.
    pub(crate) received: Slot,
    /// TCP: receives of this socket are counted by what they return.
    left_to_returns: u8,
    padding: [u8; 7],
}

impl SocketState {
    pub(crate) const NEW: Self = Self {
        consumed: 0,
        owner: ProcessKey {
            start_boottime: 0,
            tgid: 0,
            padding: 0,
        },
        sent: Slot::FREE,
        received: Slot::FREE,
        left_to_returns: 0,
        padding: [0; 7],
    };

    /// Of a TCP socket that had `consumed` bytes of its stream charged, or not to be charged.
    #[inline(always)]
    pub(crate) fn starting_at(consumed: i64) -> Self {
        Self {
            consumed,
            ..Self::NEW
        }
    }
}

#[btf_map]
static SOCKETS: SkStorage<SocketState> = SkStorage::new();

/// The state, if the socket has one.
#[inline(always)]
pub(crate) fn get(sk: Sock) -> Option<*mut SocketState> {
    look_up(sk.cast_mut(), core::ptr::null(), 0)
}

/// The state, `initial` if the socket had none; `None` if the kernel has no memory.
#[inline(always)]
pub(crate) fn get_or_create(sk: Sock, initial: &SocketState) -> Option<*mut SocketState> {
    look_up(
        sk.cast_mut(),
        initial,
        u64::from(BPF_SK_STORAGE_GET_F_CREATE),
    )
}

#[inline(always)]
pub(crate) fn look_up(
    sk: *mut c_void,
    initial: *const SocketState,
    flags: u64,
) -> Option<*mut SocketState> {
    // SAFETY: `sk` is a socket that the verifier knows, `initial` null or a whole state.
    let state = unsafe {
        bpf_sk_storage_get(
            (&raw const SOCKETS).cast_mut().cast::<c_void>(),
            sk,
            initial.cast_mut().cast::<c_void>(),
            flags,
        )
    };
    if state.is_null() {
        None
    } else {
        Some(state.cast::<SocketState>())
    }
}

/// Makes `process` the one that received last.
#[inline(always)]
pub(crate) fn set_owner(state: *mut SocketState, process: ProcessKey) {
    // SAFETY: the pointer comes from a successful lookup; the caller runs under the socket's lock.
    unsafe {
        if (*state).owner.tgid != process.tgid {
            (*state).owner = process;
        }
    }
}

/// Begins another connection of the same socket.
#[inline(always)]
pub(crate) fn restart(state: *mut SocketState) {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe {
        (*state).consumed = 0;
        (*state).left_to_returns = 0;
    }
}

#[inline(always)]
pub(crate) fn owner(state: *mut SocketState) -> Option<ProcessKey> {
    // SAFETY: the pointer comes from a successful lookup.
    let owner = unsafe { (*state).owner };
    if owner.tgid == 0 { None } else { Some(owner) }
}

/// Notes that something now stands between the socket and its stream, so that the stream is not
/// looked at again.
#[inline(always)]
pub(crate) fn leave_to_returns(state: *mut SocketState) {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe { (*state).left_to_returns = 1 };
}

#[inline(always)]
pub(crate) fn is_left_to_returns(state: *mut SocketState) -> bool {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe { (*state).left_to_returns != 0 }
}

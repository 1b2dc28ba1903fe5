//! What is remembered of a socket, in its own storage: it goes when the socket goes.

use aya_ebpf::bindings::BPF_SK_STORAGE_GET_F_CREATE;
use aya_ebpf::btf_maps::SkStorage;
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::macros::btf_map;
use core::ffi::c_void;
use nettally_ebpf::flow::{Address, ProcessKey};

use crate::socket::{Remote, Sock};

/// A socket's state.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SocketState {
    /// TCP: bytes of the stream that were charged so far.
    pub(crate) consumed: i64,
    /// TCP: the process that received first, `tgid` 0 if none did.
    owner: ProcessKey,
    /// UDP: the last address that an unconnected send was given.
    last_address: Address,
    last_port: u16,
    has_last: u8,
    /// TCP: receives of this socket are counted by what they return.
    left_to_returns: u8,
    padding: [u8; 4],
}

impl SocketState {
    pub(crate) const NEW: Self = Self {
        consumed: 0,
        owner: ProcessKey {
            start_boottime: 0,
            tgid: 0,
            padding: 0,
        },
        last_address: Address([0; 4]),
        last_port: 0,
        has_last: 0,
        left_to_returns: 0,
        padding: [0; 4],
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

/// Makes `process` the owner of a socket that has none.
#[inline(always)]
pub(crate) fn claim(state: *mut SocketState, process: ProcessKey) {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe {
        if (*state).owner.tgid == 0 {
            (*state).owner = process;
        }
    }
}

#[inline(always)]
pub(crate) fn owner(state: *mut SocketState) -> Option<ProcessKey> {
    // SAFETY: the pointer comes from a successful lookup.
    let owner = unsafe { (*state).owner };
    if owner.tgid == 0 { None } else { Some(owner) }
}

/// Notes that a socket now has an upper-layer protocol, so that its stream is not looked at again.
#[inline(always)]
pub(crate) fn leave_to_returns(sk: Sock) {
    if let Some(state) = get(sk) {
        // SAFETY: the pointer comes from a successful lookup.
        unsafe { (*state).left_to_returns = 1 };
    }
}

#[inline(always)]
pub(crate) fn is_left_to_returns(state: *mut SocketState) -> bool {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe { (*state).left_to_returns != 0 }
}

/// Remembers where an unconnected send went, for the pieces of a corked datagram that follow.
#[inline(always)]
pub(crate) fn set_last(state: *mut SocketState, remote: &Remote) {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe {
        (*state).last_address = remote.address;
        (*state).last_port = remote.port;
        (*state).has_last = 1;
    }
}

/// Where the last unconnected send went.
#[inline(always)]
pub(crate) fn last(state: *mut SocketState) -> Option<Remote> {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe {
        if (*state).has_last == 0 {
            return None;
        }
        Some(Remote {
            address: (*state).last_address,
            port: (*state).last_port,
            is_known: true,
        })
    }
}

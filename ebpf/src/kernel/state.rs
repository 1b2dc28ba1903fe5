//! What is remembered of a TCP connection: in the socket's own storage, where it goes when the socket
//! goes, or by the socket's address.

use aya_ebpf::bindings::{BPF_NOEXIST, BPF_SK_STORAGE_GET_F_CREATE};
use aya_ebpf::btf_maps::{HashMap, SkStorage};
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::macros::btf_map;
use core::ffi::c_void;
use nettally_ebpf::flow::ProcessKey;

use crate::socket::Sock;

/// A TCP connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    /// Bytes of the stream that were charged so far.
    pub(crate) consumed: i64,
    /// The process that received last, `tgid` 0 if none did.
    owner: ProcessKey,
    /// Place in the stream of the last urgent byte that was passed over, or of none.
    pub(crate) urgent_passed: u32,
    /// Receives are counted by what they return.
    left_to_returns: u8,
    padding: [u8; 3],
}

impl Stream {
    pub(crate) const NEW: Self = Self {
        consumed: 0,
        owner: ProcessKey {
            start_boottime: 0,
            tgid: 0,
            exec_id: 0,
        },
        urgent_passed: 0,
        left_to_returns: 0,
        padding: [0; 3],
    };

    /// One that had `consumed` bytes of its stream charged, or not to be charged, and passed over the
    /// urgent byte at `urgent_passed`.
    #[inline(always)]
    pub(crate) fn starting_at(consumed: i64, urgent_passed: u32) -> Self {
        Self {
            consumed,
            urgent_passed,
            ..Self::NEW
        }
    }
}

#[btf_map]
static STREAMS: SkStorage<Stream> = SkStorage::new();

/// By the address of the `sock`. User space sizes it.
#[btf_map]
static STREAM_TABLE: HashMap<u64, Stream, 1> = HashMap::new();

/// The state in the socket, if it has one.
#[inline(always)]
pub(crate) fn get(sk: Sock) -> Option<*mut Stream> {
    look_up(sk, core::ptr::null(), 0)
}

/// The state in the socket, `initial` if it had none; `None` if the kernel has no memory.
#[inline(always)]
pub(crate) fn get_or_create(sk: Sock, initial: &Stream) -> Option<*mut Stream> {
    look_up(sk, initial, u64::from(BPF_SK_STORAGE_GET_F_CREATE))
}

#[inline(always)]
fn look_up(sk: Sock, initial: *const Stream, flags: u64) -> Option<*mut Stream> {
    // SAFETY: `sk` is a socket that the verifier knows, `initial` null or a whole state.
    let state = unsafe {
        bpf_sk_storage_get(
            (&raw const STREAMS).cast_mut().cast::<c_void>(),
            sk.cast_mut(),
            initial.cast_mut().cast::<c_void>(),
            flags,
        )
    };
    if state.is_null() {
        None
    } else {
        Some(state.cast::<Stream>())
    }
}

/// The state in the table, if it is there.
#[inline(always)]
pub(crate) fn find(sk: Sock) -> Option<*mut Stream> {
    STREAM_TABLE.get_ptr_mut(sk.addr() as u64)
}

/// The state in the table, `initial` if it was not there; `None` if the table is full.
#[inline(always)]
pub(crate) fn find_or_insert(sk: Sock, initial: &Stream) -> Option<*mut Stream> {
    // It fails if somebody was first, which is as good.
    let _exists = STREAM_TABLE.insert(sk.addr() as u64, initial, u64::from(BPF_NOEXIST));
    find(sk)
}

/// Takes the socket out of the table.
#[inline(always)]
pub(crate) fn remove(sk: Sock) {
    // It fails if it was not there.
    let _missing = STREAM_TABLE.remove(sk.addr() as u64);
}

/// Makes `process` the one that received last.
#[inline(always)]
pub(crate) fn set_owner(state: *mut Stream, process: ProcessKey) {
    // SAFETY: the pointer comes from a successful lookup; the caller runs under the socket's lock.
    unsafe {
        if (*state).owner.tgid != process.tgid
            || (*state).owner.exec_id != process.exec_id
            || (*state).owner.start_boottime != process.start_boottime
        {
            (*state).owner = process;
        }
    }
}

/// Begins another connection of the same socket, which may still have the last one's urgent byte.
#[inline(always)]
pub(crate) fn restart(state: *mut Stream, urgent_passed: u32) {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe {
        (*state).consumed = 0;
        (*state).urgent_passed = urgent_passed;
        (*state).left_to_returns = 0;
    }
}

#[inline(always)]
pub(crate) fn owner(state: *mut Stream) -> Option<ProcessKey> {
    // SAFETY: the pointer comes from a successful lookup.
    let owner = unsafe { (*state).owner };
    if owner.tgid == 0 { None } else { Some(owner) }
}

/// Whether nothing of the stream was charged yet.
#[inline(always)]
pub(crate) fn is_at_start(state: *mut Stream) -> bool {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe { (*state).consumed == 0 }
}

/// Notes that something now stands between the socket and its stream, so that the stream is not
/// looked at again.
#[inline(always)]
pub(crate) fn leave_to_returns(state: *mut Stream) {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe { (*state).left_to_returns = 1 };
}

#[inline(always)]
pub(crate) fn is_left_to_returns(state: *mut Stream) -> bool {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe { (*state).left_to_returns != 0 }
}

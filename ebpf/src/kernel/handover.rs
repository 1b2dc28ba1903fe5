//! The address of an unconnected datagram, from the cgroup hook that sees it to the tracepoint that
//! sees how many bytes moved: both run in the same thread, in the same system call.
//!
//! It lies in a slot of the socket, claimed by the thread. Only where several threads use one socket
//! at the same moment do the late ones find the slot taken, and use a map keyed by thread.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::LruHashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::flow::Address;

use crate::atomic;
use crate::socket::Remote;
use crate::state::SocketState;

/// Threads that are inside such a call at once and found the slot taken; an evicted one is counted as
/// unresolved.
const MAX_THREADS: usize = 16_384;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Direction {
    Sent = 1,
    Received = 2,
}

/// A socket's place for one address. Only the thread that claimed it writes the rest.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    /// `pid_tgid` of the thread that is in a call, 0 if none is.
    thread: i64,
    address: Address,
    port: u16,
    /// Whether there ever was an address.
    is_set: u16,
    padding: u32,
}

impl Slot {
    pub(crate) const FREE: Self = Self {
        thread: 0,
        address: Address([0; 4]),
        port: 0,
        is_set: 0,
        padding: 0,
    };
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Overflow {
    /// The socket's cookie.
    socket: u64,
    /// 0 once the address was taken: an address is good for one call.
    direction: u32,
    port: u32,
    address: Address,
}

/// By `pid_tgid`.
#[btf_map]
static HANDOVERS: LruHashMap<u64, Overflow, MAX_THREADS> = LruHashMap::new();

/// Leaves `remote` for the call that this thread is in, on the socket with this cookie.
#[inline(always)]
pub(crate) fn give(
    state: Option<*mut SocketState>,
    cookie: impl Fn() -> u64,
    direction: Direction,
    remote: &Remote,
) {
    let thread = bpf_get_current_pid_tgid();
    if let Some(state) = state {
        let slot = slot(state, direction);
        if is_claimed(slot, thread) {
            // SAFETY: the pointer comes from a successful lookup; the slot is ours.
            unsafe {
                (*slot).address = remote.address;
                (*slot).port = remote.port;
                (*slot).is_set = 1;
            }
            return;
        }
    }
    let overflow = Overflow {
        socket: cookie(),
        direction: direction as u32,
        port: u32::from(remote.port),
        address: remote.address,
    };
    // A failure shows as an unresolved remote.
    let _full = HANDOVERS.insert(thread, overflow, u64::from(BPF_ANY));
}

/// Takes what was left for the call that this thread is in.
#[inline(always)]
pub(crate) fn take(
    state: Option<*mut SocketState>,
    cookie: impl Fn() -> u64,
    direction: Direction,
) -> Option<Remote> {
    let thread = bpf_get_current_pid_tgid();
    if let Some(state) = state {
        let slot = slot(state, direction);
        // SAFETY: the pointer comes from a successful lookup.
        let owner = unsafe { (*slot).thread };
        if owner == thread.cast_signed() {
            // SAFETY: as above; the slot is ours until it is released, after the address was read.
            unsafe {
                let remote = content(slot);
                let _released = atomic::replace_i64(&raw mut (*slot).thread, owner, 0);
                return Some(remote);
            }
        }
    }
    let entry = HANDOVERS.get_ptr_mut(thread)?;
    // SAFETY: the pointer comes from a successful lookup. The map may give an entry that it evicts to
    // another thread while we read, so the copy is what is looked at.
    let overflow = unsafe { core::ptr::read(entry) };
    if overflow.direction != direction as u32 || overflow.socket != cookie() {
        return None;
    }
    // SAFETY: as above; an entry that is another thread's by now loses its address, which shows as an
    // unresolved remote.
    unsafe { (*entry).direction = 0 };
    Some(Remote {
        address: overflow.address,
        port: overflow.port as u16,
        is_known: true,
    })
}

/// Where the last call went that was given an address: the pieces of a corked datagram that follow
/// are given none.
#[inline(always)]
pub(crate) fn last(state: *mut SocketState, direction: Direction) -> Option<Remote> {
    let slot = slot(state, direction);
    // SAFETY: the pointer comes from a successful lookup.
    unsafe {
        if (*slot).is_set == 0 {
            None
        } else {
            Some(content(slot))
        }
    }
}

#[inline(always)]
fn slot(state: *mut SocketState, direction: Direction) -> *mut Slot {
    // SAFETY: the pointer comes from a successful lookup, the fields are inside.
    unsafe {
        match direction {
            Direction::Sent => &raw mut (*state).sent,
            Direction::Received => &raw mut (*state).received,
        }
    }
}

/// Makes the slot this thread's, if it is nobody's or already is.
#[inline(always)]
fn is_claimed(slot: *mut Slot, thread: u64) -> bool {
    let thread = thread.cast_signed();
    // SAFETY: the pointer comes from a successful lookup, the field is inside.
    let owner = unsafe { &raw mut (*slot).thread };
    // SAFETY: as above.
    let is_ours = unsafe { core::ptr::read_volatile(owner) } == thread;
    is_ours || atomic::replace_i64(owner, 0, thread)
}

/// # Safety
/// `slot` must point into a socket's state.
#[inline(always)]
unsafe fn content(slot: *mut Slot) -> Remote {
    // SAFETY: by contract.
    unsafe {
        Remote {
            address: (*slot).address,
            port: (*slot).port,
            is_known: true,
        }
    }
}

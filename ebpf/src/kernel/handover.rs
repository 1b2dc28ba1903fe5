//! The address of an unconnected datagram, from the cgroup hook that sees it to the tracepoint that
//! sees how many bytes moved: both run in the same thread, in the same system call.
//!
//! It lies in a slot of the socket, claimed by the thread. Only where several threads use one socket
//! at the same moment do the late ones find the slot taken, and use a map keyed by thread.

use core::ffi::c_void;

use aya_ebpf::bindings::{BPF_ANY, BPF_SK_STORAGE_GET_F_CREATE};
use aya_ebpf::btf_maps::{LruHashMap, SkStorage};
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::flow::Address;

use crate::atomic;
use crate::socket::{Remote, Sock};

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
    const FREE: Self = Self {
        thread: 0,
        address: Address([0; 4]),
        port: 0,
        is_set: 0,
        padding: 0,
    };
}

/// A socket that was given an address in a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Datagram {
    /// The address of the send that runs, or ran last.
    sent: Slot,
    /// The address of the receive that runs.
    received: Slot,
}

impl Datagram {
    const NEW: Self = Self {
        sent: Slot::FREE,
        received: Slot::FREE,
    };
}

#[btf_map]
static DATAGRAMS: SkStorage<Datagram> = SkStorage::new();

/// The address of a datagram that is being put together (`MSG_MORE`, `UDP_CORK`), which only the first
/// of its pieces is given.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Cork {
    address: Address,
    port: u32,
    /// 0 once the datagram has gone.
    is_set: u32,
}

#[btf_map]
static CORKS: SkStorage<Cork> = SkStorage::new();

/// Sockets that may be putting a datagram together at once, where it is remembered by address. One that
/// is evicted shows as an unresolved remote.
const MAX_CORKS: usize = 1024;

/// By the address of the `sock`.
#[btf_map]
static CORK_TABLE: LruHashMap<u64, Cork, MAX_CORKS> = LruHashMap::new();

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
    state: Option<*mut Datagram>,
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
    state: Option<*mut Datagram>,
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
    Some(Remote::known(overflow.address, overflow.port as u16))
}

/// Where the last call went that was given an address: the pieces of a corked datagram that follow
/// are given none.
#[inline(always)]
pub(crate) fn last(state: *mut Datagram, direction: Direction) -> Option<Remote> {
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
fn slot(state: *mut Datagram, direction: Direction) -> *mut Slot {
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
    unsafe { Remote::known((*slot).address, (*slot).port) }
}

/// The state of a socket that was given an address before.
#[inline(always)]
pub(crate) fn datagram(sk: Sock) -> Option<*mut Datagram> {
    look_up(sk.cast_mut(), core::ptr::null(), 0)
}

/// The state of a socket; `None` if the kernel has no memory.
#[inline(always)]
pub(crate) fn datagram_or_new(sk: *mut c_void) -> Option<*mut Datagram> {
    look_up(sk, &Datagram::NEW, u64::from(BPF_SK_STORAGE_GET_F_CREATE))
}

#[inline(always)]
fn look_up(sk: *mut c_void, initial: *const Datagram, flags: u64) -> Option<*mut Datagram> {
    // SAFETY: `sk` is a socket that the verifier knows, `initial` null or a whole state.
    let state = unsafe {
        bpf_sk_storage_get(
            (&raw const DATAGRAMS).cast_mut().cast::<c_void>(),
            sk,
            initial.cast_mut().cast::<c_void>(),
            flags,
        )
    };
    if state.is_null() {
        None
    } else {
        Some(state.cast::<Datagram>())
    }
}

impl Cork {
    /// To `remote`.
    #[inline(always)]
    pub(crate) fn to(remote: &Remote) -> Self {
        Self {
            address: remote.address,
            port: u32::from(remote.port),
            is_set: 1,
        }
    }
}

/// Where the datagram goes that is being put together, if one is.
#[inline(always)]
pub(crate) fn corked(cork: *mut Cork) -> Option<Remote> {
    // SAFETY: the pointer comes from a successful lookup.
    let Cork {
        address,
        port,
        is_set,
    } = unsafe { core::ptr::read(cork) };
    (is_set != 0).then(|| Remote::known(address, port as u16))
}

/// Forgets it, as the datagram has gone.
#[inline(always)]
pub(crate) fn uncork(cork: *mut Cork) {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe { (*cork).is_set = 0 };
}

/// In the socket.
#[inline(always)]
pub(crate) fn cork(sk: Sock) -> Option<*mut Cork> {
    cork_in_socket(sk, core::ptr::null(), 0)
}

/// In the socket.
#[inline(always)]
pub(crate) fn set_cork(sk: Sock, cork: &Cork) {
    let flags = u64::from(BPF_SK_STORAGE_GET_F_CREATE);
    // Without memory the pieces that follow show as unresolved, or under the connected remote.
    if let Some(place) = cork_in_socket(sk, cork, flags) {
        // SAFETY: the pointer comes from a successful lookup.
        unsafe { core::ptr::write(place, *cork) };
    }
}

#[inline(always)]
fn cork_in_socket(sk: Sock, initial: *const Cork, flags: u64) -> Option<*mut Cork> {
    // SAFETY: `sk` is a socket that the verifier knows, `initial` null or whole.
    let cork = unsafe {
        bpf_sk_storage_get(
            (&raw const CORKS).cast_mut().cast::<c_void>(),
            sk.cast_mut(),
            initial.cast_mut().cast::<c_void>(),
            flags,
        )
    };
    if cork.is_null() {
        None
    } else {
        Some(cork.cast::<Cork>())
    }
}

/// In the table.
#[inline(always)]
pub(crate) fn find_cork(sk: Sock) -> Option<*mut Cork> {
    CORK_TABLE.get_ptr_mut(sk.addr() as u64)
}

/// In the table.
#[inline(always)]
pub(crate) fn insert_cork(sk: Sock, cork: &Cork) {
    // It cannot fail for want of room.
    let _refused = CORK_TABLE.insert(sk.addr() as u64, cork, u64::from(BPF_ANY));
}

/// Out of the table.
#[inline(always)]
pub(crate) fn forget_cork(sk: Sock) {
    // It fails if nothing was there.
    let _missing = CORK_TABLE.remove(sk.addr() as u64);
}

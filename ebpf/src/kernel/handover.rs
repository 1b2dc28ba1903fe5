//! The address of an unconnected datagram, from the cgroup hook that sees it to the tracepoint that
//! sees how many bytes moved: both run in the same thread, in the same system call.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::btf_maps::LruHashMap;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::flow::Address;

use crate::socket::Remote;

/// Threads that are inside such a call at once; an evicted one is counted as unresolved.
const MAX_THREADS: usize = 16_384;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Direction {
    Sent = 1,
    Received = 2,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Handover {
    /// Socket cookie, 0 once the address was taken: an address is good for one call.
    cookie: u64,
    address: Address,
    port: u16,
    direction: u8,
    padding: [u8; 5],
}

/// By `pid_tgid`.
#[btf_map]
static HANDOVERS: LruHashMap<u64, Handover, MAX_THREADS> = LruHashMap::new();

/// Leaves `remote` for the call that this thread is in.
#[inline(always)]
pub(crate) fn give(cookie: u64, direction: Direction, remote: &Remote) {
    let thread = bpf_get_current_pid_tgid();
    let handover = Handover {
        cookie,
        address: remote.address,
        port: remote.port,
        direction: direction as u8,
        padding: [0; 5],
    };
    if let Some(entry) = HANDOVERS.get_ptr_mut(&thread) {
        // SAFETY: the pointer comes from a successful lookup; the entry is this thread's alone.
        unsafe { *entry = handover };
    } else {
        // A failure shows as an unresolved remote.
        let _full = HANDOVERS.insert(&thread, &handover, u64::from(BPF_ANY));
    }
}

/// Takes what was left for this call.
#[inline(always)]
pub(crate) fn take(cookie: u64, direction: Direction) -> Option<Remote> {
    let entry = HANDOVERS.get_ptr_mut(&bpf_get_current_pid_tgid())?;
    // SAFETY: the pointer comes from a successful lookup; the entry is this thread's alone.
    unsafe {
        if (*entry).cookie != cookie || (*entry).direction != direction as u8 {
            return None;
        }
        (*entry).cookie = 0;
        Some(Remote {
            address: (*entry).address,
            port: (*entry).port,
            is_known: true,
        })
    }
}

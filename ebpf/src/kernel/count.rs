//! Where bytes are added: one of two buffers, which user space swaps and then drains.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::btf_maps::{Array, HashMap, PerCpuArray};
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::flow::{
    BUFFERS, BufferTotals, FLAG_FOLDED, FLAG_UNRESOLVED, FlowCounters, FlowKey, MAX_FLOWS,
    MAX_OVERFLOW, MAX_PROCESSES, PROTOCOLS, ProcessKey, ProcessRecord, protocol_index,
};
use nettally_ebpf::loss::Loss;

use crate::access::Access;
use crate::losses::lose;
use crate::socket::Remote;
use crate::{atomic, process, snapshot};

type Flows = HashMap<FlowKey, FlowCounters, { MAX_FLOWS as usize }>;
type Overflow = HashMap<FlowKey, FlowCounters, { MAX_OVERFLOW as usize }>;
type Processes = HashMap<ProcessKey, ProcessRecord, { MAX_PROCESSES as usize }>;

/// Index of the buffer that is written.
#[btf_map]
static ACTIVE: Array<u32, 1> = Array::new();

#[btf_map]
static FLOWS_0: Flows = Flows::new();

#[btf_map]
static FLOWS_1: Flows = Flows::new();

/// What one process moved when there was no room for its flows.
#[btf_map]
static OVERFLOW_0: Overflow = Overflow::new();

#[btf_map]
static OVERFLOW_1: Overflow = Overflow::new();

/// What everybody moved when there was no room for their processes: by buffer, then by protocol.
#[btf_map]
static REST: Array<FlowCounters, { (BUFFERS * PROTOCOLS) as usize }> = Array::new();

#[btf_map]
static PROCESSES_0: Processes = Processes::new();

#[btf_map]
static PROCESSES_1: Processes = Processes::new();

#[btf_map]
static TOTALS: PerCpuArray<BufferTotals, { BUFFERS as usize }> = PerCpuArray::new();

/// Bytes in one direction. Negative only for a late correction of a TCP receive.
#[derive(Clone, Copy)]
pub(crate) enum Moved {
    Sent(i64),
    Received(i64),
}

/// Whose bytes.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    /// The process that runs this program.
    Current(ProcessKey),
    /// The one that used the socket last; somebody else may be running.
    Earlier(ProcessKey),
}

/// A socket's end of a flow.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    pub(crate) protocol: u8,
    pub(crate) local_port: u16,
    pub(crate) remote: Remote,
}

/// Adds `moved` to the flow of `owner` along `path`.
#[inline(always)]
pub(crate) fn count<A: Access>(owner: Owner, path: &Path, moved: Moved) {
    let key = key(owner, path);
    let is_current = matches!(owner, Owner::Current(_));
    let (is_sent, bytes) = match moved {
        Moved::Sent(bytes) => (true, bytes),
        Moved::Received(bytes) => (false, bytes),
    };
    add_to_row::<A>(&key, is_current, is_sent, bytes);
}

/// Once in the object for each kind of access, not once for each place that counts.
#[inline(never)]
fn add_to_row<A: Access>(key: &FlowKey, is_current: bool, is_sent: bool, bytes: i64) {
    let moved = moved(is_sent, bytes);
    // Read once: rows, processes and totals of one run belong to the same buffer.
    let Some(&buffer) = ACTIVE.get(0) else { return };
    let (flows, processes) = if buffer == 0 {
        (&FLOWS_0, &PROCESSES_0)
    } else {
        (&FLOWS_1, &PROCESSES_1)
    };
    match flows.get_ptr_mut(key) {
        Some(counters) => add(counters, moved),
        None => {
            if is_current {
                name::<A>(processes, &key.process, moved);
            }
            if !insert(flows, key, moved) {
                add_without_flow(buffer, key, is_sent, bytes);
            }
        }
    }
    add_to_totals(buffer, moved);
    if key.flags & FLAG_UNRESOLVED != 0 {
        lose(Loss::RemoteUnresolved, moved);
    }
}

#[inline(always)]
fn moved(is_sent: bool, bytes: i64) -> Moved {
    if is_sent {
        Moved::Sent(bytes)
    } else {
        Moved::Received(bytes)
    }
}

/// Adds a flow's first bytes since the last drain; false if there is no room.
#[inline(always)]
fn insert(flows: &Flows, key: &FlowKey, moved: Moved) -> bool {
    // Another CPU may have been first; either way the row is there to be added to, or is not.
    let _exists = flows.insert(key, first(), u64::from(BPF_NOEXIST));
    let row = flows.get_ptr_mut(key);
    if let Some(counters) = row {
        add(counters, moved);
    }
    row.is_some()
}

/// A row that begins now.
#[inline(always)]
fn first() -> FlowCounters {
    let jiffies = jiffies();
    FlowCounters {
        sent_bytes: 0,
        received_bytes: 0,
        // SAFETY: the helper has no preconditions.
        first_activity: unsafe { bpf_ktime_get_ns() },
        first_jiffies: jiffies,
        last_jiffies: jiffies,
    }
}

/// Adds bytes for whose flow there is no room to a row of their process, and if there is no room for
/// that either, to one of everybody: less detail, and the same total. Not inlined: a program and the
/// functions it is in have 512 bytes of stack together.
#[inline(never)]
fn add_without_flow(buffer: u32, key: &FlowKey, is_sent: bool, bytes: i64) {
    let moved = moved(is_sent, bytes);
    let overflow = if buffer == 0 {
        &OVERFLOW_0
    } else {
        &OVERFLOW_1
    };
    lose(Loss::FlowsFull, moved);
    let folded = FlowKey {
        process: key.process,
        protocol: key.protocol,
        flags: FLAG_FOLDED,
        ..FlowKey::ZERO
    };
    let _exists = overflow.insert(folded, first(), u64::from(BPF_NOEXIST));
    if let Some(counters) = overflow.get_ptr_mut(folded) {
        add(counters, moved);
        return;
    }
    lose(Loss::OverflowFull, moved);
    let index = buffer * PROTOCOLS + protocol_index(key.protocol);
    if let Some(counters) = REST.get_ptr_mut(index) {
        add(counters, moved);
    }
}

/// Leaves a record of the running process, unless there is one since the last drain.
#[inline(always)]
fn name<A: Access>(processes: &Processes, process: &ProcessKey, moved: Moved) {
    if processes.get_ptr(process).is_some() {
        return;
    }
    snapshot::take_once(process);
    let record = process::record::<A>();
    // The error is EEXIST if a thread on another CPU was first, which is as good.
    if processes
        .insert(process, record, u64::from(BPF_NOEXIST))
        .is_err()
        && processes.get_ptr(process).is_none()
    {
        lose(Loss::ProcessesFull, moved);
    }
}

#[inline(always)]
fn add(counters: *mut FlowCounters, moved: Moved) {
    // SAFETY: the pointer comes from a successful lookup.
    unsafe {
        match moved {
            Moved::Sent(bytes) => atomic::add_i64(&raw mut (*counters).sent_bytes, bytes),
            Moved::Received(bytes) => atomic::add_i64(&raw mut (*counters).received_bytes, bytes),
        }
        // A plain store: of two at the same tick either is right.
        (*counters).last_jiffies = jiffies();
    }
}

#[inline(always)]
fn add_to_totals(buffer: u32, moved: Moved) {
    let Some(totals) = TOTALS.get_ptr_mut(buffer) else {
        return;
    };
    // SAFETY: the pointer was checked, the fields are inside.
    unsafe {
        match moved {
            Moved::Sent(bytes) => atomic::add_i64(&raw mut (*totals).sent_bytes, bytes),
            Moved::Received(bytes) => atomic::add_i64(&raw mut (*totals).received_bytes, bytes),
        }
    }
}

#[inline(always)]
fn key(owner: Owner, path: &Path) -> FlowKey {
    let Path {
        protocol,
        local_port,
        remote,
    } = *path;
    let (Owner::Current(process) | Owner::Earlier(process)) = owner;
    let Remote {
        address,
        port,
        flags,
    } = remote;
    FlowKey {
        process,
        remote_address: address,
        remote_port: port,
        local_port,
        protocol,
        flags,
        padding: [0; 2],
    }
}

/// The kernel's tick count: the verifier turns this helper into a single load.
#[inline(always)]
fn jiffies() -> u32 {
    // SAFETY: the helper has no preconditions. Kernel 5.6 and later.
    unsafe { bpf_jiffies64() as u32 }
}

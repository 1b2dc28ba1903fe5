//! Where bytes are added: one of two buffers, which user space swaps and then drains.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::btf_maps::{Array, HashMap, PerCpuArray};
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::helpers::generated::bpf_jiffies64;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::flow::{
    BUFFERS, BufferTotals, FLAG_UNRESOLVED, FlowCounters, FlowKey, MAX_FLOWS, MAX_PROCESSES,
    ProcessKey, ProcessRecord,
};
use nettally_ebpf::loss::Loss;

use crate::losses::lose;
use crate::socket::Remote;
use crate::{atomic, process};

type Flows = HashMap<FlowKey, FlowCounters, { MAX_FLOWS as usize }>;
type Processes = HashMap<ProcessKey, ProcessRecord, { MAX_PROCESSES as usize }>;

/// Index of the buffer that is written.
#[btf_map]
static ACTIVE: Array<u32, 1> = Array::new();

#[btf_map]
static FLOWS_0: Flows = Flows::new();

#[btf_map]
static FLOWS_1: Flows = Flows::new();

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
pub(crate) fn count(owner: Owner, path: &Path, moved: Moved) {
    let key = key(owner, path);
    // Read once: rows, processes and totals of one run belong to the same buffer.
    let Some(&buffer) = ACTIVE.get(0) else { return };
    let (flows, processes) = if buffer == 0 {
        (&FLOWS_0, &PROCESSES_0)
    } else {
        (&FLOWS_1, &PROCESSES_1)
    };
    let added = match flows.get_ptr_mut(key) {
        Some(counters) => {
            add(counters, moved);
            true
        }
        None => insert(flows, processes, owner, &key, moved),
    };
    if added {
        add_to_totals(buffer, moved);
        if key.flags & FLAG_UNRESOLVED != 0 {
            lose(Loss::RemoteUnresolved, moved);
        }
    }
}

/// Adds a flow's first bytes since the last drain, and names its process; false if there was no
/// room.
#[inline(always)]
fn insert(flows: &Flows, processes: &Processes, owner: Owner, key: &FlowKey, moved: Moved) -> bool {
    if let Owner::Current(process) = owner {
        name(processes, &process, moved);
    }
    let jiffies = jiffies();
    let counters = FlowCounters {
        sent_bytes: 0,
        received_bytes: 0,
        // SAFETY: the helper has no preconditions.
        first_activity: unsafe { bpf_ktime_get_ns() },
        first_jiffies: jiffies,
        last_jiffies: jiffies,
    };
    // Another CPU may have been first; either way the row is there to be added to, or is not.
    let _exists = flows.insert(key, counters, u64::from(BPF_NOEXIST));
    match flows.get_ptr_mut(key) {
        Some(counters) => {
            add(counters, moved);
            true
        }
        None => {
            lose(Loss::FlowsFull, moved);
            false
        }
    }
}

/// Leaves a record of the running process, unless there is one since the last drain.
#[inline(always)]
fn name(processes: &Processes, process: &ProcessKey, moved: Moved) {
    if processes.get_ptr(process).is_some() {
        return;
    }
    let record = process::record();
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
        is_known,
    } = remote;
    FlowKey {
        process,
        remote_address: address,
        remote_port: port,
        local_port,
        protocol,
        flags: if is_known { 0 } else { FLAG_UNRESOLVED },
        padding: [0; 2],
    }
}

/// The kernel's tick count: the verifier turns this helper into a single load.
#[inline(always)]
fn jiffies() -> u32 {
    // SAFETY: the helper has no preconditions. Kernel 5.6 and later.
    unsafe { bpf_jiffies64() as u32 }
}

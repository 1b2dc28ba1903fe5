//! What the collector needs of a kernel; tests of logic put a fake one behind it.

use nettally_ebpf::flow::{FlowCounters, FlowKey, ProcessKey, ProcessRecord};
use nettally_ebpf::loss::{Loss, LossCount};

use super::error::KernelError;
use crate::pipeline::{Degradation, ProgramStats};
use crate::process::Snapshot;

/// Counters that are added to by the kernel, and emptied by us.
pub(crate) trait Counters: Send {
    /// Takes everything counted since the last call.
    fn drain(&mut self) -> Result<Drained, KernelError>;

    /// Has these processes recorded anew when they move bytes again.
    fn forget(&mut self, processes: &[ProcessKey]);

    /// What was lost since start.
    fn losses(&mut self) -> Result<Vec<(Loss, LossCount)>, KernelError>;

    /// What the programs have cost since start.
    fn programs(&mut self) -> Vec<ProgramStats>;

    /// Calls since start that no program may have seen, from what [`Counters::programs`] said.
    fn missed_calls(&self, programs: &[ProgramStats]) -> u64;

    /// What is not seen.
    fn degradations(&mut self) -> Vec<Degradation>;

    /// Name of the set of hooks.
    fn backend(&self) -> &'static str;

    /// Flows that fit into a buffer.
    fn flow_table_entries(&self) -> u32;

    /// Milliseconds that loading and attaching took.
    fn load_ms(&self) -> f64;

    /// Release of the running kernel.
    fn release(&self) -> &str;
}

/// Rows of one buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drained {
    /// One row per flow.
    pub(crate) flows: Vec<(FlowKey, FlowCounters)>,
    /// The processes that moved bytes, as far as the kernel could name them.
    pub(crate) processes: Vec<(ProcessKey, ProcessRecord)>,
    /// The processes that moved bytes as this program for the first time since start, or since they
    /// were forgotten.
    pub(crate) snapshots: Vec<Snapshot>,
    /// Records of processes that are none as this build knows them.
    pub(crate) unreadable_snapshots: u64,
    /// Sum of the rows as the kernel kept it, minus the sum of `flows`: 0 unless a drain lost rows.
    pub(crate) missing_sent_bytes: i64,
    /// As above.
    pub(crate) missing_received_bytes: i64,
}

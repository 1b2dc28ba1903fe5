//! How a source says what it sees less of, and what it lost.

mod loss;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use loss::{LossClass, LossCount, LossReason, Losses};

/// Works, but sees less: never an error, always shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Degradation {
    /// A stable word for scripts, such as `cgroup_hooks_missing`.
    pub code: String,
    /// What is not seen, and why.
    pub summary: String,
    /// What would help, empty if nothing does.
    pub remedy: String,
}

/// What one kernel program has cost since it was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProgramStats {
    /// The hook, such as `sock_send_length`.
    pub hook: String,
    /// Runs; 0 unless the kernel's `bpf_stats_enabled` is on.
    pub runs: u64,
    /// Nanoseconds in all runs; 0 unless `bpf_stats_enabled` is on.
    pub run_time_ns: u64,
    /// Runs skipped because the program was running already on that CPU.
    pub recursion_misses: u64,
    /// Instructions that the kernel's verifier went through; 0 if the kernel does not tell.
    #[serde(default)]
    pub instructions: u64,
    /// Memory that the program takes in the kernel; 0 if the kernel does not tell.
    #[serde(default)]
    pub memory_bytes: u64,
}

/// The state of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    /// When this was true.
    pub time: Timestamp,
    /// Name of the source component.
    pub source: String,
    /// Which set of hooks is attached: `tracepoint`, `fexit`, `kprobe`.
    pub backend: String,
    /// Release of the running kernel.
    pub kernel: String,
    /// What is attached.
    pub programs: Vec<ProgramStats>,
    /// What is not seen.
    pub degradations: Vec<Degradation>,
    /// Since start.
    pub losses: Losses,
    /// Windows delivered since start.
    pub windows: u64,
    /// Flow rows of the last window.
    pub flows: u64,
    /// Flow rows that fit into the kernel's table.
    pub flows_capacity: u64,
    /// Milliseconds that the last drain took.
    pub drain_ms: f64,
    /// Milliseconds that loading and attaching all programs took at start.
    #[serde(default)]
    pub load_ms: f64,
}

//! What this kernel allows, without attaching anything: for `doctor`.

use serde::Serialize;

use crate::config::ProcessNetworkConfig;
use crate::pipeline::Degradation;

/// What was found out about this machine, and what would be done with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelReport {
    /// Release of the running kernel.
    pub kernel: String,
    /// What was asked of it.
    pub facts: Vec<Fact>,
    /// The hooks that would be used: `tracepoint`, `fexit`, `kprobe`; `None` if none can be.
    pub backend: Option<String>,
    /// The names of the hooks that would be attached.
    pub hooks: Vec<String>,
    /// What would not be seen.
    pub degradations: Vec<Degradation>,
    /// Why nothing can be measured; empty if `backend` is there.
    pub blockers: Vec<Degradation>,
}

/// One question to the kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fact {
    /// What was asked, such as `tracepoint sock_send_length`.
    pub name: String,
    /// The answer.
    pub state: FactState,
    /// Why, where that helps; may be empty.
    pub detail: String,
}

/// An answer of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FactState {
    /// It can.
    Yes,
    /// It cannot.
    No,
    /// It could not be found out.
    Unknown,
}

/// Asks this kernel what it allows. Attaches nothing; takes well under a second.
#[must_use]
pub fn examine(_config: &ProcessNetworkConfig) -> KernelReport {
    unimplemented!("kernel work in progress")
}

//! What this kernel allows, without attaching anything: for `doctor`.

use serde::Serialize;

use super::hooks::{HookKind, TRACEPOINT};
use super::plan::{Plan, plan};
use super::probe::{Facts, facts};
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
pub fn examine(config: &ProcessNetworkConfig) -> KernelReport {
    let (facts, _btf) = facts();
    let listed = listed(&facts);
    let kernel = facts.release.clone();
    match plan(&facts, config) {
        Ok(Plan {
            backend,
            hooks,
            degradations,
        }) => KernelReport {
            kernel,
            facts: listed,
            backend: Some(backend.to_owned()),
            hooks: hooks.iter().map(|hook| hook.name.to_owned()).collect(),
            degradations,
            blockers: Vec::new(),
        },
        Err(blockers) => KernelReport {
            kernel,
            facts: listed,
            backend: None,
            hooks: Vec::new(),
            degradations: Vec::new(),
            blockers,
        },
    }
}

fn listed(facts: &Facts) -> Vec<Fact> {
    let Facts {
        release: _,
        may_load,
        btf,
        tracepoints,
        cgroup,
        lockdown,
        has_ktls: _,
        has_sendpage: _,
        in_pid_namespace: _,
    } = facts;
    let mut listed = vec![
        fact(
            "load eBPF programs",
            match may_load {
                Ok(()) => FactState::Yes,
                Err(_) => FactState::No,
            },
            may_load.as_ref().err().map(ToString::to_string),
        ),
        fact(
            "kernel type information (BTF)",
            if btf.is_ok() {
                FactState::Yes
            } else {
                FactState::No
            },
            btf.as_ref().err().map(ToString::to_string),
        ),
    ];
    listed.extend(
        TRACEPOINT
            .iter()
            .filter(|hook| hook.kind == HookKind::Tracepoint)
            .map(|hook| {
                let state = match (btf, tracepoints.contains(&hook.name)) {
                    (Ok(()), true) => FactState::Yes,
                    (Ok(()), false) => FactState::No,
                    (Err(_), _) => FactState::Unknown,
                };
                let detail = (state == FactState::No).then(|| {
                    let (major, minor) = hook.since;
                    format!("Linux {major}.{minor} has it")
                });
                fact(&format!("tracepoint {}", hook.name), state, detail)
            }),
    );
    listed.push(match cgroup {
        Ok(folder) => fact(
            "cgroup v2",
            FactState::Yes,
            Some(folder.display().to_string()),
        ),
        Err(error) => fact("cgroup v2", FactState::No, Some(error.to_string())),
    });
    listed.push(match lockdown {
        Some(mode) => {
            let state = if mode == "none" {
                FactState::No
            } else {
                FactState::Yes
            };
            fact("kernel lockdown", state, Some(mode.clone()))
        }
        None => fact(
            "kernel lockdown",
            FactState::Unknown,
            Some("the kernel does not tell, or /sys/kernel/security is not mounted".to_owned()),
        ),
    });
    listed
}

fn fact(name: &str, state: FactState, detail: Option<String>) -> Fact {
    Fact {
        name: name.to_owned(),
        state,
        detail: detail.unwrap_or_default(),
    }
}

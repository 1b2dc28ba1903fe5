//! What this kernel allows, without attaching anything: for `doctor`.

use serde::Serialize;

use super::hooks::{Backend, HookKind, Only};
use super::plan::{Plan, plans};
use super::probe::{Facts, Tls, facts};
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
    match plans(&facts, config).map(|mut plans| plans.swap_remove(0)) {
        Ok(Plan {
            backend,
            hooks,
            twice: _,
            degradations,
        }) => KernelReport {
            kernel,
            facts: listed,
            backend: Some(backend.name().to_owned()),
            hooks: hooks
                .iter()
                .filter(|hook| !hook.is_second)
                .map(|hook| hook.name.to_owned())
                .collect(),
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
        may_trampoline,
        may_probe,
        btf,
        tracepoints,
        functions,
        cgroup,
        lockdown,
        tls,
        has_sendpage,
        preempts_functions,
        preempts_tracepoints: _,
        in_pid_namespace: _,
    } = facts;
    let mut listed = vec![
        answer("load eBPF programs", may_load),
        answer("kernel type information (BTF)", btf),
        answer(
            "programs on the way out of functions (fexit)",
            may_trampoline,
        ),
        answer("breakpoints in functions (kprobe)", may_probe),
    ];
    let mut named: Vec<&str> = Vec::new();
    for hook in Backend::ALL.into_iter().flat_map(Backend::hooks) {
        let (what, is_there) = match hook.kind {
            HookKind::Tracepoint | HookKind::RawTracepoint => {
                ("tracepoint", tracepoints.contains(&hook.name))
            }
            HookKind::Exit | HookKind::Entry => ("function", functions.contains(&hook.name)),
            // Functions are the same as of the backend before, but those of modules.
            HookKind::Probe(_) | HookKind::ProbePair(..) | HookKind::Cgroup => continue,
        };
        let is_optional = match hook.only {
            Only::Sendpage => !has_sendpage,
            Only::MptcpSplice => !is_there,
            Only::Always | Only::Datagrams | Only::Frames | Only::RawIpv6 | Only::Tls => false,
        };
        if named.contains(&hook.name) || is_optional {
            continue;
        }
        named.push(hook.name);
        let state = match (btf, is_there) {
            (Ok(()), true) => FactState::Yes,
            (Ok(()), false) => FactState::No,
            (Err(_), _) => FactState::Unknown,
        };
        let detail = (state == FactState::No).then(|| {
            let (major, minor) = hook.since;
            format!("Linux {major}.{minor} has it")
        });
        listed.push(fact(&format!("{what} {}", hook.name), state, detail));
    }
    listed.push(match tls {
        Tls::Loaded => fact("kernel TLS", FactState::Yes, None),
        Tls::NotLoaded => fact(
            "kernel TLS",
            FactState::No,
            Some("its module is not loaded".to_owned()),
        ),
        Tls::Missing => fact("kernel TLS", FactState::No, None),
    });
    let preempts = if *preempts_functions {
        FactState::Yes
    } else {
        FactState::No
    };
    listed.push(fact("kernel preempts itself", preempts, None));
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

/// An answer that is yes, or why not.
fn answer<E: std::fmt::Display>(name: &str, answer: &Result<(), E>) -> Fact {
    match answer {
        Ok(()) => fact(name, FactState::Yes, None),
        Err(error) => fact(name, FactState::No, Some(error.to_string())),
    }
}

fn fact(name: &str, state: FactState, detail: Option<String>) -> Fact {
    Fact {
        name: name.to_owned(),
        state,
        detail: detail.unwrap_or_default(),
    }
}

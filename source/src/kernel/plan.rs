//! What to attach, decided from facts alone.

use super::cgroup::CgroupError;
use super::hooks::{Hook, HookKind, TRACEPOINT};
use super::probe::Facts;
use crate::config::{BackendChoice, ProcessNetworkConfig};
use crate::pipeline::{Degradation, Protocol};

/// What will be attached, and what is not seen then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) backend: &'static str,
    pub(super) hooks: Vec<Hook>,
    pub(super) degradations: Vec<Degradation>,
}

/// Decides, or says everything that stands in the way.
pub(super) fn plan(facts: &Facts, config: &ProcessNetworkConfig) -> Result<Plan, Vec<Degradation>> {
    let mut blockers = Vec::new();
    blockers.extend(backend_blocker(config.backend));
    blockers.extend(permission_blocker(facts));
    match &facts.btf {
        Err(error) => blockers.push(blocker(
            "btf_missing",
            error.to_string(),
            "use a kernel built with CONFIG_DEBUG_INFO_BTF, as distributions' kernels since 2021 are",
        )),
        Ok(()) => blockers.extend(missing_tracepoints(facts)),
    }
    if !blockers.is_empty() {
        return Err(blockers);
    }

    let wants_udp = config.protocols.contains(&Protocol::Udp);
    let hooks = TRACEPOINT
        .into_iter()
        .filter(|hook| hook.kind != HookKind::Cgroup || (wants_udp && facts.cgroup.is_ok()))
        .collect();
    let mut degradations = Vec::new();
    if let (true, Err(error)) = (wants_udp, &facts.cgroup) {
        degradations.push(no_addresses(error));
    }
    degradations.extend(facts.has_ktls.then(spliced_ktls));
    degradations.extend(facts.has_sendpage.then(sendpage));
    degradations.extend(facts.in_pid_namespace.then(pid_namespace));
    Ok(Plan {
        backend: "tracepoint",
        hooks,
        degradations,
    })
}

/// What is less without the cgroup hooks.
pub(super) const NO_ADDRESSES: &str =
    "remotes of unconnected UDP sockets are not seen (their bytes are exact)";

fn no_addresses(error: &CgroupError) -> Degradation {
    let remedy = match error {
        CgroupError::NotMounted => "mount -t cgroup2 none /sys/fs/cgroup/unified",
        CgroupError::NotTheRoot { .. } => "run in the host's cgroup namespace",
        CgroupError::Unreadable { .. } => "let the program read /proc/self/mounts and the mount",
    };
    Degradation {
        code: "cgroup_v2_missing".to_owned(),
        summary: format!("{NO_ADDRESSES}, because {error}"),
        remedy: remedy.to_owned(),
    }
}

fn sendpage() -> Degradation {
    Degradation {
        code: "sendpage".to_owned(),
        summary:
            "bytes sent by sendfile and splice are not seen: this kernel passes the tracepoint \
                  only for other sends"
                .to_owned(),
        remedy: "use Linux 6.5 or later".to_owned(),
    }
}

fn pid_namespace() -> Degradation {
    Degradation {
        code: "pid_namespace".to_owned(),
        summary: "paths of executables are not seen: this program runs in a PID namespace of its \
                  own, so the kernel's process numbers are not those of its /proc"
            .to_owned(),
        remedy: "run it in the host's PID namespace".to_owned(),
    }
}

/// What the tracepoints never show.
fn spliced_ktls() -> Degradation {
    Degradation {
        code: "ktls_splice".to_owned(),
        summary: "bytes received by splice over kernel TLS are not seen: no tracepoint shows them"
            .to_owned(),
        remedy: String::new(),
    }
}

fn backend_blocker(choice: BackendChoice) -> Option<Degradation> {
    let asked = match choice {
        BackendChoice::Auto | BackendChoice::Tracepoint => return None,
        BackendChoice::Fexit => "fexit",
        BackendChoice::Kprobe => "kprobe",
    };
    Some(blocker(
        "backend_unavailable",
        format!("the backend `{asked}` is not in this version of nettally"),
        "set `backend: auto` or `backend: tracepoint`",
    ))
}

fn permission_blocker(facts: &Facts) -> Option<Degradation> {
    let error = facts.may_load.as_ref().err()?;
    let is_locked = facts.lockdown.as_deref() == Some("confidentiality");
    let (summary, remedy) = if is_locked {
        (
            "the kernel is locked down (confidentiality), which forbids reading kernel memory",
            "boot with lockdown=integrity or without lockdown",
        )
    } else if error.kind() == std::io::ErrorKind::PermissionDenied {
        (
            "not permitted to load eBPF programs",
            "run as root (sudo), or give the program CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN",
        )
    } else {
        return Some(blocker(
            "bpf_unavailable",
            format!("the kernel refuses eBPF programs: {error}"),
            "use a kernel built with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS",
        ));
    };
    Some(blocker("permission", summary.to_owned(), remedy))
}

fn missing_tracepoints(facts: &Facts) -> Option<Degradation> {
    let missing: Vec<Hook> = TRACEPOINT
        .into_iter()
        .filter(|hook| hook.kind == HookKind::Tracepoint && !facts.tracepoints.contains(&hook.name))
        .collect();
    let (major, minor) = missing.iter().map(|hook| hook.since).max()?;
    let names: Vec<&str> = missing.iter().map(|hook| hook.name).collect();
    Some(blocker(
        "tracepoints_missing",
        format!(
            "this kernel ({}) has no tracepoint {}",
            facts.release,
            names.join(", ")
        ),
        &format!("use Linux {major}.{minor} or later"),
    ))
}

fn blocker(code: &str, summary: String, remedy: &str) -> Degradation {
    Degradation {
        code: code.to_owned(),
        summary,
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;
    use crate::kernel::error::KernelError;

    fn modern() -> Facts {
        Facts {
            release: "6.18.0".to_owned(),
            may_load: Ok(()),
            btf: Ok(()),
            tracepoints: vec![
                "sock_send_length",
                "sock_recv_length",
                "tcp_rcv_space_adjust",
                "inet_sock_set_state",
                "tcp_destroy_sock",
            ],
            cgroup: Ok(PathBuf::from("/sys/fs/cgroup")),
            lockdown: Some("integrity".to_owned()),
            has_ktls: false,
            has_sendpage: false,
            in_pid_namespace: false,
        }
    }

    fn blockers(facts: &Facts) -> Vec<String> {
        plan(facts, &ProcessNetworkConfig::default())
            .unwrap_err()
            .into_iter()
            .map(|blocker| blocker.code)
            .collect()
    }

    #[test]
    fn a_modern_kernel_gets_every_hook() {
        let plan = plan(&modern(), &ProcessNetworkConfig::default()).unwrap();
        assert_eq!(plan.hooks, TRACEPOINT);
        assert_eq!(plan.degradations, []);
    }

    #[test]
    fn without_cgroup_v2_addresses_are_missing_and_bytes_are_not() {
        let facts = Facts {
            cgroup: Err(CgroupError::NotMounted),
            ..modern()
        };
        let plan = plan(&facts, &ProcessNetworkConfig::default()).unwrap();
        assert_eq!(plan.hooks.len(), 5);
        assert_eq!(plan.degradations.last().unwrap().code, "cgroup_v2_missing");
    }

    #[test]
    fn who_wants_no_udp_gets_no_udp_hooks() {
        let config = ProcessNetworkConfig {
            protocols: vec![Protocol::Tcp],
            ..ProcessNetworkConfig::default()
        };
        let facts = Facts {
            cgroup: Err(CgroupError::NotMounted),
            ..modern()
        };
        let plan = plan(&facts, &config).unwrap();
        assert_eq!((plan.hooks.len(), plan.degradations), (5, Vec::new()));
    }

    #[test]
    fn what_tracepoints_miss_is_said_where_it_can_happen() {
        let facts = Facts {
            has_ktls: true,
            ..modern()
        };
        let before_6_5 = Facts {
            has_sendpage: true,
            in_pid_namespace: true,
            ..modern()
        };
        let degradations = |facts| {
            plan(facts, &ProcessNetworkConfig::default())
                .unwrap()
                .degradations
        };
        assert_eq!(degradations(&facts), [spliced_ktls()]);
        assert_eq!(degradations(&before_6_5), [sendpage(), pid_namespace()]);
    }

    #[test]
    fn everything_in_the_way_is_said_at_once() {
        let no_rights = Facts {
            may_load: Err(io::ErrorKind::PermissionDenied.into()),
            ..modern()
        };
        assert_eq!(blockers(&no_rights), ["permission"]);
        let old = Facts {
            release: "6.1.0".to_owned(),
            tracepoints: vec!["inet_sock_set_state", "tcp_destroy_sock"],
            may_load: Err(io::ErrorKind::PermissionDenied.into()),
            ..modern()
        };
        assert_eq!(blockers(&old), ["permission", "tracepoints_missing"]);
        let no_btf = Facts {
            btf: Err(KernelError::MalformedBtf("test")),
            ..modern()
        };
        assert_eq!(blockers(&no_btf), ["btf_missing"]);
    }

    #[test]
    fn a_part_of_the_cgroup_tree_is_not_taken_for_the_whole() {
        let facts = Facts {
            cgroup: Err(CgroupError::NotTheRoot {
                folder: PathBuf::from("/sys/fs/cgroup"),
            }),
            ..modern()
        };
        let plan = plan(&facts, &ProcessNetworkConfig::default()).unwrap();
        assert_eq!(
            plan.degradations[0].remedy,
            "run in the host's cgroup namespace"
        );
    }

    #[test]
    fn a_kernel_that_is_too_old_is_told_which_is_not() {
        let old = Facts {
            release: "6.1.0".to_owned(),
            tracepoints: vec!["inet_sock_set_state", "tcp_destroy_sock"],
            ..modern()
        };
        let blocker = plan(&old, &ProcessNetworkConfig::default())
            .unwrap_err()
            .remove(0);
        assert!(blocker.summary.contains("6.1.0"), "{blocker:?}");
        assert_eq!(blocker.remedy, "use Linux 6.3 or later");
    }

    #[test]
    fn a_backend_that_is_not_there_is_refused_by_name() {
        let config = ProcessNetworkConfig {
            backend: BackendChoice::Fexit,
            ..ProcessNetworkConfig::default()
        };
        let blocker = plan(&modern(), &config).unwrap_err().remove(0);
        assert!(blocker.summary.contains("`fexit`"), "{blocker:?}");
    }
}

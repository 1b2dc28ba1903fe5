use std::io;
use std::path::PathBuf;

use super::*;
use crate::kernel::error::KernelError;

/// A hardened kernel: no trampolines, no probes.
fn hardened() -> Facts {
    Facts {
        release: "6.18.0".to_owned(),
        may_load: Ok(()),
        may_trampoline: Err(io::ErrorKind::PermissionDenied.into()),
        may_probe: Err("no kprobe events".to_owned()),
        btf: Ok(()),
        tracepoints: vec![
            "sock_send_length",
            "sock_recv_length",
            "tcp_rcv_space_adjust",
            "inet_sock_set_state",
            "tcp_destroy_sock",
        ],
        functions: vec![
            "inet_sendmsg",
            "inet6_sendmsg",
            "inet_recvmsg",
            "inet6_recvmsg",
            "skb_consume_udp",
            "packet_sendmsg",
            "packet_recvmsg",
            "sock_common_recvmsg",
            "inet_release",
        ],
        cgroup: Ok(PathBuf::from("/sys/fs/cgroup")),
        lockdown: Some("integrity".to_owned()),
        tls: Tls::Missing,
        has_sendpage: false,
        preempts_functions: false,
        preempts_tracepoints: false,
        in_pid_namespace: false,
    }
}

/// One that allows everything.
fn open() -> Facts {
    Facts {
        may_trampoline: Ok(()),
        may_probe: Ok(()),
        tls: Tls::Loaded,
        ..hardened()
    }
}

/// Before tracepoints of the socket layer, with `sendpage`.
fn old() -> Facts {
    let mut facts = open();
    facts.release = "6.1.0".to_owned();
    facts.tracepoints.retain(|name| !name.starts_with("sock_"));
    facts.functions.push("inet_sendpage");
    facts.has_sendpage = true;
    facts
}

fn tcp_and_udp() -> ProcessNetworkConfig {
    ProcessNetworkConfig {
        protocols: vec![Protocol::Tcp, Protocol::Udp],
        ..ProcessNetworkConfig::default()
    }
}

fn choosing(backend: BackendChoice) -> ProcessNetworkConfig {
    ProcessNetworkConfig {
        backend,
        ..ProcessNetworkConfig::default()
    }
}

fn backends(facts: &Facts) -> Vec<Backend> {
    plans(facts, &ProcessNetworkConfig::default())
        .unwrap()
        .into_iter()
        .map(|plan| plan.backend)
        .collect()
}

fn codes(degradations: &[Degradation]) -> Vec<&str> {
    degradations
        .iter()
        .map(|degradation| degradation.code.as_str())
        .collect()
}

fn blockers(facts: &Facts, config: &ProcessNetworkConfig) -> Vec<Degradation> {
    plans(facts, config).unwrap_err()
}

fn first(facts: &Facts, config: &ProcessNetworkConfig) -> Plan {
    plans(facts, config).unwrap().remove(0)
}

#[test]
fn the_most_complete_that_may_load_comes_first() {
    assert_eq!(backends(&open()), Backend::ALL);
    assert_eq!(backends(&hardened()), [Backend::Tracepoint]);
    assert_eq!(backends(&old()), [Backend::Fexit, Backend::Kprobe]);
}

#[test]
fn a_backend_that_is_asked_for_is_the_only_one() {
    let plans = plans(&open(), &choosing(BackendChoice::Kprobe)).unwrap();
    assert_eq!(plans.len(), 1);
    assert_eq!(plans[0].backend, Backend::Kprobe);
    let refused = blockers(&hardened(), &choosing(BackendChoice::Fexit));
    assert_eq!(codes(&refused), ["fexit_refused"]);
}

#[test]
fn trampolines_and_probes_miss_nothing() {
    for choice in [BackendChoice::Fexit, BackendChoice::Kprobe] {
        let Plan {
            backend,
            hooks,
            twice,
            degradations,
        } = first(&old(), &choosing(choice));
        let there = |hook: &&Hook| hook.only != Only::MptcpSplice;
        let expected: Vec<Hook> = backend.hooks().iter().filter(there).copied().collect();
        assert_eq!((hooks, twice), (expected, false));
        assert_eq!(degradations, []);
    }
}

#[test]
fn what_tracepoints_miss_is_said_where_it_can_happen() {
    let tracepoint = choosing(BackendChoice::Tracepoint);
    assert_eq!(
        codes(&first(&hardened(), &tracepoint).degradations),
        ["remotes_unseen"]
    );
    let mut facts = open();
    facts.has_sendpage = true;
    facts.in_pid_namespace = true;
    assert_eq!(
        codes(&first(&facts, &tracepoint).degradations),
        ["remotes_unseen", "sendpage", "ktls_splice", "pid_namespace"]
    );
    let only_tcp = ProcessNetworkConfig {
        protocols: vec![Protocol::Tcp],
        ..tracepoint
    };
    assert_eq!(first(&hardened(), &only_tcp).degradations, []);
}

#[test]
fn where_programs_can_be_preempted_calls_are_counted_by_two() {
    let facts = Facts {
        preempts_functions: true,
        preempts_tracepoints: true,
        ..open()
    };
    let plan = |choice| first(&facts, &choosing(choice));
    let names = |plan: &Plan| -> Vec<String> { plan.hooks.iter().map(Hook::program).collect() };
    let fexit = plan(BackendChoice::Fexit);
    let place = |names: &[String], name: &str| names.iter().position(|other| other == name);
    let of_fexit = names(&fexit);
    assert!(fexit.twice);
    assert!(
        place(&of_fexit, "second_inet_sendmsg").unwrap()
            < place(&of_fexit, "inet_sendmsg").unwrap()
    );
    assert_eq!(place(&of_fexit, "second_tcp_destroy_sock"), None);
    let tracepoint = plan(BackendChoice::Tracepoint);
    assert_eq!(
        names(&tracepoint)[..4],
        [
            "sock_send_length",
            "second_sock_send_length",
            "sock_recv_length",
            "second_sock_recv_length"
        ]
    );
    let kprobe = plan(BackendChoice::Kprobe);
    assert!(!kprobe.twice && kprobe.hooks.iter().all(|hook| !hook.is_second));
    assert_eq!(codes(&kprobe.degradations), ["probes_preempted"]);
}

#[test]
fn splicing_over_mptcp_is_seen_where_functions_are() {
    let mut facts = open();
    facts.functions.push("mptcp_splice_read");
    let tracepoint = first(&facts, &choosing(BackendChoice::Tracepoint));
    assert!(codes(&tracepoint.degradations).contains(&"mptcp_splice"));
    let fexit = first(&facts, &choosing(BackendChoice::Fexit));
    assert!(
        fexit
            .hooks
            .iter()
            .any(|hook| hook.only == Only::MptcpSplice)
    );
}

#[test]
fn without_cgroup_v2_addresses_are_missing_and_bytes_are_not() {
    let facts = Facts {
        cgroup: Err(CgroupError::NotMounted),
        ..hardened()
    };
    let plan = first(&facts, &tcp_and_udp());
    assert_eq!(plan.hooks.len(), 5);
    assert_eq!(codes(&plan.degradations), ["cgroup_v2_missing"]);
}

#[test]
fn who_wants_no_udp_gets_no_udp_hooks() {
    let config = ProcessNetworkConfig {
        protocols: vec![Protocol::Tcp],
        ..ProcessNetworkConfig::default()
    };
    let facts = Facts {
        cgroup: Err(CgroupError::NotMounted),
        ..hardened()
    };
    let plan = first(&facts, &config);
    assert_eq!((plan.hooks.len(), plan.degradations), (5, Vec::new()));
    let names: Vec<&str> = first(&open(), &config)
        .hooks
        .iter()
        .map(|hook| hook.name)
        .collect();
    assert!(!names.contains(&"skb_consume_udp") && !names.contains(&"packet_recvmsg"));
}

#[test]
fn a_module_that_is_not_loaded_is_asked_for() {
    let facts = Facts {
        tls: Tls::NotLoaded,
        ..open()
    };
    let plan = first(&facts, &ProcessNetworkConfig::default());
    assert!(plan.degradations[0].remedy.contains("modprobe tls"));
    assert!(plan.hooks.iter().all(|hook| hook.only != Only::Tls));
}

#[test]
fn everything_in_the_way_is_said_at_once() {
    let config = ProcessNetworkConfig::default();
    let no_rights = Facts {
        may_load: Err(io::ErrorKind::PermissionDenied.into()),
        btf: Err(KernelError::MalformedBtf("test")),
        ..hardened()
    };
    assert_eq!(
        codes(&blockers(&no_rights, &config)),
        ["permission", "btf_missing"]
    );
    let none = Facts {
        may_trampoline: Err(io::ErrorKind::PermissionDenied.into()),
        may_probe: Err("no kprobe events".to_owned()),
        ..old()
    };
    let none = blockers(&none, &config);
    assert_eq!(
        codes(&none),
        ["fexit_refused", "tracepoints_missing", "kprobes_missing"]
    );
    assert!(none[1].summary.contains("6.1.0"), "{none:?}");
    assert_eq!(none[1].remedy, "use Linux 6.3 or later");
}

#[test]
fn a_part_of_the_cgroup_tree_is_not_taken_for_the_whole() {
    let facts = Facts {
        cgroup: Err(CgroupError::NotTheRoot {
            folder: PathBuf::from("/sys/fs/cgroup"),
        }),
        ..hardened()
    };
    assert_eq!(
        first(&facts, &tcp_and_udp()).degradations[0].remedy,
        "run in the host's cgroup namespace"
    );
}

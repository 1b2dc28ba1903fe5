//! On a real kernel: what is recorded of processes that are gone when it is read.

use std::process::Command;

use super::{Counters as _, Kernel};
use crate::config::ProcessNetworkConfig;
use crate::process::Snapshot;

/// Runs a script of bash, which can send datagrams by itself, and returns what was recorded of it.
fn recorded(kernel: &mut Kernel, script: &str, arguments: &[&str]) -> Vec<Snapshot> {
    kernel.drain().unwrap();
    let mut child = Command::new("/bin/bash")
        .current_dir("/usr/lib")
        .args(["-c", script])
        .args(arguments)
        .spawn()
        .unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let mut snapshots = kernel.drain().unwrap().snapshots;
    snapshots.retain(|snapshot| snapshot.key.tgid == pid);
    snapshots
}

const SEND: &str = "echo hello >/dev/udp/127.0.0.1/9";

#[test]
fn a_process_that_is_gone_has_left_who_it_was() {
    let mut kernel = Kernel::load(&ProcessNetworkConfig::default()).unwrap();
    let [snapshot] = &recorded(&mut kernel, SEND, &["an argument", ""])[..] else {
        panic!("not one snapshot");
    };
    println!("{snapshot:#?}");
    let exe = std::fs::canonicalize("/bin/bash").unwrap();
    assert_eq!(snapshot.exe.as_deref(), exe.to_str());
    assert_eq!(
        snapshot.arguments.as_deref().unwrap(),
        ["/bin/bash", "-c", SEND, "an argument", ""]
    );
    assert_eq!(snapshot.directory.as_deref(), Some("/usr/lib"));
    assert_eq!(snapshot.parents[0].pid, std::process::id());
    assert!(!snapshot.is_exe_cut && !snapshot.are_arguments_cut);
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let group = snapshot.cgroup.as_deref().unwrap();
    assert!(
        groups
            .lines()
            .any(|line| line.rsplit(':').next() == Some(group)),
        "{group} is none of {groups}"
    );
    let network = std::fs::read_link("/proc/self/ns/net").unwrap();
    let number = snapshot.network_namespace.unwrap();
    assert_eq!(network.to_str(), Some(&*format!("net:[{number}]")));
}

#[test]
fn a_process_is_recorded_once_for_each_program_that_it_is() {
    let mut kernel = Kernel::load(&ProcessNetworkConfig::default()).unwrap();
    let script = format!("{SEND}; {SEND}; exec /bin/bash -c '{SEND}; {SEND}' again");
    let snapshots = recorded(&mut kernel, &script, &[]);
    let [first, second] = &snapshots[..] else {
        panic!("not two snapshots: {snapshots:#?}");
    };
    assert_eq!(first.key.start_boottime, second.key.start_boottime);
    assert_ne!(first.key.exec_id, second.key.exec_id);
    assert_eq!(second.arguments.as_deref().unwrap()[3], "again");
}

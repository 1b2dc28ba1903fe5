//! What `/proc` adds to what the kernel told.

use nettally_ebpf::flow::ProcessKey;

use super::entry::Who;
use super::{ProcessTable, UNKNOWN_NAME, process_of};
use crate::pipeline::Parent;
use crate::process::facts::Snapshot;
use crate::process::proc;

impl ProcessTable {
    /// A process of which the kernel has told nothing.
    pub(super) fn find(&mut self, key: ProcessKey) -> Option<(Who, Snapshot)> {
        let proc::Found {
            name,
            owner,
            snapshot,
        } = self.read(key, None)?;
        let (uid, gid) = owner.unzip();
        let who = Who {
            name,
            uid,
            user: uid.and_then(|uid| self.users.name(uid, self.now)),
            gid,
        };
        Some((who, snapshot))
    }

    /// What `/proc` has of a process; `None` if it is gone, runs another program since, or has not the
    /// name that it had in the kernel, for then it may be another program that has moved nothing yet.
    pub(super) fn read(&self, key: ProcessKey, name: Option<&str>) -> Option<proc::Found> {
        let is_last = self
            .programs
            .get(&process_of(key))
            .is_none_or(|&last| last == key.exec_id);
        if !is_last {
            return None;
        }
        let found = self.proc.find(key)?;
        name.is_none_or(|name| name == found.name).then_some(found)
    }

    /// Fills in what the kernel could not record.
    pub(super) fn completed(&self, mut snapshot: Snapshot, name: &str, parent: u32) -> Snapshot {
        let is_complete = snapshot.exe.is_some()
            && !snapshot.is_exe_cut
            && snapshot.arguments.is_some()
            && !snapshot.are_arguments_cut
            && snapshot.directory.is_some()
            && snapshot.cgroup.is_some();
        if !is_complete && let Some(found) = self.read(snapshot.key, Some(name)) {
            let found = found.snapshot;
            if (snapshot.exe.is_none() || snapshot.is_exe_cut) && found.exe.is_some() {
                (snapshot.exe, snapshot.is_exe_cut) = (found.exe, found.is_exe_cut);
            }
            let has_arguments = snapshot.arguments.is_some() && !snapshot.are_arguments_cut;
            if !has_arguments && found.arguments.is_some() {
                snapshot.arguments = found.arguments;
                snapshot.are_arguments_cut = found.are_arguments_cut;
            }
            snapshot.directory = snapshot.directory.or(found.directory);
            snapshot.cgroup = snapshot.cgroup.or(found.cgroup);
            snapshot.network_namespace = snapshot.network_namespace.or(found.network_namespace);
        }
        if snapshot.parents.is_empty() {
            snapshot.parents = self.parents(snapshot.key, parent);
        }
        snapshot
    }

    /// The parent by its number, and who is above it. A parent that has ended has no name.
    pub(super) fn parents(&self, key: ProcessKey, parent: u32) -> Vec<Parent> {
        let parents = self.proc.parents(parent, Some(proc::start_ticks(key)));
        if parents.is_empty() && parent != 0 {
            let name = UNKNOWN_NAME.to_owned();
            return vec![Parent { pid: parent, name }];
        }
        parents
    }
}

/// Bytes of a name, without the zero that ends it (`TASK_COMM_LEN` in `include/linux/sched.h`).
const NAME_BYTES: usize = 15;

/// What the kernel calls a process that begins to run a program.
pub(super) fn first_name(snapshot: &Snapshot) -> String {
    let exe = snapshot.exe.as_deref().map(proc::without_deleted);
    let file = exe.and_then(|exe| exe.rsplit('/').next());
    let file = file.filter(|file| !file.is_empty()).unwrap_or(UNKNOWN_NAME);
    file[..file.floor_char_boundary(NAME_BYTES)].to_owned()
}

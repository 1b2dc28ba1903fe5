//! The processes that moved bytes lately.

mod entry;
mod look_up;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nettally_ebpf::flow::{PF_KTHREAD, ProcessKey, ProcessRecord};

use super::facts::Snapshot;
use super::naming::{self, Naming};
use super::proc::ProcFolder;
use super::tunnel;
use super::user::UserNames;
use crate::pipeline::{Attribution, Process, ProcessId};
use entry::{Entry, Who};
use look_up::first_name;

/// How long a process stays known after its last bytes. A socket that it left behind may still be
/// settled under its name.
const KEPT: Duration = Duration::from_secs(600);

/// How often a process that moves bytes is asked whether it holds a tunnel.
const TUNNEL_INTERVAL: Duration = Duration::from_secs(60);

/// Name of a process that could not be found out.
pub(crate) const UNKNOWN_NAME: &str = "[unknown]";

/// Name of what stands for processes that were too many to be told apart.
pub(crate) const OTHERS_NAME: &str = "[others]";

/// Names processes, and remembers the names.
pub(crate) struct ProcessTable {
    proc: ProcFolder,
    naming: Naming,
    users: UserNames,
    known: HashMap<ProcessKey, Entry>,
    /// The last program of each process that is known. Only that one is what `/proc` tells of.
    programs: HashMap<(u32, u64), u32>,
    max_known: usize,
    files_per_tick: usize,
    now: Duration,
}

impl ProcessTable {
    /// Remembers `entries` processes, and at least those of one window.
    pub(crate) fn new(proc: ProcFolder, naming: Naming, entries: u32) -> Self {
        Self::with_users(proc, naming, entries, UserNames::of_this_machine())
    }

    fn with_users(proc: ProcFolder, naming: Naming, entries: u32, users: UserNames) -> Self {
        Self {
            proc,
            naming,
            users,
            known: HashMap::new(),
            programs: HashMap::new(),
            max_known: usize::try_from(entries).unwrap_or(usize::MAX),
            files_per_tick: tunnel::FILES_PER_TICK,
            now: Duration::ZERO,
        }
    }

    /// Takes in what the kernel recorded in the window that ended `now`, a time that never goes back.
    /// A process that changed its name or owner is another value from now on; the earlier one stays
    /// with the earlier windows. A snapshot may come with its record, or later.
    ///
    /// Returns whom it forgot. The kernel sends a snapshot once, so it has to be told to send another
    /// if one of these moves bytes again. That is all it takes to find them again, so forgetting is no
    /// loss of its own: until the snapshot is there, the process is named by its record and `/proc`
    /// (its attribution says so), and one that has ended, whose last socket is settled, is
    /// [`ProcessUnknown`](crate::pipeline::LossReason::ProcessUnknown), counted with its bytes.
    #[must_use = "the kernel has to be told"]
    pub(crate) fn learn(
        &mut self,
        records: &[(ProcessKey, ProcessRecord)],
        snapshots: Vec<Snapshot>,
        now: Duration,
    ) -> Vec<ProcessKey> {
        self.now = now;
        self.users.take_answers();
        let keys = records.iter().map(|(key, _)| key);
        for key in keys.chain(snapshots.iter().map(|snapshot| &snapshot.key)) {
            let last = self.programs.entry(process_of(*key)).or_default();
            *last = key.exec_id.max(*last);
        }
        let mut snapshots: HashMap<ProcessKey, Snapshot> = snapshots
            .into_iter()
            .map(|snapshot| (snapshot.key, snapshot))
            .collect();
        for (key, record) in records {
            self.learn_record(*key, record, snapshots.remove(key));
        }
        for (key, snapshot) in snapshots {
            self.learn_snapshot(key, snapshot);
        }
        self.look_for_tunnels(records);
        self.forget()
    }

    /// The process, and whether its name is known.
    pub(crate) fn process(&mut self, key: ProcessKey) -> (Arc<Process>, bool) {
        if !self.known.contains_key(&key) {
            let process = match self.find(key) {
                Some((who, snapshot)) => self.told(key, &who, snapshot, Attribution::Proc),
                None => unknown(key),
            };
            self.remember(key, process);
        }
        let entry = self
            .known
            .get_mut(&key)
            .expect("remembered above if it was not there");
        entry.last_used = self.now;
        let is_known = entry.process.attribution != Attribution::Unknown;
        (Arc::clone(&entry.process), is_known)
    }

    fn learn_record(
        &mut self,
        key: ProcessKey,
        record: &ProcessRecord,
        snapshot: Option<Snapshot>,
    ) {
        let ProcessRecord {
            comm,
            uid,
            gid,
            parent_tgid,
            flags,
        } = record;
        let is_kernel_thread = flags & PF_KTHREAD != 0;
        let comm = text(comm);
        let name = if is_kernel_thread {
            naming::kernel_thread(&comm)
        } else {
            comm
        };
        let who = Who {
            name,
            uid: Some(*uid),
            user: self.users.name(*uid, self.now),
            gid: Some(*gid),
        };
        if is_kernel_thread {
            self.learn_kernel_thread(key, &who, snapshot);
            return;
        }
        if let Some(snapshot) = snapshot {
            let snapshot = self.completed(snapshot, &who.name, *parent_tgid);
            let process = self.told(key, &who, snapshot, Attribution::Kernel);
            self.remember(key, process);
            return;
        }
        match self.known.get_mut(&key) {
            Some(entry) if entry.is_of(&who) => entry.last_used = self.now,
            Some(entry) if entry.is_complete() || entry.process.name == who.name => {
                entry.change(&who);
                entry.last_used = self.now;
            }
            // Of one that is only named, and has another name now, `/proc` may tell more.
            Some(_) | None => {
                let process = match self.read(key, Some(&who.name)) {
                    Some(found) => self.told(key, &who, found.snapshot, Attribution::Proc),
                    None => {
                        let snapshot = Snapshot {
                            parents: self.parents(key, *parent_tgid),
                            ..Snapshot::default()
                        };
                        self.told(key, &who, snapshot, Attribution::Name)
                    }
                };
                self.remember(key, process);
            }
        }
    }

    /// It has no program, and nobody started it: no more is to be known than its name.
    fn learn_kernel_thread(&mut self, key: ProcessKey, who: &Who, snapshot: Option<Snapshot>) {
        if let Some(entry) = self.known.get_mut(&key)
            && entry.is_kernel_thread
            && entry.is_of(who)
        {
            entry.last_used = self.now;
            return;
        }
        let snapshot = Snapshot {
            network_namespace: snapshot.and_then(|snapshot| snapshot.network_namespace),
            ..Snapshot::default()
        };
        let process = self.told(key, who, snapshot, Attribution::Kernel);
        self.remember(key, process).is_kernel_thread = true;
    }

    /// A snapshot without a record in the same window: the record came before, or comes later.
    fn learn_snapshot(&mut self, key: ProcessKey, mut snapshot: Snapshot) {
        let who = match self.known.get(&key) {
            Some(entry) if entry.is_kernel_thread => return,
            Some(entry) if entry.process.attribution != Attribution::Unknown => {
                if snapshot.parents.is_empty() {
                    snapshot.parents.clone_from(&entry.process.parents);
                }
                Some(Who::of(&entry.process))
            }
            Some(_) | None => self.find(key).map(|(who, _)| who),
        };
        let who = who.unwrap_or_else(|| Who {
            name: first_name(&snapshot),
            uid: None,
            user: None,
            gid: None,
        });
        let snapshot = self.completed(snapshot, &who.name, 0);
        let process = self.told(key, &who, snapshot, Attribution::Kernel);
        self.remember(key, process);
    }

    fn told(
        &self,
        key: ProcessKey,
        who: &Who,
        snapshot: Snapshot,
        attribution: Attribution,
    ) -> Process {
        let Who {
            name,
            uid,
            user,
            gid,
        } = who;
        Process {
            id: id(key),
            name: name.clone(),
            uid: *uid,
            user: user.clone(),
            gid: *gid,
            attribution,
            ..self.naming.told(snapshot)
        }
    }

    fn remember(&mut self, key: ProcessKey, mut process: Process) -> &mut Entry {
        let is_app_name = process.app.is_empty();
        if is_app_name {
            process.app.clone_from(&process.name);
        }
        let before = self.known.remove(&key);
        process.tunnel = before.as_ref().is_some_and(|entry| entry.process.tunnel);
        self.known.entry(key).or_insert(Entry {
            process: Arc::new(process),
            is_app_name,
            is_kernel_thread: false,
            last_used: self.now,
            tunnel_asked: before.and_then(|entry| entry.tunnel_asked),
        })
    }

    /// Asks processes that moved bytes, as many as a tick has time for; the others next time.
    fn look_for_tunnels(&mut self, records: &[(ProcessKey, ProcessRecord)]) {
        let now = self.now;
        let is_thread = |record: &ProcessRecord| record.flags & PF_KTHREAD != 0;
        let is_due = |entry: &Entry| {
            entry
                .tunnel_asked
                .is_none_or(|asked| now.saturating_sub(asked) >= TUNNEL_INTERVAL)
        };
        let due: Vec<ProcessKey> = records
            .iter()
            .filter(|(key, record)| !is_thread(record) && self.known.get(key).is_some_and(is_due))
            .map(|(key, _)| *key)
            .collect();
        if due.is_empty() || !tunnel::has_driver(&self.proc) {
            return;
        }
        let mut files_left = self.files_per_tick;
        for key in due {
            if files_left == 0 {
                return;
            }
            let (holds, looked_at) = tunnel::holds_tunnel(&self.proc.folder(key.tgid));
            files_left = files_left.saturating_sub(looked_at);
            let holds = holds && self.proc.is_same(key);
            if let Some(entry) = self.known.get_mut(&key) {
                entry.tunnel_asked = Some(now);
                if entry.process.tunnel != holds {
                    Arc::make_mut(&mut entry.process).tunnel = holds;
                }
            }
        }
    }

    /// Forgets those whose time is over and, if there are still too many, those that have been idle for
    /// longest; never one of this window, whose bytes are still to be named.
    fn forget(&mut self) -> Vec<ProcessKey> {
        let oldest = self.now.saturating_sub(KEPT);
        let mut idle: Vec<(Duration, ProcessKey)> = self
            .known
            .iter()
            .map(|(key, entry)| (entry.last_used, *key))
            .filter(|(last_used, _)| *last_used < self.now)
            .collect();
        let excess = self.known.len().saturating_sub(self.max_known);
        let excess = excess.min(idle.len());
        if excess > 0 && excess < idle.len() {
            idle.select_nth_unstable(excess);
        }
        let forgotten: Vec<ProcessKey> = idle
            .into_iter()
            .enumerate()
            .filter(|(index, (last_used, _))| *index < excess || *last_used < oldest)
            .map(|(_, (_, key))| key)
            .collect();
        for key in &forgotten {
            self.known.remove(key);
            let process = process_of(*key);
            if self.programs.get(&process) == Some(&key.exec_id) {
                self.programs.remove(&process);
            }
        }
        forgotten
    }
}

/// Whom the bytes are charged to for which the kernel had no row left.
pub(crate) fn others() -> Process {
    Process::named(ProcessId::default(), OTHERS_NAME)
}

fn id(key: ProcessKey) -> ProcessId {
    ProcessId {
        pid: key.tgid,
        exec_id: key.exec_id,
        start_boottime_ns: key.start_boottime,
    }
}

fn unknown(key: ProcessKey) -> Process {
    Process::named(id(key), UNKNOWN_NAME)
}

/// A process, whatever program it runs.
fn process_of(key: ProcessKey) -> (u32, u64) {
    (key.tgid, key.start_boottime)
}

fn text(comm: &[u8]) -> String {
    let end = comm
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(comm.len());
    String::from_utf8_lossy(&comm[..end]).into_owned()
}

#[cfg(test)]
mod tests;

//! The processes that moved bytes lately.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nettally_ebpf::flow::{ProcessKey, ProcessRecord};

use super::facts::Snapshot;
use super::proc::ProcFolder;
use super::user::UserNames;
use crate::pipeline::{Process, ProcessId};

/// How long a process stays known after its last bytes. A socket that it left behind may still be
/// settled under its name.
const KEPT: Duration = Duration::from_secs(600);

/// Processes that are known at most; beyond that those unused for longest are forgotten.
const MAX_KEPT: usize = 65_536;

/// Name of a process that could not be found out.
pub(crate) const UNKNOWN_NAME: &str = "[unknown]";

/// Name of what stands for processes that were too many to be told apart.
pub(crate) const OTHERS_NAME: &str = "[others]";

/// Names processes, and remembers the names.
pub(crate) struct ProcessTable {
    proc: ProcFolder,
    users: UserNames,
    known: HashMap<ProcessKey, Entry>,
    now: Duration,
}

struct Entry {
    process: Arc<Process>,
    /// Whether somebody could name it.
    is_named: bool,
    last_used: Duration,
}

impl ProcessTable {
    pub(crate) fn new(proc: ProcFolder) -> Self {
        Self {
            proc,
            users: UserNames::new(),
            known: HashMap::new(),
            now: Duration::ZERO,
        }
    }

    /// Takes in what the kernel recorded in the window that ended `now`, a time that never goes back.
    /// A process that changed (`exec`, another name or user) is looked up anew; the earlier answer
    /// stays with the earlier windows.
    pub(crate) fn learn(
        &mut self,
        records: &[(ProcessKey, ProcessRecord)],
        _snapshots: Vec<Snapshot>,
        now: Duration,
    ) {
        self.now = now;
        for (key, record) in records {
            let ProcessRecord {
                comm,
                uid,
                gid: _,
                parent_tgid: _,
                flags: _,
            } = record;
            let name = name(comm);
            match self.known.get_mut(key) {
                Some(entry) if entry.process.name == name && entry.process.uid == Some(*uid) => {
                    entry.last_used = now;
                }
                Some(_) | None => {
                    let process = self.named(*key, name, Some(*uid));
                    self.remember(*key, process, true);
                }
            }
        }
        self.forget();
    }

    /// The process, and whether its name is known.
    pub(crate) fn process(&mut self, key: ProcessKey) -> (Arc<Process>, bool) {
        if !self.known.contains_key(&key) {
            match self.proc.name(key) {
                Some(name) => {
                    let process = self.named(key, name, None);
                    self.remember(key, process, true);
                }
                None => self.remember(key, unknown(key), false),
            }
        }
        let entry = self
            .known
            .get_mut(&key)
            .expect("remembered above if it was not there");
        entry.last_used = self.now;
        (Arc::clone(&entry.process), entry.is_named)
    }

    fn named(&self, key: ProcessKey, name: String, uid: Option<u32>) -> Process {
        Process {
            id: id(key),
            name,
            exe: self.proc.exe(key),
            uid,
            user: uid.and_then(|uid| self.users.name(uid)),
            ..Process::default()
        }
    }

    fn remember(&mut self, key: ProcessKey, process: Process, is_named: bool) {
        let entry = Entry {
            process: Arc::new(process),
            is_named,
            last_used: self.now,
        };
        self.known.insert(key, entry);
    }

    fn forget(&mut self) {
        let oldest = self.now.saturating_sub(KEPT);
        self.known.retain(|_key, entry| entry.last_used >= oldest);
        if self.known.len() > MAX_KEPT {
            let mut uses: Vec<Duration> =
                self.known.values().map(|entry| entry.last_used).collect();
            let excess = self.known.len() - MAX_KEPT;
            let (_, &mut limit, _) = uses.select_nth_unstable(excess);
            self.known.retain(|_key, entry| entry.last_used > limit);
        }
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
        ..ProcessId::default()
    }
}

fn unknown(key: ProcessKey) -> Process {
    Process::named(id(key), UNKNOWN_NAME)
}

fn name(comm: &[u8]) -> String {
    let end = comm
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(comm.len());
    String::from_utf8_lossy(&comm[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table() -> ProcessTable {
        ProcessTable::new(ProcFolder::new("/nonexistent"))
    }

    fn record(name: &str) -> ProcessRecord {
        let mut comm = [0; 16];
        comm[..name.len()].copy_from_slice(name.as_bytes());
        ProcessRecord {
            comm,
            uid: 0,
            parent_tgid: 1,
            ..ProcessRecord::default()
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn key(tgid: u32, start_boottime: u64) -> ProcessKey {
        ProcessKey {
            start_boottime,
            tgid,
            exec_id: 0,
        }
    }

    #[test]
    fn a_process_that_is_gone_has_the_name_the_kernel_recorded() {
        let mut table = table();
        table.learn(&[(key(7, 1), record("short"))], Vec::new(), at(1));
        let (process, is_known) = table.process(key(7, 1));
        assert_eq!(
            (process.name.as_str(), &process.exe, is_known),
            ("short", &None, true)
        );
    }

    #[test]
    fn a_reused_number_is_another_process() {
        let mut table = table();
        table.learn(&[(key(7, 1), record("one"))], Vec::new(), at(1));
        table.learn(&[(key(7, 2), record("two"))], Vec::new(), at(1));
        assert_eq!(table.process(key(7, 1)).0.name, "one");
        assert_eq!(table.process(key(7, 2)).0.name, "two");
    }

    #[test]
    fn a_changed_name_is_taken_up() {
        let mut table = table();
        table.learn(&[(key(7, 1), record("sh"))], Vec::new(), at(1));
        let (before, _) = table.process(key(7, 1));
        table.learn(&[(key(7, 1), record("curl"))], Vec::new(), at(1));
        assert_eq!(
            (
                before.name.as_str(),
                table.process(key(7, 1)).0.name.as_str()
            ),
            ("sh", "curl")
        );
    }

    #[test]
    fn another_program_of_the_same_name_is_looked_up_anew() {
        let mut table = table();
        table.learn(&[(key(7, 1), record("python3"))], Vec::new(), at(1));
        let (before, _) = table.process(key(7, 1));
        let next = ProcessKey {
            exec_id: 2,
            ..key(7, 1)
        };
        table.learn(&[(next, record("python3"))], Vec::new(), at(2));
        assert!(!Arc::ptr_eq(&before, &table.process(next).0));
    }

    #[test]
    fn a_process_that_wakes_up_at_the_last_moment_keeps_its_name() {
        let mut table = table();
        table.learn(&[(key(7, 1), record("sleeper"))], Vec::new(), at(0));
        table.learn(
            &[(key(7, 1), record("sleeper"))],
            Vec::new(),
            at(KEPT.as_secs() + 1),
        );
        assert_eq!(table.process(key(7, 1)).0.name, "sleeper");
    }

    #[test]
    fn nobody_knows_a_process_that_left_nothing() {
        let (process, is_known) = table().process(key(7, 1));
        assert_eq!((process.name.as_str(), is_known), (UNKNOWN_NAME, false));
    }

    #[test]
    fn unused_processes_are_forgotten_and_used_ones_are_not() {
        let mut table = table();
        let (idle, busy) = ((key(1, 1), record("idle")), (key(2, 1), record("busy")));
        table.learn(&[idle, busy], Vec::new(), at(0));
        table.learn(&[busy], Vec::new(), at(KEPT.as_secs()));
        table.learn(&[], Vec::new(), at(KEPT.as_secs() + 1));
        assert!(!table.process(key(1, 1)).1);
        assert!(table.process(key(2, 1)).1);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = table();
        for start in 0..3 {
            let records: Vec<_> = (0..30_000)
                .map(|tgid| (key(tgid, start), record("many")))
                .collect();
            table.learn(&records, Vec::new(), at(start));
        }
        assert!(table.known.len() <= MAX_KEPT, "{}", table.known.len());
    }

    #[test]
    fn bytes_that_are_no_text_are_still_a_name() {
        assert_eq!(name(b"a\xff\0rest"), "a\u{fffd}");
        assert_eq!(name(b"sixteen bytes ok"), "sixteen bytes ok");
    }

    proptest! {
        #[test]
        fn any_record_is_a_process_with_a_name(
            comm in any::<[u8; 16]>(),
            uid in any::<u32>(),
            tgid in any::<u32>(),
            start in any::<u64>(),
            now in any::<u64>(),
        ) {
            let record = ProcessRecord { comm, uid, ..ProcessRecord::default() };
            let mut table = table();
            table.learn(&[(key(tgid, start), record)], Vec::new(), Duration::from_nanos(now));
            let (process, is_known) = table.process(key(tgid, start));
            prop_assert!(is_known && process.name == name(&comm));
            prop_assert_eq!(process.id.pid, tgid);
        }
    }
}

//! The processes that moved bytes lately.

use std::collections::HashMap;
use std::sync::Arc;

use nettally_ebpf::flow::{ProcessKey, ProcessRecord};

use super::proc::ProcFolder;
use super::user::UserNames;
use crate::pipeline::{Process, ProcessId};

/// Windows that a process stays known after its last bytes. A socket that it left behind may still
/// be settled under its name.
const KEPT_WINDOWS: u64 = 600;

/// Processes that are known at most; beyond that those unused for longest are forgotten.
const MAX_KEPT: usize = 65_536;

/// Name of a process that could not be found out.
pub(crate) const UNKNOWN_NAME: &str = "[unknown]";

/// Names processes, and remembers the names.
pub(crate) struct ProcessTable {
    proc: ProcFolder,
    users: UserNames,
    known: HashMap<ProcessKey, Entry>,
    window: u64,
}

struct Entry {
    process: Arc<Process>,
    last_window: u64,
}

impl ProcessTable {
    pub(crate) fn new(proc: ProcFolder) -> Self {
        Self {
            proc,
            users: UserNames::new(),
            known: HashMap::new(),
            window: 0,
        }
    }

    /// Takes in what the kernel recorded in one window. A process whose name changed (`exec`) is
    /// looked up anew; the earlier answer stays with the earlier windows.
    pub(crate) fn learn(&mut self, records: &[(ProcessKey, ProcessRecord)]) {
        self.window += 1;
        for (key, record) in records {
            let ProcessRecord {
                comm,
                uid,
                parent_tgid: _,
            } = record;
            let name = name(comm);
            let is_current = self
                .known
                .get(key)
                .is_some_and(|entry| entry.process.name == name && entry.process.uid == Some(*uid));
            if !is_current {
                self.remember(*key, name, Some(*uid));
            }
        }
        self.forget();
    }

    /// The process, and whether its name is known.
    pub(crate) fn process(&mut self, key: ProcessKey) -> (Arc<Process>, bool) {
        if !self.known.contains_key(&key) {
            match self.proc.name(key) {
                Some(name) => self.remember(key, name, None),
                None => return (Arc::new(unknown(key)), false),
            }
        }
        let entry = self
            .known
            .get_mut(&key)
            .expect("remembered above if it was not there");
        entry.last_window = self.window;
        (Arc::clone(&entry.process), true)
    }

    fn remember(&mut self, key: ProcessKey, name: String, uid: Option<u32>) {
        let process = Process {
            id: id(key),
            name,
            exe: self.proc.exe(key),
            uid,
            user: uid.and_then(|uid| self.users.name(uid)),
        };
        let entry = Entry {
            process: Arc::new(process),
            last_window: self.window,
        };
        self.known.insert(key, entry);
    }

    fn forget(&mut self) {
        let oldest = self.window.saturating_sub(KEPT_WINDOWS);
        self.known.retain(|_key, entry| entry.last_window >= oldest);
        if self.known.len() > MAX_KEPT {
            let mut uses: Vec<u64> = self.known.values().map(|entry| entry.last_window).collect();
            let excess = self.known.len() - MAX_KEPT;
            let (_, &mut limit, _) = uses.select_nth_unstable(excess);
            self.known.retain(|_key, entry| entry.last_window > limit);
        }
    }
}

fn id(key: ProcessKey) -> ProcessId {
    ProcessId {
        pid: key.tgid,
        start_boottime_ns: key.start_boottime,
    }
}

fn unknown(key: ProcessKey) -> Process {
    Process {
        id: id(key),
        name: UNKNOWN_NAME.to_owned(),
        exe: None,
        uid: None,
        user: None,
    }
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
        }
    }

    fn key(tgid: u32, start_boottime: u64) -> ProcessKey {
        ProcessKey {
            start_boottime,
            tgid,
            padding: 0,
        }
    }

    #[test]
    fn a_process_that_is_gone_has_the_name_the_kernel_recorded() {
        let mut table = table();
        table.learn(&[(key(7, 1), record("short"))]);
        let (process, is_known) = table.process(key(7, 1));
        assert_eq!(
            (process.name.as_str(), &process.exe, is_known),
            ("short", &None, true)
        );
    }

    #[test]
    fn a_reused_number_is_another_process() {
        let mut table = table();
        table.learn(&[(key(7, 1), record("one"))]);
        table.learn(&[(key(7, 2), record("two"))]);
        assert_eq!(table.process(key(7, 1)).0.name, "one");
        assert_eq!(table.process(key(7, 2)).0.name, "two");
    }

    #[test]
    fn a_changed_name_is_taken_up() {
        let mut table = table();
        table.learn(&[(key(7, 1), record("sh"))]);
        let (before, _) = table.process(key(7, 1));
        table.learn(&[(key(7, 1), record("curl"))]);
        assert_eq!(
            (
                before.name.as_str(),
                table.process(key(7, 1)).0.name.as_str()
            ),
            ("sh", "curl")
        );
    }

    #[test]
    fn nobody_knows_a_process_that_left_nothing() {
        let (process, is_known) = table().process(key(7, 1));
        assert_eq!((process.name.as_str(), is_known), (UNKNOWN_NAME, false));
    }

    #[test]
    fn unused_processes_are_forgotten_and_used_ones_are_not() {
        let mut table = table();
        table.learn(&[(key(1, 1), record("idle")), (key(2, 1), record("busy"))]);
        for _ in 0..=KEPT_WINDOWS {
            table.learn(&[]);
            let _busy = table.process(key(2, 1));
        }
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
            table.learn(&records);
        }
        assert!(table.known.len() <= MAX_KEPT, "{}", table.known.len());
    }

    #[test]
    fn bytes_that_are_no_text_are_still_a_name() {
        assert_eq!(name(b"a\xff\0rest"), "a\u{fffd}");
        assert_eq!(name(b"sixteen bytes ok"), "sixteen bytes ok");
    }
}

//! What `/proc` says about a process, as long as it is the one that is meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nettally_ebpf::flow::ProcessKey;

/// `/proc` counts time in ticks of 10 ms (`USER_HZ` is 100 on every architecture that we know).
const TICK: Duration = Duration::from_millis(10);

/// A mounted `/proc`, or a folder that looks like one.
#[derive(Clone, Debug)]
pub(crate) struct ProcFolder(PathBuf);

impl ProcFolder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Absolute path of the executable; `None` if the process is gone or is not ours to look at.
    pub(crate) fn exe(&self, process: ProcessKey) -> Option<String> {
        let folder = self.folder(process);
        let exe = std::fs::read_link(folder.join("exe")).ok()?;
        // Asked after the answer: the number may have been reused before, and cannot be since.
        Self::is_same(&folder, process).then(|| exe.to_string_lossy().into_owned())
    }

    /// Name of the thread-group leader.
    pub(crate) fn name(&self, process: ProcessKey) -> Option<String> {
        let folder = self.folder(process);
        let name = std::fs::read(folder.join("comm")).ok()?;
        let name = name.strip_suffix(b"\n").unwrap_or(&name);
        Self::is_same(&folder, process).then(|| String::from_utf8_lossy(name).into_owned())
    }

    fn folder(&self, process: ProcessKey) -> PathBuf {
        self.0.join(process.tgid.to_string())
    }

    /// Whether the process in `folder` started when `process` did, as exactly as `/proc` tells.
    fn is_same(folder: &Path, process: ProcessKey) -> bool {
        let ticks = u128::from(process.start_boottime) / TICK.as_nanos();
        std::fs::read(folder.join("stat"))
            .ok()
            .and_then(|stat| start_ticks(&String::from_utf8_lossy(&stat)))
            .is_some_and(|found| u128::from(found) == ticks)
    }
}

/// Field 22 of `/proc/PID/stat`. The second field may hold spaces and parentheses.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_pid_and_name, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn fake(name: &str) -> PathBuf {
        let root =
            std::env::temp_dir().join(format!("nettally-proc-{}-{name}", std::process::id()));
        let folder = root.join("42");
        std::fs::create_dir_all(&folder).unwrap();
        let rest = "S 1 42 42 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0";
        std::fs::write(folder.join("stat"), format!("42 (a) b (c)) {rest}")).unwrap();
        std::fs::write(folder.join("comm"), "a) b (c)\n").unwrap();
        let exe = folder.join("exe");
        if !exe.is_symlink() {
            std::os::unix::fs::symlink("/bin/true", exe).unwrap();
        }
        root
    }

    #[test]
    fn a_process_with_a_hostile_name_is_found() {
        let root = fake("found");
        let process = ProcessKey {
            tgid: 42,
            start_boottime: 7_770_123_456,
            ..ProcessKey::default()
        };
        let folder = ProcFolder::new(&root);
        assert_eq!(folder.exe(process).as_deref(), Some("/bin/true"));
        assert_eq!(folder.name(process).as_deref(), Some("a) b (c)"));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn another_process_with_the_same_number_is_not_taken_for_it() {
        let root = fake("reused");
        let earlier = ProcessKey {
            tgid: 42,
            start_boottime: 7_760_000_000,
            ..ProcessKey::default()
        };
        assert_eq!(ProcFolder::new(&root).exe(earlier), None);
        std::fs::remove_dir_all(root).unwrap();
    }

    proptest! {
        #[test]
        fn the_start_is_found_behind_any_name(name in any::<String>(), ticks in any::<u64>()) {
            let between = "0 ".repeat(18);
            let stat = format!("42 ({name}) S {between}{ticks} 0 0\n");
            prop_assert_eq!(start_ticks(&stat), Some(ticks));
        }

        #[test]
        fn any_files_are_no_panic(
            stat in vec(prop_oneof![Just(b')'), Just(b' '), Just(b'9'), any::<u8>()], 0..400),
            name in vec(any::<u8>(), 0..40),
            start_boottime in any::<u64>(),
            tgid in any::<u32>(),
        ) {
            start_ticks(&String::from_utf8_lossy(&stat));
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(tgid.to_string());
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("stat"), &stat).unwrap();
            std::fs::write(folder.join("comm"), &name).unwrap();
            let process = ProcessKey { start_boottime, tgid, exec_id: 0 };
            let proc = ProcFolder::new(root.path());
            // Nothing is believed of a process that did not start then.
            let is_same = ProcFolder::is_same(&folder, process);
            prop_assert_eq!(proc.name(process).is_some(), is_same);
            prop_assert_eq!(proc.exe(process), None);
        }
    }
}

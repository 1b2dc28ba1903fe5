//! A folder that looks like `/proc`.

use std::os::unix::fs::symlink;

use super::ProcFolder;

/// Gone when dropped.
pub(crate) struct FakeProc(tempfile::TempDir);

/// What is in the folder of a process.
pub(crate) struct FakeProcess<'a> {
    pub(crate) name: &'a str,
    pub(crate) parent: u32,
    pub(crate) start_ticks: u64,
    pub(crate) exe: &'a str,
    pub(crate) arguments: &'a [u8],
    pub(crate) cgroup: &'a str,
    pub(crate) files: &'a [&'a str],
}

impl Default for FakeProcess<'_> {
    fn default() -> Self {
        Self {
            name: "fake",
            parent: 0,
            start_ticks: 0,
            exe: "/usr/bin/fake",
            arguments: b"fake\0",
            cgroup: "0::/system.slice/fake.service\n",
            files: &[],
        }
    }
}

impl FakeProc {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> ProcFolder {
        ProcFolder::new(self.0.path())
    }

    /// Puts a file beside the processes.
    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.path().join(file), text).unwrap();
    }

    /// Adds a process, or another in its place.
    pub(crate) fn add(&self, pid: u32, process: &FakeProcess<'_>) {
        let FakeProcess {
            name,
            parent,
            start_ticks,
            exe,
            arguments,
            cgroup,
            files,
        } = process;
        self.remove(pid);
        let folder = self.0.path().join(pid.to_string());
        std::fs::create_dir_all(folder.join("ns")).unwrap();
        std::fs::create_dir_all(folder.join("fd")).unwrap();
        let between = "0 ".repeat(17);
        let stat = format!("{pid} ({name}) S {parent} {between}{start_ticks} 0 0\n");
        for (file, text) in [
            ("stat", stat.as_bytes()),
            ("comm", format!("{name}\n").as_bytes()),
            (
                "status",
                b"Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t100\t0\t0\t0\n",
            ),
            ("cmdline", arguments),
            ("cgroup", cgroup.as_bytes()),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        symlink(exe, folder.join("exe")).unwrap();
        symlink("/srv", folder.join("cwd")).unwrap();
        symlink("net:[4026531840]", folder.join("ns/net")).unwrap();
        for (number, file) in files.iter().enumerate() {
            symlink(file, folder.join(format!("fd/{number}"))).unwrap();
        }
    }

    /// Ends a process.
    pub(crate) fn remove(&self, pid: u32) {
        let folder = self.0.path().join(pid.to_string());
        if folder.exists() {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}

//! Breakpoints in kernel functions (kprobes), as events of the kernel's tracing file system.
//!
//! Not by `perf_event_open` alone, which is shorter: it leaves the number of calls that a return probe
//! can follow at once at twice the number of CPUs, and every receive that waits for data is one. Here
//! it can be said. An event outlives a process that is killed: the next one removes it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::syscall;

/// Calls that a return probe can follow at once: as many as the kernel allows
/// (`KRETPROBE_MAXACTIVE_MAX` in `kernel/trace/trace_kprobe.c`).
const MAX_ACTIVE: u32 = 4096;

/// Why the kernel refuses an event to who may do the rest.
const CLOSED: &str = "the kernel keeps perf events closed; give the program CAP_SYS_ADMIN, or set the \
                      sysctl kernel.perf_event_paranoid to 2";

/// What the names of our groups of events begin with; the process number follows, and the PID
/// namespace that it is of: in each container it may be the same, and all see the same events.
const GROUP: &str = "nettally_";

/// Where the file system may be mounted.
const MOUNTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Whether breakpoints can be set, or what is missing.
pub(super) fn may_probe() -> Result<(), String> {
    let folder = folder()?;
    syscall::may_load_probe()
        .map_err(|error| format!("the kernel refuses programs for probes: {error}"))?;
    File::options()
        .append(true)
        .open(folder.join("kprobe_events"))
        .map(drop)
        .map_err(|error| format!("{} cannot be written: {error}", folder.display()))
}

fn folder() -> Result<PathBuf, String> {
    MOUNTS
        .into_iter()
        .map(PathBuf::from)
        .find(|folder| folder.join("kprobe_events").exists())
        .ok_or_else(|| format!("there is no kprobe_events in {}", MOUNTS.join(" or ")))
}

/// Our breakpoints. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Probes {
    folder: PathBuf,
    group: String,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    name: String,
    /// Closing it takes the program away.
    _perf: OwnedFd,
}

/// Which way a breakpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

impl Probes {
    /// None yet. Removes what processes left that were killed.
    pub(super) fn new() -> io::Result<Self> {
        let folder = folder().map_err(io::Error::other)?;
        let namespace = fs::metadata("/proc/self/ns/pid")?.ino().to_string();
        let probes = Self {
            folder,
            group: format!("{GROUP}{}_{namespace}", std::process::id()),
            events: Vec::new(),
        };
        let listed = fs::read_to_string(probes.folder.join("kprobe_events"))?;
        let is_alive =
            |pid: &str, its: &str| its == namespace && Path::new("/proc").join(pid).exists();
        for (group, event) in left_over(&listed, is_alive) {
            match probes.command(&format!("-:{group}/{event}")) {
                // It is of a process that our /proc does not show.
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
                done => done?,
            }
        }
        Ok(probes)
    }

    /// Runs `program` on the way into or out of `function`.
    pub(super) fn attach(
        &mut self,
        function: &str,
        way: Way,
        program: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let (name, kind) = match way {
            Way::In => (format!("in_{function}"), "p".to_owned()),
            Way::Out => (format!("out_{function}"), format!("r{MAX_ACTIVE}")),
        };
        let group = &self.group;
        self.command(&format!("{kind}:{group}/{name} {function}"))?;
        match self.open(&name, program) {
            Ok(perf) => {
                self.events.push(Event { name, _perf: perf });
                Ok(())
            }
            Err(error) => {
                // The first error is the one to tell.
                drop(self.command(&format!("-:{group}/{name}")));
                Err(error)
            }
        }
    }

    fn open(&self, name: &str, program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
        let file = self.folder.join("events").join(&self.group).join(name);
        let id = fs::read_to_string(file.join("id"))?;
        let id = id.trim().parse().map_err(io::Error::other)?;
        let perf = syscall::open_tracing_event(id).map_err(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                io::Error::new(error.kind(), CLOSED)
            } else {
                error
            }
        })?;
        syscall::run_program_at(&perf, program.as_raw_fd())?;
        Ok(perf)
    }

    fn command(&self, command: &str) -> io::Result<()> {
        File::options()
            .append(true)
            .open(self.folder.join("kprobe_events"))?
            .write_all(command.as_bytes())
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        // An event can be removed once nobody listens to it.
        let names: Vec<String> = self.events.drain(..).map(|event| event.name).collect();
        for name in names {
            if let Err(error) = self.command(&format!("-:{}/{name}", self.group)) {
                tracing::warn!(name, %error, "A kernel probe could not be removed; it does nothing.");
            }
        }
    }
}

/// Groups and names of events in the kernel's list whose process, given by its number and PID namespace,
/// is not known to be alive.
fn left_over(listed: &str, is_alive: impl Fn(&str, &str) -> bool) -> Vec<(&str, &str)> {
    listed
        .lines()
        .filter_map(|line| {
            // `p:group/name function`
            let (_kind, rest) = line.split_once(':')?;
            let (group, name) = rest.split_whitespace().next()?.split_once('/')?;
            let (pid, namespace) = group.strip_prefix(GROUP)?.split_once('_')?;
            (!is_alive(pid, namespace)).then_some((group, name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_events_without_a_process_are_left_over() {
        let listed = "p:nettally_7_40/in_inet_sendmsg inet_sendmsg\n\
                      r4096:nettally_8_40/out_inet_sendmsg inet_sendmsg\n\
                      p:nettally_7_41/in_inet_recvmsg inet_recvmsg\n\
                      p:kprobes/p_inet_sendmsg_0 inet_sendmsg\n\
                      p:nettally_matrix/p_inet_sendmsg inet_sendmsg\n\
                      nonsense\n";
        let found = left_over(listed, |pid, namespace| (pid, namespace) == ("7", "40"));
        assert_eq!(
            found,
            [
                ("nettally_8_40", "out_inet_sendmsg"),
                ("nettally_7_41", "in_inet_recvmsg")
            ]
        );
    }
}

//! What `/proc` says about a process, as long as it is the one that is meant.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use nettally_ebpf::flow::ProcessKey;

use super::facts::Snapshot;
use crate::pipeline::Parent;

/// `/proc` counts time in ticks of 10 ms (`USER_HZ` is 100 on every architecture that we know).
const TICK_NS: u64 = 10_000_000;

/// Bytes of arguments that are read: more than is shown, because what a virtual machine for Java runs
/// comes after long lists of files.
const MAX_ARGUMENT_BYTES: u64 = 32 * 1024;

/// Ancestors that are told.
const MAX_PARENTS: usize = 4;

/// A mounted `/proc`, or a folder that looks like one.
#[derive(Clone, Debug)]
pub(crate) struct ProcFolder(PathBuf);

/// What can be read of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Name of the thread-group leader.
    pub(crate) name: String,
    /// Real user and group.
    pub(crate) owner: Option<(u32, u32)>,
    /// The same as the kernel records.
    pub(crate) snapshot: Snapshot,
}

impl ProcFolder {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        let Self(path) = self;
        path
    }

    pub(crate) fn folder(&self, tgid: u32) -> PathBuf {
        self.path().join(tgid.to_string())
    }

    /// All that can be read of a process; `None` if it is gone. What is not ours to look at is
    /// missing.
    ///
    /// Which program it runs cannot be told from `/proc`: one that became another since is taken for
    /// the earlier, unless its name is another.
    pub(crate) fn find(&self, key: ProcessKey) -> Option<Found> {
        let folder = self.folder(key.tgid);
        let stat = Stat::read(&folder)?;
        let arguments = arguments(&folder);
        let found = Found {
            name: name(&folder)?,
            owner: owner(&folder),
            snapshot: Snapshot {
                key,
                exe: link(&folder, "exe"),
                is_exe_cut: false,
                are_arguments_cut: arguments.as_ref().is_some_and(|(_, is_cut)| *is_cut),
                arguments: arguments.map(|(arguments, _)| arguments),
                directory: link(&folder, "cwd"),
                cgroup: read(&folder, "cgroup").as_deref().and_then(cgroup),
                parents: self.parents(stat.parent, Some(stat.start_ticks)),
                network_namespace: link(&folder, "ns/net").as_deref().and_then(inode),
            },
        };
        // Asked after the answer: the number may have been reused before, and cannot be since.
        is_same(&folder, key).then_some(found)
    }

    /// Whether the process that has the number now is the one that is meant.
    pub(crate) fn is_same(&self, key: ProcessKey) -> bool {
        is_same(&self.folder(key.tgid), key)
    }

    /// A process, its parent and so on, as far as they are there. `child_start` is when the child of
    /// the first started: a process that started later only has the same number.
    pub(crate) fn parents(&self, first: u32, child_start: Option<u64>) -> Vec<Parent> {
        let mut parents = Vec::new();
        let (mut pid, mut child_start) = (first, child_start);
        while pid != 0 && parents.len() < MAX_PARENTS {
            let folder = self.folder(pid);
            let (Some(stat), Some(name)) = (Stat::read(&folder), name(&folder)) else {
                break;
            };
            let Stat {
                parent,
                start_ticks,
            } = stat;
            if child_start.is_some_and(|child_start| start_ticks > child_start) {
                break;
            }
            parents.push(Parent { pid, name });
            (pid, child_start) = (parent, Some(start_ticks));
        }
        parents
    }
}

/// Paths of files that are gone end so.
pub(super) fn without_deleted(path: &str) -> &str {
    path.strip_suffix(" (deleted)").unwrap_or(path)
}

/// Whether the process in `folder` started when `process` did, as exactly as `/proc` tells.
fn is_same(folder: &Path, process: ProcessKey) -> bool {
    Stat::read(folder).is_some_and(|stat| stat.start_ticks == start_ticks(process))
}

/// When a process started, as `/proc` counts.
pub(super) fn start_ticks(process: ProcessKey) -> u64 {
    process.start_boottime / TICK_NS
}

/// Two fields of `/proc/PID/stat`.
struct Stat {
    parent: u32,
    start_ticks: u64,
}

impl Stat {
    fn read(folder: &Path) -> Option<Self> {
        Self::parse(&read(folder, "stat")?)
    }

    /// Fields 4 and 22. The second field may hold spaces and parentheses.
    fn parse(stat: &str) -> Option<Self> {
        let (_pid_and_name, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        Some(Self {
            parent: fields.nth(1)?.parse().ok()?,
            start_ticks: fields.nth(17)?.parse().ok()?,
        })
    }
}

fn read(folder: &Path, file: &str) -> Option<String> {
    let bytes = std::fs::read(folder.join(file)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn link(folder: &Path, file: &str) -> Option<String> {
    let target = std::fs::read_link(folder.join(file)).ok()?;
    Some(target.to_string_lossy().into_owned())
}

fn name(folder: &Path) -> Option<String> {
    let name = read(folder, "comm")?;
    Some(name.strip_suffix('\n').unwrap_or(&name).to_owned())
}

/// Real user and group, the first of four numbers each.
fn owner(folder: &Path) -> Option<(u32, u32)> {
    let status = read(folder, "status")?;
    let first = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    };
    Some((first("Uid:")?, first("Gid:")?))
}

/// Arguments, and whether there are more.
fn arguments(folder: &Path) -> Option<(Vec<String>, bool)> {
    let file = std::fs::File::open(folder.join("cmdline")).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_ARGUMENT_BYTES).read_to_end(&mut bytes).ok()?;
    let is_cut = bytes.len() as u64 == MAX_ARGUMENT_BYTES;
    Some((split(&bytes), is_cut))
}

/// Each argument ends with a zero byte. A title that a process gave itself has more of them behind it,
/// so empty arguments at the end are left out.
fn split(bytes: &[u8]) -> Vec<String> {
    let Some(last) = bytes.iter().rposition(|&byte| byte != 0) else {
        return Vec::new();
    };
    bytes[..=last]
        .split(|&byte| byte == 0)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// The path in version 2 or, if that is the root, in the first hierarchy of version 1 that has one.
fn cgroup(text: &str) -> Option<String> {
    let paths = || {
        text.lines().filter_map(|line| {
            let (number, rest) = line.split_once(':')?;
            let (_controllers, path) = rest.split_once(':')?;
            Some((number == "0", path))
        })
    };
    let second = || paths().find_map(|(is_second, path)| is_second.then_some(path));
    let is_below_root = |path: &&str| *path != "/";
    second()
        .filter(is_below_root)
        .or_else(|| paths().map(|(_, path)| path).find(is_below_root))
        .or_else(second)
        .map(str::to_owned)
}

/// `net:[4026531840]`
fn inode(link: &str) -> Option<u32> {
    let (_kind, number) = link.split_once(":[")?;
    number.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
#[path = "proc_tests.rs"]
mod tests;

//! TCP sockets that are older than our programs: a program that the kernel runs for each of them, in
//! each network namespace, notes where their streams are.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use aya::programs::{Iter, ProgramError};
use aya::{Btf, Ebpf};

use super::attach::{program, refusal};
use super::error::KernelError;

/// What the kernel calls the iterator, and we its hook.
const TARGET: &str = "tcp";
const HOOK: &str = "iter/tcp";

/// The loaded program.
#[derive(Debug)]
pub(super) struct Finder {
    name: &'static str,
}

impl Finder {
    /// Loads the program.
    pub(super) fn load(
        ebpf: &mut Ebpf,
        btf: &Btf,
        name: &'static str,
    ) -> Result<Self, KernelError> {
        program::<Iter>(ebpf, name)?
            .load(TARGET, btf)
            .map_err(|error| KernelError::LoadProgram {
                hook: HOOK,
                refusal: refusal(&error),
            })?;
        Ok(Self { name })
    }

    /// Runs it for every socket of every network namespace that a process is in. Returns how many
    /// namespaces are closed to us.
    pub(super) fn run(&mut self, ebpf: &mut Ebpf) -> Result<usize, KernelError> {
        let failed = |source| KernelError::Attach {
            hook: HOOK,
            source: Box::new(source),
        };
        let program = program::<Iter>(ebpf, self.name)?;
        // A thread of its own, which ends in another namespace than it began in.
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    run(program)?;
                    let home = namespace_of(Path::new("/proc/self"));
                    in_others(home, processes(), enter, || run(program))
                })
                .join()
                .unwrap_or_else(|_panic| Err(ProgramError::IOError(io::ErrorKind::Other.into())))
        })
        .map_err(failed)
    }
}

/// Does `look` once in each namespace but `home`, by way of whichever process lets us in. Returns how
/// many namespaces none of them let us into.
fn in_others<E>(
    home: Option<u64>,
    processes: impl IntoIterator<Item = (u64, PathBuf)>,
    mut enter: impl FnMut(&Path) -> io::Result<()>,
    mut look: impl FnMut() -> Result<(), E>,
) -> Result<usize, E> {
    let mut seen: BTreeSet<u64> = home.into_iter().collect();
    let mut closed = BTreeSet::new();
    for (namespace, process) in processes {
        if seen.contains(&namespace) {
            continue;
        }
        match enter(&process) {
            Ok(()) => {
                look()?;
                seen.insert(namespace);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                closed.insert(namespace);
            }
            // The process has ended.
            Err(_gone) => {}
        }
    }
    Ok(closed.difference(&seen).count())
}

fn run(program: &mut Iter) -> Result<(), ProgramError> {
    let link = program.attach()?;
    let mut file = program
        .take_link(link)?
        .into_file()
        .map_err(|error| ProgramError::IOError(io::Error::other(error)))?;
    // The program prints nothing; reading makes it run.
    file.read_to_end(&mut Vec::new())
        .map_err(ProgramError::IOError)?;
    Ok(())
}

/// The folder of each process, with its network namespace.
fn processes() -> impl Iterator<Item = (u64, PathBuf)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    // What has no namespace is no process, or one that has just ended.
    entries.filter_map(|entry| Some((namespace_of(&entry.path())?, entry.path())))
}

/// What tells the network namespace of a process from others. Not `ns/net`, which only those may see
/// who may trace the process: each namespace has files of its own below `net`, and anybody may.
fn namespace_of(process: &Path) -> Option<u64> {
    let file = fs::metadata(process.join("net/dev")).ok()?;
    Some(file.ino())
}

fn enter(process: &Path) -> io::Result<()> {
    let namespace = File::open(process.join("ns/net"))?;
    // SAFETY: the descriptor is open; the thread is ours alone.
    if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks into the namespaces of processes that are called as entering them ends.
    fn closed(processes: &[(u64, &str)]) -> (usize, usize) {
        let mut looks = 0;
        let enter = |process: &Path| match process.to_str() {
            Some("open") => Ok(()),
            Some("closed") => Err(io::Error::from_raw_os_error(libc::EPERM)),
            Some("hidden") => Err(io::Error::from_raw_os_error(libc::EACCES)),
            _gone => Err(io::Error::from_raw_os_error(libc::ENOENT)),
        };
        let processes = processes
            .iter()
            .map(|&(namespace, process)| (namespace, PathBuf::from(process)));
        let closed = in_others(Some(1), processes, enter, || {
            looks += 1;
            Ok::<(), ()>(())
        });
        (looks, closed.unwrap())
    }

    #[test]
    fn each_namespace_is_looked_into_once_and_home_not_again() {
        assert_eq!(
            closed(&[(1, "open"), (2, "open"), (2, "open"), (3, "open")]),
            (2, 0)
        );
    }

    #[test]
    fn namespaces_that_nobody_lets_us_into_are_counted() {
        assert_eq!(
            closed(&[(2, "closed"), (2, "closed"), (3, "hidden")]),
            (0, 2)
        );
        assert_eq!(closed(&[(2, "closed"), (2, "open"), (2, "hidden")]), (1, 0));
        assert_eq!(closed(&[(1, "closed"), (2, "gone")]), (0, 0));
    }

    #[test]
    fn processes_of_one_namespace_are_known_to_be() {
        let own = namespace_of(Path::new("/proc/self"));
        assert!(own.is_some());
        let pid = std::process::id().to_string();
        let found = processes().find(|(_namespace, process)| process.ends_with(&pid));
        assert_eq!(found.map(|(namespace, _process)| namespace), own);
    }
}

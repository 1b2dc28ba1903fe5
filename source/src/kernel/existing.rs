//! TCP sockets that are older than our programs: a program that the kernel runs for each of them, in
//! each network namespace, notes where their streams are.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

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

    /// Runs it for every socket of every network namespace that a process is in.
    pub(super) fn run(&mut self, ebpf: &mut Ebpf) -> Result<(), KernelError> {
        let failed = |source| KernelError::Attach {
            hook: HOOK,
            source: Box::new(source),
        };
        let program = program::<Iter>(ebpf, self.name)?;
        // A thread of its own, which ends in another namespace than it began in.
        std::thread::scope(|scope| {
            scope
                .spawn(|| in_every_namespace(program))
                .join()
                .unwrap_or_else(|_panic| Err(ProgramError::IOError(io::ErrorKind::Other.into())))
        })
        .map_err(failed)
    }
}

fn in_every_namespace(program: &mut Iter) -> Result<(), ProgramError> {
    let home = fs::metadata("/proc/self/ns/net").map_or(0, |file| file.ino());
    run(program)?;
    for (inode, path) in namespaces() {
        if inode == home {
            continue;
        }
        // It may be gone, or closed to us: then its sockets are as if there were no iterator.
        if File::open(path).is_ok_and(|namespace| enter(&namespace).is_ok()) {
            run(program)?;
        }
    }
    Ok(())
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

/// One process's link to each network namespace, by the namespace's inode.
fn namespaces() -> HashMap<u64, PathBuf> {
    let mut found = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path().join("ns/net");
        // What has no such link is no process, or one that has just ended.
        if let Ok(namespace) = fs::metadata(&path) {
            found.entry(namespace.ino()).or_insert(path);
        }
    }
    found
}

fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open; the thread is ours alone.
    if unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

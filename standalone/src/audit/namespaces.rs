//! The network namespaces of this machine, each with its sockets and figures.
//!
//! Found are those that a process is in, and those that `ip netns` keeps. One is entered by a thread
//! that opens what is read later, and ends; what it opened stays in the namespace, and keeps that
//! alive as long.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::diag::Diag;
use super::figures::Figures;
use super::message::Reading;

/// Inode of a namespace, which is its name.
pub(super) type Inode = u64;

/// One that is being read.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) inode: Inode,
    pub(super) diag: Diag,
    figures: Vec<File>,
    at_start: Figures,
}

/// All that were found so far.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    pub(super) open: Vec<Namespace>,
    /// Those that we may not enter, or not even look at.
    pub(super) refused: BTreeSet<Inode>,
    /// Processes whose namespace we may not look at.
    pub(super) hidden: bool,
    /// Found after the first look: sockets of theirs may have lived and died before.
    pub(super) late: u64,
    /// Of the file system that namespaces are files of.
    device: u64,
}

impl Namespaces {
    /// Our own, and all others that can be reached.
    pub(super) fn open() -> anyhow::Result<Self> {
        let own = fs::metadata("/proc/self/ns/net").context("cannot read /proc/self/ns/net")?;
        let device = own.dev();
        let own = Namespace::open(own.ino()).context(
            "cannot ask the kernel about its sockets; that needs CONFIG_INET_TCP_DIAG, module \
             `tcp_diag`",
        )?;
        let mut namespaces = Self {
            open: vec![own],
            device,
            ..Self::default()
        };
        namespaces.find();
        namespaces.late = 0;
        Ok(namespaces)
    }

    /// Opens those that are new.
    pub(super) fn find(&mut self) {
        for path in candidates() {
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(error) => {
                    // Any other error is that of a process that has ended.
                    self.hidden |= error.kind() == io::ErrorKind::PermissionDenied;
                    continue;
                }
            };
            // What a namespace was mounted on once is a file of another file system.
            if metadata.dev() != self.device {
                continue;
            }
            let inode = metadata.ino();
            if self.open.iter().any(|known| known.inode == inode) || self.refused.contains(&inode) {
                continue;
            }
            match Namespace::enter(inode, &path) {
                Ok(namespace) => {
                    self.late += 1;
                    self.open.push(namespace);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_refused) => {
                    self.refused.insert(inode);
                }
            }
        }
    }

    /// Whether there may be sockets that we do not see.
    pub(super) fn are_incomplete(&self) -> bool {
        self.hidden || self.late > 0 || !self.refused.is_empty()
    }

    /// Every TCP socket of all of them.
    pub(super) fn sockets(&self) -> anyhow::Result<Vec<(Inode, Reading)>> {
        let mut all = Vec::new();
        for namespace in &self.open {
            let readings = namespace
                .diag
                .sockets()
                .context("cannot list TCP sockets; that needs the module `tcp_diag`")?;
            all.extend(
                readings
                    .into_iter()
                    .map(|reading| (namespace.inode, reading)),
            );
        }
        Ok(all)
    }

    /// Begins to count.
    pub(super) fn start_figures(&mut self) -> io::Result<()> {
        for namespace in &mut self.open {
            namespace.at_start = namespace.read_figures()?;
        }
        Ok(())
    }

    /// What was counted since.
    pub(super) fn figures(&mut self) -> io::Result<Figures> {
        let mut sum = Figures::default();
        for namespace in &mut self.open {
            let start = namespace.at_start;
            sum = sum.plus(namespace.read_figures()?.grown_since(start));
        }
        Ok(sum)
    }
}

impl Namespace {
    fn enter(inode: Inode, path: &Path) -> io::Result<Self> {
        let target = File::open(path)?;
        let thread = std::thread::Builder::new().spawn(move || {
            move_into_link_name_space(target.as_fd(), Some(LinkNameSpaceType::Network))?;
            Self::open(inode)
        })?;
        thread
            .join()
            .unwrap_or_else(|_panic| Err(io::Error::other("entering it failed by a bug")))
    }

    /// That of this thread.
    fn open(inode: Inode) -> io::Result<Self> {
        let folder = Path::new("/proc/thread-self/net");
        let figures = ["snmp", "netstat", "snmp6"].iter().map(|name| {
            match File::open(folder.join(name)) {
                // A kernel without IPv6.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                file => file.map(Some),
            }
        });
        let figures: Vec<Option<File>> = figures.collect::<io::Result<_>>()?;
        Ok(Self {
            inode,
            diag: Diag::open()?,
            figures: figures.into_iter().flatten().collect(),
            at_start: Figures::default(),
        })
    }

    fn read_figures(&mut self) -> io::Result<Figures> {
        let mut text = String::new();
        for file in &mut self.figures {
            file.rewind()?;
            file.read_to_string(&mut text)?;
        }
        Ok(Figures::of(&text))
    }
}

fn candidates() -> Vec<PathBuf> {
    let of_processes = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .map(|path| path.join("ns/net"));
    let kept = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    of_processes.chain(kept.map(|entry| entry.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_is_open_whatever_we_may() {
        let own = fs::metadata("/proc/self/ns/net").unwrap().ino();
        let mut namespaces = Namespaces::open().unwrap();
        assert_eq!(namespaces.open[0].inode, own);
        assert_eq!(namespaces.late, 0);
        namespaces.start_figures().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .send_to(&[0; 100], socket.local_addr().unwrap())
            .unwrap();
        let figures = namespaces.figures().unwrap();
        assert!(
            figures.udp_sent_datagrams >= 1 && figures.ip_sent_bytes >= 128,
            "{figures:?}"
        );
    }
}

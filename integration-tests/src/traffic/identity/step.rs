//! What an argument of `speck` means.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `tcp:PORT:BYTES`: connects to loopback and sends.
    Tcp {
        /// Of the listener.
        port: u16,
        /// To send.
        bytes: usize,
    },
    /// `udp:BYTES`: sends a datagram to loopback, where nobody need listen.
    Udp(usize),
    /// `open`: opens a UDP socket that stays open when another program begins.
    Open,
    /// `kept:BYTES`: sends a datagram with that socket.
    Kept(usize),
    /// `wait`: reads a byte of standard input.
    Wait,
    /// `name:TEXT`: calls the thread that.
    Name(OsString),
    /// `uid:NUMBER`: becomes that user for good.
    User(u32),
    /// `exec:PATH`: becomes that program, whose arguments are the rest.
    Exec(PathBuf),
    /// `memory:NAME`: becomes a copy of this program that is in no file system.
    Memory(OsString),
    /// `thread:NAME:BYTES`: a thread of that name sends a datagram.
    Thread {
        /// Of the thread.
        name: String,
        /// To send.
        bytes: usize,
    },
    /// `leave:BYTES`: the first thread ends; another sends a datagram then, and ends the process.
    Leave(usize),
    /// `twin:PID`: the rest is done by a child with that number, in every namespace.
    Twin(u32),
    /// `unshare:net`, `unshare:mnt`: goes into a namespace of its own.
    Unshare(Namespace),
    /// `child`: the rest is done by a child; with `unshare:pid` before, by the first process there.
    Child,
    /// `chroot:PATH`: takes that for the root directory.
    Chroot(PathBuf),
    /// `cgroup:PATH`: moves into the control group that this directory stands for.
    Cgroup(PathBuf),
    /// `tmpfs:PATH`: mounts a file system of memory there, with a copy of this program in it, called
    /// `speck`.
    Tmpfs(PathBuf),
    /// `bind:PATH`: mounts the directory `PATH/from` at `PATH/to`.
    Bind(PathBuf),
    /// `layers:PATH`: makes `lower`, `upper`, `work` and `merged` there, with a copy of this program at
    /// `lower/bin/speck`.
    Layers(PathBuf),
    /// `overlay:PATH`: mounts `PATH/upper` over `PATH/lower` at `PATH/merged`.
    Overlay(PathBuf),
    /// `tun:NAME`: opens a tun device and holds it.
    Tun(String),
}

/// What can be of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Network; its loopback interface is up.
    Network,
    /// Mounts; they are private.
    Mount,
    /// Processes; of those that are made next.
    Process,
}

impl Step {
    /// Of one argument.
    ///
    /// # Errors
    /// It means nothing.
    pub fn parse(argument: &OsStr) -> io::Result<Self> {
        let bytes = argument.as_bytes();
        let mut halves = bytes.splitn(2, |&byte| byte == b':');
        let verb = halves.next().unwrap_or_default();
        let object = OsStr::from_bytes(halves.next().unwrap_or_default());
        let path = || PathBuf::from(object);
        let unknown = || io::Error::other(format!("`{}` is no step", argument.display()));
        let text = || object.to_str().ok_or_else(unknown);
        let number = || text()?.parse().map_err(|_no_number| unknown());
        let pair = || text()?.rsplit_once(':').ok_or_else(unknown);
        Ok(match verb {
            b"tcp" => {
                let (port, bytes) = pair()?;
                Self::Tcp {
                    port: port.parse().map_err(|_no_number| unknown())?,
                    bytes: bytes.parse().map_err(|_no_number| unknown())?,
                }
            }
            b"udp" => Self::Udp(number()?),
            b"open" => Self::Open,
            b"kept" => Self::Kept(number()?),
            b"wait" => Self::Wait,
            b"name" => Self::Name(object.to_owned()),
            b"uid" => Self::User(u32::try_from(number()?).map_err(|_too_large| unknown())?),
            b"exec" => Self::Exec(path()),
            b"memory" => Self::Memory(object.to_owned()),
            b"thread" => {
                let (name, bytes) = pair()?;
                Self::Thread {
                    name: name.to_owned(),
                    bytes: bytes.parse().map_err(|_no_number| unknown())?,
                }
            }
            b"leave" => Self::Leave(number()?),
            b"twin" => Self::Twin(u32::try_from(number()?).map_err(|_too_large| unknown())?),
            b"unshare" => Self::Unshare(match object.as_bytes() {
                b"net" => Namespace::Network,
                b"mnt" => Namespace::Mount,
                b"pid" => Namespace::Process,
                _ => return Err(unknown()),
            }),
            b"child" => Self::Child,
            b"chroot" => Self::Chroot(path()),
            b"cgroup" => Self::Cgroup(path()),
            b"tmpfs" => Self::Tmpfs(path()),
            b"bind" => Self::Bind(path()),
            b"layers" => Self::Layers(path()),
            b"overlay" => Self::Overlay(path()),
            b"tun" => Self::Tun(text()?.to_owned()),
            _ => return Err(unknown()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_a_step_or_an_error() {
        let step = |text: &str| Step::parse(text.as_ref()).ok();
        let tcp = Step::Tcp {
            port: 80,
            bytes: 10,
        };
        assert_eq!(step("tcp:80:10"), Some(tcp));
        assert_eq!(step("exec:/a:b"), Some(Step::Exec("/a:b".into())));
        let thread = Step::Thread {
            name: "a:b".to_owned(),
            bytes: 7,
        };
        assert_eq!(step("thread:a:b:7"), Some(thread));
        for nothing in ["", "tcp:80", "udp:x", "unshare:user", "uid:-1"] {
            assert_eq!(step(nothing), None, "{nothing}");
        }
    }
}

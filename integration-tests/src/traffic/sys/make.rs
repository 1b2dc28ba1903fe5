//! Making sockets of every kind.

use std::io;
use std::mem::size_of;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd};

use super::address::{socklen, to_raw};
use super::{check, set_option};

/// `socket(2)`.
///
/// # Errors
/// The kernel's.
pub fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is involved.
    let fd = check(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) } as isize)?;
    // SAFETY: it is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd.try_into().expect("a descriptor fits")) })
}

/// The domain of sockets for such an address.
#[must_use]
pub fn domain(address: SocketAddr) -> i32 {
    match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    }
}

/// `bind(2)`.
///
/// # Errors
/// The kernel's.
pub fn bind(fd: &impl AsRawFd, address: SocketAddr) -> io::Result<()> {
    let (address, length) = to_raw(address);
    // SAFETY: the kernel reads `length` bytes of `address`.
    let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
    check(result as isize).map(drop)
}

/// `listen(2)`.
///
/// # Errors
/// The kernel's.
pub fn listen(fd: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { libc::listen(fd.as_raw_fd(), 10) } as isize).map(drop)
}

/// `socketpair(2)` of Unix sockets.
///
/// # Errors
/// The kernel's.
pub fn unix_pair(kind: i32) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    let kind = kind | libc::SOCK_CLOEXEC;
    // SAFETY: the kernel writes two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) } as isize)?;
    // SAFETY: both are new and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// Limits how long a receive waits, so that what is lost is a failure and not a hang; and makes
/// room for all of a case, so that nothing is lost while the receiver gets no processor.
///
/// # Errors
/// The kernel's; it asks for root.
pub fn prepare_to_receive(fd: &impl AsRawFd) -> io::Result<()> {
    const ROOM: i32 = 4 << 20;
    let value = libc::timeval {
        tv_sec: 10,
        tv_usec: 0,
    };
    // SAFETY: the kernel reads the structure, whose size is given.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const value).cast(),
            socklen(size_of::<libc::timeval>()),
        )
    } as isize)?;
    set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, ROOM)
}

/// Moves the calling thread into a new network namespace.
///
/// # Errors
/// The kernel's; it asks for root.
pub fn leave_network_namespace() -> io::Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET) } as isize).map(drop)
}

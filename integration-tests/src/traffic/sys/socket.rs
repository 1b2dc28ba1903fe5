//! Sockets and options that the standard library does not have.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd};

use super::address::to_raw;
use super::{check, socklen};

/// A stream socket of this protocol, for the family of `address`.
fn stream_socket(address: SocketAddr, protocol: i32) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: no memory is involved.
    let fd = check(unsafe { libc::socket(family, kind, protocol) } as isize)?;
    // SAFETY: it is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd.try_into().expect("a descriptor fits")) })
}

/// A socket that is not connected yet.
///
/// # Errors
/// The kernel's, such as that it does not have the protocol.
pub fn unconnected(address: SocketAddr, protocol: i32) -> io::Result<TcpStream> {
    stream_socket(address, protocol).map(TcpStream::from)
}

/// A listener of this protocol, at `address`.
///
/// # Errors
/// The kernel's, such as that it does not have the protocol.
pub fn listen(address: SocketAddr, protocol: i32) -> io::Result<TcpListener> {
    let socket = stream_socket(address, protocol)?;
    let (address, length) = to_raw(address);
    // SAFETY: the kernel reads `length` bytes of `address`.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    check(bound as isize)?;
    // SAFETY: no memory is involved.
    check(unsafe { libc::listen(socket.as_raw_fd(), 16) } as isize)?;
    Ok(socket.into())
}

/// `setsockopt(2)` with some bytes.
///
/// # Errors
/// The kernel's.
pub fn set_bytes(fd: &impl AsRawFd, level: i32, name: i32, value: &[u8]) -> io::Result<()> {
    // SAFETY: the kernel reads `value`, whose length is given.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            socklen(value.len()),
        )
    } as isize)
    .map(drop)
}

/// `getsockopt(2)` of some numbers, as many as there are at most.
///
/// # Errors
/// The kernel's.
pub fn get_numbers<const COUNT: usize>(
    fd: &impl AsRawFd,
    level: i32,
    name: i32,
) -> io::Result<[u32; COUNT]> {
    let mut numbers = [0; COUNT];
    let mut length = socklen(size_of_val(&numbers));
    // SAFETY: the kernel writes at most the size given.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            numbers.as_mut_ptr().cast(),
            &raw mut length,
        )
    } as isize)?;
    Ok(numbers)
}

/// `getsockopt(2)` with `TCP_INFO`: what there is of it.
///
/// # Errors
/// The kernel's.
pub fn tcp_info(fd: &impl AsRawFd) -> io::Result<libc::tcp_info> {
    // SAFETY: zero is a valid value of every field.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = socklen(size_of::<libc::tcp_info>());
    // SAFETY: the kernel writes at most the size given.
    check(unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    } as isize)?;
    Ok(info)
}

/// Waits until one of the events, such as `POLLIN`, or an error.
///
/// # Errors
/// The kernel's, or nothing came in ten seconds.
pub fn wait_for(fd: &impl AsRawFd, events: libc::c_short) -> io::Result<()> {
    let mut polled = libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: the kernel reads and writes one structure.
    match check(unsafe { libc::poll(&raw mut polled, 1, 10_000) } as isize)? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

/// Allows as many descriptors as the rights of this process can get it, up to `count`.
///
/// # Errors
/// The kernel's.
pub fn allow_descriptors(count: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: count,
        rlim_max: count,
    };
    // SAFETY: the kernel reads the structure.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } as isize).map(drop)
}

//! System calls that move bytes, each wrapped so that its result is what the kernel returned.

mod address;
mod datagrams;
pub mod link;
mod make;
pub mod passing;
pub mod socket;
pub mod vectors;

use std::io;
use std::mem::{size_of, zeroed};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};

pub(super) use address::socklen;
use address::{from_raw, to_raw};
pub use datagrams::{
    Room, read, receive_message_from, receive_messages, send_message, send_messages, with_incoming,
    with_outgoing,
};
pub use make::{
    bind, domain, leave_network_namespace, listen, prepare_to_receive, socket, unix_pair,
};

/// A result of a system call, or the error it stands for.
///
/// # Errors
/// The result is negative.
pub fn check(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_negative| io::Error::last_os_error())
}

/// `write(2)`, for a line of text that must not be torn.
///
/// # Errors
/// The kernel's, or the write was partial.
pub fn write_once(fd: RawFd, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the kernel reads `bytes`.
    let written = check(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })?;
    if written == bytes.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

/// `write(2)` on a socket or pipe.
///
/// # Errors
/// The kernel's.
pub fn write(fd: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads `bytes`.
    check(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// `send(2)`.
///
/// # Errors
/// The kernel's.
pub fn send(fd: &impl AsRawFd, bytes: &[u8], flags: i32) -> io::Result<usize> {
    let flags = flags | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads `bytes`.
    check(unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// `sendto(2)`.
///
/// # Errors
/// The kernel's.
pub fn send_to(
    fd: &impl AsRawFd,
    bytes: &[u8],
    flags: i32,
    remote: SocketAddr,
) -> io::Result<usize> {
    let (address, length) = to_raw(remote);
    // SAFETY: the kernel reads `bytes`, and `length` bytes of `address`.
    check(unsafe {
        libc::sendto(
            fd.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            flags,
            (&raw const address).cast(),
            length,
        )
    })
}

/// `recv(2)`: gives the kernel no room for the sender's address.
///
/// # Errors
/// The kernel's.
pub fn receive(fd: &impl AsRawFd, buffer: &mut [u8], flags: i32) -> io::Result<usize> {
    // SAFETY: the kernel writes into `buffer` at most its length.
    check(unsafe {
        libc::recv(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            flags,
        )
    })
}

/// `recvfrom(2)`: bytes and the sender's address.
///
/// # Errors
/// The kernel's.
pub fn receive_from(
    fd: &impl AsRawFd,
    buffer: &mut [u8],
    flags: i32,
) -> io::Result<(usize, SocketAddr)> {
    // SAFETY: zero is a valid value of every field.
    let mut address: libc::sockaddr_storage = unsafe { zeroed() };
    let mut length = socklen(size_of::<libc::sockaddr_storage>());
    // SAFETY: the kernel writes into `buffer` at most its length, into `address` at most its size.
    let received = check(unsafe {
        libc::recvfrom(
            fd.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            flags,
            (&raw mut address).cast(),
            &raw mut length,
        )
    })?;
    Ok((received, from_raw(&address)?))
}

/// `recvmsg(2)` with room for ancillary data, as reading an error queue needs.
///
/// # Errors
/// The kernel's.
pub fn receive_message(fd: &impl AsRawFd, buffer: &mut [u8], flags: i32) -> io::Result<usize> {
    let mut control = [0u64; 64];
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: zero is a valid value of every field.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: the header points to `buffer` and `control`, with their lengths.
    check(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) })
}

/// `splice(2)`; one of both must be a pipe.
///
/// # Errors
/// The kernel's.
pub fn splice(from: &impl AsRawFd, to: &impl AsRawFd, length: usize) -> io::Result<usize> {
    // SAFETY: no memory of ours is touched; null offsets mean the descriptors' own.
    check(unsafe {
        libc::splice(
            from.as_raw_fd(),
            std::ptr::null_mut(),
            to.as_raw_fd(),
            std::ptr::null_mut(),
            length,
            0,
        )
    })
}

/// `sendfile(2)` from the file's own offset.
///
/// # Errors
/// The kernel's.
pub fn send_file(to: &impl AsRawFd, from: &impl AsRawFd, length: usize) -> io::Result<usize> {
    // SAFETY: no memory of ours is touched; a null offset means the file's own.
    check(unsafe {
        libc::sendfile(
            to.as_raw_fd(),
            from.as_raw_fd(),
            std::ptr::null_mut(),
            length,
        )
    })
}

/// `pipe(2)`: the end to read from and the end to write to.
///
/// # Errors
/// The kernel's.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } as isize)?;
    // SAFETY: both are new and nobody else's.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// `setsockopt(2)` with a number.
///
/// # Errors
/// The kernel's.
pub fn set_option(fd: &impl AsRawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the kernel reads four bytes of `value`.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            socklen(size_of::<i32>()),
        )
    } as isize)
    .map(drop)
}

/// Makes closing the connection a reset, which keeps no port in use.
///
/// # Errors
/// The kernel's.
pub fn set_linger_zero(fd: &impl AsRawFd) -> io::Result<()> {
    let value = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    // SAFETY: the kernel reads the structure, whose size is given.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const value).cast(),
            socklen(size_of::<libc::linger>()),
        )
    } as isize)
    .map(drop)
}

/// `connect(2)` of a socket that exists already.
///
/// # Errors
/// The kernel's.
pub fn connect(fd: &impl AsRawFd, remote: SocketAddr) -> io::Result<()> {
    let (address, length) = to_raw(remote);
    // SAFETY: the kernel reads `length` bytes of `address`.
    let result = unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), length) };
    check(result as isize).map(drop)
}

/// `connect(2)` to no address: ends the connection and leaves the socket.
///
/// # Errors
/// The kernel's.
pub fn disconnect(fd: &impl AsRawFd) -> io::Result<()> {
    let nowhere = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        sa_data: [0; 14],
    };
    let length = socklen(size_of::<libc::sockaddr>());
    // SAFETY: the kernel reads the structure, whose size is given.
    let result = unsafe { libc::connect(fd.as_raw_fd(), &raw const nowhere, length) };
    check(result as isize).map(drop)
}

/// Pins the calling thread to one processor.
///
/// # Errors
/// The kernel's.
pub fn pin_to_processor(processor: usize) -> io::Result<()> {
    // SAFETY: zero is a valid value: the empty set.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: the set is ours; libc checks the number against its size.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: the kernel reads the set, whose size is given; 0 is the calling thread.
    check(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) } as isize)
        .map(drop)
}

/// Moves the calling thread into the network namespace that `namespace` is open on.
///
/// # Errors
/// The kernel's.
pub fn enter_network_namespace(namespace: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } as isize).map(drop)
}

//! System calls that move several pieces, or several messages, at once.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::zeroed;
use std::os::fd::AsRawFd;

use super::check;

/// `writev(2)`.
///
/// # Errors
/// The kernel's.
pub fn write_vector(fd: &impl AsRawFd, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let (start, count) = (pieces.as_ptr().cast(), number(pieces.len()));
    // SAFETY: a slice for the kernel to read is an `iovec`, as the standard library promises.
    check(unsafe { libc::writev(fd.as_raw_fd(), start, count) })
}

/// `readv(2)`.
///
/// # Errors
/// The kernel's.
pub fn read_vector(fd: &impl AsRawFd, pieces: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let (start, count) = (pieces.as_mut_ptr().cast(), number(pieces.len()));
    // SAFETY: a slice for the kernel to write is an `iovec`, as the standard library promises.
    check(unsafe { libc::readv(fd.as_raw_fd(), start, count) })
}

/// `sendmsg(2)` without an address.
///
/// # Errors
/// The kernel's.
pub fn send_vector(fd: &impl AsRawFd, pieces: &[IoSlice<'_>], flags: i32) -> io::Result<usize> {
    let message = header(pieces.as_ptr().cast_mut().cast(), pieces.len());
    // SAFETY: the kernel reads the pieces, whose number is given.
    check(unsafe {
        libc::sendmsg(
            fd.as_raw_fd(),
            &raw const message,
            flags | libc::MSG_NOSIGNAL,
        )
    })
}

/// `recvmsg(2)` without room for an address.
///
/// # Errors
/// The kernel's.
pub fn receive_vector(
    fd: &impl AsRawFd,
    pieces: &mut [IoSliceMut<'_>],
    flags: i32,
) -> io::Result<usize> {
    let mut message = header(pieces.as_mut_ptr().cast(), pieces.len());
    // SAFETY: the kernel writes into the pieces, whose number is given.
    check(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) })
}

/// `sendmmsg(2)` of messages without an address: the count of each that was sent.
///
/// # Errors
/// The kernel's.
pub fn send_messages(
    fd: &impl AsRawFd,
    messages: &[IoSlice<'_>],
    flags: i32,
) -> io::Result<Vec<usize>> {
    let mut headers: Vec<libc::mmsghdr> = messages
        .iter()
        .map(|message| single((&raw const *message).cast_mut().cast()))
        .collect();
    let count = headers.len().try_into().expect("a few messages");
    let flags = flags | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads the messages and writes the lengths into the headers.
    let sent = check(
        unsafe { libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, flags) } as isize,
    )?;
    Ok(lengths(&headers[..sent]))
}

/// `recvmmsg(2)` without room for addresses: the count of each that has come.
///
/// # Errors
/// The kernel's.
pub fn receive_messages(
    fd: &impl AsRawFd,
    messages: &mut [IoSliceMut<'_>],
    flags: i32,
) -> io::Result<Vec<usize>> {
    let mut headers: Vec<libc::mmsghdr> = messages
        .iter_mut()
        .map(|message| single((&raw mut *message).cast()))
        .collect();
    let count = headers.len().try_into().expect("a few messages");
    let forever = std::ptr::null_mut();
    // SAFETY: the kernel writes into the messages and the headers.
    let come =
        check(
            unsafe { libc::recvmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count, flags, forever) }
                as isize,
        )?;
    Ok(lengths(&headers[..come]))
}

/// Puts memory into a pipe with `vmsplice(2)`, without copying it; it must not change until the
/// pipe has been emptied.
///
/// # Errors
/// The kernel's.
pub fn splice_memory(pipe: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
    let piece = IoSlice::new(bytes);
    // SAFETY: as with `writev`; the kernel keeps the pages as long as it needs them.
    check(unsafe { libc::vmsplice(pipe.as_raw_fd(), (&raw const piece).cast(), 1, 0) })
}

/// A message of `count` pieces, without an address.
#[must_use]
pub fn header(pieces: *mut libc::iovec, count: usize) -> libc::msghdr {
    // SAFETY: zero is a valid value of every field.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    message
}

fn single(piece: *mut libc::iovec) -> libc::mmsghdr {
    libc::mmsghdr {
        msg_hdr: header(piece, 1),
        msg_len: 0,
    }
}

fn lengths(headers: &[libc::mmsghdr]) -> Vec<usize> {
    headers
        .iter()
        .map(|header| header.msg_len as usize)
        .collect()
}

fn number(pieces: usize) -> libc::c_int {
    pieces.try_into().expect("a few pieces")
}

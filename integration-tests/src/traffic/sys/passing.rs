//! Passing a descriptor to another process.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use super::check;

/// Room for one control message with one descriptor, aligned as its header must be.
type Control = [u64; 8];

/// Sends a descriptor with `SCM_RIGHTS`, and one byte with it, as there must be.
///
/// # Errors
/// The kernel's.
pub fn send_descriptor(through: &UnixStream, passed: &impl AsRawFd) -> io::Result<()> {
    with_message(|message| {
        // SAFETY: the message has room for one control message with one descriptor.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
            let data = libc::CMSG_DATA(header).cast::<RawFd>();
            data.write_unaligned(passed.as_raw_fd());
        }
        // SAFETY: the message is complete, and all that it points to lives in the caller.
        check(unsafe { libc::sendmsg(through.as_raw_fd(), message, libc::MSG_NOSIGNAL) }).map(drop)
    })
}

/// Receives a descriptor.
///
/// # Errors
/// The kernel's, or what came was none.
pub fn receive_descriptor(through: &UnixStream) -> io::Result<OwnedFd> {
    with_message(|message| {
        // SAFETY: the kernel writes into the message, all of which lives in the caller.
        check(unsafe { libc::recvmsg(through.as_raw_fd(), message, libc::MSG_CMSG_CLOEXEC) })?;
        // SAFETY: the kernel has written the headers, and their number into the message.
        let header = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() };
        let header = header.filter(|header| {
            (header.cmsg_level, header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS)
        });
        let header = header.ok_or_else(|| io::Error::other("no descriptor came"))?;
        // SAFETY: such a message has one descriptor at least, which is ours from here on.
        Ok(unsafe {
            OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned())
        })
    })
}

fn with_message<T>(call: impl FnOnce(&mut libc::msghdr) -> T) -> T {
    let mut control: Control = [0; 8];
    let mut byte = [0u8];
    let mut piece = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: byte.len(),
    };
    // SAFETY: zero is a valid value of every field.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: a calculation; no memory is involved.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<RawFd>() as u32) } as _;
    assert!(message.msg_controllen <= size_of::<Control>());
    call(&mut message)
}

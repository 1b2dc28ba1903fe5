//! Calls that move messages with an address, or several at a time.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use super::address::{from_raw, socklen, to_raw};
use super::check;

/// Messages in one call of `sendmmsg` or `recvmmsg`.
const BATCH: usize = 10;

/// Whether a receiving call gives the kernel room for the sender's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It does.
    ForAddress,
    /// It does not.
    None,
}

/// `sendmsg(2)` in two parts. With `segment`, the kernel makes datagrams of that length
/// (`UDP_SEGMENT`).
///
/// # Errors
/// The kernel's.
pub fn send_message(
    fd: &impl AsRawFd,
    bytes: &[u8],
    remote: Option<SocketAddr>,
    segment: Option<u16>,
) -> io::Result<usize> {
    with_outgoing(bytes, remote, segment, |header| {
        // SAFETY: the header is complete, and the kernel only reads what it points to.
        check(unsafe { libc::sendmsg(fd.as_raw_fd(), header, 0) })
    })
}

/// Gives `call` the header of a message as [`send_message`] sends it. All that it points to lives
/// until `call` returns.
pub fn with_outgoing<T>(
    bytes: &[u8],
    remote: Option<SocketAddr>,
    segment: Option<u16>,
    call: impl FnOnce(*const libc::msghdr) -> T,
) -> T {
    let mut address = remote.map(to_raw);
    let (first, second) = bytes.split_at(bytes.len() / 3);
    let mut parts = [part(first), part(second)];
    let mut control = segment.map(segment_control);
    let mut header = header(&mut parts);
    if let Some((address, length)) = &mut address {
        header.msg_name = (&raw mut *address).cast();
        header.msg_namelen = *length;
    }
    if let Some(control) = &mut control {
        header.msg_control = (&raw mut *control).cast();
        header.msg_controllen = size_of::<SegmentControl>();
    }
    call(&raw const header)
}

/// `sendmmsg(2)`, repeated until all are sent: what the kernel says of each message.
///
/// # Errors
/// The kernel's.
pub fn send_messages(
    fd: &impl AsRawFd,
    messages: &[Vec<u8>],
    remote: Option<SocketAddr>,
) -> io::Result<Vec<usize>> {
    let mut address = remote.map(to_raw);
    let mut sent = Vec::new();
    while sent.len() < messages.len() {
        let left = messages[sent.len()..].iter().take(BATCH);
        let mut parts: Vec<libc::iovec> = left.map(|bytes| part(bytes)).collect();
        let mut headers: Vec<libc::mmsghdr> = parts.iter_mut().map(one_of_many).collect();
        if let Some((address, length)) = &mut address {
            for header in &mut headers {
                header.msg_hdr.msg_name = (&raw mut *address).cast();
                header.msg_hdr.msg_namelen = *length;
            }
        }
        // SAFETY: as many headers as said, each pointing to a part and an address that outlive the
        // call; the kernel writes only the lengths.
        let count = check(unsafe {
            libc::sendmmsg(fd.as_raw_fd(), headers.as_mut_ptr(), count(&headers), 0)
        } as isize)?;
        sent.extend(
            headers[..count]
                .iter()
                .map(|header| header.msg_len as usize),
        );
    }
    Ok(sent)
}

/// `recvmsg(2)`: bytes, and the sender's address where there is room for it.
///
/// # Errors
/// The kernel's.
pub fn receive_message_from(
    fd: &impl AsRawFd,
    buffer: &mut [u8],
    room: Room,
) -> io::Result<(usize, Option<SocketAddr>)> {
    with_incoming(buffer, room, |header| {
        // SAFETY: the header points to parts of `buffer` and to the address, with their sizes.
        check(unsafe { libc::recvmsg(fd.as_raw_fd(), header, 0) })
    })
}

/// Gives `call` the header of a message as [`receive_message_from`] receives it. All that it points
/// to lives until `call` returns.
///
/// # Errors
/// Those of `call`.
pub fn with_incoming(
    buffer: &mut [u8],
    room: Room,
    call: impl FnOnce(*mut libc::msghdr) -> io::Result<usize>,
) -> io::Result<(usize, Option<SocketAddr>)> {
    let (first, second) = buffer.split_at_mut(100);
    let mut parts = [part(first), part(second)];
    let mut header = header(&mut parts);
    // SAFETY: zero is a valid value of every field.
    let mut address: libc::sockaddr_storage = unsafe { zeroed() };
    if room == Room::ForAddress {
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = socklen(size_of_val(&address));
    }
    let received = call(&raw mut header)?;
    Ok((received, address_in(room, &address)?))
}

/// `recvmmsg(2)`, which waits for the first message and takes those that are there: as
/// [`receive_message_from`], of each.
///
/// # Errors
/// The kernel's.
pub fn receive_messages(
    fd: &impl AsRawFd,
    length: usize,
    room: Room,
) -> io::Result<Vec<(usize, Option<SocketAddr>)>> {
    let mut buffers = vec![vec![0; length]; BATCH];
    // SAFETY: zero is a valid value of every field.
    let mut addresses: [libc::sockaddr_storage; BATCH] = unsafe { zeroed() };
    let mut parts: Vec<libc::iovec> = buffers.iter_mut().map(|buffer| part(buffer)).collect();
    let mut headers: Vec<libc::mmsghdr> = parts.iter_mut().map(one_of_many).collect();
    if room == Room::ForAddress {
        for (header, address) in headers.iter_mut().zip(&mut addresses) {
            header.msg_hdr.msg_name = (&raw mut *address).cast();
            header.msg_hdr.msg_namelen = socklen(size_of_val(address));
        }
    }
    // SAFETY: as many headers as said, each pointing to a buffer and an address of its own that
    // outlive the call, with their sizes; no time limit is given.
    let count = check(unsafe {
        libc::recvmmsg(
            fd.as_raw_fd(),
            headers.as_mut_ptr(),
            count(&headers),
            libc::MSG_WAITFORONE,
            std::ptr::null_mut(),
        )
    } as isize)?;
    let received = headers[..count].iter().zip(&addresses);
    received
        .map(|(header, address)| Ok((header.msg_len as usize, address_in(room, address)?)))
        .collect()
}

/// `read(2)`.
///
/// # Errors
/// The kernel's.
pub fn read(fd: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes into `buffer` at most its length.
    check(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// A control message as the kernel wants it, its data padded to the size of a word.
#[repr(C)]
struct SegmentControl {
    header: libc::cmsghdr,
    length: u16,
    padding: [u8; 6],
}

fn segment_control(length: u16) -> SegmentControl {
    SegmentControl {
        header: libc::cmsghdr {
            cmsg_len: size_of::<libc::cmsghdr>() + size_of::<u16>(),
            cmsg_level: libc::SOL_UDP,
            cmsg_type: libc::UDP_SEGMENT,
        },
        length,
        padding: [0; 6],
    }
}

/// What is sent is only read, though the structure has one kind of pointer for both.
fn part(bytes: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}

fn header(parts: &mut [libc::iovec]) -> libc::msghdr {
    // SAFETY: zero is a valid value of every field.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = parts.as_mut_ptr();
    header.msg_iovlen = parts.len();
    header
}

fn one_of_many(part: &mut libc::iovec) -> libc::mmsghdr {
    libc::mmsghdr {
        msg_hdr: header(std::slice::from_mut(part)),
        msg_len: 0,
    }
}

fn count(headers: &[libc::mmsghdr]) -> u32 {
    headers.len().try_into().expect("a batch is short")
}

fn address_in(room: Room, address: &libc::sockaddr_storage) -> io::Result<Option<SocketAddr>> {
    match room {
        Room::ForAddress => from_raw(address).map(Some),
        Room::None => Ok(None),
    }
}

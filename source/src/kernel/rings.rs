//! Sockets whose frames the kernel writes into memory that it shares with their process
//! (`PACKET_RX_RING`): no call receives them, so no hook sees them.
//!
//! Asked by `sock_diag` (`net/packet/diag.c`, kernel 3.7 and later). A dozen lines of a fixed format,
//! which the crates for netlink do not know of `AF_PACKET`.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// `SOCK_DIAG_BY_FAMILY` in `include/uapi/linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `PACKET_SHOW_RING_CFG` and `PACKET_DIAG_RX_RING` in `include/uapi/linux/packet_diag.h`.
const SHOW_RINGS: u32 = 4;
const RX_RING: u16 = 2;

/// Sizes of `struct nlmsghdr`, `packet_diag_msg` and `nlattr`.
const HEADER: usize = 16;
const MESSAGE: usize = 16;
const ATTRIBUTE: usize = 4;

/// How many sockets of our network namespace receive into shared memory.
///
/// # Errors
/// The kernel does not tell (`CONFIG_PACKET_DIAG`).
pub(super) fn receiving() -> io::Result<usize> {
    // SAFETY: no pointers are passed.
    let fd = unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            libc::NETLINK_SOCK_DIAG,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let request = request();
    // SAFETY: the kernel reads `request`.
    let sent = unsafe {
        libc::send(
            socket.as_raw_fd(),
            request.as_ptr().cast(),
            request.len(),
            0,
        )
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut count = 0;
    let mut answer = vec![0; 32_768];
    loop {
        // SAFETY: the kernel writes at most the buffer's length. A dump is answered at once.
        let length = unsafe {
            libc::recv(
                socket.as_raw_fd(),
                answer.as_mut_ptr().cast(),
                answer.len(),
                libc::MSG_DONTWAIT,
            )
        };
        let length = usize::try_from(length).map_err(|_negative| io::Error::last_os_error())?;
        let Answer { rings, is_last } = read(&answer[..length])?;
        count += rings;
        if is_last {
            return Ok(count);
        }
    }
}

/// All sockets of `AF_PACKET`, with their rings.
fn request() -> Vec<u8> {
    let mut request = Vec::with_capacity(HEADER + 20);
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    request.extend((HEADER as u32 + 20).to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(flags.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([libc::AF_PACKET as u8, 0, 0, 0]);
    request.extend(0_u32.to_ne_bytes());
    request.extend(SHOW_RINGS.to_ne_bytes());
    request.extend([0; 8]);
    request
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    rings: usize,
    is_last: bool,
}

/// Reads the messages of one datagram.
fn read(mut bytes: &[u8]) -> io::Result<Answer> {
    let mut rings = 0;
    loop {
        let Some(length) = number::<4>(bytes, 0).map(u32::from_ne_bytes) else {
            let is_last = false;
            return Ok(Answer { rings, is_last });
        };
        let kind = number::<2>(bytes, 4).map(u16::from_ne_bytes);
        let body = bytes
            .get(HEADER..length as usize)
            .ok_or(io::ErrorKind::InvalidData)?;
        match kind.map(i32::from) {
            Some(libc::NLMSG_DONE) => {
                let is_last = true;
                return Ok(Answer { rings, is_last });
            }
            Some(libc::NLMSG_ERROR) => {
                let error = number::<4>(body, 0).map_or(libc::EIO, i32::from_ne_bytes);
                return Err(io::Error::from_raw_os_error(error.wrapping_neg()));
            }
            _ => rings += usize::from(has_ring(body.get(MESSAGE..).unwrap_or_default())),
        }
        bytes = bytes.get(aligned(length as usize)..).unwrap_or_default();
    }
}

fn has_ring(mut attributes: &[u8]) -> bool {
    while let (Some(length), Some(kind)) = (number::<2>(attributes, 0), number::<2>(attributes, 2))
    {
        if u16::from_ne_bytes(kind) == RX_RING {
            return true;
        }
        let length = usize::from(u16::from_ne_bytes(length)).max(ATTRIBUTE);
        attributes = attributes.get(aligned(length)..).unwrap_or_default();
    }
    false
}

/// Netlink aligns everything to four bytes.
const fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: i32, body: &[u8]) -> Vec<u8> {
        let mut message = (HEADER as u32 + body.len() as u32).to_ne_bytes().to_vec();
        message.extend((kind as u16).to_ne_bytes());
        message.extend([0; 10]);
        message.extend(body);
        message
    }

    fn socket(attributes: &[u16]) -> Vec<u8> {
        let mut body = vec![0; MESSAGE];
        for kind in attributes {
            body.extend(8_u16.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend([1; 4]);
        }
        message(i32::from(SOCK_DIAG_BY_FAMILY), &body)
    }

    #[test]
    fn sockets_with_a_ring_are_counted() {
        let mut bytes = [socket(&[0, 3]), socket(&[0, RX_RING])].concat();
        let is_last = false;
        assert_eq!(read(&bytes).unwrap(), Answer { rings: 1, is_last });
        bytes.extend(message(libc::NLMSG_DONE, &[0; 4]));
        let is_last = true;
        assert_eq!(read(&bytes).unwrap(), Answer { rings: 1, is_last });
        let refused = message(libc::NLMSG_ERROR, &(-libc::ENOENT).to_ne_bytes());
        assert_eq!(
            read(&refused).unwrap_err().raw_os_error(),
            Some(libc::ENOENT)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&bytes));
        }
    }
}

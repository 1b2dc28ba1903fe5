//! Receiving by mapping the pages that the data came in.

use std::io;
use std::os::fd::AsRawFd;

use super::sys::{self, check, socklen};
use super::tcp::Stream;

const PAGE: usize = 4096;
/// Pages mapped at a time.
const PAGES: usize = 64;

/// Sends whole pages without copying them, so that they arrive as whole pages.
///
/// # Errors
/// The kernel's.
pub fn send(stream: &mut Stream<'_>, total: usize) -> io::Result<()> {
    sys::set_option(&stream.stream, libc::SOL_SOCKET, libc::SO_ZEROCOPY, 1)?;
    let memory = vec![b'x'; total + PAGE];
    let start = memory.as_ptr().align_offset(PAGE);
    let mut left = &memory[start..start + total];
    while !left.is_empty() {
        let sent = sys::send(&stream.stream, left, libc::MSG_ZEROCOPY)?;
        stream.sent(sent);
        left = &left[sent..];
    }
    Ok(())
}

/// Maps what can be mapped, and copies the rest as the kernel asks for.
///
/// # Errors
/// The kernel's, or nothing could be mapped.
pub fn receive(stream: &mut Stream<'_>, total: usize) -> io::Result<()> {
    let mapping = SocketMapping::new(&stream.stream, PAGES * PAGE)?;
    let (mut mapped, mut copied) = (0, 0);
    while mapped + copied < total {
        let (length, to_copy) = mapping.receive(&stream.stream)?;
        stream.received(length);
        mapped += length;
        // Of nothing at all, wait for the first byte.
        let to_copy = if length == 0 { to_copy.max(1) } else { to_copy };
        let come = stream.read(to_copy, PAGE, 0)?;
        copied += come;
        if come < to_copy {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    if mapped == 0 {
        let message = format!("all {copied} bytes were copied");
        return Err(io::Error::other(message));
    }
    Ok(())
}

/// Address space into which a TCP socket can map the pages that its data came in.
#[derive(Debug)]
struct SocketMapping {
    start: *mut libc::c_void,
    length: usize,
}

impl SocketMapping {
    /// Room for `length` bytes, whole pages.
    fn new(socket: &impl AsRawFd, length: usize) -> io::Result<Self> {
        // SAFETY: the kernel chooses an unused range; nothing is in it until it is asked for.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start, length })
    }

    /// `getsockopt(2)` with `TCP_ZEROCOPY_RECEIVE`: how much was mapped, in place of what was there
    /// before, and how much must be received in the usual way before more can be.
    fn receive(&self, socket: &impl AsRawFd) -> io::Result<(usize, usize)> {
        /// In `include/uapi/linux/tcp.h`, like the structure.
        const TCP_ZEROCOPY_RECEIVE: i32 = 35;
        #[repr(C)]
        struct ZeroCopyReceive {
            address: u64,
            length: u32,
            to_copy: u32,
        }
        let mut value = ZeroCopyReceive {
            address: self.start as u64,
            length: self.length.try_into().expect("less than 4 GB"),
            to_copy: 0,
        };
        let mut size = socklen(size_of::<ZeroCopyReceive>());
        // SAFETY: the kernel reads and writes the structure, whose size is given, and maps pages
        // into the range of ours that it names.
        check(unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                TCP_ZEROCOPY_RECEIVE,
                (&raw mut value).cast(),
                &raw mut size,
            )
        } as isize)?;
        Ok((value.length as usize, value.to_copy as usize))
    }
}

impl Drop for SocketMapping {
    fn drop(&mut self) {
        // SAFETY: the range is ours, and nobody has a reference into it. It cannot fail.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

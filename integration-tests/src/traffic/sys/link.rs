//! Frames of the link layer.

use std::ffi::CString;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::AsRawFd;

use super::address::socklen;
use super::check;

/// A network interface, and the kind of frames.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    interface: i32,
    ether_type: u16,
    destination: [u8; 6],
}

impl Link {
    /// The interface of that name, in the namespace that we are in.
    ///
    /// # Errors
    /// There is none.
    pub fn new(interface: &str, ether_type: u16) -> io::Result<Self> {
        let name = CString::new(interface)?;
        // SAFETY: the kernel reads the string, which ends with a zero.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            interface: index.try_into().expect("interfaces are few"),
            ether_type,
            destination: [0xff; 6],
        })
    }

    /// `bind(2)`: the socket gets these frames, and sends there.
    ///
    /// # Errors
    /// The kernel's.
    pub fn bind(self, fd: &impl AsRawFd) -> io::Result<()> {
        let address = self.raw();
        let length = socklen(size_of_val(&address));
        // SAFETY: the kernel reads the address, whose size is given.
        let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
        check(result as isize).map(drop)
    }

    /// `sendto(2)` to everybody on the link.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send(self, fd: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
        let address = self.raw();
        // SAFETY: the kernel reads `bytes` and the address, whose sizes are given.
        check(unsafe {
            libc::sendto(
                fd.as_raw_fd(),
                bytes.as_ptr().cast(),
                bytes.len(),
                0,
                (&raw const address).cast(),
                socklen(size_of::<libc::sockaddr_ll>()),
            )
        })
    }

    /// The header of such a frame.
    #[must_use]
    pub fn header(self) -> [u8; 14] {
        let mut header = [0; 14];
        header[..6].copy_from_slice(&self.destination);
        header[12..].copy_from_slice(&self.ether_type.to_be_bytes());
        header
    }

    fn raw(self) -> libc::sockaddr_ll {
        let Self {
            interface,
            ether_type,
            destination,
        } = self;
        // SAFETY: zero is a valid value of every field.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as libc::sa_family_t;
        address.sll_protocol = ether_type.to_be();
        address.sll_ifindex = interface;
        address.sll_halen = 6;
        address.sll_addr[..6].copy_from_slice(&destination);
        address
    }
}

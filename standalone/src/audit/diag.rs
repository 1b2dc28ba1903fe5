//! Asking the kernel about its TCP sockets: `sock_diag` (`NETLINK_SOCK_DIAG`) in one network namespace.
//!
//! `rustix` is in the tree already and has netlink sockets without unsafe code. The crates that know
//! `sock_diag` want a `tcp_info` as long as today's, which 5.10 does not have, and are three more.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
    sockopt,
};

use super::message::{Fields, Reading, reading};

/// `SOCK_DIAG_BY_FAMILY` in `include/uapi/linux/sock_diag.h`.
const BY_FAMILY: u16 = 20;
/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH`.
const DUMP: u16 = 0x301;
/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// `1 << (INET_DIAG_INFO - 1)`.
const WITH_INFO: u8 = 2;
const TCP: u8 = 6;
/// `SKNLGRP_INET_TCP_DESTROY` and `SKNLGRP_INET6_TCP_DESTROY`, as bits.
const DESTROYED: u32 = 1 << 0 | 1 << 2;
/// Messages of one reading fit; the kernel writes 32 KiB at most.
const BUFFER: usize = 1 << 17;
/// Room for what comes between two looks: some 10 000 sockets.
const WAITING: usize = 16 << 20;

/// Both sockets of one namespace.
#[derive(Debug)]
pub(super) struct Diag {
    asking: OwnedFd,
    /// Gets a message for every TCP socket that is destroyed.
    destroyed: OwnedFd,
}

impl Diag {
    /// In the network namespace of this thread.
    pub(super) fn open() -> io::Result<Self> {
        let open = |groups: u32| {
            let flags = SocketFlags::CLOEXEC;
            let socket = socket_with(
                AddressFamily::NETLINK,
                SocketType::RAW,
                flags,
                Some(SOCK_DIAG),
            )?;
            bind(&socket, &SocketAddrNetlink::new(0, groups))?;
            Ok::<_, Errno>(socket)
        };
        let destroyed = open(DESTROYED)?;
        // Without the right to, the system's limit has to do; what overflows is counted.
        if sockopt::set_socket_recv_buffer_size_force(&destroyed, WAITING).is_err() {
            sockopt::set_socket_recv_buffer_size(&destroyed, WAITING)?;
        }
        Ok(Self {
            asking: open(0)?,
            destroyed,
        })
    }

    /// Every TCP socket that there is.
    pub(super) fn sockets(&self) -> io::Result<Vec<Reading>> {
        let mut readings = Vec::new();
        let mut buffer = vec![0; BUFFER];
        for family in [AddressFamily::INET, AddressFamily::INET6] {
            send(&self.asking, &request(family), SendFlags::empty())?;
            let mut is_done = false;
            while !is_done {
                let length = received(&self.asking, &mut buffer, RecvFlags::empty())?;
                for (kind, content) in messages(&buffer[..length]) {
                    match kind {
                        BY_FAMILY => readings.extend(reading(content)),
                        DONE => is_done = true,
                        ERROR => return Err(error(content)),
                        _ => {}
                    }
                }
            }
        }
        Ok(readings)
    }

    /// The sockets that were destroyed since the last call, and how often messages were lost.
    pub(super) fn destroyed(&self) -> io::Result<(Vec<Reading>, u64)> {
        let mut readings = Vec::new();
        let mut overflows = 0;
        let mut buffer = vec![0; BUFFER];
        loop {
            match received(&self.destroyed, &mut buffer, RecvFlags::DONTWAIT) {
                Ok(length) => readings.extend(
                    messages(&buffer[..length]).filter_map(|(_kind, content)| reading(content)),
                ),
                Err(Errno::NOBUFS) => overflows += 1,
                Err(Errno::AGAIN) => return Ok((readings, overflows)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn received(socket: &OwnedFd, buffer: &mut [u8], flags: RecvFlags) -> Result<usize, Errno> {
    loop {
        match recv(socket, &mut *buffer, flags) {
            Ok((length, _)) => return Ok(length),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// `struct nlmsghdr`, then `struct inet_diag_req_v2` for every state.
fn request(family: AddressFamily) -> Vec<u8> {
    const LENGTH: usize = HEADER + 56;
    let mut request = Vec::with_capacity(LENGTH);
    request.extend((LENGTH as u32).to_ne_bytes());
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(DUMP.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([family.as_raw() as u8, TCP, WITH_INFO, 0]);
    request.extend(u32::MAX.to_ne_bytes());
    request.resize(LENGTH, 0);
    request
}

/// Kind and content of each message in what came at once.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(Fields(bytes).word(0)?).ok()?;
        let kind = Fields(bytes).half(4)?;
        let content = bytes.get(HEADER..length)?;
        let next = length.checked_next_multiple_of(4)?;
        bytes = bytes.get(next..).unwrap_or_default();
        Some((kind, content))
    })
}

/// `struct nlmsgerr` begins with a negative number.
fn error(content: &[u8]) -> io::Error {
    let number = Fields(content).word(0).unwrap_or_default().cast_signed();
    match number.checked_neg() {
        Some(libc_number) if libc_number > 0 => io::Error::from_raw_os_error(libc_number),
        _ => io::Error::other("the kernel did not say why"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::audit::span::{Moved, Span};

    /// Anybody may ask about sockets of the own namespace.
    #[test]
    fn a_connection_of_our_own_is_found_and_its_end_is_told() {
        let diag = Diag::open().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, remote) = listener.accept().unwrap();
        client.write_all(&[0; 1000]).unwrap();
        server.read_exact(&mut [0; 400]).unwrap();
        let expected = Moved {
            sent_bytes: Span::exactly(0),
            received_bytes: Span::exactly(400),
        };

        let is_it = |reading: &&Reading| reading.remote == remote;
        let readings = diag.sockets().unwrap();
        let found = readings.iter().find(is_it).expect("it is listed");
        assert_eq!(found.moved, expected);
        assert!(found.inode > 0);

        drop(server);
        let start = Instant::now();
        loop {
            let (readings, _) = diag.destroyed().unwrap();
            if let Some(ended) = readings.iter().find(is_it) {
                assert_eq!((ended.cookie, ended.moved), (found.cookie, expected));
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "it is not told");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    proptest! {
        #[test]
        fn any_messages_come_to_an_end(bytes in vec(prop_oneof![0..40_u8, any::<u8>()], 0..400)) {
            prop_assert!(messages(&bytes).count() <= bytes.len() / 4);
            error(&bytes);
        }
    }
}

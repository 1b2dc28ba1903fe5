//! Data in the first packet of a connection.

use std::fs;
use std::io;
use std::net::SocketAddr;

use super::{PAYLOAD, Stream, read};
use crate::traffic::place::{Family, Place};
use crate::traffic::sys::socket::{tcp_info, unconnected};
use crate::traffic::{Case, process, sys};

/// One row for each call that starts the connection.
pub const CASES: &[Case] = &[
    Case::new("tfo-sendto", "fast open, sendto", |name, place| {
        fast_open(name, place, |remote, stream| {
            let bytes = [b'x'; FIRST];
            sys::send_to(&stream.stream, &bytes, libc::MSG_FASTOPEN, remote)
        })
    }),
    Case::new("tfo-connect", "fast open, connect", |name, place| {
        fast_open(name, place, |remote, stream| {
            // Sends nothing yet: the first packet waits for the data of the next call.
            set_tcp_option(&stream.stream, libc::TCP_FASTOPEN_CONNECT, 1)?;
            sys::connect(&stream.stream, remote)?;
            sys::write(&stream.stream, &[b'x'; FIRST])
        })
    }),
];

/// What is in the first packet.
const FIRST: usize = 1000;

type Start = fn(SocketAddr, &mut Stream<'_>) -> io::Result<usize>;

fn fast_open(name: &str, place: &Place, start: Start) -> io::Result<()> {
    let allowed = place.inside(Allowed::by_servers)?;
    let (listener, address) = place.listen(Family::V4)?;
    set_tcp_option(&listener, libc::TCP_FASTOPEN, 16)?;
    set_tcp_option(&listener, libc::TCP_FASTOPEN_NO_COOKIE, 1)?;
    process::pair(
        name,
        |ledger| read(&mut Stream::accept(&listener, ledger)?),
        |ledger| {
            let mut stream = Stream {
                stream: unconnected(address, libc::IPPROTO_TCP)?,
                remote: address,
                ledger,
            };
            set_tcp_option(&stream.stream, libc::TCP_FASTOPEN_NO_COOKIE, 1)?;
            let sent = start(address, &mut stream)?;
            stream.sent(sent);
            stream.send(PAYLOAD - sent, 1448, 0)?;
            expect_data_in_first_packet(&stream)
        },
    )?;
    place.inside(|| allowed.restore())
}

/// The case would show nothing if the connection had begun in the usual way.
fn expect_data_in_first_packet(stream: &Stream<'_>) -> io::Result<()> {
    /// `TCPI_OPT_SYN_DATA` of `include/uapi/linux/tcp.h`.
    const SYN_DATA: u8 = 32;
    if tcp_info(&stream.stream)?.tcpi_options & SYN_DATA == 0 {
        return Err(io::Error::other("the first packet had no data"));
    }
    Ok(())
}

fn set_tcp_option(fd: &impl std::os::fd::AsRawFd, name: i32, value: i32) -> io::Result<()> {
    sys::set_option(fd, libc::IPPROTO_TCP, name, value)
}

/// The setting of a network namespace, as it was before servers were allowed to.
#[must_use = "restore it"]
struct Allowed(String);

impl Allowed {
    const SETTING: &str = "/proc/sys/net/ipv4/tcp_fastopen";

    /// Allows clients, as is usual, and servers.
    fn by_servers() -> io::Result<Self> {
        let before = fs::read_to_string(Self::SETTING)?;
        fs::write(Self::SETTING, "3")?;
        Ok(Self(before))
    }

    fn restore(&self) -> io::Result<()> {
        fs::write(Self::SETTING, &self.0)
    }
}

//! Multipath TCP: one connection over several paths, one of which is enough.

use std::io;
use std::net::SocketAddr;

use super::pipes::{send_file, splice_in};
use super::{PAYLOAD, Side, Stream, read, send};
use crate::traffic::needs::{Proof, lack, release};
use crate::traffic::place::Place;
use crate::traffic::sys::socket::{get_numbers, listen, unconnected};
use crate::traffic::{Case, Lack, process, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    Case::new("mptcp", "MPTCP send and recv", |name, place| {
        one_way(name, place, BOTH, echo, answer)
    })
    .needing(mptcp),
    Case::new(
        "mptcp-v6",
        "MPTCP send and recv over IPv6",
        |name, place| {
            let sides = Sides {
                is_ipv6: true,
                ..BOTH
            };
            one_way(name, place, sides, echo, answer)
        },
    )
    .needing(mptcp_over_ipv6),
    Case::new("mptcp-sendf", "MPTCP sendfile", |name, place| {
        one_way(name, place, BOTH, send_file, read)
    })
    .needing(mptcp),
    Case::new("mptcp-spl-in", "MPTCP splice in", |name, place| {
        one_way(name, place, BOTH, send, splice_in)
    })
    .needing(mptcp),
    Case::new("mptcp-peek", "MPTCP recv with MSG_PEEK", |name, place| {
        one_way(name, place, BOTH, send, super::peek)
    })
    .needing(mptcp),
    Case::new("mptcp-fall", "MPTCP fallen back to TCP", |name, place| {
        let sides = Sides {
            server: libc::IPPROTO_TCP,
            ..BOTH
        };
        one_way(name, place, sides, echo, answer)
    })
    .needing(mptcp),
];

/// What the two ends speak.
#[derive(Clone, Copy)]
struct Sides {
    is_ipv6: bool,
    server: i32,
}

const BOTH: Sides = Sides {
    is_ipv6: false,
    server: libc::IPPROTO_MPTCP,
};

fn one_way(name: &str, place: &Place, sides: Sides, client: Side, server: Side) -> io::Result<()> {
    let ip = if sides.is_ipv6 {
        place.ipv6.into()
    } else {
        place.ipv4.into()
    };
    let listener = place.inside(|| listen(SocketAddr::new(ip, 0), sides.server))?;
    let remote = listener.local_addr()?;
    process::pair(
        name,
        |ledger| server(&mut Stream::accept(&listener, ledger)?),
        |ledger| {
            let stream = unconnected(remote, libc::IPPROTO_MPTCP)?;
            sys::connect(&stream, remote)?;
            let mut stream = Stream {
                stream,
                remote,
                ledger,
            };
            client(&mut stream)?;
            let is_wanted = sides.server == libc::IPPROTO_MPTCP;
            if is_multipath(&stream.stream).is_some_and(|is_multipath| is_multipath != is_wanted) {
                return Err(io::Error::other(format!(
                    "MPTCP: {}, not {is_wanted}",
                    !is_wanted
                )));
            }
            Ok(())
        },
    )
}

/// Whether the other end speaks it too; before Linux 5.16, there is no way to know.
fn is_multipath(stream: &std::net::TcpStream) -> Option<bool> {
    const SOL_MPTCP: i32 = 284;
    const MPTCP_INFO: i32 = 1;
    /// `MPTCP_INFO_FLAG_FALLBACK` of `include/uapi/linux/mptcp.h`, in the third number.
    const FALLBACK: u32 = 1;
    // A connection that has fallen back is a plain one, without such an option.
    let fell_back = get_numbers(stream, SOL_MPTCP, MPTCP_INFO)
        .map_or(true, |[_paths, _more_paths, flags]: [u32; 3]| {
            flags & FALLBACK != 0
        });
    (release()? >= (5, 16)).then_some(!fell_back)
}

fn echo(stream: &mut Stream<'_>) -> io::Result<()> {
    send(stream)?;
    stream.read(PAYLOAD / 2, 1000, 0).map(drop)
}

fn answer(stream: &mut Stream<'_>) -> io::Result<()> {
    stream.read(PAYLOAD, 4096, 0)?;
    stream.send(PAYLOAD / 2, 777, 0)
}

const PROOFS: [Proof; 3] = [
    Proof::Since(5, 6),
    Proof::Option("CONFIG_MPTCP"),
    Proof::Setting("/proc/sys/net/mptcp/enabled", "0"),
];

fn mptcp() -> Result<(), Lack> {
    let tried = unconnected(([127, 0, 0, 1], 0).into(), libc::IPPROTO_MPTCP);
    lack("MPTCP", tried, &PROOFS)
}

fn mptcp_over_ipv6() -> Result<(), Lack> {
    let [since, option, setting] = PROOFS;
    let proofs = [since, option, Proof::Option("CONFIG_MPTCP_IPV6"), setting];
    let tried = unconnected(
        (std::net::Ipv6Addr::LOCALHOST, 0).into(),
        libc::IPPROTO_MPTCP,
    );
    lack("MPTCP over IPv6", tried, &proofs)
}

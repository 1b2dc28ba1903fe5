//! Multipath TCP: one connection over several paths, one of which is enough.

use std::io;
use std::net::SocketAddr;

use super::pipes::{send_file, splice_in};
use super::{PAYLOAD, Side, Stream, read, send};
use crate::traffic::needs::{Proof, lack};
use crate::traffic::place::Place;
use crate::traffic::sys::socket::{listen, unconnected};
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
            client(&mut Stream {
                stream,
                remote,
                ledger,
            })
        },
    )
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

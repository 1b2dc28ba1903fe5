//! Everything that is neither TCP nor UDP: what calls return is counted.

use nettally_ebpf::flow::{Address, protocol};

use crate::access::Access;
use crate::count::{Moved, Owner, Path, count};
use crate::socket::{Family, Remote, Sock, local_port, peer};
use crate::{process, selection};

/// Counts what a call moved over IP that was given, or gave, the address `named`.
#[inline(always)]
pub(crate) fn moved<A: Access>(
    sk: Sock,
    family: Family,
    protocol: u8,
    named: Option<Remote>,
    moved: Moved,
) {
    if !selection::selects_protocol(protocol) {
        return;
    }
    let remote = match named {
        Some(remote) => remote,
        None => connected::<A>(sk, family),
    };
    if !selection::selects_remote::<A>(sk, family, &remote) {
        return;
    }
    // The others have no ports: the kernel keeps other things in those fields.
    let has_ports = protocol == protocol::SCTP;
    let path = Path {
        protocol,
        local_port: if has_ports { local_port::<A>(sk) } else { 0 },
        remote: Remote {
            port: if has_ports { remote.port } else { 0 },
            ..remote
        },
    };
    count::<A>(Owner::Current(process::current::<A>()), &path, moved);
}

/// Counts frames of the link layer.
#[inline(always)]
pub(crate) fn frames<A: Access>(moved: Moved) {
    if selection::selects_protocol(protocol::PACKET) {
        let path = Path {
            protocol: protocol::PACKET,
            local_port: 0,
            remote: Remote::NONE,
        };
        count::<A>(Owner::Current(process::current::<A>()), &path, moved);
    }
}

/// The other end, if the socket is connected to one.
#[inline(always)]
fn connected<A: Access>(sk: Sock, family: Family) -> Remote {
    let remote = peer::<A>(sk, family);
    let nowhere = match family {
        Family::Ipv4 => Address::folded(0),
        Family::Ipv6 => Address([0; 4]),
    };
    if remote.address == nowhere {
        Remote::UNKNOWN
    } else {
        remote
    }
}

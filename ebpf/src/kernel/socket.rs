//! Reading the kernel's `struct sock`.

use core::ffi::c_void;

use nettally_ebpf::flow::{Address, FLAG_NO_REMOTE, FLAG_UNRESOLVED, protocol};

use crate::access::Access;
use crate::globals::offset;

/// A kernel `struct sock`, of a full socket, handed to us by a hook.
pub(crate) type Sock = *const c_void;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_PACKET: u16 = 17;

/// `enum sock_type` in `include/linux/net.h`.
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;
const SOCK_RAW: u16 = 3;

/// In `include/uapi/linux/in.h` and `in6.h`.
const IPPROTO_MPTCP: u16 = 262;
const IPPROTO_ICMPV6: u16 = 58;
const IPPROTO_ICMP: u16 = protocol::ICMP as u16;
const IPPROTO_TCP: u16 = protocol::TCP as u16;
const IPPROTO_UDP: u16 = protocol::UDP as u16;
const IPPROTO_SCTP: u16 = protocol::SCTP as u16;
const IPPROTO_UDPLITE: u16 = protocol::UDPLITE as u16;

/// How a socket is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// TCP, and MPTCP, which is TCP to its user.
    Stream(Family),
    /// UDP and UDP-Lite, with the number of the protocol.
    Datagram(Family, u8),
    /// Another protocol over IP, by number: what calls return is counted.
    Other(Family, u8),
    /// Frames of the link layer.
    Frames,
}

/// The other end of a socket.
#[derive(Clone, Copy)]
pub(crate) struct Remote {
    /// IPv6, or IPv4 folded in; zero if not known.
    pub(crate) address: Address,
    /// Host byte order; zero if not known.
    pub(crate) port: u16,
    /// As in a row: zero if known.
    pub(crate) flags: u8,
}

impl Remote {
    pub(crate) const UNKNOWN: Self = Self {
        address: Address([0; 4]),
        port: 0,
        flags: FLAG_UNRESOLVED,
    };

    /// Frames have none.
    pub(crate) const NONE: Self = Self {
        flags: FLAG_NO_REMOTE,
        ..Self::UNKNOWN
    };

    #[inline(always)]
    pub(crate) const fn known(address: Address, port: u16) -> Self {
        Self {
            address,
            port,
            flags: 0,
        }
    }

    #[inline(always)]
    pub(crate) const fn is_known(&self) -> bool {
        self.flags == 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// The family, if it is one that has remotes by address.
#[inline(always)]
pub(crate) fn family<A: Access>(sk: Sock) -> Option<Family> {
    // SAFETY: `sk` is a `sock`.
    match unsafe { A::load::<u16>(sk, offset!(sock_family)) } {
        AF_INET => Some(Family::Ipv4),
        AF_INET6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// What is counted of a socket, if anything is.
///
/// A raw socket has the number of what it sniffs, so its type is looked at first.
#[inline(always)]
pub(crate) fn kind<A: Access>(sk: Sock) -> Option<Kind> {
    // SAFETY: `sk` is a `sock`.
    let family = match unsafe { A::load::<u16>(sk, offset!(sock_family)) } {
        AF_INET => Family::Ipv4,
        AF_INET6 => Family::Ipv6,
        AF_PACKET => return Some(Kind::Frames),
        _ => return None,
    };
    // SAFETY: as above; both fields are u16 from kernel 5.6.
    let (kind, number) = unsafe {
        (
            A::load::<u16>(sk, offset!(sock_type)),
            A::load::<u16>(sk, offset!(sock_protocol)),
        )
    };
    match (kind, number) {
        (SOCK_STREAM, IPPROTO_TCP | IPPROTO_MPTCP) => Some(Kind::Stream(family)),
        (SOCK_DGRAM, IPPROTO_UDP) => Some(Kind::Datagram(family, protocol::UDP)),
        (SOCK_DGRAM, IPPROTO_UDPLITE) => Some(Kind::Datagram(family, protocol::UDPLITE)),
        (SOCK_DGRAM | SOCK_RAW, IPPROTO_ICMP | IPPROTO_ICMPV6) => {
            Some(Kind::Other(family, protocol::ICMP))
        }
        (SOCK_RAW, _) => Some(Kind::Other(family, protocol::RAW)),
        (_, IPPROTO_SCTP) => Some(Kind::Other(family, protocol::SCTP)),
        _ => None,
    }
}

/// Whether a socket of TCP is one of MPTCP.
#[inline(always)]
pub(crate) fn is_mptcp<A: Access>(sk: Sock) -> bool {
    // SAFETY: `sk` is a `sock`.
    unsafe { A::load::<u16>(sk, offset!(sock_protocol)) == IPPROTO_MPTCP }
}

/// Whether a process holds the socket's lock, as it does in a system call; a softirq does not.
#[inline(always)]
pub(crate) fn is_locked_by_process<A: Access>(sk: Sock) -> bool {
    // SAFETY: `sk` is a `sock`.
    unsafe { A::load::<i32>(sk, offset!(sock_lock_owned)) != 0 }
}

/// Local port of a socket that is bound, in host byte order. Zero for TCP after `TCP_CLOSE`.
#[inline(always)]
pub(crate) fn local_port<A: Access>(sk: Sock) -> u16 {
    // SAFETY: `sk` is a `sock`.
    unsafe { A::load(sk, offset!(sock_local_port)) }
}

/// Port that the socket is connected to, zero if it is not connected.
#[inline(always)]
pub(crate) fn peer_port<A: Access>(sk: Sock) -> u16 {
    // SAFETY: `sk` is a `sock`.
    u16::from_be(unsafe { A::load(sk, offset!(sock_remote_port)) })
}

/// The other end of a connected socket.
#[inline(always)]
pub(crate) fn peer<A: Access>(sk: Sock, family: Family) -> Remote {
    let address = match family {
        // SAFETY: `sk` is a `sock`.
        Family::Ipv4 => Address::folded(unsafe { A::load(sk, offset!(sock_remote_ipv4)) }),
        Family::Ipv6 => wide::<A>(sk, offset!(sock_remote_ipv6)),
    };
    Remote::known(address, peer_port::<A>(sk))
}

/// The address that the socket is bound to; all zero (or `::ffff:0.0.0.0`) if to any.
#[inline(always)]
pub(crate) fn local_address<A: Access>(sk: Sock, family: Family) -> Address {
    match family {
        // SAFETY: `sk` is a `sock`.
        Family::Ipv4 => Address::folded(unsafe { A::load(sk, offset!(sock_local_ipv4)) }),
        Family::Ipv6 => wide::<A>(sk, offset!(sock_local_ipv6)),
    }
}

/// Four loads of 32 bits: `in6_addr` is a union, and the verifier knows its `be32[4]` member.
#[inline(always)]
fn wide<A: Access>(sk: Sock, offset: u32) -> Address {
    // SAFETY: the caller passes the offset of an `in6_addr` in `sock`.
    unsafe {
        Address([
            A::load(sk, offset),
            A::load(sk, offset + 4),
            A::load(sk, offset + 8),
            A::load(sk, offset + 12),
        ])
    }
}

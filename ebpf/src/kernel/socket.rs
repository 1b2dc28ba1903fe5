//! Reading the kernel's `struct sock`.

use core::ffi::c_void;

use nettally_ebpf::flow::Address;

use crate::globals::offset;

/// A kernel `struct sock`, of a full socket, handed to us by a tracepoint.
pub(crate) type Sock = *const c_void;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// `enum sock_type` in `include/linux/net.h`.
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;

/// `IPPROTO_MPTCP` in `include/uapi/linux/in.h`.
const IPPROTO_MPTCP: u16 = 262;
const IPPROTO_TCP: u16 = 6;
const IPPROTO_UDP: u16 = 17;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// The other end of a socket.
#[derive(Clone, Copy)]
pub(crate) struct Remote {
    /// IPv6, or IPv4 folded in; zero if not known.
    pub(crate) address: Address,
    /// Host byte order; zero if not known.
    pub(crate) port: u16,
    pub(crate) is_known: bool,
}

impl Remote {
    pub(crate) const UNKNOWN: Self = Self {
        address: Address([0; 4]),
        port: 0,
        is_known: false,
    };
}

/// Reads one field of a kernel structure.
///
/// # Safety
/// `base` must be a pointer whose kernel type the verifier knows, `offset` one of
/// [`crate::globals::offset`] for that type, and `T` as large as the member.
#[inline(always)]
pub(crate) unsafe fn load<T: Copy>(base: *const c_void, offset: u32) -> T {
    // SAFETY: by contract; a fault reads zero, the verifier emits the load with an exception entry.
    unsafe { core::ptr::read_volatile(base.byte_add(offset as usize).cast::<T>()) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// The family, if it is one that has remotes by address.
#[inline(always)]
pub(crate) fn family(sk: Sock) -> Option<Family> {
    // SAFETY: `sk` is a `sock`.
    match unsafe { load::<u16>(sk, offset!(sock_family)) } {
        AF_INET => Some(Family::Ipv4),
        AF_INET6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// The protocol as users name it: MPTCP is TCP. A raw socket has the number of what it sniffs, and
/// is neither.
#[inline(always)]
pub(crate) fn protocol(sk: Sock) -> Option<Transport> {
    // SAFETY: `sk` is a `sock`; both fields are u16 from kernel 5.6.
    let (kind, number) = unsafe {
        (
            load::<u16>(sk, offset!(sock_type)),
            load::<u16>(sk, offset!(sock_protocol)),
        )
    };
    match (kind, number) {
        (SOCK_STREAM, IPPROTO_TCP | IPPROTO_MPTCP) => Some(Transport::Tcp),
        (SOCK_DGRAM, IPPROTO_UDP) => Some(Transport::Udp),
        _ => None,
    }
}

/// Whether a process holds the socket's lock, as it does in a system call; a softirq does not.
#[inline(always)]
pub(crate) fn is_locked_by_process(sk: Sock) -> bool {
    // SAFETY: `sk` is a `sock`.
    unsafe { load::<i32>(sk, offset!(sock_lock_owned)) != 0 }
}

/// Local port of a socket that is bound, in host byte order. Zero for TCP after `TCP_CLOSE`.
#[inline(always)]
pub(crate) fn local_port(sk: Sock) -> u16 {
    // SAFETY: `sk` is a `sock`.
    unsafe { load(sk, offset!(sock_local_port)) }
}

/// Port that the socket is connected to, zero if it is not connected.
#[inline(always)]
pub(crate) fn peer_port(sk: Sock) -> u16 {
    // SAFETY: `sk` is a `sock`.
    u16::from_be(unsafe { load(sk, offset!(sock_remote_port)) })
}

/// The other end of a connected socket.
#[inline(always)]
pub(crate) fn peer(sk: Sock, family: Family) -> Remote {
    let address = match family {
        // SAFETY: `sk` is a `sock`.
        Family::Ipv4 => Address::folded(unsafe { load(sk, offset!(sock_remote_ipv4)) }),
        Family::Ipv6 => wide(sk, offset!(sock_remote_ipv6)),
    };
    Remote {
        address,
        port: peer_port(sk),
        is_known: true,
    }
}

/// The address that the socket is bound to; all zero (or `::ffff:0.0.0.0`) if to any.
#[inline(always)]
pub(crate) fn local_address(sk: Sock, family: Family) -> Address {
    match family {
        // SAFETY: `sk` is a `sock`.
        Family::Ipv4 => Address::folded(unsafe { load(sk, offset!(sock_local_ipv4)) }),
        Family::Ipv6 => wide(sk, offset!(sock_local_ipv6)),
    }
}

/// Four loads of 32 bits: `in6_addr` is a union, and the verifier knows its `be32[4]` member.
#[inline(always)]
fn wide(sk: Sock, offset: u32) -> Address {
    // SAFETY: the caller passes the offset of an `in6_addr` in `sock`.
    unsafe {
        Address([
            load(sk, offset),
            load(sk, offset + 4),
            load(sk, offset + 8),
            load(sk, offset + 12),
        ])
    }
}

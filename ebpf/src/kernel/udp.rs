//! UDP and UDP-Lite: bytes by return value; the remote from the socket if it is connected, else from
//! the call's own address, from the packet, or handed over by the cgroup hooks.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use nettally_ebpf::flow::Address;

use crate::access::{Access, Typed, read};
use crate::count::{Moved, Owner, Path, count};
use crate::globals::offset;
use crate::handover::{self, Cork, Direction};
use crate::socket::{Family, Remote, Sock, local_port, peer, peer_port};
use crate::{process, selection};

/// `ETH_P_IP` in `include/uapi/linux/if_ether.h`.
const ETH_P_IP: u16 = 0x0800;

/// Counts what a send returned that was given the address `named`.
#[inline(always)]
pub(crate) fn sent<A: Access>(
    sk: Sock,
    family: Family,
    protocol: u8,
    bytes: i64,
    named: Option<Remote>,
) {
    if !selection::selects_protocol(protocol) {
        return;
    }
    let remote = match named {
        Some(remote) => {
            if is_corked(sk) {
                A::set_cork(sk, &Cork::to(&remote));
            }
            remote
        }
        None => unnamed::<A>(sk, family).unwrap_or(Remote::UNKNOWN),
    };
    count_selected::<A>(sk, family, protocol, remote, Moved::Sent(bytes));
}

/// Counts a datagram that a receive takes: `skb`, of which it takes `bytes`.
#[inline(always)]
pub(crate) fn consumed<A: Access>(
    sk: Sock,
    family: Family,
    protocol: u8,
    skb: *const c_void,
    bytes: i64,
) {
    if !selection::selects_protocol(protocol) {
        return;
    }
    let remote = if peer_port::<A>(sk) == 0 {
        sender(skb)
    } else {
        peer::<A>(sk, family)
    };
    count_selected::<A>(sk, family, protocol, remote, Moved::Received(bytes));
}

/// Counts what a send returned, with the address that was handed over.
#[inline(always)]
pub(crate) fn sent_as_handed_over(sk: Sock, family: Family, protocol: u8, bytes: i64) {
    if !selection::selects_protocol(protocol) {
        return;
    }
    let is_connected = peer_port::<Typed>(sk) != 0;
    let state = handover::datagram(sk);
    // A connected socket may still send elsewhere; one that ever did has state.
    let remote = if is_connected && state.is_none() {
        peer::<Typed>(sk, family)
    } else {
        match handover::take(state, || cookie(sk), Direction::Sent) {
            Some(remote) => {
                if is_connected && is_corked(sk) {
                    handover::set_cork(sk, &Cork::to(&remote));
                }
                remote
            }
            None if is_connected => {
                unnamed::<Typed>(sk, family).unwrap_or_else(|| peer::<Typed>(sk, family))
            }
            None => state
                .and_then(|state| handover::last(state, Direction::Sent))
                .unwrap_or(Remote::UNKNOWN),
        }
    };
    count_selected::<Typed>(sk, family, protocol, remote, Moved::Sent(bytes));
}

/// Counts what a receive returned, with the address that was handed over.
#[inline(always)]
pub(crate) fn received_as_handed_over(sk: Sock, family: Family, protocol: u8, bytes: i64) {
    if !selection::selects_protocol(protocol) {
        return;
    }
    let is_connected = peer_port::<Typed>(sk) != 0;
    let state = handover::datagram(sk);
    let remote = if is_connected && state.is_none() {
        peer::<Typed>(sk, family)
    } else {
        match handover::take(state, || cookie(sk), Direction::Received) {
            Some(remote) => remote,
            None if is_connected => peer::<Typed>(sk, family),
            None => Remote::UNKNOWN,
        }
    };
    count_selected::<Typed>(sk, family, protocol, remote, Moved::Received(bytes));
}

/// Forgets the address of a call that moved nothing: it failed, only peeked, or the datagram was
/// empty.
#[inline(always)]
pub(crate) fn moved_nothing(sk: Sock, protocol: u8, direction: Direction) {
    if selection::selects_protocol(protocol)
        && let Some(state) = handover::datagram(sk)
    {
        let _forgotten = handover::take(Some(state), || cookie(sk), direction);
    }
}

#[inline(always)]
fn count_selected<A: Access>(sk: Sock, family: Family, protocol: u8, remote: Remote, moved: Moved) {
    if selection::selects_remote::<A>(sk, family, &remote) {
        let path = Path {
            protocol,
            local_port: local_port::<A>(sk),
            remote,
        };
        count::<A>(Owner::Current(process::current::<A>()), &path, moved);
    }
}

/// Where a send goes that was given no address: on with the datagram that is being put together, or to
/// the peer.
#[inline(always)]
fn unnamed<A: Access>(sk: Sock, family: Family) -> Option<Remote> {
    if let Some(cork) = A::cork(sk)
        && let Some(remote) = handover::corked(cork)
    {
        if !is_corked(sk) {
            handover::uncork(cork);
        }
        return Some(remote);
    }
    (peer_port::<A>(sk) != 0).then(|| peer::<A>(sk, family))
}

/// Whether a datagram is being put together, after the call.
#[inline(always)]
fn is_corked(sk: Sock) -> bool {
    // SAFETY: a socket of UDP is a `udp_sock`; any bits are an integer. By the helper, because the
    // verifier knows a `sock` only.
    unsafe { read::<i32>(sk.wrapping_byte_add(offset!(udp_pending) as usize)) != 0 }
}

/// Who sent the datagram, from its headers, as `udp_recvmsg` and `udpv6_recvmsg` find it.
#[inline(always)]
fn sender(skb: *const c_void) -> Remote {
    let field = |offset: u32| skb.wrapping_byte_add(offset as usize);
    // SAFETY: `skb` is a `sk_buff` whose headers are there; any bits are integers.
    unsafe {
        let head: *const c_void = read(field(offset!(skb_head)));
        let network: u16 = read(field(offset!(skb_network_header)));
        let transport: u16 = read(field(offset!(skb_transport_header)));
        let protocol: u16 = read(field(offset!(skb_protocol)));
        let header = head.wrapping_byte_add(usize::from(network));
        // The sender is at byte 12 of an IPv4 header and byte 8 of one of IPv6.
        let address = if u16::from_be(protocol) == ETH_P_IP {
            Address::folded(read(header.wrapping_byte_add(12)))
        } else {
            Address(read(header.wrapping_byte_add(8)))
        };
        let port: u16 = read(head.wrapping_byte_add(usize::from(transport)));
        Remote::known(address, u16::from_be(port))
    }
}

#[inline(always)]
fn cookie(sk: Sock) -> u64 {
    // SAFETY: `sk` is a `sock`. Kernel 5.12 and later for tracing programs.
    unsafe { bpf_get_socket_cookie(sk.cast_mut()) }
}

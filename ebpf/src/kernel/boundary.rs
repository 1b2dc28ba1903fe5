//! Where a call of a socket's send or receive ends: the fexit and kprobe backends.
//!
//! `inet_sendmsg`, `inet6_sendmsg`, `inet_recvmsg` and `inet6_recvmsg` (`net/ipv4/af_inet.c`,
//! `net/ipv6/af_inet6.c`) stand between every protocol and the socket layer, which calls them by
//! pointer, once for each call and never from within another; for frames it is `packet_sendmsg` and
//! `packet_recvmsg` (`net/packet/af_packet.c`).

use core::ffi::c_void;

use nettally_ebpf::flow::Address;

use crate::access::{Access, read};
use crate::count::Moved;
use crate::globals::offset;
use crate::socket::{Kind, Remote, Sock, is_mptcp, kind};
use crate::{other, tcp, udp};

/// Copies data without taking it. From `include/linux/socket.h`, as below.
pub(crate) const MSG_PEEK: i32 = 0x2;
/// Reads notices of the socket, not data.
pub(crate) const MSG_ERRQUEUE: i32 = 0x2000;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Counts a send with the `msghdr` `message` that returned `returned`.
#[inline(always)]
pub(crate) fn sent<A: Access>(sk: Sock, message: *const c_void, returned: i32) {
    if returned <= 0 {
        return;
    }
    let bytes = i64::from(returned);
    match kind::<A>(sk) {
        Some(Kind::Stream(family)) => tcp::sent::<A>(sk, family, bytes),
        Some(Kind::Datagram(family, protocol)) => {
            // To send to no address is to send to loopback.
            let named = named::<A>(message).map(|remote| Remote {
                address: remote.address.or_loopback(),
                ..remote
            });
            udp::sent::<A>(sk, family, protocol, bytes, named);
        }
        Some(Kind::Other(family, protocol)) => {
            other::moved::<A>(
                sk,
                family,
                protocol,
                named::<A>(message),
                Moved::Sent(bytes),
            );
        }
        Some(Kind::Frames) | None => {}
    }
}

/// Counts a send of frames that returned `returned`.
#[inline(always)]
pub(crate) fn sent_frames<A: Access>(returned: i32) {
    if returned > 0 {
        other::frames::<A>(Moved::Sent(i64::from(returned)));
    }
}

/// Counts a receive of frames that returned `returned`.
#[inline(always)]
pub(crate) fn received_frames<A: Access>(returned: i32, flags: i32) {
    if returned > 0 && flags & (MSG_PEEK | MSG_ERRQUEUE) == 0 {
        other::frames::<A>(Moved::Received(i64::from(returned)));
    }
}

/// Counts a receive with the `msghdr` `message` that returned `returned`. Datagrams are counted as they
/// are taken from the socket's queue, see [`taken`].
#[inline(always)]
pub(crate) fn received<A: Access>(sk: Sock, message: *const c_void, returned: i32, flags: i32) {
    if returned <= 0 || flags & (MSG_PEEK | MSG_ERRQUEUE) != 0 {
        return;
    }
    let bytes = i64::from(returned);
    match kind::<A>(sk) {
        Some(Kind::Stream(family)) => tcp::returned::<A>(sk, family, bytes, flags),
        Some(Kind::Other(family, protocol)) => {
            let moved = Moved::Received(bytes);
            other::moved::<A>(sk, family, protocol, named::<A>(message), moved);
        }
        Some(Kind::Datagram(..) | Kind::Frames) | None => {}
    }
}

/// Counts a page that `inet_sendpage` (until kernel 6.5) took, of `sendfile` or `splice`. For what has
/// no such call of its own, MPTCP and all that is neither TCP nor UDP, it goes on to `inet_sendmsg`.
#[inline(always)]
pub(crate) fn sent_page<A: Access>(sk: Sock, returned: i32) {
    if returned <= 0 {
        return;
    }
    let bytes = i64::from(returned);
    match kind::<A>(sk) {
        Some(Kind::Stream(family)) if !is_mptcp::<A>(sk) => tcp::sent::<A>(sk, family, bytes),
        Some(Kind::Datagram(family, protocol)) => {
            udp::sent::<A>(sk, family, protocol, bytes, None);
        }
        Some(Kind::Stream(_) | Kind::Other(..) | Kind::Frames) | None => {}
    }
}

/// Whether [`sent_page`] counts pages of this socket.
#[inline(always)]
pub(crate) fn has_own_sendpage<A: Access>(sk: Sock) -> bool {
    match kind::<A>(sk) {
        Some(Kind::Stream(_)) => !is_mptcp::<A>(sk),
        Some(Kind::Datagram(..)) => true,
        Some(Kind::Other(..) | Kind::Frames) | None => false,
    }
}

/// Whether [`received`] counts a receive of this socket with `flags`, as far as one can tell when it
/// begins.
#[inline(always)]
pub(crate) fn is_counted_by_returns<A: Access>(sk: Sock, flags: i32) -> bool {
    match kind::<A>(sk) {
        Some(Kind::Stream(_)) => flags & tcp::MSG_OOB != 0 || !tcp::is_counted_by_stream::<A>(sk),
        Some(Kind::Other(..)) => true,
        Some(Kind::Datagram(..) | Kind::Frames) | None => false,
    }
}

/// Counts a datagram: `skb_consume_udp` in `net/ipv4/udp.c`, called once by each receive that copied
/// one, with the bytes that it copied, or minus that if it only peeked.
#[inline(always)]
pub(crate) fn taken<A: Access>(sk: Sock, skb: *const c_void, length: i32) {
    if length > 0
        && let Some(Kind::Datagram(family, protocol)) = kind::<A>(sk)
    {
        udp::consumed::<A>(sk, family, protocol, skb, i64::from(length));
    }
}

/// Counts what a splice from kernel TLS or MPTCP returned.
#[inline(always)]
pub(crate) fn spliced<A: Access>(sk: Sock, returned: i64) {
    if returned > 0
        && let Some(Kind::Stream(family)) = kind::<A>(sk)
    {
        tcp::spliced::<A>(sk, family, returned);
    }
}

/// The address that the call was given, or has filled in: the kernel's own copy.
#[inline(always)]
fn named<A: Access>(message: *const c_void) -> Option<Remote> {
    // SAFETY: `message` is a `msghdr`.
    let (name, length) = unsafe {
        (
            A::load::<*const c_void>(message, offset!(message_name)),
            A::load::<i32>(message, offset!(message_name_length)),
        )
    };
    // What is shorter than a `sockaddr_in` is no address.
    if name.is_null() || length < 16 {
        return None;
    }
    let at = |offset: usize| name.wrapping_byte_add(offset);
    // SAFETY: `name` has as many bytes as `length` says; any bits are integers. In `sockaddr_in` the
    // address follows the port; in `sockaddr_in6` there are four more bytes in between.
    unsafe {
        let port = u16::from_be(read(at(2)));
        match read::<u16>(at(0)) {
            AF_INET => Some(Remote::known(Address::folded(read(at(4))), port)),
            AF_INET6 => Some(Remote::known(Address(read(at(8))), port)),
            _ => None,
        }
    }
}

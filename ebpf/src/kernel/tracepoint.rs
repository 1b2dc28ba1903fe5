//! The tracepoint backend's entries.
//!
//! `sock_send_length` and `sock_recv_length` (kernel 6.3) fire once for each call of a socket's send
//! and receive, in the process that calls, with what the call returned.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::access::Typed;
use crate::boundary::{MSG_ERRQUEUE, MSG_PEEK};
use crate::count::Moved;
use crate::handover::Direction;
use crate::second::{Call, Turn, is_to_count};
use crate::socket::{Kind, Sock, kind};
use crate::{other, tcp, udp};

/// `sock_sendmsg_nosec` in `net/socket.c`: `sk`, what was returned, flags (always 0).
#[btf_tracepoint(function = "sock_send_length")]
fn sock_send_length(ctx: BtfTracePointContext) -> i32 {
    if is_to_count(Turn::First, Call::Send) {
        send(&ctx);
    }
    0
}

/// As above, see [`crate::second`].
#[btf_tracepoint(function = "sock_send_length")]
fn second_sock_send_length(ctx: BtfTracePointContext) -> i32 {
    if is_to_count(Turn::Second, Call::Send) {
        send(&ctx);
    }
    0
}

/// `sock_recvmsg_nosec` in `net/socket.c`: `sk`, what was returned, flags of the call.
#[btf_tracepoint(function = "sock_recv_length")]
fn sock_recv_length(ctx: BtfTracePointContext) -> i32 {
    if is_to_count(Turn::First, Call::Receive) {
        receive(&ctx);
    }
    0
}

/// As above, see [`crate::second`].
#[btf_tracepoint(function = "sock_recv_length")]
fn second_sock_recv_length(ctx: BtfTracePointContext) -> i32 {
    if is_to_count(Turn::Second, Call::Receive) {
        receive(&ctx);
    }
    0
}

#[inline(always)]
fn send(ctx: &BtfTracePointContext) {
    let (sk, returned): (Sock, i32) = (ctx.arg(0), ctx.arg(1));
    let Some(kind) = kind::<Typed>(sk) else {
        return;
    };
    let bytes = i64::from(returned);
    match (kind, returned > 0) {
        (Kind::Stream(family), true) => tcp::sent::<Typed>(sk, family, bytes),
        (Kind::Datagram(family, protocol), true) => {
            udp::sent_as_handed_over(sk, family, protocol, bytes);
        }
        (Kind::Datagram(_, protocol), false) => {
            udp::moved_nothing(sk, protocol, Direction::Sent);
        }
        (Kind::Other(family, protocol), true) => {
            other::moved::<Typed>(sk, family, protocol, None, Moved::Sent(bytes));
        }
        (Kind::Frames, true) => other::frames::<Typed>(Moved::Sent(bytes)),
        (Kind::Stream(_) | Kind::Other(..) | Kind::Frames, false) => {}
    }
}

#[inline(always)]
fn receive(ctx: &BtfTracePointContext) {
    let (sk, returned, flags): (Sock, i32, i32) = (ctx.arg(0), ctx.arg(1), ctx.arg(2));
    if returned < 0 || flags & MSG_ERRQUEUE != 0 {
        return;
    }
    let Some(kind) = kind::<Typed>(sk) else {
        return;
    };
    let bytes = i64::from(returned);
    match (kind, returned > 0 && flags & MSG_PEEK == 0) {
        (Kind::Stream(family), true) => tcp::returned::<Typed>(sk, family, bytes, flags),
        (Kind::Datagram(family, protocol), true) => {
            udp::received_as_handed_over(sk, family, protocol, bytes);
        }
        (Kind::Datagram(_, protocol), false) => {
            udp::moved_nothing(sk, protocol, Direction::Received);
        }
        (Kind::Other(family, protocol), true) => {
            other::moved::<Typed>(sk, family, protocol, None, Moved::Received(bytes));
        }
        (Kind::Frames, true) => other::frames::<Typed>(Moved::Received(bytes)),
        (Kind::Stream(_) | Kind::Other(..) | Kind::Frames, false) => {}
    }
}

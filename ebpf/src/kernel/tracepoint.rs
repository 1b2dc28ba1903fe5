//! The tracepoint backend's entries.
//!
//! `sock_send_length` and `sock_recv_length` (kernel 6.3) fire once for each call of a socket's send
//! and receive, in the process that calls, with what the call returned.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::handover::Direction;
use crate::socket::{Sock, Transport, family, protocol};
use crate::{tcp, udp};

/// Copies data without taking it. From `include/linux/socket.h`, as below.
const MSG_PEEK: i32 = 0x2;
/// Reads notices of the socket, not data.
const MSG_ERRQUEUE: i32 = 0x2000;

/// `sock_sendmsg_nosec` in `net/socket.c`: `sk`, what was returned, flags (always 0).
#[btf_tracepoint(function = "sock_send_length")]
fn sock_send_length(ctx: BtfTracePointContext) -> i32 {
    let (sk, returned): (Sock, i32) = (ctx.arg(0), ctx.arg(1));
    let Some(family) = family(sk) else { return 0 };
    let bytes = i64::from(returned);
    match (protocol(sk), returned > 0) {
        (Some(Transport::Tcp), true) => tcp::sent(sk, family, bytes),
        (Some(Transport::Udp), true) => udp::sent(sk, family, bytes),
        (Some(Transport::Udp), false) => udp::moved_nothing(sk, Direction::Sent),
        (Some(Transport::Tcp), false) | (None, _) => {}
    }
    0
}

/// `sock_recvmsg_nosec` in `net/socket.c`: `sk`, what was returned, flags of the call.
#[btf_tracepoint(function = "sock_recv_length")]
fn sock_recv_length(ctx: BtfTracePointContext) -> i32 {
    let (sk, returned, flags): (Sock, i32, i32) = (ctx.arg(0), ctx.arg(1), ctx.arg(2));
    if returned < 0 || flags & MSG_ERRQUEUE != 0 {
        return 0;
    }
    let Some(family) = family(sk) else { return 0 };
    let bytes = i64::from(returned);
    match (protocol(sk), returned > 0 && flags & MSG_PEEK == 0) {
        (Some(Transport::Tcp), true) => tcp::returned(sk, family, bytes, flags),
        (Some(Transport::Udp), true) => udp::received(sk, family, bytes),
        (Some(Transport::Udp), false) => udp::moved_nothing(sk, Direction::Received),
        (Some(Transport::Tcp), false) | (None, _) => {}
    }
    0
}

/// `tcp_rcv_space_adjust` in `net/ipv4/tcp_input.c`: `sk`, from which somebody has just taken data.
#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
fn tcp_rcv_space_adjust(ctx: BtfTracePointContext) -> i32 {
    let sk: Sock = ctx.arg(0);
    if let Some(family) = family(sk) {
        tcp::taken(sk, family);
    }
    0
}

/// `inet_sk_set_state` and `tcp_set_state`: `sk`, old state, new state.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    let (sk, new): (Sock, i32) = (ctx.arg(0), ctx.arg(2));
    if let (Some(family), Some(Transport::Tcp)) = (family(sk), protocol(sk)) {
        tcp::state_changed(sk, family, new);
    }
    0
}

/// `tcp_v4_destroy_sock` in `net/ipv4/tcp_ipv4.c`, for IPv6 too: `sk`, which nobody has any more.
#[btf_tracepoint(function = "tcp_destroy_sock")]
fn tcp_destroy_sock(ctx: BtfTracePointContext) -> i32 {
    let sk: Sock = ctx.arg(0);
    if let Some(family) = family(sk) {
        tcp::destroyed(sk, family);
    }
    0
}

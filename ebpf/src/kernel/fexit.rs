//! The fexit backend's entries: programs on the way out of functions, with their arguments and what
//! they returned.

use core::ffi::c_void;

use aya_ebpf::macros::{fentry, fexit};
use aya_ebpf::programs::{FEntryContext, FExitContext};

use crate::access::{Access as _, Typed};
use crate::boundary;
use crate::globals::offset;
use crate::second::{Call, Turn, is_to_count};
use crate::socket::Sock;

/// The two programs of a function, see [`crate::second`].
macro_rules! exits {
    ($($(#[$doc:meta])* $function:literal: $first:ident, $second:ident => $count:ident;)*) => {
        $(
            $(#[$doc])*
            #[fexit(function = $function)]
            fn $first(ctx: FExitContext) -> i32 {
                $count(&ctx, Turn::First);
                0
            }

            $(#[$doc])*
            #[fexit(function = $function)]
            fn $second(ctx: FExitContext) -> i32 {
                $count(&ctx, Turn::Second);
                0
            }
        )*
    };
}

exits! {
    /// `int inet_sendmsg(struct socket *, struct msghdr *, size_t)`
    "inet_sendmsg": inet_sendmsg, second_inet_sendmsg => send;
    /// As above.
    "inet6_sendmsg": inet6_sendmsg, second_inet6_sendmsg => send;
    /// As above, of frames.
    "packet_sendmsg": packet_sendmsg, second_packet_sendmsg => send_frames;
    /// `ssize_t inet_sendpage(struct socket *, struct page *, int, size_t, int)`, until kernel 6.5.
    "inet_sendpage": inet_sendpage, second_inet_sendpage => send_page;
    /// `int inet_recvmsg(struct socket *, struct msghdr *, size_t, int)`
    "inet_recvmsg": inet_recvmsg, second_inet_recvmsg => receive;
    /// As above.
    "inet6_recvmsg": inet6_recvmsg, second_inet6_recvmsg => receive;
    /// As above, of raw and ping sockets of IPv6 (`inet6_sockraw_ops` in `net/ipv6/raw.c`).
    "sock_common_recvmsg": sock_common_recvmsg, second_sock_common_recvmsg => receive;
    /// As above, of frames.
    "packet_recvmsg": packet_recvmsg, second_packet_recvmsg => receive_frames;
    /// `ssize_t mptcp_splice_read(struct socket *, loff_t *, struct pipe_inode_info *, size_t, unsigned)`
    "mptcp_splice_read": mptcp_splice_read, second_mptcp_splice_read => splice;
}

/// `void skb_consume_udp(struct sock *, struct sk_buff *, int)`
#[fentry(function = "skb_consume_udp")]
fn skb_consume_udp(ctx: FEntryContext) -> i32 {
    take(&ctx, Turn::First);
    0
}

/// As above.
#[fentry(function = "skb_consume_udp")]
fn second_skb_consume_udp(ctx: FEntryContext) -> i32 {
    take(&ctx, Turn::Second);
    0
}

#[inline(always)]
fn send(ctx: &FExitContext, turn: Turn) {
    if is_to_count(turn, Call::Send) {
        boundary::sent::<Typed>(sk(ctx), ctx.arg(1), ctx.arg(3));
    }
}

#[inline(always)]
fn send_frames(ctx: &FExitContext, turn: Turn) {
    if is_to_count(turn, Call::Send) {
        boundary::sent_frames::<Typed>(ctx.arg(3));
    }
}

#[inline(always)]
fn send_page(ctx: &FExitContext, turn: Turn) {
    if is_to_count(turn, Call::Send) {
        boundary::sent_page::<Typed>(sk(ctx), ctx.arg(5));
    }
}

#[inline(always)]
fn receive(ctx: &FExitContext, turn: Turn) {
    if is_to_count(turn, Call::Receive) {
        boundary::received::<Typed>(sk(ctx), ctx.arg(1), ctx.arg(4), ctx.arg(3));
    }
}

#[inline(always)]
fn receive_frames(ctx: &FExitContext, turn: Turn) {
    if is_to_count(turn, Call::Receive) {
        boundary::received_frames::<Typed>(ctx.arg(4), ctx.arg(3));
    }
}

#[inline(always)]
fn splice(ctx: &FExitContext, turn: Turn) {
    if is_to_count(turn, Call::Receive) {
        boundary::spliced::<Typed>(sk(ctx), ctx.arg(5));
    }
}

#[inline(always)]
fn take(ctx: &FEntryContext, turn: Turn) {
    if is_to_count(turn, Call::Take) {
        boundary::taken::<Typed>(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    }
}

/// Of the function's first argument, a `struct socket *`.
#[inline(always)]
fn sk(ctx: &FExitContext) -> Sock {
    let socket: *const c_void = ctx.arg(0);
    // SAFETY: it is a `socket`, and has a `sk` while a call is under way.
    unsafe { Typed::load(socket, offset!(socket_sk)) }
}

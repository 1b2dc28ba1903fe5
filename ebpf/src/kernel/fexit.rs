//! The fexit backend's entries: programs on the way out of functions, with their arguments and what
//! they returned.

use core::ffi::c_void;

use aya_ebpf::macros::{fentry, fexit};
use aya_ebpf::programs::{FEntryContext, FExitContext};

use crate::access::{Access as _, Typed};
use crate::boundary;
use crate::globals::offset;
use crate::socket::Sock;

/// `int inet_sendmsg(struct socket *, struct msghdr *, size_t)`
#[fexit(function = "inet_sendmsg")]
fn inet_sendmsg(ctx: FExitContext) -> i32 {
    boundary::sent::<Typed>(sk(&ctx), ctx.arg(1), ctx.arg(3));
    0
}

/// As above.
#[fexit(function = "inet6_sendmsg")]
fn inet6_sendmsg(ctx: FExitContext) -> i32 {
    boundary::sent::<Typed>(sk(&ctx), ctx.arg(1), ctx.arg(3));
    0
}

/// As above, of frames.
#[fexit(function = "packet_sendmsg")]
fn packet_sendmsg(ctx: FExitContext) -> i32 {
    boundary::sent_frames::<Typed>(ctx.arg(3));
    0
}

/// `ssize_t inet_sendpage(struct socket *, struct page *, int, size_t, int)`, until kernel 6.5.
#[fexit(function = "inet_sendpage")]
fn inet_sendpage(ctx: FExitContext) -> i32 {
    boundary::sent_page::<Typed>(sk(&ctx), ctx.arg(5));
    0
}

/// `int inet_recvmsg(struct socket *, struct msghdr *, size_t, int)`
#[fexit(function = "inet_recvmsg")]
fn inet_recvmsg(ctx: FExitContext) -> i32 {
    boundary::received::<Typed>(sk(&ctx), ctx.arg(1), ctx.arg(4), ctx.arg(3));
    0
}

/// As above.
#[fexit(function = "inet6_recvmsg")]
fn inet6_recvmsg(ctx: FExitContext) -> i32 {
    boundary::received::<Typed>(sk(&ctx), ctx.arg(1), ctx.arg(4), ctx.arg(3));
    0
}

/// As above, of frames.
#[fexit(function = "packet_recvmsg")]
fn packet_recvmsg(ctx: FExitContext) -> i32 {
    boundary::received_frames::<Typed>(ctx.arg(4), ctx.arg(3));
    0
}

/// `void skb_consume_udp(struct sock *, struct sk_buff *, int)`
#[fentry(function = "skb_consume_udp")]
fn skb_consume_udp(ctx: FEntryContext) -> i32 {
    boundary::taken::<Typed>(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// Of the function's first argument, a `struct socket *`.
#[inline(always)]
fn sk(ctx: &FExitContext) -> Sock {
    let socket: *const c_void = ctx.arg(0);
    // SAFETY: it is a `socket`, and has a `sk` while a call is under way.
    unsafe { Typed::load(socket, offset!(socket_sk)) }
}

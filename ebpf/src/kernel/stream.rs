//! Entries that follow TCP connections, whatever the backend: tracepoints that every kernel has, as
//! programs whose pointers have types, and as programs that are given numbers.

use aya_ebpf::macros::{btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};

use crate::access::{Access, Probed, Typed};
use crate::socket::{Kind, Sock, family, kind};
use crate::tcp;

/// `tcp_rcv_space_adjust` in `net/ipv4/tcp_input.c`: `sk`, from which somebody has just taken data.
#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
fn tcp_rcv_space_adjust(ctx: BtfTracePointContext) -> i32 {
    taken::<Typed>(ctx.arg(0));
    0
}

/// The same.
#[raw_tracepoint(tracepoint = "tcp_rcv_space_adjust")]
fn raw_tcp_rcv_space_adjust(ctx: RawTracePointContext) -> i32 {
    taken::<Probed>(ctx.arg(0));
    0
}

/// `inet_sk_set_state` and `tcp_set_state`: `sk`, old state, new state.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    state_changed::<Typed>(ctx.arg(0), ctx.arg(2));
    0
}

/// The same.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
fn raw_inet_sock_set_state(ctx: RawTracePointContext) -> i32 {
    state_changed::<Probed>(ctx.arg(0), ctx.arg(2));
    0
}

/// `tcp_v4_destroy_sock` in `net/ipv4/tcp_ipv4.c`, for IPv6 too: `sk`, which nobody has any more.
#[btf_tracepoint(function = "tcp_destroy_sock")]
fn tcp_destroy_sock(ctx: BtfTracePointContext) -> i32 {
    destroyed::<Typed>(ctx.arg(0));
    0
}

/// The same.
#[raw_tracepoint(tracepoint = "tcp_destroy_sock")]
fn raw_tcp_destroy_sock(ctx: RawTracePointContext) -> i32 {
    destroyed::<Probed>(ctx.arg(0));
    0
}

#[inline(always)]
fn taken<A: Access>(sk: Sock) {
    if let Some(family) = family::<A>(sk) {
        tcp::taken::<A>(sk, family);
    }
}

#[inline(always)]
fn state_changed<A: Access>(sk: Sock, new: i32) {
    if let Some(Kind::Stream(family)) = kind::<A>(sk) {
        tcp::state_changed::<A>(sk, family, new);
    }
}

#[inline(always)]
fn destroyed<A: Access>(sk: Sock) {
    if let Some(family) = family::<A>(sk) {
        tcp::destroyed::<A>(sk, family);
    }
    A::end_stream(sk);
}

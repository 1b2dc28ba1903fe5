//! The kprobe backend's entries: one program on the way into a function, which keeps its arguments,
//! and one on the way out, which sees what it returned.

use core::ffi::c_void;

use aya_ebpf::macros::{kprobe, kretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};

use crate::access::{Access as _, Probed};
use crate::boundary;
use crate::calls::{self, Call};
use crate::globals::offset;
use crate::handover;
use crate::socket::Sock;

/// Into `inet_sendmsg`, `inet6_sendmsg`.
#[kprobe]
fn enter_send(ctx: ProbeContext) -> u32 {
    if let Some(sk) = sk(&ctx) {
        calls::enter(sk, ctx.arg(1).unwrap_or(0), 0);
    }
    0
}

/// Out of them.
#[kretprobe]
fn leave_send(ctx: RetProbeContext) -> u32 {
    if let Some(Call { sk, message, .. }) = calls::leave() {
        boundary::sent::<Probed>(pointer(sk), pointer(message), ctx.ret());
    }
    0
}

/// Into `inet_sendpage`.
#[kprobe]
fn enter_send_page(ctx: ProbeContext) -> u32 {
    // What goes on to `inet_sendmsg` is followed there.
    if let Some(sk) = sk(&ctx)
        && boundary::has_own_sendpage::<Probed>(sk)
    {
        calls::enter(sk, 0, 0);
    }
    0
}

/// Out of it.
#[kretprobe]
fn leave_send_page(ctx: RetProbeContext) -> u32 {
    if let Some(Call { sk, .. }) = calls::leave() {
        boundary::sent_page::<Probed>(pointer(sk), ctx.ret());
    }
    0
}

/// Into `inet_recvmsg`, `inet6_recvmsg`, `sock_common_recvmsg`.
#[kprobe]
fn enter_receive(ctx: ProbeContext) -> u32 {
    let flags: i32 = ctx.arg(3).unwrap_or(0);
    if let Some(sk) = sk(&ctx)
        && boundary::is_counted_by_returns::<Probed>(sk, flags)
    {
        calls::enter(sk, ctx.arg(1).unwrap_or(0), flags);
    }
    0
}

/// Out of them.
#[kretprobe]
fn leave_receive(ctx: RetProbeContext) -> u32 {
    if let Some(Call {
        sk, message, flags, ..
    }) = calls::leave()
    {
        boundary::received::<Probed>(pointer(sk), pointer(message), ctx.ret(), flags);
    }
    0
}

/// Out of `packet_sendmsg`.
#[kretprobe]
fn leave_send_frames(ctx: RetProbeContext) -> u32 {
    boundary::sent_frames::<Probed>(ctx.ret());
    0
}

/// Into `packet_recvmsg`.
#[kprobe]
fn enter_receive_frames(ctx: ProbeContext) -> u32 {
    if let Some(sk) = sk(&ctx) {
        calls::enter(sk, 0, ctx.arg(3).unwrap_or(0));
    }
    0
}

/// Out of it.
#[kretprobe]
fn leave_receive_frames(ctx: RetProbeContext) -> u32 {
    if let Some(Call { flags, .. }) = calls::leave() {
        boundary::received_frames::<Probed>(ctx.ret(), flags);
    }
    0
}

/// Into `mptcp_splice_read` in `net/mptcp/protocol.c`, and `tls_sw_splice_read` in `net/tls/tls_sw.c`,
/// where the fexit backend uses it too: that function is in a module.
#[kprobe]
fn enter_splice(ctx: ProbeContext) -> u32 {
    if let Some(sk) = sk(&ctx) {
        calls::enter(sk, 0, 0);
    }
    0
}

/// Out of them.
#[kretprobe]
fn leave_splice(ctx: RetProbeContext) -> u32 {
    if let Some(Call { sk, .. }) = calls::leave() {
        boundary::spliced::<Probed>(pointer(sk), ctx.ret());
    }
    0
}

/// Into `inet_release` in `net/ipv4/af_inet.c`, which ends a socket: another may get its address.
#[kprobe]
fn enter_release(ctx: ProbeContext) -> u32 {
    if let Some(sk) = sk(&ctx) {
        handover::forget_cork(sk);
    }
    0
}

/// Into `skb_consume_udp`.
#[kprobe]
fn enter_consume_udp(ctx: ProbeContext) -> u32 {
    if let (Some(sk), Some(skb), Some(length)) = (ctx.arg(0), ctx.arg(1), ctx.arg(2)) {
        boundary::taken::<Probed>(sk, skb, length);
    }
    0
}

/// Of the function's first argument, a `struct socket *`.
#[inline(always)]
fn sk(ctx: &ProbeContext) -> Option<Sock> {
    let socket: *const c_void = ctx.arg(0)?;
    // SAFETY: it is a `socket`, and has a `sk` while a call is under way.
    Some(unsafe { Probed::load(socket, offset!(socket_sk)) })
}

#[inline(always)]
fn pointer(address: u64) -> *const c_void {
    core::ptr::with_exposed_provenance(address as usize)
}

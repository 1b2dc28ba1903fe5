//! Sockets that are older than these programs: an iterator over every TCP socket of a network
//! namespace, run when the programs are attached.

use core::ffi::c_void;

use crate::access::{Access, Probed, Typed};
use crate::socket::{Kind, kind};
use crate::tcp;

/// `struct bpf_iter__tcp` in `net/ipv4/tcp_ipv4.c`, kernel 5.9 and later.
#[repr(C)]
struct Context {
    meta: *const c_void,
    /// A `sock_common`; null at the end.
    socket: *const c_void,
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
fn existing_tcp(ctx: *const c_void) -> i32 {
    found::<Typed>(ctx);
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
fn probed_existing_tcp(ctx: *const c_void) -> i32 {
    found::<Probed>(ctx);
    0
}

#[inline(always)]
fn found<A: Access>(ctx: *const c_void) {
    // SAFETY: the kernel passes this.
    let socket = unsafe { core::ptr::read_volatile(&raw const (*ctx.cast::<Context>()).socket) };
    if socket.is_null() {
        return;
    }
    // Not one that is half open or waits for its end: those are not whole sockets.
    let tcp = Typed::as_tcp(socket);
    if tcp.is_null() {
        return;
    }
    if let Some(Kind::Stream(family)) = kind::<A>(tcp) {
        tcp::found::<A>(tcp, family);
    }
}

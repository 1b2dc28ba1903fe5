//! TCP: what was received is how far the application's place in the byte stream has moved.
//!
//! That sees every way of receiving (`recv`, `splice`, zero copy) and is not fooled by `MSG_PEEK`.
//! Where the stream is not what the application sees (kTLS, MPTCP, any upper-layer protocol), the
//! return value counts.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_skc_to_tcp_sock;
use nettally_ebpf::flow::protocol;
use nettally_ebpf::loss::Loss;

use crate::count::{Moved, Owner, Path, count};
use crate::globals::offset;
use crate::losses::lose;
use crate::socket::{Family, Sock, load, local_port, peer};
use crate::state::{self, SocketState};
use crate::{atomic, process, selection};

/// Reads the urgent byte, which is beside the stream. From `include/linux/socket.h`, as below.
const MSG_OOB: i32 = 0x1;

/// `enum tcp_state` of `include/net/tcp_states.h`.
mod tcp_state {
    pub(super) const ESTABLISHED: i32 = 1;
    pub(super) const SYN_SENT: i32 = 2;
    pub(super) const FIN_WAIT1: i32 = 4;
    pub(super) const CLOSE: i32 = 7;
    pub(super) const LAST_ACK: i32 = 9;
}

/// Attempts to move a socket's mark while other CPUs move it too; what is left is taken by the next
/// receive on the socket, or by its end.
const ATTEMPTS: u32 = 4;

/// Counts `bytes` that a send returned.
#[inline(always)]
pub(crate) fn sent(sk: Sock, family: Family, bytes: i64) {
    let Some(path) = selected_path(sk, as_tcp(sk), family) else {
        return;
    };
    count(
        Owner::Current(process::current()),
        &path,
        Moved::Sent(bytes),
    );
}

/// Counts what a receive took that returned `returned` bytes with `flags`, no `MSG_PEEK` among them.
#[inline(always)]
pub(crate) fn received(sk: Sock, family: Family, returned: i64, flags: i32) {
    let tcp = as_tcp(sk);
    let Some(path) = selected_path(sk, tcp, family) else {
        return;
    };
    let bytes = if is_plain(tcp) {
        let before = if flags & MSG_OOB == 0 { returned } else { 0 };
        taken(sk, tcp, before).unwrap_or_else(|| {
            lose(Loss::SocketStorage, Moved::Received(0));
            returned
        })
    } else {
        state::leave_to_returns(sk);
        returned
    };
    if bytes != 0 {
        count(
            Owner::Current(process::current()),
            &path,
            Moved::Received(bytes),
        );
    }
}

/// Follows a socket through its life: new ones start at zero, and what was spliced from a socket that
/// is being closed is charged to whoever used it.
#[inline(always)]
pub(crate) fn state_changed(sk: Sock, family: Family, new: i32) {
    let tcp = as_tcp(sk);
    if !is_plain(tcp) {
        return;
    }
    match new {
        tcp_state::ESTABLISHED => {
            if selected_path(sk, tcp, family).is_some()
                && state::get_or_create(sk, &SocketState::NEW).is_none()
            {
                lose(Loss::SocketStorage, Moved::Received(0));
            }
        }
        // A socket that was disconnected and is connected again: `tcp_disconnect` zeroed its counts.
        tcp_state::SYN_SENT => {
            if let Some(state) = state::get(sk) {
                // SAFETY: the pointer comes from a successful lookup.
                unsafe { (*state).consumed = 0 };
            }
        }
        // Both happen in the process that closes or shuts down, under `tcp_close_state`.
        tcp_state::FIN_WAIT1 | tcp_state::LAST_ACK => {
            settle(sk, tcp, family, Some(Owner::Current(process::current())));
        }
        tcp_state::CLOSE => settle(sk, tcp, family, None),
        _ => {}
    }
}

/// Takes what is left when the kernel destroys the socket. Data is still received after `TCP_CLOSE`.
///
/// The difference may be negative here: a `FIN` that was seen half-updated counted as a byte.
#[inline(always)]
pub(crate) fn destroyed(sk: Sock, family: Family) {
    let tcp = as_tcp(sk);
    let Some(state) = state::get(sk) else { return };
    if !is_plain(tcp) || state::is_left_to_returns(state) {
        return;
    }
    // SAFETY: the pointer comes from a successful lookup; nobody else has this socket any more.
    let bytes = unsafe { consumed(tcp) - (*state).consumed };
    if bytes != 0 {
        // SAFETY: as above.
        unsafe { (*state).consumed += bytes };
        charge(sk, tcp, family, state, None, bytes);
    }
}

/// Charges what was taken from the socket since the last receive, to its owner, else to `closer`.
#[inline(always)]
fn settle(sk: Sock, tcp: *const c_void, family: Family, closer: Option<Owner>) {
    let Some(state) = state::get(sk) else { return };
    if state::is_left_to_returns(state) {
        return;
    }
    let bytes = advance(state, consumed(tcp));
    if bytes != 0 {
        charge(sk, tcp, family, state, closer, bytes);
    } else if let Some(Owner::Current(process)) = closer {
        state::claim(state, process);
    }
}

#[inline(always)]
fn charge(
    sk: Sock,
    tcp: *const c_void,
    family: Family,
    state: *mut SocketState,
    closer: Option<Owner>,
    bytes: i64,
) {
    let Some(path) = selected_path(sk, tcp, family) else {
        return;
    };
    match state::owner(state).map(Owner::Earlier).or(closer) {
        Some(owner) => count(owner, &path, Moved::Received(bytes)),
        None => lose(Loss::OwnerUnknown, Moved::Received(bytes)),
    }
}

/// Bytes taken from the stream since it was last looked at; `None` if the kernel has no memory for
/// the socket's state.
///
/// A socket without state is older than these programs: it starts `before` bytes back.
#[inline(always)]
fn taken(sk: Sock, tcp: *const c_void, before: i64) -> Option<i64> {
    let consumed = consumed(tcp);
    let state = match state::get(sk) {
        Some(state) => state,
        None => state::get_or_create(sk, &SocketState::starting_at(consumed - before))?,
    };
    state::claim(state, process::current());
    Some(advance(state, consumed))
}

/// Moves the mark forward to `consumed` and tells how far this call moved it.
#[inline(always)]
fn advance(state: *mut SocketState, consumed: i64) -> i64 {
    // SAFETY: the pointer comes from a successful lookup, the field is inside.
    let mark = unsafe { &raw mut (*state).consumed };
    let mut attempt = 0;
    while attempt < ATTEMPTS {
        // SAFETY: as above.
        let old = unsafe { core::ptr::read_volatile(mark) };
        if consumed <= old {
            return 0;
        }
        if atomic::replace_i64(mark, old, consumed) {
            return consumed - old;
        }
        attempt += 1;
    }
    0
}

/// Bytes that the application has taken from the stream since the connection was made.
///
/// `bytes_received` counts what arrived in order, the `FIN` included. It is read first: if data
/// arrives meanwhile the result is too low, and the next look has the rest.
#[inline(always)]
fn consumed(tcp: *const c_void) -> i64 {
    // SAFETY: `tcp` is a `tcp_sock`, which begins with a `sock`.
    let (received, next, copied, flags) = unsafe {
        let received: u64 = load(tcp, offset!(tcp_bytes_received));
        let next: u32 = load(tcp, offset!(tcp_rcv_nxt));
        let copied: u32 = load(tcp, offset!(tcp_copied_seq));
        let flags: u64 = load(tcp, offset!(sock_flags));
        (received, next, copied, flags)
    };
    let unread = i64::from(next.wrapping_sub(copied).cast_signed());
    let fin_is_read = unread == 0 && flags & u64::from(offset!(sock_done_mask)) != 0;
    received.cast_signed() - unread - i64::from(fin_is_read)
}

/// The socket as a `tcp_sock`; null for MPTCP.
#[inline(always)]
fn as_tcp(sk: Sock) -> *const c_void {
    // SAFETY: `sk` is a `sock`. Kernel 5.9 and later.
    unsafe { bpf_skc_to_tcp_sock(sk.cast_mut()) }.cast::<c_void>()
}

/// Whether the application receives the byte stream itself, without an upper-layer protocol.
#[inline(always)]
fn is_plain(tcp: *const c_void) -> bool {
    if tcp.is_null() {
        return false;
    }
    // SAFETY: `tcp` is a `tcp_sock`, which begins with an `inet_connection_sock`.
    let operations: *const c_void = unsafe { load(tcp, offset!(icsk_ulp_ops)) };
    operations.is_null()
}

/// The socket's path, if the user wants it counted.
#[inline(always)]
fn selected_path(sk: Sock, tcp: *const c_void, family: Family) -> Option<Path> {
    if !selection::selects_protocol(protocol::TCP) {
        return None;
    }
    let remote = peer(sk, family);
    if !selection::selects_remote(sk, family, &remote) {
        return None;
    }
    let local_port = if tcp.is_null() {
        local_port(sk)
    } else {
        // SAFETY: `tcp` is a `tcp_sock`, which begins with an `inet_sock`.
        u16::from_be(unsafe { load(tcp, offset!(inet_source_port)) })
    };
    Some(Path {
        protocol: protocol::TCP,
        local_port,
        remote,
    })
}

//! TCP: what was received is how far the application's place in the byte stream has moved.
//!
//! That sees every way of receiving (`recv`, `splice`, zero copy) and is not fooled by `MSG_PEEK`.
//! Where the stream is not what the application sees (kTLS, MPTCP, sockmap), the return value counts.

use core::ffi::c_void;

use nettally_ebpf::flow::protocol;
use nettally_ebpf::loss::Loss;

use crate::access::Access;
use crate::count::{Moved, Owner, Path, count};
use crate::globals::offset;
use crate::losses::{lose, note};
use crate::socket::{Family, Sock, is_locked_by_process, local_port, peer, peer_port};
use crate::state::{self, Stream};
use crate::{process, selection};

/// Reads the urgent byte, which is beside the stream. From `include/linux/socket.h`.
pub(crate) const MSG_OOB: i32 = 0x1;

/// `SK_USER_DATA_PSOCK` in `include/net/sock.h`: the socket is in a sockmap. Kernel 6.0 and later.
const USER_DATA_PSOCK: u64 = 4;

/// `enum tcp_state` of `include/net/tcp_states.h`.
mod tcp_state {
    pub(super) const ESTABLISHED: i32 = 1;
    pub(super) const SYN_SENT: i32 = 2;
}

/// Counts `bytes` that a send returned.
#[inline(always)]
pub(crate) fn sent<A: Access>(sk: Sock, family: Family, bytes: i64) {
    // A socket that sends is bound, so its port needs no `tcp_sock`.
    let Some(path) = selected_path::<A>(sk, core::ptr::null(), family) else {
        return;
    };
    count::<A>(
        Owner::Current(process::current::<A>()),
        &path,
        Moved::Sent(bytes),
    );
}

/// Counts what the running process has just taken from the stream, by whatever call.
///
/// The process holds the socket's lock, so nothing moves meanwhile. A socket without state is older
/// than these programs: [`returned`] starts it.
#[inline(always)]
pub(crate) fn taken<A: Access>(sk: Sock, family: Family) {
    let tcp = A::as_tcp(sk);
    // The kernel may take data for itself in a softirq, when no process is to be charged.
    if !is_plain::<A>(sk, tcp) || !is_locked_by_process::<A>(sk) {
        return;
    }
    let Some(state) = A::stream(sk) else { return };
    let bytes = advance::<A>(tcp, state);
    if bytes <= 0 || state::is_left_to_returns(state) {
        return;
    }
    let Some(path) = selected_path::<A>(sk, tcp, family) else {
        return;
    };
    let process = process::current::<A>();
    state::set_owner(state, process);
    count::<A>(Owner::Current(process), &path, Moved::Received(bytes));
}

/// Counts a receive that returned `bytes` with `flags`, no `MSG_PEEK` among them, if the stream does
/// not tell: as of an urgent byte, which lies beside it.
#[inline(always)]
pub(crate) fn returned<A: Access>(sk: Sock, family: Family, bytes: i64, flags: i32) {
    let tcp = A::as_tcp(sk);
    let is_plain = is_plain::<A>(sk, tcp);
    let state = A::stream(sk);
    if let Some(state) = state {
        if !is_plain {
            state::leave_to_returns(state);
        } else if !state::is_left_to_returns(state) && flags & MSG_OOB == 0 {
            return;
        }
    }
    let Some(path) = selected_path::<A>(sk, tcp, family) else {
        return;
    };
    if is_plain && state.is_none() {
        // What is taken from now on is seen as it is taken.
        let start = Stream::starting_at(consumed::<A>(tcp), passed::<A>(tcp));
        match A::stream_or_new(sk, &start) {
            None => note(Loss::SocketStorage),
            // The connection has just been made, with fast open, while data of it was received: what
            // is taken next begins there.
            Some(state) if state::is_at_start(state) && start.consumed > 0 => return,
            Some(_) => {}
        }
    }
    count::<A>(
        Owner::Current(process::current::<A>()),
        &path,
        Moved::Received(bytes),
    );
}

/// Whether [`taken`] counts what is received, whatever calls return.
#[inline(always)]
pub(crate) fn is_counted_by_stream<A: Access>(sk: Sock) -> bool {
    match A::stream(sk) {
        Some(state) => !state::is_left_to_returns(state) && is_plain::<A>(sk, A::as_tcp(sk)),
        None => false,
    }
}

/// Counts what a splice returned that does not read the stream itself: kernel TLS, MPTCP.
#[inline(always)]
pub(crate) fn spliced<A: Access>(sk: Sock, family: Family, bytes: i64) {
    if let Some(path) = selected_path::<A>(sk, A::as_tcp(sk), family) {
        let owner = Owner::Current(process::current::<A>());
        count::<A>(owner, &path, Moved::Received(bytes));
    }
}

/// Starts a socket that is older than these programs where it is now.
#[inline(always)]
pub(crate) fn found<A: Access>(sk: Sock, family: Family) {
    let tcp = A::as_tcp(sk);
    if !is_plain::<A>(sk, tcp) || selected_path::<A>(sk, tcp, family).is_none() {
        return;
    }
    // The socket need not be locked: what two readings agree on is no mixture.
    let mut attempts = 0;
    while attempts < 4 {
        let (first, second) = (consumed::<A>(tcp), consumed::<A>(tcp));
        if first == second {
            let start = Stream::starting_at(first, passed::<A>(tcp));
            if A::stream_or_new(sk, &start).is_none() {
                note(Loss::SocketStorage);
            }
            return;
        }
        attempts += 1;
    }
    // The next ordinary receive starts it: what is spliced before is not seen.
    note(Loss::SocketStorage);
}

/// Starts a new connection at zero.
#[inline(always)]
pub(crate) fn state_changed<A: Access>(sk: Sock, family: Family, new: i32) {
    match new {
        tcp_state::ESTABLISHED => {
            let tcp = A::as_tcp(sk);
            if is_plain::<A>(sk, tcp)
                && selected_path::<A>(sk, tcp, family).is_some()
                && A::stream_or_new(sk, &Stream::NEW).is_none()
            {
                note(Loss::SocketStorage);
            }
        }
        // A socket that was disconnected and is connected again: `tcp_disconnect` zeroed its counts.
        tcp_state::SYN_SENT => {
            if let Some(state) = A::stream(sk) {
                state::restart(state, urgent::<A>(A::as_tcp(sk)));
            }
        }
        _ => {}
    }
}

/// Takes what is left when the kernel destroys the socket: what was taken while a program was skipped,
/// and what the kernel took for itself. Data is still received after `TCP_CLOSE`, so this is the end.
#[inline(always)]
pub(crate) fn destroyed<A: Access>(sk: Sock, family: Family) {
    let tcp = A::as_tcp(sk);
    let Some(state) = A::stream(sk) else { return };
    // A socket without a peer was disconnected, which zeroed its counts.
    if !is_plain::<A>(sk, tcp) || state::is_left_to_returns(state) || peer_port::<A>(sk) == 0 {
        return;
    }
    let bytes = advance::<A>(tcp, state);
    if bytes == 0 {
        return;
    }
    let Some(path) = selected_path::<A>(sk, tcp, family) else {
        return;
    };
    match state::owner(state) {
        Some(owner) => count::<A>(Owner::Earlier(owner), &path, Moved::Received(bytes)),
        None => lose(Loss::OwnerUnknown, Moved::Received(bytes)),
    }
}

/// Moves the socket's mark to where the application is, and tells how far that was, without an urgent
/// byte that was passed over.
#[inline(always)]
fn advance<A: Access>(tcp: *const c_void, state: *mut Stream) -> i64 {
    let consumed = consumed::<A>(tcp);
    let urgent = urgent::<A>(tcp);
    // SAFETY: the pointer comes from a successful lookup; the socket is locked, or nobody's.
    unsafe {
        let bytes = consumed - (*state).consumed;
        (*state).consumed = consumed;
        // No urgent byte ever: it is not looked for.
        if urgent == (*state).urgent_passed {
            return bytes;
        }
        let behind = i64::from(copied::<A>(tcp).wrapping_sub(urgent));
        let is_passed = behind > 0 && behind <= bytes;
        if !is_passed {
            return bytes;
        }
        (*state).urgent_passed = urgent;
        let flags: u64 = A::load(tcp, offset!(sock_flags));
        if flags & u64::from(offset!(sock_urgent_inline_mask)) == 0 {
            bytes - 1
        } else {
            bytes
        }
    }
}

/// Place of the last urgent byte in the stream; 0 if there never was one.
#[inline(always)]
fn urgent<A: Access>(tcp: *const c_void) -> u32 {
    if tcp.is_null() {
        return 0;
    }
    // SAFETY: `tcp` is a `tcp_sock`.
    unsafe { A::load(tcp, offset!(tcp_urgent_seq)) }
}

/// Where the application is in the stream.
#[inline(always)]
fn copied<A: Access>(tcp: *const c_void) -> u32 {
    // SAFETY: `tcp` is a `tcp_sock`.
    unsafe { A::load(tcp, offset!(tcp_copied_seq)) }
}

/// Place of the last urgent byte if the application has passed it; else 0.
#[inline(always)]
fn passed<A: Access>(tcp: *const c_void) -> u32 {
    let urgent = urgent::<A>(tcp);
    let is_passed = urgent.wrapping_sub(copied::<A>(tcp)).cast_signed() < 0;
    if is_passed { urgent } else { 0 }
}

/// Bytes that the application has taken from the stream since the connection was made.
///
/// `bytes_received` counts what arrived in order, the `FIN` included.
#[inline(always)]
fn consumed<A: Access>(tcp: *const c_void) -> i64 {
    // SAFETY: `tcp` is a `tcp_sock`, which begins with a `sock`.
    let (received, next, copied, flags) = unsafe {
        let received: u64 = A::load(tcp, offset!(tcp_bytes_received));
        let next: u32 = A::load(tcp, offset!(tcp_rcv_nxt));
        let copied: u32 = A::load(tcp, offset!(tcp_copied_seq));
        let flags: u64 = A::load(tcp, offset!(sock_flags));
        (received, next, copied, flags)
    };
    let unread = i64::from(next.wrapping_sub(copied).cast_signed());
    let fin_is_read = unread == 0 && flags & u64::from(offset!(sock_done_mask)) != 0;
    received.cast_signed() - unread - i64::from(fin_is_read)
}

/// Whether the application receives the byte stream itself, with nothing in between.
#[inline(always)]
fn is_plain<A: Access>(sk: Sock, tcp: *const c_void) -> bool {
    if tcp.is_null() {
        return false;
    }
    // SAFETY: `tcp` is a `tcp_sock`, which begins with an `inet_connection_sock`; `sk` is a `sock`.
    let (operations, user_data) = unsafe {
        (
            A::load::<*const c_void>(tcp, offset!(icsk_ulp_ops)),
            A::load::<u64>(sk, offset!(sock_user_data)),
        )
    };
    operations.is_null() && user_data & USER_DATA_PSOCK == 0
}

/// The socket's path, if the user wants it counted.
#[inline(always)]
fn selected_path<A: Access>(sk: Sock, tcp: *const c_void, family: Family) -> Option<Path> {
    if !selection::selects_protocol(protocol::TCP) {
        return None;
    }
    let remote = peer::<A>(sk, family);
    if !selection::selects_remote::<A>(sk, family, &remote) {
        return None;
    }
    let local_port = if tcp.is_null() {
        local_port::<A>(sk)
    } else {
        // SAFETY: `tcp` is a `tcp_sock`, which begins with an `inet_sock`.
        u16::from_be(unsafe { A::load(tcp, offset!(inet_source_port)) })
    };
    Some(Path {
        protocol: protocol::TCP,
        local_port,
        remote,
    })
}

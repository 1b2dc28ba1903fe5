//! UDP: bytes by return value; the remote from the socket if it is connected, else handed over by
//! the cgroup hooks.

use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use nettally_ebpf::flow::protocol;

use crate::count::{Moved, Owner, Path, count};
use crate::handover::{self, Direction};
use crate::socket::{Family, Remote, Sock, local_port, peer, peer_port};
use crate::{process, selection, state};

/// Counts what a send returned.
#[inline(always)]
pub(crate) fn sent(sk: Sock, family: Family, bytes: i64) {
    if selection::selects_protocol(protocol::UDP) {
        let remote = remote(sk, family, Direction::Sent);
        count_selected(sk, family, remote, Moved::Sent(bytes));
    }
}

/// Counts what a receive returned.
#[inline(always)]
pub(crate) fn received(sk: Sock, family: Family, bytes: i64) {
    if selection::selects_protocol(protocol::UDP) {
        let remote = remote(sk, family, Direction::Received);
        count_selected(sk, family, remote, Moved::Received(bytes));
    }
}

/// Forgets the address of a datagram that was only looked at: it will be received again.
#[inline(always)]
pub(crate) fn peeked(sk: Sock) {
    if selection::selects_protocol(protocol::UDP) && peer_port(sk) == 0 {
        let _forgotten = handover::take(cookie(sk), Direction::Received);
    }
}

#[inline(always)]
fn count_selected(sk: Sock, family: Family, remote: Remote, moved: Moved) {
    if selection::selects_remote(sk, family, &remote) {
        let path = Path {
            protocol: protocol::UDP,
            local_port: local_port(sk),
            remote,
        };
        count(Owner::Current(process::current()), &path, moved);
    }
}

/// A connected socket may still send elsewhere (`sendto`); one that ever did has state.
#[inline(always)]
fn remote(sk: Sock, family: Family, direction: Direction) -> Remote {
    let is_connected = peer_port(sk) != 0;
    let state = state::get(sk);
    if is_connected && state.is_none() {
        return peer(sk, family);
    }
    if let Some(remote) = handover::take(cookie(sk), direction) {
        return remote;
    }
    if is_connected {
        return peer(sk, family);
    }
    match (direction, state) {
        (Direction::Sent, Some(state)) => state::last(state).unwrap_or(Remote::UNKNOWN),
        (Direction::Sent, None) | (Direction::Received, _) => Remote::UNKNOWN,
    }
}

#[inline(always)]
fn cookie(sk: Sock) -> u64 {
    // SAFETY: `sk` is a `sock`. Kernel 5.12 and later for tracing programs.
    unsafe { bpf_get_socket_cookie(sk.cast_mut()) }
}

//! Entries at the root of cgroup v2, which see the address that an unconnected UDP call was given.
//! They change nothing and allow everything.

use core::ffi::c_void;
use core::ptr::read_volatile;

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use nettally_ebpf::flow::Address;

use crate::handover::{self, Direction};
use crate::socket::Remote;

const ALLOW: i32 = 1;

/// `udp_sendmsg` in `net/ipv4/udp.c`, when an address was given.
#[cgroup_sock_addr(sendmsg4)]
fn sendmsg4(ctx: SockAddrContext) -> i32 {
    hand_over(
        ctx.sock_addr,
        Direction::Sent,
        &reached(ipv4(ctx.sock_addr)),
    );
    ALLOW
}

/// `udpv6_sendmsg` in `net/ipv6/udp.c`, when an address was given.
#[cgroup_sock_addr(sendmsg6)]
fn sendmsg6(ctx: SockAddrContext) -> i32 {
    hand_over(
        ctx.sock_addr,
        Direction::Sent,
        &reached(ipv6(ctx.sock_addr)),
    );
    ALLOW
}

/// `udp_recvmsg` in `net/ipv4/udp.c`, when the caller asks for the address.
#[cgroup_sock_addr(recvmsg4)]
fn recvmsg4(ctx: SockAddrContext) -> i32 {
    hand_over(ctx.sock_addr, Direction::Received, &ipv4(ctx.sock_addr));
    ALLOW
}

/// `udpv6_recvmsg` in `net/ipv6/udp.c`, when the caller asks for the address.
#[cgroup_sock_addr(recvmsg6)]
fn recvmsg6(ctx: SockAddrContext) -> i32 {
    hand_over(ctx.sock_addr, Direction::Received, &ipv6(ctx.sock_addr));
    ALLOW
}

#[inline(always)]
fn hand_over(address: *mut bpf_sock_addr, direction: Direction, remote: &Remote) {
    // SAFETY: the context is valid for the run of the program.
    let sk = unsafe { (*address).__bindgen_anon_1.sk };
    let state = if sk.is_null() {
        None
    } else {
        handover::datagram_or_new(sk.cast::<c_void>())
    };
    // SAFETY: the context is valid for the run of the program.
    let cookie = || unsafe { bpf_get_socket_cookie(address.cast::<c_void>()) };
    handover::give(state, cookie, direction, remote);
}

/// Where a datagram to `remote` goes: to send to no address is to send to loopback.
#[inline(always)]
fn reached(remote: Remote) -> Remote {
    Remote {
        address: remote.address.or_loopback(),
        ..remote
    }
}

#[inline(always)]
fn ipv4(address: *mut bpf_sock_addr) -> Remote {
    // SAFETY: the context is valid for the run of the program.
    let ip = unsafe { (*address).user_ip4 };
    Remote::known(Address::folded(ip), port(address))
}

#[inline(always)]
fn ipv6(address: *mut bpf_sock_addr) -> Remote {
    // Word by word: the verifier wants each load at a constant distance from the context.
    // SAFETY: the context is valid for the run of the program.
    let ip = unsafe {
        [
            read_volatile(&raw const (*address).user_ip6[0]),
            read_volatile(&raw const (*address).user_ip6[1]),
            read_volatile(&raw const (*address).user_ip6[2]),
            read_volatile(&raw const (*address).user_ip6[3]),
        ]
    };
    Remote::known(Address(ip), port(address))
}

/// `user_port` holds 16 bits in network byte order.
#[inline(always)]
fn port(address: *mut bpf_sock_addr) -> u16 {
    // SAFETY: the context is valid for the run of the program.
    u16::from_be(unsafe { (*address).user_port } as u16)
}

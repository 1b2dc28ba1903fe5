//! Entries at the root of cgroup v2, which see the address that an unconnected UDP call was given.
//! They change nothing and allow everything.

use core::ffi::c_void;
use core::ptr::read_volatile;

use aya_ebpf::bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock_addr};
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use nettally_ebpf::flow::Address;

use crate::handover::{self, Direction};
use crate::socket::Remote;
use crate::state::{self, SocketState};

const ALLOW: i32 = 1;

/// `udp_sendmsg` in `net/ipv4/udp.c`, when an address was given.
#[cgroup_sock_addr(sendmsg4)]
fn sendmsg4(ctx: SockAddrContext) -> i32 {
    sent(ctx.sock_addr, &ipv4(ctx.sock_addr));
    ALLOW
}

/// `udpv6_sendmsg` in `net/ipv6/udp.c`, when an address was given.
#[cgroup_sock_addr(sendmsg6)]
fn sendmsg6(ctx: SockAddrContext) -> i32 {
    sent(ctx.sock_addr, &ipv6(ctx.sock_addr));
    ALLOW
}

/// `udp_recvmsg` in `net/ipv4/udp.c`, when the caller asks for the address.
#[cgroup_sock_addr(recvmsg4)]
fn recvmsg4(ctx: SockAddrContext) -> i32 {
    received(ctx.sock_addr, &ipv4(ctx.sock_addr));
    ALLOW
}

/// `udpv6_recvmsg` in `net/ipv6/udp.c`, when the caller asks for the address.
#[cgroup_sock_addr(recvmsg6)]
fn recvmsg6(ctx: SockAddrContext) -> i32 {
    received(ctx.sock_addr, &ipv6(ctx.sock_addr));
    ALLOW
}

#[inline(always)]
fn sent(address: *mut bpf_sock_addr, remote: &Remote) {
    // SAFETY: the context is valid for the run of the program.
    let sk = unsafe { (*address).__bindgen_anon_1.sk };
    if !sk.is_null()
        && let Some(state) = state::look_up(
            sk.cast::<c_void>(),
            &SocketState::NEW,
            u64::from(BPF_SK_STORAGE_GET_F_CREATE),
        )
    {
        state::set_last(state, remote);
    }
    handover::give(cookie(address), Direction::Sent, remote);
}

#[inline(always)]
fn received(address: *mut bpf_sock_addr, remote: &Remote) {
    handover::give(cookie(address), Direction::Received, remote);
}

#[inline(always)]
fn cookie(address: *mut bpf_sock_addr) -> u64 {
    // SAFETY: the context is valid for the run of the program.
    unsafe { bpf_get_socket_cookie(address.cast::<c_void>()) }
}

#[inline(always)]
fn ipv4(address: *mut bpf_sock_addr) -> Remote {
    // SAFETY: the context is valid for the run of the program.
    let ip = unsafe { (*address).user_ip4 };
    Remote {
        address: Address::folded(ip),
        port: port(address),
        is_known: true,
    }
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
    Remote {
        address: Address(ip),
        port: port(address),
        is_known: true,
    }
}

/// `user_port` holds 16 bits in network byte order.
#[inline(always)]
fn port(address: *mut bpf_sock_addr) -> u16 {
    // SAFETY: the context is valid for the run of the program.
    u16::from_be(unsafe { (*address).user_port } as u16)
}

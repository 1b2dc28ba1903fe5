//! What the user wants counted: decided before any row is written.

use aya_ebpf::btf_maps::LpmTrie;
use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::flow::Address;
use nettally_ebpf::settings::{MAX_NETWORKS, protocol_bit};

use crate::access::Access;
use crate::globals::setting;
use crate::socket::{Family, Remote, Sock, local_address};

/// Networks by longest prefix: 1 for one that is listed, 0 for what a listed one must not reach (an
/// IPv6 network has no IPv4 in it).
type Networks = LpmTrie<Address, u8, { MAX_NETWORKS as usize }>;

#[btf_map]
static REMOTES_INCLUDED: Networks = Networks::new();

#[btf_map]
static REMOTES_EXCLUDED: Networks = Networks::new();

#[inline(always)]
pub(crate) fn selects_protocol(protocol: u8) -> bool {
    setting!(protocols) & protocol_bit(protocol) != 0
}

/// Whether bytes with this remote are counted. An unknown remote is excluded by nothing but a
/// loopback address that the socket itself is bound to.
#[inline(always)]
pub(crate) fn selects_remote<A: Access>(sk: Sock, family: Family, remote: &Remote) -> bool {
    let selects_all = setting!(loopback) != 0
        && setting!(remotes_included) == 0
        && setting!(remotes_excluded) == 0;
    selects_all || selects::<A>(sk, family, remote)
}

#[inline(never)]
fn selects<A: Access>(sk: Sock, family: Family, remote: &Remote) -> bool {
    if setting!(loopback) == 0 && is_loopback::<A>(sk, family, remote) {
        return false;
    }
    if !remote.is_known() {
        return true;
    }
    let is_in = |networks: &Networks| {
        networks
            .get(&Key::new(128, remote.address))
            .is_some_and(|&listed| listed != 0)
    };
    (setting!(remotes_included) == 0 || is_in(&REMOTES_INCLUDED))
        && (setting!(remotes_excluded) == 0 || !is_in(&REMOTES_EXCLUDED))
}

/// Loopback is 127.0.0.0/8, `::1`, and a remote that is the socket's own address.
#[inline(always)]
fn is_loopback<A: Access>(sk: Sock, family: Family, remote: &Remote) -> bool {
    let local = local_address::<A>(sk, family);
    local.is_loopback()
        || (remote.is_known() && (remote.address.is_loopback() || remote.address == local))
}

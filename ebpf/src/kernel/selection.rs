//! What the user wants counted: decided before any row is written.

use aya_ebpf::btf_maps::LpmTrie;
use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::flow::Address;
use nettally_ebpf::settings::{MAX_NETWORKS, protocol_bit};

use crate::globals::setting;
use crate::socket::{Family, Remote, Sock, local_address};

#[btf_map]
static REMOTES_INCLUDED: LpmTrie<Address, u8, { MAX_NETWORKS as usize }> = LpmTrie::new();

#[btf_map]
static REMOTES_EXCLUDED: LpmTrie<Address, u8, { MAX_NETWORKS as usize }> = LpmTrie::new();

#[inline(always)]
pub(crate) fn selects_protocol(protocol: u8) -> bool {
    setting!(protocols) & protocol_bit(protocol) != 0
}

/// Whether bytes with this remote are counted. An unknown remote is excluded by nothing but a
/// loopback address that the socket itself is bound to.
#[inline(always)]
pub(crate) fn selects_remote(sk: Sock, family: Family, remote: &Remote) -> bool {
    if setting!(loopback) == 0 && is_loopback(sk, family, remote) {
        return false;
    }
    if !remote.is_known {
        return true;
    }
    if setting!(remotes_included) != 0
        && REMOTES_INCLUDED
            .get(&Key::new(128, remote.address))
            .is_none()
    {
        return false;
    }
    setting!(remotes_excluded) == 0
        || REMOTES_EXCLUDED
            .get(&Key::new(128, remote.address))
            .is_none()
}

/// Loopback is 127.0.0.0/8, `::1`, and a remote that is the socket's own address.
#[inline(always)]
fn is_loopback(sk: Sock, family: Family, remote: &Remote) -> bool {
    let local = local_address(sk, family);
    local.is_loopback()
        || (remote.is_known && (remote.address.is_loopback() || remote.address == local))
}

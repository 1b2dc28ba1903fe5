//! Lists of networks, as tries that the programs look remotes up in.

use std::net::{IpAddr, Ipv4Addr};

use aya::Ebpf;
use aya::maps::lpm_trie::{Key, LpmTrie};
use ipnet::{IpNet, Ipv4Net};
use nettally_ebpf::flow::Address;

use super::error::KernelError;

/// Puts networks into a trie of IPv6 prefixes, IPv4 folded in.
pub(super) fn fill(
    ebpf: &mut Ebpf,
    map: &'static str,
    networks: &[IpNet],
) -> Result<(), KernelError> {
    let missing = KernelError::MissingInObject {
        kind: "map",
        name: map.to_owned(),
    };
    let mut trie: LpmTrie<_, Address, u8> = ebpf
        .map_mut(map)
        .and_then(|map| LpmTrie::try_from(map).ok())
        .ok_or(missing)?;
    for (key, listed) in entries(networks) {
        trie.insert(&key, u8::from(listed), 0)
            .map_err(|error| KernelError::Map {
                doing: "fill",
                map,
                source: std::io::Error::other(error),
            })?;
    }
    Ok(())
}

/// The entries of a trie, later ones over earlier ones. IPv4 lies inside an IPv6 network such as
/// `::/0` only in our folded form, so it is cut out of it, unless it is listed itself.
fn entries(networks: &[IpNet]) -> impl Iterator<Item = (Key<Address>, bool)> + '_ {
    let ipv4 = folded(&IpNet::V4(Ipv4Net::default()));
    let holds_ipv4 = networks.iter().any(|network| match network {
        IpNet::V6(network) => network.contains(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()),
        IpNet::V4(_) => false,
    });
    let cut = holds_ipv4.then_some((ipv4, false));
    cut.into_iter()
        .chain(networks.iter().map(|network| (folded(network), true)))
}

fn folded(network: &IpNet) -> Key<Address> {
    let length = u32::from(network.prefix_len());
    match network.network() {
        IpAddr::V4(address) => Key::new(
            96 + length,
            Address::from_octets(address.to_ipv6_mapped().octets()),
        ),
        IpAddr::V6(address) => Key::new(length, Address::from_octets(address.octets())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_networks_become_prefixes_of_mapped_addresses() {
        let key = folded(&"10.0.0.0/8".parse().unwrap());
        assert_eq!({ key.prefix_len() }, 104);
        assert_eq!(key.data().octets()[10..13], [0xff, 0xff, 10]);
        assert_eq!({ folded(&"::/0".parse().unwrap()).prefix_len() }, 0);
    }

    #[test]
    fn an_ipv6_network_holds_no_ipv4() {
        let entries = |networks: &[&str]| -> Vec<(u32, bool)> {
            let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
            entries(&networks)
                .map(|(key, listed)| (key.prefix_len(), listed))
                .collect()
        };
        assert_eq!(entries(&["::/0"]), [(96, false), (0, true)]);
        assert_eq!(
            entries(&["::/0", "0.0.0.0/0"]),
            [(96, false), (0, true), (96, true)]
        );
        assert_eq!(entries(&["2001:db8::/32"]), [(32, true)]);
    }
}

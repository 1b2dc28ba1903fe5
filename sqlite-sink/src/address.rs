//! Addresses as 16 bytes that sort like the networks they are in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// An address as stored: IPv6, or IPv4 as `::ffff:a.b.c.d`.
pub(crate) type Address = [u8; 16];

/// The stored form.
pub(crate) fn stored(ip: IpAddr) -> Address {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// The address that people know.
pub(crate) fn shown(address: Address) -> IpAddr {
    Ipv6Addr::from(address).to_canonical()
}

/// From the first to the last address of a network, both inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddressRange {
    pub(crate) first: Address,
    pub(crate) last: Address,
}

impl AddressRange {
    /// All of IPv4.
    pub(crate) const IPV4: Self = Self {
        first: Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets(),
        last: Ipv4Addr::BROADCAST.to_ipv6_mapped().octets(),
    };

    /// All of a network.
    pub(crate) fn of(network: IpNet) -> Self {
        Self {
            first: stored(network.network()),
            last: stored(network.broadcast()),
        }
    }

    /// Whether this is an IPv6 network around all of IPv4, such as `::/0`. Its IPv4 part is not
    /// meant: who writes `::/0` asks for IPv6.
    pub(crate) fn surrounds_ipv4(&self) -> bool {
        self.first < Self::IPV4.first && Self::IPV4.last < self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_written() {
        for text in [
            "0.0.0.0",
            "127.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "2001:db8::1",
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(shown(stored(ip)).to_string(), text);
        }
    }

    #[test]
    fn a_network_is_the_range_of_its_addresses() {
        let ends = |text: &str| {
            let AddressRange { first, last } = AddressRange::of(text.parse().unwrap());
            (shown(first).to_string(), shown(last).to_string())
        };
        let pair = |first: &str, last: &str| (first.to_owned(), last.to_owned());
        assert_eq!(ends("10.1.2.3/8"), pair("10.0.0.0", "10.255.255.255"));
        assert_eq!(ends("0.0.0.0/0"), pair("0.0.0.0", "255.255.255.255"));
        assert_eq!(ends("10.1.2.3/32"), pair("10.1.2.3", "10.1.2.3"));
        assert_eq!(ends("::1/128"), pair("::1", "::1"));
        assert!(AddressRange::of("::/0".parse().unwrap()).surrounds_ipv4());
        assert!(!AddressRange::of("0.0.0.0/0".parse().unwrap()).surrounds_ipv4());
        assert!(!AddressRange::of("2001:db8::/32".parse().unwrap()).surrounds_ipv4());
    }
}

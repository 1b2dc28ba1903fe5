//! What the kernel counts of all sockets together, by the lines of `snmp`, `netstat` and `snmp6` in
//! `/proc/net`. Pure.

use serde::Serialize;

/// Sums over everything in one network namespace, or in several.
///
/// Datagrams have no bytes here, and octets have the headers of every protocol above the link layer
/// in them, and what is forwarded: a frame for what other protocols moved, and no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// UDP datagrams that were handed to IP.
    pub udp_sent_datagrams: u64,
    /// UDP datagrams that an application took.
    pub udp_received_datagrams: u64,
    /// Bytes of packets that were sent, IP header and all.
    pub ip_sent_bytes: u64,
    /// Bytes of packets that came in, those to be forwarded too.
    pub ip_received_bytes: u64,
}

impl Figures {
    /// From the text of all three files.
    pub(super) fn of(text: &str) -> Self {
        let mut figures = Self::default();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            match line.split_once(": ") {
                // A line of names, then one of values.
                Some((group, names)) => {
                    let values = lines.next().and_then(|line| line.split_once(": "));
                    if let Some((_, values)) = values {
                        for (name, value) in names.split(' ').zip(values.split(' ')) {
                            figures.take(group, name, value);
                        }
                    }
                }
                None => {
                    if let Some((name, value)) = line.split_once(char::is_whitespace) {
                        figures.take("", name, value.trim_start());
                    }
                }
            }
        }
        figures
    }

    fn take(&mut self, group: &str, name: &str, value: &str) {
        let figure = match (group, name) {
            ("Udp", "OutDatagrams") | ("", "Udp6OutDatagrams") => &mut self.udp_sent_datagrams,
            ("Udp", "InDatagrams") | ("", "Udp6InDatagrams") => &mut self.udp_received_datagrams,
            ("IpExt", "OutOctets") | ("", "Ip6OutOctets") => &mut self.ip_sent_bytes,
            ("IpExt", "InOctets") | ("", "Ip6InOctets") => &mut self.ip_received_bytes,
            _ => return,
        };
        *figure = figure.saturating_add(value.parse().unwrap_or(0));
    }

    pub(super) fn grown_since(self, start: Self) -> Self {
        self.with(start, u64::saturating_sub)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    fn with(self, other: Self, operation: fn(u64, u64) -> u64) -> Self {
        let Self {
            udp_sent_datagrams,
            udp_received_datagrams,
            ip_sent_bytes,
            ip_received_bytes,
        } = other;
        Self {
            udp_sent_datagrams: operation(self.udp_sent_datagrams, udp_sent_datagrams),
            udp_received_datagrams: operation(self.udp_received_datagrams, udp_received_datagrams),
            ip_sent_bytes: operation(self.ip_sent_bytes, ip_sent_bytes),
            ip_received_bytes: operation(self.ip_received_bytes, ip_received_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_families_are_added() {
        let text = "Udp: InDatagrams NoPorts OutDatagrams\nUdp: 5 1 7\n\
                    UdpLite: InDatagrams NoPorts OutDatagrams\nUdpLite: 50 1 70\n\
                    IpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 1000 2000\n\
                    Ip6InOctets                     \t30\nUdp6OutDatagrams \t4\n";
        let expected = Figures {
            udp_sent_datagrams: 11,
            udp_received_datagrams: 5,
            ip_sent_bytes: 2000,
            ip_received_bytes: 1030,
        };
        assert_eq!(Figures::of(text), expected);
    }

    #[test]
    fn this_kernel_has_them() {
        let text: String = ["snmp", "netstat", "snmp6"]
            .iter()
            .map(|name| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap())
            .collect();
        for name in [
            "\nUdp: ",
            "\nIpExt: ",
            " OutOctets",
            "OutDatagrams",
            "Udp6OutDatagrams",
        ] {
            assert!(text.contains(name), "{name}");
        }
        let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        server.send_to(b"x", server.local_addr().unwrap()).unwrap();
        let after = std::fs::read_to_string("/proc/net/snmp").unwrap();
        assert!(Figures::of(&after).udp_sent_datagrams > 0);
    }

    proptest! {
        #[test]
        fn any_text_is_no_panic(text in "(Udp|Udp6OutDatagrams|OutDatagrams|: | |\n|[0-9]|.){0,60}") {
            Figures::of(&text);
        }
    }
}

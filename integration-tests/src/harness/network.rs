//! A network namespace with a cable to it.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

/// Another machine, as far as routing is concerned. Dropping it removes it.
#[derive(Debug)]
pub struct Peer {
    /// Name of the namespace.
    pub namespace: String,
    /// Its address.
    pub ipv4: Ipv4Addr,
    /// Its address.
    pub ipv6: Ipv6Addr,
}

impl Peer {
    /// Makes the namespace, the cable, and addresses on both ends.
    ///
    /// # Panics
    /// `ip` is not there or refuses.
    #[must_use]
    pub fn start() -> Self {
        static NUMBER: AtomicU8 = AtomicU8::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        // Two test programs may run at a time.
        let net = process as u8;
        let peer = Self {
            namespace: format!("nettally-{process}-{number}"),
            ipv4: Ipv4Addr::new(10, 211, net, number * 4 + 2),
            ipv6: Ipv6Addr::new(0xfd6e, 0x7461, net.into(), number.into(), 0, 0, 0, 2),
        };
        let Self {
            namespace,
            ipv4,
            ipv6,
        } = &peer;
        let our_ipv4 = Ipv4Addr::from_bits(ipv4.to_bits() - 1);
        let our_ipv6 = Ipv6Addr::from_bits(ipv6.to_bits() - 1);
        // An interface's name has 15 characters at most.
        let (ours, theirs) = (
            format!("nta{process}.{number}"),
            format!("ntb{process}.{number}"),
        );
        for command in [
            format!("netns add {namespace}"),
            format!("link add {ours} type veth peer name {theirs} netns {namespace}"),
            format!("addr add {our_ipv4}/30 dev {ours}"),
            format!("addr add {our_ipv6}/64 dev {ours} nodad"),
            format!("link set {ours} up"),
            format!("-n {namespace} addr add {ipv4}/30 dev {theirs}"),
            format!("-n {namespace} addr add {ipv6}/64 dev {theirs} nodad"),
            format!("-n {namespace} link set {theirs} up"),
            format!("-n {namespace} link set lo up"),
        ] {
            ip(&command);
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Takes the cable with it.
        ip(&format!("netns delete {}", self.namespace));
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("`ip` is installed; `cargo xtask setup` does it");
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

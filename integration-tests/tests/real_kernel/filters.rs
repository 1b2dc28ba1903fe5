//! What is left out by configuration is in no face and in no map of the kernel.

use std::collections::BTreeSet;
use std::mem::{offset_of, size_of};
use std::net::IpAddr;

use nettally_ebpf::flow::{FlowKey, ProcessKey};
use nettally_integration_tests::harness::compare::expect_only;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::network::Peer;
use nettally_integration_tests::harness::{generator, kernel_maps, wait};
use nettally_integration_tests::traffic::{Moved, Protocol};

/// Moves bytes within this machine and to another one, each over every protocol and family.
fn traffic(peer: &Peer) -> Vec<Moved> {
    const CASES: [&str; 7] = [
        "cases",
        "tcp-v4",
        "tcp-v6",
        "tcp-mapped",
        "udp-v4",
        "udp-v6",
        "udp-con-map",
    ];
    let (ipv4, ipv6) = (peer.ipv4.to_string(), peer.ipv6.to_string());
    let place = [
        "--ipv4",
        &ipv4,
        "--ipv6",
        &ipv6,
        "--namespace",
        &peer.namespace,
    ];
    let mut truth = generator::run(&CASES);
    truth.extend(generator::run(&[place.as_slice(), &CASES].concat()));
    truth
}

/// Runs traffic under a configuration of which `is_counted` is the meaning.
#[track_caller]
fn check(peer: &Peer, source: &[String], is_counted: impl Fn(&Moved) -> bool) {
    let setup = Setup {
        source: source.to_vec(),
        ..Setup::default()
    };
    let mut daemon = Daemon::start(&setup);
    let truth = traffic(peer);
    expect_only(&mut daemon, &truth, &is_counted);

    // Long enough between two drains to find all entries of one run in the maps.
    let daemon = Daemon::start(&Setup {
        scrape_interval_secs: 5.0,
        ..setup
    });
    wait::until(wait::PATIENCE, || {
        let truth = traffic(peer);
        let present = flows_in_kernel(daemon.pid())?;
        for row in truth.iter().filter(|row| !is_counted(row)) {
            let key = (row.pid, row.protocol);
            assert!(!present.contains(&key), "{row:?} has an entry");
        }
        // Only what the same maps show to be there makes its absence mean something.
        let missing = truth
            .iter()
            .filter(|row| is_counted(row))
            .find(|row| !present.contains(&(row.pid, row.protocol)));
        missing.map_or(Ok(()), |row| {
            Err(format!("{row:?} has no entry among {present:?}"))
        })
    });
}

/// Process and protocol of every entry of the maps `FLOWS`.
fn flows_in_kernel(daemon: u32) -> Result<BTreeSet<(u32, Protocol)>, String> {
    let mut present = BTreeSet::new();
    for (name, id) in kernel_maps::of_process(daemon) {
        if !name.starts_with("FLOWS") {
            continue;
        }
        for entry in kernel_maps::entries(id)? {
            let key = kernel_maps::bytes(&entry["key"]);
            if key.len() != size_of::<FlowKey>() {
                continue;
            }
            let tgid = offset_of!(FlowKey, process) + offset_of!(ProcessKey, tgid);
            let pid = u32::from_ne_bytes(key[tgid..tgid + 4].try_into().expect("four bytes"));
            let protocol = match key[offset_of!(FlowKey, protocol)] {
                6 => Protocol::Tcp,
                17 => Protocol::Udp,
                other => return Err(format!("protocol {other}")),
            };
            present.insert((pid, protocol));
        }
    }
    Ok(present)
}

fn remote(row: &Moved) -> IpAddr {
    row.remote.expect("these cases know their remote").ip()
}

#[test]
fn protocols() {
    let peer = Peer::start();
    check(&peer, &["protocols: [tcp]".to_owned()], |row| {
        row.protocol == Protocol::Tcp
    });
    check(&peer, &["protocols: [udp]".to_owned()], |row| {
        row.protocol == Protocol::Udp
    });
}

#[test]
fn loopback() {
    let peer = Peer::start();
    check(&peer, &["loopback: false".to_owned()], |row| {
        !remote(row).is_loopback()
    });
}

#[test]
fn remotes_included() {
    let peer = Peer::start();
    let networks = format!("remotes: {{ include: [{}/29, \"::1\"] }}", peer.ipv4);
    let networks = networks.replace("\"::1\"", "\"::1/128\"");
    check(&peer, &[networks], |row| match remote(row) {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    });
}

#[test]
fn remotes_excluded() {
    let peer = Peer::start();
    let networks = format!(
        "remotes: {{ exclude: [127.0.0.0/8, \"{}/64\"] }}",
        peer.ipv6
    );
    check(&peer, &[networks], |row| match remote(row) {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    });
}

#[test]
fn remotes_excluded_from_those_included() {
    let peer = Peer::start();
    let networks = format!(
        "remotes: {{ include: [10.0.0.0/8, 127.0.0.0/8], exclude: [{}/30] }}",
        peer.ipv4
    );
    check(&peer, &[networks], |row| {
        remote(row).is_ipv4() && remote(row).is_loopback()
    });
}

/// IPv4 addresses are stored in their form mapped into IPv6, all of which `::/0` holds: nothing was
/// counted at all.
#[test]
fn excluding_all_of_ipv6_leaves_ipv4() {
    let peer = Peer::start();
    let networks = "remotes: { exclude: [\"::/0\"] }".to_owned();
    check(&peer, &[networks], |row| remote(row).is_ipv4());
}

/// As above: everything was counted.
#[test]
fn including_all_of_ipv6_is_not_including_ipv4() {
    let peer = Peer::start();
    let networks = "remotes: { include: [\"::/0\"] }".to_owned();
    check(&peer, &[networks], |row| remote(row).is_ipv6());
}

#[test]
fn processes_by_name() {
    let peer = Peer::start();
    let setup = Setup {
        source: vec!["processes: { include: [\"?-tcp*\"], exclude: [\"s-*\"] }".to_owned()],
        ..Setup::default()
    };
    let mut daemon = Daemon::start(&setup);
    let truth = traffic(&peer);
    expect_only(&mut daemon, &truth, |row| row.process.starts_with("c-tcp"));
}

//! `nettally audit` finds no difference where there is none, and finds the one that a filter makes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nettally_integration_tests::harness::network::Peer;
use nettally_integration_tests::harness::{generator, programs, require_root};
use nettally_integration_tests::traffic::{Moved, Protocol};
use serde_json::Value;
use tempfile::TempDir;

/// A running audit of this machine. Ended by [`Audit::finish`], else after a minute by itself.
struct Audit {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    _directory: TempDir,
}

impl Audit {
    /// Starts one with a line of the source's configuration, and waits until it counts.
    fn start(source: &str) -> Self {
        require_root();
        let directory = TempDir::new().expect("a directory for the test");
        let config = directory.path().join("config.yaml");
        let yaml = format!("sources:\n  network:\n    type: process_network\n    {source}\n");
        std::fs::write(&config, yaml).expect("our own directory");
        let mut child = Command::new(programs::nettally())
            .args(["audit", "--for", "60s", "--json", "-c"])
            .arg(&config)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("comparing for") {
            let length = log.read_line(&mut said).expect("text");
            assert!(length > 0, "it ended: {said}");
        }
        Self {
            child,
            log,
            _directory: directory,
        }
    }

    /// Ends it as a user would; returns whether it exited with success, and its report.
    fn finish(mut self) -> (bool, Value) {
        let pid = self.child.id().cast_signed();
        // SAFETY: no memory is involved; the child is not waited for yet, so the number is its own.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
        let mut printed = String::new();
        let mut output = self.child.stdout.take().expect("piped");
        output.read_to_string(&mut printed).expect("text");
        let status = self.child.wait().expect("our own child");
        let mut log = String::new();
        self.log.read_to_string(&mut log).expect("text");
        let report = serde_json::from_str(&printed)
            .unwrap_or_else(|error| panic!("{error}: {printed}\n{log}"));
        (status.success(), report)
    }
}

/// Short connections of every kind, here and to another namespace, and many short processes.
fn traffic(peer: &Peer) -> Vec<Moved> {
    const CASES: [&str; 10] = [
        "cases",
        "tcp-v4",
        "tcp-v6",
        "tcp-mapped",
        "tcp-peek",
        "tcp-part",
        "tcp-late",
        "tcp-sendfile",
        "tcp-shared",
        "tcp-reset",
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
    truth.extend(generator::run(&["storm", "100"]));
    truth.retain(|row| row.protocol == Protocol::Tcp);
    truth
}

fn number(report: &Value, pointer: &str) -> u64 {
    report
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no {pointer} in {report:#}"))
}

fn sum(rows: &[Moved], bytes: fn(&Moved) -> u64) -> u64 {
    rows.iter().map(bytes).sum()
}

/// A connection that is there before and after the audit, and never quiet.
struct Busy {
    stop: &'static AtomicBool,
    threads: Vec<JoinHandle<u64>>,
}

impl Busy {
    fn start() -> Self {
        let stop: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is left");
        let address = listener.local_addr().expect("it is bound");
        let mut client = TcpStream::connect(address).expect("it listens");
        let (mut server, _) = listener.accept().expect("it was connected");
        let sending = std::thread::spawn(move || {
            let mut sum = 0;
            while !stop.load(Ordering::Relaxed) {
                client.write_all(&[b'x'; 1000]).expect("the reader reads");
                sum += 1000;
                std::thread::sleep(Duration::from_micros(200));
            }
            sum
        });
        let receiving = std::thread::spawn(move || {
            let mut buffer = [0; 700];
            let mut sum = 0;
            while let Ok(length @ 1..) = server.read(&mut buffer) {
                sum += length as u64;
            }
            sum
        });
        Self {
            stop,
            threads: vec![sending, receiving],
        }
    }

    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let sums = self.threads.into_iter().map(|thread| thread.join());
        sums.map(|sum| sum.expect("the thread ends")).sum()
    }
}

#[test]
fn what_is_attributed_is_what_the_kernel_counted() {
    let peer = Peer::start();
    let busy = Busy::start();
    let audit = Audit::start("loopback: true");
    let truth = traffic(&peer);
    let (success, report) = audit.finish();
    assert!(busy.finish() > 0);

    assert!(success, "{report:#}");
    assert_eq!(report["agrees"], true);
    assert_eq!(
        report.pointer("/tcp/differing"),
        Some(&Value::Array(Vec::new()))
    );
    assert_eq!(number(&report, "/messages_overflowed"), 0, "{report:#}");
    assert!(number(&report, "/namespaces") >= 2, "{report:#}");
    // Nothing was compared with nothing: all of it is on both sides, but for the readers that reset
    // their connection, which the kernel forgets.
    let of = |row: &Moved| if row.process == "s-tcp-reset" { 0 } else { 1 };
    let sent = sum(&truth, |row| row.sent_bytes);
    let received: u64 = truth.iter().map(|row| row.received_bytes * of(row)).sum();
    assert!(
        number(&report, "/tcp/attributed/sent_bytes") >= sent,
        "{report:#}"
    );
    assert!(
        number(&report, "/tcp/kernel/sent_bytes/at_least") >= sent,
        "{report:#}"
    );
    let fins = truth.len() as u64 + 300;
    let at_least = number(&report, "/tcp/kernel/received_bytes/at_least");
    assert!(
        at_least + fins >= received,
        "{at_least} of {received}: {report:#}"
    );
    let attributed = number(&report, "/tcp/attributed/received_bytes");
    assert!(
        attributed >= received,
        "{attributed} of {received}: {report:#}"
    );
}

#[test]
fn what_a_filter_leaves_out_is_unattributed() {
    let peer = Peer::start();
    let audit = Audit::start(&format!("remotes: {{ exclude: [{}/30] }}", peer.ipv4));
    let truth = traffic(&peer);
    let (success, report) = audit.finish();

    let is_left_out = |address: IpAddr| match (address, IpAddr::V4(peer.ipv4)) {
        (IpAddr::V4(address), IpAddr::V4(peer)) => address.to_bits() >> 2 == peer.to_bits() >> 2,
        _ => false,
    };
    let remote = |row: &Moved| row.remote.expect("TCP has a remote").ip();
    let left_out: Vec<Moved> = truth
        .into_iter()
        .filter(|row| is_left_out(remote(row)) && row.process != "s-tcp-reset")
        .collect();
    let (sent, received) = (
        sum(&left_out, |row| row.sent_bytes),
        sum(&left_out, |row| row.received_bytes),
    );
    assert!(sent > 100_000 && received > 100_000, "{left_out:?}");

    assert!(!success, "{report:#}");
    assert_eq!(report["agrees"], false);
    assert_eq!(
        number(&report, "/tcp/unattributed/sent_bytes"),
        sent,
        "{report:#}"
    );
    // The kernel does not tell a FIN from a byte once a connection is closed.
    let unattributed = number(&report, "/tcp/unattributed/received_bytes");
    let fins = left_out.len() as u64;
    assert!(
        (received - fins..=received).contains(&unattributed),
        "{unattributed} of {received}: {report:#}"
    );
    let rows = report.pointer("/tcp/differing").and_then(Value::as_array);
    for row in rows.expect("a list") {
        let remote: SocketAddr = serde_json::from_value(row["remote"].clone()).expect("an address");
        assert!(is_left_out(remote.ip()), "{row:#}");
    }
}

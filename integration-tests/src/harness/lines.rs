//! What `nettally stream` prints, line by line, for whoever reads it as another program would.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{programs, require_root};

/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// Starts it with these options, waits until it measures, lets `meanwhile` happen, ends it as Vector
/// does, and returns all that it printed, and what happened.
///
/// # Panics
/// Not root, or it fails; the message has what it said.
#[track_caller]
pub fn printed<T>(options: &[&str], meanwhile: impl FnOnce() -> T) -> (Vec<String>, T) {
    require_root();
    let directory = TempDir::new().expect("a directory for the test");
    let config = directory.path().join("config.yaml");
    let yaml = format!(
        "data_dir: {}\nsources: {{ network: {{ type: process_network, scrape_interval_secs: 0.2 }} }}\n",
        directory.path().join("data").display()
    );
    std::fs::write(&config, yaml).expect("our own directory");
    let log = directory.path().join("log");
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let mut child = Command::new(programs::nettally())
        .arg("stream")
        .args(options)
        .arg("-c")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).expect("our own directory"))
        .spawn()
        .expect("the program starts");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let (sender, come) = channel();
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // Whoever waits has all of them, or has failed already.
            drop(sender.send(line));
        }
    });
    let mut lines = Vec::new();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is left");
    let start = Instant::now();
    while lines.is_empty() {
        // Nobody listens there.
        drop(socket.send_to(b"x", "127.0.0.1:9"));
        lines.extend(come.recv_timeout(Duration::from_millis(100)));
        if start.elapsed() > START {
            // It has ended already, or does so now.
            drop(child.kill());
            drop(child.wait());
            panic!("no lines in {START:?}: {}", said());
        }
    }
    let result = meanwhile();
    // SAFETY: no memory is involved; the child is not waited for yet, so the number is its own.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGTERM) };
    let status = child.wait().expect("our own child");
    assert!(status.success(), "{status}: {}", said());
    assert!(reader.join().is_ok(), "it only reads");
    lines.extend(come);
    (lines, result)
}

//! `nettally stream` and `nettally top` beside a daemon: of its numbers, or of their own.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read};
use std::net::UdpSocket;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator::Drip;
use nettally_integration_tests::harness::memory::resident_bytes;
use nettally_integration_tests::harness::{programs, wait};
use serde_json::Value;

/// Somebody without rights.
const NOBODY: u32 = 65_534;

fn stream(daemon: &Daemon, options: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(programs::nettally())
        .arg("stream")
        .arg("-c")
        .arg(daemon.config())
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("piped"));
    (child, lines)
}

fn terminate(child: &Child) {
    // SAFETY: no memory is involved; the child is not waited for yet, so the number is its own.
    unsafe { libc::kill(child.id().cast_signed(), libc::SIGTERM) };
}

fn value(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// What the records have of a process: bytes, and in how many windows.
fn of_process(text: &str, pid: u32) -> (u64, usize) {
    let mut sent = 0;
    let mut windows = BTreeSet::new();
    for record in text
        .lines()
        .map(value)
        .filter(|record| record["pid"] == pid)
    {
        sent += record["sent_bytes"].as_u64().unwrap_or(0);
        windows.insert(record["window_start"].to_string());
    }
    (sent, windows.len())
}

#[test]
fn a_blocked_pipe_costs_bounded_memory_and_not_a_byte() {
    const WINDOW_SECS: f64 = 0.1;
    for collector in ["daemon", "own"] {
        let daemon = Daemon::start(&Setup {
            scrape_interval_secs: WINDOW_SECS,
            ..Setup::default()
        });
        let (mut child, mut lines) = stream(&daemon, &["--collector", collector]);
        let mut text = String::new();
        let mut read_until_it_tells_of = |drip: &Drip| {
            while of_process(&text, drip.pid()).0 == 0 {
                let read = lines.read_line(&mut text).expect("a pipe");
                assert_ne!(read, 0, "{collector} ended");
            }
        };
        // What moved before a collector of its own was attached, it does not see.
        let first = Drip::start("drip-first", 1_000, Duration::from_millis(10));
        read_until_it_tells_of(&first);
        let drip = Drip::start("drip-blocked", 1_000, Duration::from_millis(1));
        read_until_it_tells_of(&drip);
        // From here on nobody reads, and a window is more text than a pipe holds.
        let ends = Arc::new(AtomicBool::new(false));
        let sending = std::thread::spawn({
            let ends = Arc::clone(&ends);
            move || {
                let sockets: Vec<UdpSocket> = (0..300)
                    .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port is left"))
                    .collect();
                while !ends.load(Ordering::Relaxed) {
                    for socket in &sockets {
                        // Nobody listens there.
                        drop(socket.send_to(b"x", "127.0.0.1:9"));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        });
        std::thread::sleep(Duration::from_secs(3));
        let before = (resident_bytes(child.id()), resident_bytes(daemon.pid()));
        std::thread::sleep(Duration::from_secs(6));
        let after = (resident_bytes(child.id()), resident_bytes(daemon.pid()));
        println!(
            "{collector}: resident bytes of the reader {} then {}, of the daemon {} then {}",
            before.0, after.0, before.1, after.1
        );
        assert!(
            after.0 < before.0 + (16 << 20),
            "the reader grows: {before:?} {after:?}"
        );
        assert!(
            after.1 < before.1 + (32 << 20),
            "the daemon grows: {before:?} {after:?}"
        );
        ends.store(true, Ordering::Relaxed);
        assert!(sending.join().is_ok());

        // The end comes while windows wait.
        let (at_least, pid) = (drip.sent_bytes(), drip.pid());
        terminate(&child);
        let reading = std::thread::spawn(move || {
            let mut rest = String::new();
            lines.read_to_string(&mut rest).map(|_| rest)
        });
        let status = wait::until(Duration::from_secs(20), || {
            let ended = child.try_wait().expect("our own child");
            ended.ok_or_else(|| "it is still running".to_owned())
        });
        let at_most = drip.sent_bytes() + 1_000;
        assert!(status.success(), "{collector}: {status}");
        let rest = reading.join().expect("no panic").expect("a pipe");
        text.push_str(&rest);
        let (sent, windows) = of_process(&text, pid);
        println!("{collector}: {sent} bytes in {windows} windows");
        assert!(
            (at_least..=at_most).contains(&sent),
            "{collector}: told {sent}, sent {at_least} to {at_most}"
        );
        assert!(
            windows < 60,
            "{collector}: nothing was merged, {windows} windows"
        );
    }
}

#[test]
fn a_daemon_that_stops_takes_its_last_window_along_and_ends_the_reader() {
    let mut daemon = Daemon::start(&Setup {
        // No window ends by itself.
        scrape_interval_secs: 3.0,
        ..Setup::default()
    });
    let (mut child, mut lines) = stream(&daemon, &["--collector", "daemon"]);
    let drip = Drip::start("drip-last", 1_000, Duration::from_millis(1));
    let mut text = String::new();
    while of_process(&text, drip.pid()).0 == 0 {
        assert_ne!(lines.read_line(&mut text).expect("a pipe"), 0);
    }
    std::thread::sleep(Duration::from_millis(500));
    let at_least = drip.sent_bytes();
    daemon.stop();
    lines.read_to_string(&mut text).expect("a pipe");
    assert_eq!(child.wait().expect("our own child").code(), Some(1));
    let (sent, _) = of_process(&text, drip.pid());
    assert!(
        sent >= at_least,
        "told {sent}, sent {at_least} before the stop"
    );
    let last = value(text.lines().last().expect("lines"));
    assert_eq!(
        (&last["type"], &last["level"]),
        (&"failure".into(), &"error".into())
    );
}

/// The program as nobody, in the daemon's folder, which everybody may enter.
fn as_nobody(daemon: &Daemon, options: &[&str]) -> Output {
    let config = daemon.config();
    let folder = config.parent().expect("a folder");
    let program = folder.join("nettally");
    if !program.exists() {
        std::fs::copy(programs::nettally(), &program).expect("our own directory");
    }
    for path in [folder.to_owned(), folder.join("data"), program.clone()] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("ours");
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--clear-groups", &format!("--regid={NOBODY}")])
        .arg(format!("--reuid={NOBODY}"))
        .arg(program)
        .args(options)
        .arg("-c")
        .arg(config);
    command
        .output()
        .expect("`setpriv` is installed; `cargo xtask setup` does it")
}

#[test]
fn a_user_of_the_sockets_group_needs_no_other_right() {
    let mut daemon = Daemon::start(&Setup::default());
    let _drip = Drip::start("drip-shared", 1_000, Duration::from_millis(5));
    let top = ["top", "--once", "--json"];
    let stream = ["stream", "--once"];

    let refused = as_nobody(&daemon, &top);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(
        said.contains("may not open") && said.contains("sudo"),
        "{said}"
    );

    let socket = daemon.config().with_file_name("data/nettally.sock");
    chown(&socket, None, Some(NOBODY)).expect("root");
    for options in [&top[..], &stream[..]] {
        let output = as_nobody(&daemon, options);
        let text = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{options:?}: {said}");
        assert!(text.contains("drip-shared"), "{options:?}: {text} {said}");
    }

    daemon.stop();
    let refused = as_nobody(&daemon, &top);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(
        said.contains("no daemon listens") && said.contains("sudo nettally run"),
        "{said}"
    );
    assert!(said.contains("CAP_BPF"), "both remedies: {said}");
}

#[test]
fn a_reader_beside_a_daemon_attaches_nothing_of_its_own() {
    let daemon = Daemon::start(&Setup::default());
    let (child, mut lines) = stream(&daemon, &["--format", "native_json", "--flows"]);
    let mut line = String::new();
    lines.read_line(&mut line).expect("a pipe");
    let record = value(&line);
    assert!(
        record.get("metric").is_some() || record.get("log").is_some(),
        "{record}"
    );
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", child.id())).expect("it runs");
    let held: Vec<String> = descriptors
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .map(|path| path.display().to_string())
        .filter(|path| path.contains("bpf"))
        .collect();
    assert!(held.is_empty(), "{held:?}");
    terminate(&child);
    let output = child.wait_with_output().expect("our own child");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("reading from the daemon"), "{said}");
}

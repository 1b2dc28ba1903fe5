//! Programs of others, whose own figures are the truth.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use nettally_integration_tests::harness::compare::{expect_exactly, expect_in_statsd};
use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::generator;
use nettally_integration_tests::harness::statsd::Statsd;
use nettally_integration_tests::traffic::{Moved, Protocol};
use tempfile::TempDir;

/// Serves HTTP to four connections, then sends datagrams to itself and back, and prints what its
/// calls returned in the form that our generator uses.
const SERVER: &str = include_str!("server.py");

#[test]
fn curl_and_python_are_exact() {
    let statsd = Statsd::start();
    let mut daemon = Daemon::start(&Setup {
        statsd: Some(statsd.address),
        ..Setup::default()
    });
    // StatsD knows processes by name only, and others may run curl and python just now.
    let own_name = |tool: &str| format!("{tool}-{}", std::process::id());
    let directory = TempDir::new().expect("a directory for the test");
    let curl_program = directory.path().join(own_name("curl"));
    symlink("/usr/bin/curl", &curl_program).expect("our own directory");
    let mut python = Command::new("python3")
        .args(["-c", SERVER, &own_name("python")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("`python3` is installed; `cargo xtask setup` does it");
    let mut printed = BufReader::new(python.stdout.take().expect("piped"));
    let mut truth = Vec::new();
    for _family in ["IPv4", "IPv6"] {
        let mut address = String::new();
        printed.read_line(&mut address).expect("the server prints");
        let url = format!("http://{}/", address.trim());
        truth.push(curl(&curl_program, &url, &[]));
        let upload = "x".repeat(123_456);
        truth.push(curl(
            &curl_program,
            &url,
            &["--data-binary", &upload, "-H", "Expect:"],
        ));
    }
    let mut rest = Vec::new();
    printed.read_to_end(&mut rest).expect("the server prints");
    assert!(python.wait().expect("our own child").success());
    let served = generator::parse(&rest);
    assert_eq!(served.len(), 4 + 2 * 2, "{served:?}");
    truth.extend(served);
    expect_in_statsd(&statsd, &truth);
    expect_exactly(&mut daemon, &truth);
}

/// One transfer, with the figures that curl gives of it.
fn curl(program: &Path, url: &str, options: &[&str]) -> Moved {
    const FORMAT: &str =
        "%{size_request} %{size_upload} %{size_header} %{size_download} %{remote_port}";
    let child = Command::new(program)
        .args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "-o",
            "/dev/null",
            "-w",
            FORMAT,
        ])
        .args(options)
        .arg(url)
        .stdout(Stdio::piped())
        .spawn()
        .expect("`curl` is installed; `cargo xtask setup` does it");
    let pid = child.id();
    let output = child.wait_with_output().expect("our own child");
    assert!(output.status.success(), "curl: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let figures: Vec<u64> = text
        .split(' ')
        .map(|figure| figure.parse().unwrap_or_else(|_| panic!("{text}")))
        .collect();
    let [request, upload, header, download, port] = figures[..] else {
        panic!("{text}");
    };
    let name = program.file_name().expect("a file").to_string_lossy();
    let ip = if url.contains('[') {
        "[::1]"
    } else {
        "127.0.0.1"
    };
    Moved {
        process: name.into_owned(),
        pid,
        protocol: Protocol::Tcp,
        remote: Some(format!("{ip}:{port}").parse().expect("an address")),
        sent_bytes: request + upload,
        received_bytes: header + download,
    }
}

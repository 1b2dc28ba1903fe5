//! What nobody may read.

use std::fs;

use nettally_integration_tests::harness::daemon::{Daemon, Setup};
use nettally_integration_tests::harness::faces::Face;
use nettally_integration_tests::harness::stream::Stream;
use nettally_integration_tests::harness::wait;

use super::{Specks, rows_of, run, text};

const SECRET: &str = "hunter2-xyzzy";

#[test]
fn a_password_on_the_command_line_is_in_no_row_and_in_no_file() {
    let specks = Specks::new();
    let program = specks.link("secret/speck-secret");
    let option = format!("--password={SECRET}");
    let url = format!("https://user:{SECRET}@example.org/");
    let steps = [
        "udp:100", "--", &option, "--token", SECRET, &url, "harmless",
    ];

    let stream = Stream::start(0.5, &[]);
    let mut daemon = Daemon::start(&Setup::default());
    let pid = run(&program, &steps);
    let is_ours = |row: &nettally_integration_tests::harness::stream::Row| {
        row.pid == pid && row.exe.as_deref() == Some(text(&program))
    };
    for row in rows_of(&stream, 100, is_ours) {
        let command_line = row.command_line.as_deref().unwrap_or_default();
        let is_redacted =
            command_line.contains("--password=***") && command_line.contains("harmless");
        assert!(is_redacted, "{command_line}");
    }
    let told = stream.finish();
    assert!(!told.text.contains(SECRET), "in the stream");

    wait::until(wait::PATIENCE, || {
        let rows = Face::Sqlite.read(&daemon)?;
        let found = rows.iter().any(|row| row.pid == pid);
        found
            .then_some(())
            .ok_or_else(|| "nothing stored".to_owned())
    });
    // With the log of what is not yet in the database, and without it.
    assert_in_no_file(&daemon);
    daemon.stop();
    assert_in_no_file(&daemon);
    assert!(!daemon.log().contains(SECRET), "in the log");
}

#[track_caller]
fn assert_in_no_file(daemon: &Daemon) {
    let directory = daemon.database();
    let directory = directory.parent().expect("it has one");
    let files = fs::read_dir(directory).expect("the daemon made it");
    for file in files.filter_map(Result::ok) {
        let bytes = fs::read(file.path()).unwrap_or_default();
        let found = bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        assert!(!found, "in {}", file.path().display());
    }
}

//! The program as users start it: exit codes and what is said.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are not known as tests to clippy"
)]

mod db;
mod generate;
mod history;
mod readme;
mod report;
mod validate;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The built program, in an empty environment except for the time zone.
fn nettally() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nettally"));
    command.env_clear().env("TZ", "UTC").stdin(Stdio::null());
    command
}

/// Runs it, and checks the exit code.
#[track_caller]
fn run(arguments: &[&str], expected_code: i32) -> Output {
    let output = nettally().args(arguments).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(expected_code),
        "{arguments:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs it where nobody reads, which is neither a failure nor worth a word.
#[track_caller]
fn run_unread(arguments: &[&str]) {
    // The pipe is closed before the program writes, as its reader is gone already.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = nettally()
        .args(arguments)
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(err(&output), "", "{arguments:?}");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_name_alone_says_what_to_do_next() {
    let output = run(&[], 0);
    let said = out(&output);
    assert!(said.contains("nettally run "), "{said}");
    assert!(said.contains("nettally report "), "{said}");
    assert_eq!(err(&output), "");
}

#[test]
fn an_unknown_command_is_a_mistake_of_usage() {
    let output = run(&["reprot"], 2);
    assert!(err(&output).contains("report"), "{}", err(&output));
}

#[test]
fn an_unknown_log_level_is_named() {
    let output = run(&["validate", "--log-level", "a=b=c"], 1);
    let error = err(&output);
    assert!(error.starts_with("nettally: cannot use the log level \"a=b=c\"; allowed: "));
}

#[test]
fn a_configuration_with_problems_stops_every_command_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    std::fs::write(&file, "colour: red\n").unwrap();
    for command in ["run", "top", "report", "stream", "doctor", "validate"] {
        let output = run(&[command, "-c", text(&file)], 1);
        let expected = "bad.yaml:1:1: colour: unknown section \"colour\"; allowed: ";
        assert!(
            err(&output).contains(expected),
            "{command}: {}",
            err(&output)
        );
        assert_eq!(out(&output), "");
    }
}

#[test]
fn an_interval_out_of_range_is_named() {
    let output = run(&["top", "--interval", "0.01"], 1);
    assert!(err(&output).contains("--interval is 0.01; allowed: 0.1 to 3600"));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for (arguments, expected) in [
        (
            &["stream", "--flows"][..],
            "nettally: --flows is for --format native_json: json has a line for each flow anyway\n",
        ),
        (
            &["validate", "-c", "one.yaml", "other.yaml"],
            "nettally: one file at a time: other.yaml is named, and one.yaml after -c\n",
        ),
    ] {
        assert_eq!(err(&run(arguments, 2)), expected);
    }
}

//! Processes that are not what they were a moment ago.

use std::collections::BTreeMap;

use nettally_integration_tests::harness::stream::{Row, Stream};

use super::{Specks, own_chain, rows_of, run, sent, text};

/// Long, so that a process begins and ends within a window nearly always.
const WINDOW_SECS: f64 = 2.0;

/// Until it happens within one window, which is for the clock to decide.
const ATTEMPTS: usize = 5;

/// Whether rows of both programs are of one window.
fn share_a_window(rows: &[Row]) -> bool {
    let mut windows = BTreeMap::<&str, Vec<Option<&str>>>::new();
    for row in rows {
        let exes = windows.entry(&row.window_start).or_default();
        if !exes.contains(&row.exe.as_deref()) {
            exes.push(row.exe.as_deref());
        }
    }
    windows.values().any(|exes| exes.len() > 1)
}

/// The number of a process that has ended is given to another program at once.
#[test]
fn a_number_used_again_is_another_process() {
    let specks = Specks::new();
    let stream = Stream::start(WINDOW_SECS, &[]);
    let is_within_one_window = (0..ATTEMPTS).any(|attempt| {
        let first = specks.link(format!("first-{attempt}/speck-first"));
        let second = specks.link(format!("second-{attempt}/speck-second"));
        let pid = run(&first, &["udp:1000"]);
        let twin = format!("twin:{pid}");
        let exec = format!("exec:{}", text(&second));
        run(
            &specks.path().join("speck"),
            &[&*twin, &exec, "udp:300", "udp:7"],
        );
        let exes = [text(&first), text(&second)];
        let is_ours = |row: &Row| row.exe.as_deref().is_some_and(|exe| exes.contains(&exe));
        let rows = rows_of(&stream, 1307, is_ours);
        for (exe, name, bytes) in [
            (exes[0], "speck-first", 1000),
            (exes[1], "speck-second", 307),
        ] {
            let rows: Vec<Row> = rows
                .iter()
                .filter(|row| row.exe.as_deref() == Some(exe))
                .cloned()
                .collect();
            assert_eq!(sent(&rows), bytes, "{rows:?}");
            for row in &rows {
                assert_eq!((row.pid, &*row.process), (pid, name), "{row:?}");
            }
        }
        share_a_window(&rows)
    });
    assert!(is_within_one_window, "never in one window");
}

/// A process becomes another program, with a socket that it had and one of its own.
#[test]
fn a_program_that_becomes_another_is_two_in_one_window() {
    let specks = Specks::new();
    let stream = Stream::start(WINDOW_SECS, &[]);
    let is_within_one_window = (0..ATTEMPTS).any(|attempt| {
        let [first, second, third] = ["first", "second", "third"]
            .map(|name| specks.link(format!("{name}-{attempt}/speck-{name}")));
        let to_second = format!("exec:{}", text(&second));
        let to_third = format!("exec:{}", text(&third));
        let steps = [
            "open", "kept:100", "udp:1000", &to_second, "kept:50", "udp:20", &to_third, "udp:3",
        ];
        let pid = run(&first, &steps);
        let rows = rows_of(&stream, 1173, |row| {
            row.pid == pid && row.process.starts_with("speck")
        });
        for (exe, name, bytes, rest) in [
            (&first, "speck-first", 1100, "udp:3"),
            (&second, "speck-second", 70, "udp:3"),
            (&third, "speck-third", 3, "udp:3"),
        ] {
            let rows: Vec<Row> = rows
                .iter()
                .filter(|row| row.exe.as_deref() == Some(text(exe)))
                .cloned()
                .collect();
            assert_eq!(sent(&rows), bytes, "{rows:?}");
            for row in &rows {
                let command_line = row.command_line.as_deref().unwrap_or_default();
                let is_its_own =
                    command_line.starts_with(text(exe)) && command_line.ends_with(rest);
                assert!(row.process == name && is_its_own, "{row:?}");
                assert_eq!(row.attribution, "kernel", "{row:?}");
                assert_eq!(row.parents, own_chain(), "the parent stays the same");
            }
        }
        share_a_window(&rows)
    });
    assert!(is_within_one_window, "never in one window");
}

/// Runs one, and returns its rows, which have sent so much.
#[track_caller]
fn rows_with(steps: &[&str], sent_bytes: u64) -> Vec<Row> {
    let specks = Specks::new();
    let program = specks.link("odd/speck-odd");
    let stream = Stream::start(0.5, &[]);
    let pid = run(&program, steps);
    let rows = rows_of(&stream, sent_bytes, |row| {
        row.pid == pid && row.exe.as_deref() == Some(text(&program))
    });
    for row in &rows {
        assert_eq!(row.attribution, "kernel", "{row:?}");
    }
    rows
}

#[test]
fn bytes_of_a_process_that_becomes_another_user_are_its_own() {
    let rows = rows_with(&["udp:100", "uid:65534", "udp:50"], 150);
    println!("told as of users {:?}", users(&rows));
    let is_either = |row: &Row| matches!(row.uid, Some(0 | 65534));
    assert!(rows.iter().all(is_either), "{rows:?}");
    // Whoever is somebody else before the first byte is that somebody.
    let rows = rows_with(&["uid:65534", "udp:70"], 70);
    assert!(
        rows.iter()
            .all(|row| row.uid == Some(65534) && row.user.as_deref() == Some("nobody")),
        "{rows:?}"
    );
}

fn users(rows: &[Row]) -> Vec<Option<u32>> {
    rows.iter().map(|row| row.uid).collect()
}

#[test]
fn a_process_that_renames_itself_is_still_one() {
    let rows = rows_with(&["udp:100", "name:renamed", "udp:50"], 150);
    let names: Vec<&str> = rows.iter().map(|row| &*row.process).collect();
    println!("told by the names {names:?}");
    let is_either = |name: &&str| matches!(*name, "speck-odd" | "renamed");
    assert!(names.iter().all(is_either), "{rows:?}");
    let rows = rows_with(&["name:renamed", "udp:70"], 70);
    assert!(rows.iter().all(|row| row.process == "renamed"), "{rows:?}");
}

#[test]
fn a_thread_of_another_name_is_its_process() {
    let rows = rows_with(&["thread:worker-a:100", "thread:worker-b:50", "udp:7"], 157);
    assert!(
        rows.iter().all(|row| row.process == "speck-odd"),
        "{rows:?}"
    );
}

#[test]
fn a_process_whose_first_thread_has_ended_is_itself() {
    let rows = rows_with(&["leave:80"], 80);
    for row in &rows {
        assert_eq!(row.process, "speck-odd");
        assert_eq!(row.parents, own_chain());
        let command_line = row.command_line.as_deref().unwrap_or_default();
        assert!(command_line.ends_with("leave:80"), "{row:?}");
    }
}

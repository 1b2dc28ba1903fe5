//! `nettally db`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use nettally_sqlite_sink::SqliteConfig;
use serde_json::Value;
use tempfile::TempDir;

use super::history::{self, EVIL};
use super::{err, nettally, out, run, run_unread, text};

const COMMANDS: [&[&str]; 4] = [&["stats"], &["check"], &["vacuum"], &["export"]];

/// A folder with the known database.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    history::store(folder.path());
    folder
}

/// A command of `db` with the database of a folder.
fn db<'a>(command: &[&'a str], folder: &'a Path) -> Vec<&'a str> {
    [&["db"], command, &["--data-dir", text(folder)]].concat()
}

/// Everything that a report says of the known time.
fn reports(database: &Path) -> Vec<String> {
    let all = "process,pid,exe,user,protocol,remote_ip,remote_port,local_port";
    [
        &["2026-01"][..],
        &["2026-01", "--json", "--group-by", all],
        &["2026-01", "--csv", "--group-by", all],
        &["2026-01-02", "--json", "--protocol", "packet"],
    ]
    .into_iter()
    .map(|arguments| {
        let target = ["report", "--database", text(database)];
        out(&run(&[&target[..], arguments].concat(), 0)).to_owned()
    })
    .collect()
}

#[test]
fn an_export_that_is_imported_gives_the_same_reports_to_the_byte() {
    let folder = folder();
    let export = folder.path().join("all.jsonl");
    let copy = folder.path().join("new/copy.db");
    let said = run(
        &db(&["export", "--output", text(&export)], folder.path()),
        0,
    );
    assert_eq!((out(&said), err(&said)), ("", ""));
    let said = run(
        &["db", "import", text(&export), "--database", text(&copy)],
        0,
    );
    let expected = format!("{}: 5 rows and 1 losses imported\n", copy.display());
    assert_eq!((out(&said), err(&said)), (expected.as_str(), ""));
    assert_eq!(reports(&copy), reports(&folder.path().join("nettally.db")));
    run(&["db", "check", "--database", text(&copy)], 0);

    // The same again is refused, and changes nothing.
    let before = reports(&copy);
    let said = run(
        &["db", "import", text(&export), "--database", text(&copy)],
        1,
    );
    let expected =
        "already has usage from 2026-01-02T03:04:05Z to 2026-01-02T03:04:06Z, where line 2";
    assert!(err(&said).contains(expected), "{}", err(&said));
    assert_eq!(reports(&copy), before);
}

#[test]
fn an_export_ends_quietly_where_nobody_reads() {
    let folder = folder();
    for format in ["jsonl", "csv"] {
        run_unread(&db(&["export", "--format", format], folder.path()));
    }
}

#[test]
fn an_export_goes_through_a_pipe() {
    let folder = folder();
    let export = run(&db(&["export"], folder.path()), 0);
    let copy = folder.path().join("copy.db");
    let mut child = nettally()
        .args(["db", "import", "-", "--database", text(&copy)])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&export.stdout).unwrap();
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(reports(&copy), reports(&folder.path().join("nettally.db")));
}

#[test]
fn a_line_of_an_export_is_json_with_the_columns_of_the_view() {
    let folder = folder();
    let said = run(
        &db(&["export", "--where", "protocol=udp"], folder.path()),
        0,
    );
    let lines: Vec<&str> = out(&said).lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("{\"record\":\"begin\",\"version\":1,\"columns\":[\"window_start\",")
    );
    let begin = "{\"record\":\"usage\",\"tier\":\"window\",\
                 \"window_start\":\"2026-01-02T03:04:05.000Z\",\
                 \"window_end\":\"2026-01-02T03:04:06.000Z\",\"process\":\"curl\",\"pid\":7,\
                 \"exe\":null,\"user\":\"root\",\"protocol\":\"udp\",\"local_port\":1000,\
                 \"remote_ip\":\"127.0.0.1\",\"remote_port\":80,\"sent_bytes\":5,\"received_bytes\":6";
    assert!(lines[1].starts_with(begin), "{}", lines[1]);
    assert_eq!(lines[2], "{\"record\":\"end\",\"rows\":1,\"losses\":0}");
}

#[test]
fn csv_has_rows_alone_and_nothing_that_is_obeyed() {
    let folder = folder();
    let said = run(&db(&["export", "--format", "csv"], folder.path()), 0);
    let lines: Vec<&str> = out(&said).split("\r\n").collect();
    let heading = "tier,window_start,window_end,process,pid,exe,user,protocol,local_port,remote_ip,\
                   remote_port,sent_bytes,received_bytes";
    assert!(lines[0].starts_with(heading), "{}", lines[0]);
    assert_eq!(lines.len(), 7, "{lines:?}");
    let curl = "window,2026-01-02T03:04:05.000Z,2026-01-02T03:04:06.000Z,curl,7,,root,tcp,1000,\
                127.0.0.1,80,1500001,20";
    assert!(lines.iter().any(|line| line.starts_with(curl)), "{lines:?}");
    assert!(
        out(&said).contains("\"'=\\u{1b}[31m\"\"a\"\","),
        "{lines:?}"
    );
    for format in ["csv", "jsonl"] {
        let said = run(&db(&["export", "--format", format], folder.path()), 0);
        let obeyed = |c: char| c.is_control() && c != '\n' && c != '\r';
        assert!(!out(&said).chars().any(obeyed), "{format}");
        assert!(EVIL.contains('\u{1b}') && out(&said).contains("31m"));
    }
}

#[test]
fn an_export_has_the_time_asked_for() {
    let folder = folder();
    for (arguments, lines) in [
        (&["--since", "2026-01-02 03:04:05"][..], 8),
        (&["--since", "2026-01-02 03:04:06"], 2),
        (&["--until", "2026-01-02 03:04:05"], 2),
        (&["--since", "2026-01", "--until", "2026-02"], 8),
        (
            &[
                "--since",
                "2026-01-01",
                "--until",
                "2026-01-02",
                "--time-zone",
                "XYZ9",
            ],
            8,
        ),
    ] {
        let said = run(&db(&[&["export"], arguments].concat(), folder.path()), 0);
        assert_eq!(out(&said).lines().count(), lines, "{arguments:?}");
    }
    let wrong = ["export", "--since", "2026-02", "--until", "2026-01"];
    let said = run(&db(&wrong, folder.path()), 2);
    assert!(
        err(&said).contains("is not before --until"),
        "{}",
        err(&said)
    );
}

#[test]
fn a_file_is_never_overwritten_without_force() {
    let folder = folder();
    let export = folder.path().join("all.jsonl");
    fs::write(&export, "precious").unwrap();
    let arguments = ["export", "--output", text(&export)];
    let said = run(&db(&arguments, folder.path()), 1);
    let expected = format!(
        "nettally: {} exists; --force replaces it\n",
        export.display()
    );
    assert_eq!(err(&said), expected);
    assert_eq!(fs::read_to_string(&export).unwrap(), "precious");
    run(
        &db(&[&arguments[..], &["--force"]].concat(), folder.path()),
        0,
    );
    assert!(
        fs::read_to_string(&export)
            .unwrap()
            .starts_with("{\"record\":\"begin\"")
    );
    let mode = fs::metadata(&export).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_import_that_fails_leaves_no_file() {
    let folder = folder();
    let export = run(&db(&["export"], folder.path()), 0);
    let half = folder.path().join("half.jsonl");
    fs::write(&half, &export.stdout[..export.stdout.len() / 2]).unwrap();
    let copy = folder.path().join("copy.db");
    let said = run(&["db", "import", text(&half), "--database", text(&copy)], 1);
    assert!(
        err(&said).contains("nothing was imported"),
        "{}",
        err(&said)
    );
    assert!(!copy.exists());
    let said = run(
        &["db", "import", "/nowhere.jsonl", "--database", text(&copy)],
        1,
    );
    assert!(
        err(&said).contains("cannot read the export /nowhere.jsonl"),
        "{}",
        err(&said)
    );
}

#[test]
fn stats_are_told_to_people_and_to_scripts() {
    let folder = folder();
    let table = run(&db(&["stats"], folder.path()), 0);
    for expected in [
        "nettally.db: ",
        ", schema ",
        "\nwindow  ",
        " 2 days\n",
        "\nnames ",
    ] {
        assert!(
            out(&table).contains(expected),
            "{expected}: {}",
            out(&table)
        );
    }
    let json = run(&db(&["stats", "--json"], folder.path()), 0);
    let json: Value = serde_json::from_str(out(&json)).unwrap();
    let window = &json["tiers"][0];
    assert_eq!(
        (&window["tier"], &window["rows"]),
        (&"window".into(), &5.into())
    );
    assert_eq!(window["kept_days"], 2.0);
    assert_eq!(window["oldest"], "2026-01-02T03:04:05Z");
    assert_eq!(json["growth_bytes_per_day"], Value::Null);
    let size = fs::metadata(folder.path().join("nettally.db"))
        .unwrap()
        .len();
    assert_eq!(json["size_bytes"], size);
}

#[test]
fn a_sound_file_is_sound_and_a_damaged_one_is_not() {
    let folder = folder();
    let said = run(&db(&["check"], folder.path()), 0);
    assert!(out(&said).contains(": sound: "), "{}", out(&said));
    let said = run(&db(&["check", "--json"], folder.path()), 0);
    assert!(out(&said).contains("\"sound\": true"), "{}", out(&said));
    let path = folder.path().join("nettally.db");
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let said = run(&db(&["check"], folder.path()), 1);
    assert!(out(&said).contains(": not sound\n"), "{}", out(&said));
    assert!(out(&said).contains(".recover`"), "{}", out(&said));
    assert_eq!(err(&said), "");
}

#[test]
fn a_vacuum_keeps_everything() {
    let folder = folder();
    let database = folder.path().join("nettally.db");
    let before = reports(&database);
    let said = run(&db(&["vacuum"], folder.path()), 0);
    assert!(out(&said).contains(" before, "), "{}", out(&said));
    assert_eq!(reports(&database), before);
    run(&db(&["check"], folder.path()), 0);
}

#[test]
fn what_writes_waits_for_no_daemon_but_says_that_there_is_one() {
    let folder = folder();
    let database = folder.path().join("nettally.db");
    let export = folder.path().join("all.jsonl");
    run(
        &db(&["export", "--output", text(&export)], folder.path()),
        0,
    );
    let daemon = SqliteConfig {
        path: Some(database.clone()),
        ..SqliteConfig::default()
    };
    let _writer = daemon.open(&"history".into()).unwrap();
    let expected = format!(
        "nettally: database {} is being written by another nettally; stop that one, or give \
         another path\n",
        database.display()
    );
    for command in [&["vacuum"][..], &["import", text(&export)]] {
        assert_eq!(err(&run(&db(command, folder.path()), 1)), expected);
    }
    for command in [&["stats"][..], &["check"], &["export"]] {
        run(&db(command, folder.path()), 0);
    }
}

#[test]
fn a_file_that_is_not_ours_is_refused_in_a_sentence() {
    let folder = folder();
    let path = folder.path().join("nettally.db");
    let newer = folder.path().join("newer.db");
    let mut bytes = fs::read(&path).unwrap();
    // The version of the schema is there, in SQLite's header.
    bytes[60..64].copy_from_slice(&999_u32.to_be_bytes());
    fs::write(&newer, bytes).unwrap();
    let strange = folder.path().join("strange.db");
    fs::write(
        &strange,
        "this is a letter, and a long one at that\n".repeat(30),
    )
    .unwrap();
    let missing = folder.path().join("missing.db");
    for (file, expected) in [
        (&newer, "has schema 999, this build knows"),
        (
            &strange,
            "is not a nettally database: it is not an SQLite file",
        ),
        (&missing, "no database at "),
    ] {
        for command in COMMANDS {
            let arguments = [&["db"], command, &["--database", text(file)]].concat();
            let said = run(&arguments, 1);
            assert!(err(&said).starts_with("nettally: "), "{}", err(&said));
            assert!(err(&said).contains(expected), "{command:?}: {}", err(&said));
            assert_eq!(err(&said).lines().count(), 1, "{}", err(&said));
        }
    }
    assert!(!missing.exists());
}

#[test]
fn a_configuration_names_the_file() {
    let folder = folder();
    let file = folder.path().join("x.yaml");
    fs::write(&file, format!("data_dir: {}\n", folder.path().display())).unwrap();
    for command in COMMANDS {
        run(&[&["db"], command, &["-c", text(&file)]].concat(), 0);
    }
    fs::write(&file, "sinks: {}\n").unwrap();
    let said = run(&["db", "stats", "-c", text(&file)], 1);
    let expected = "has no sink of type sqlite; name a file with --database";
    assert!(err(&said).contains(expected), "{}", err(&said));
}

//! `nettally report`.

use std::io::BufRead as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::history::{self, EVIL};
use super::{err, nettally, out, run, run_unread, text};

/// `report` of the known database, over all time.
#[track_caller]
fn report(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    history::store(folder.path());
    let mut all = vec![
        "report",
        "--data-dir",
        text(folder.path()),
        "--since",
        "2026-01-01",
    ];
    all.extend(arguments);
    let output = run(&all, 0);
    assert_eq!(err(&output), "");
    out(&output).to_owned()
}

#[test]
fn json_is_exact_to_the_byte_and_to_the_name() {
    let json: Value = serde_json::from_str(&report(&["--json"])).unwrap();
    assert_eq!(
        json["rows"],
        json!([
            { "process": "curl", "sent_bytes": 1_500_006, "received_bytes": 26 },
            { "process": "pinger", "sent_bytes": 64, "received_bytes": 60 },
            { "process": EVIL, "sent_bytes": 1, "received_bytes": 2 },
        ])
    );
    assert_eq!(
        json["total"],
        json!({ "sent_bytes": 1_500_071, "received_bytes": 88 })
    );
    assert_eq!(
        json["outside_total"],
        json!({ "protocol": "packet", "sent_bytes": 0, "received_bytes": 7000 })
    );
    assert_eq!(json["group_by"], json!(["process"]));
    assert_eq!(json["flushed_until"], "2026-01-02T03:04:06Z");
}

#[test]
fn nothing_a_terminal_obeys_is_printed() {
    for format in [&[][..], &["--json"], &["--csv"]] {
        let text = report(format);
        let obeyed = |c: char| c.is_control() && c != '\n' && c != '\r';
        assert!(!text.chars().any(obeyed), "{format:?}: {text:?}");
        assert!(text.contains("31m"), "{format:?}: {text:?}");
    }
}

#[test]
fn the_table_has_units_a_total_and_the_range() {
    let table = report(&["--group-by", "process,protocol", "--process", "curl"]);
    let expected = "\
process  protocol     sent  received    total
curl     tcp       1.50 MB      20 B  1.50 MB
curl     udp           5 B       6 B     11 B
total              1.50 MB      26 B  1.50 MB
";
    assert!(table.contains(expected), "{table}");
    let summary = "from 2026-01-01 00:00:00 +00:00 to ";
    assert!(table.starts_with(summary), "{table}");
    let summary = "\nsent 1.50 MB, received 26 B, together 1.50 MB; 2 rows\n\nprocess";
    assert!(table.contains(summary), "{table}");
    assert!(
        table.contains("stored until 2026-01-02 03:04:06 +00:00"),
        "{table}"
    );
}

#[test]
fn the_table_says_what_is_not_in_it_and_what_was_lost() {
    let table = report(&["--group-by", "process,remote_ip"]);
    for expected in [
        "\nof it folded ",
        "\nnot in the total: 0 B sent and 7.00 KB received as link-layer frames, ",
        "\ndetail is reduced: flows_full: 1 times, 64 B sent and 60 B received by all processes: ",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    assert!(!table.contains("tcpdump"), "{table}");
    let table = report(&["--protocol", "packet"]);
    assert!(table.contains("\ntcpdump   0 B   7.00 KB"), "{table}");
    assert!(!table.contains("not in the total"), "{table}");
}

#[test]
fn every_protocol_can_be_asked_for() {
    let sums = [
        ("tcp", 1_500_002),
        ("udp", 5),
        ("udplite", 0),
        ("icmp", 64),
        ("raw", 0),
        ("sctp", 0),
        ("packet", 0),
    ];
    for (protocol, sent) in sums {
        let arguments = ["--json", "--group-by", "protocol", "--protocol", protocol];
        let json: Value = serde_json::from_str(&report(&arguments)).unwrap();
        assert_eq!(json["total"]["sent_bytes"], sent, "{protocol}");
        let filter = format!("protocol={protocol}");
        let by_filter = ["--json", "--group-by", "protocol", "--where", &filter];
        let same: Value = serde_json::from_str(&report(&by_filter)).unwrap();
        assert_eq!(json["rows"], same["rows"], "{protocol}");
    }
}

#[test]
fn csv_is_quoted_and_no_formula() {
    let csv = report(&["--csv"]);
    let expected = "process,sent_bytes,received_bytes\r\n\
                    curl,1500006,26\r\n\
                    pinger,64,60\r\n\
                    \"'=\\u{1b}[31m\"\"a\"\",\\u{9b}2J\\n\",1,2\r\n";
    assert_eq!(csv, expected);
}

#[test]
fn conditions_are_joined() {
    let arguments = [
        "--json",
        "--protocol",
        "udp",
        "--where",
        "process~CUR and remote_port=80",
    ];
    let json: Value = serde_json::from_str(&report(&arguments)).unwrap();
    assert_eq!(
        json["total"],
        json!({ "sent_bytes": 5, "received_bytes": 6 })
    );
}

#[test]
fn rows_are_ordered_and_limited_and_the_total_is_of_all() {
    let arguments = [
        "--csv",
        "--group-by",
        "protocol",
        "--order-by",
        "protocol:desc",
        "--limit",
        "1",
    ];
    assert_eq!(
        report(&arguments),
        "protocol,sent_bytes,received_bytes\r\nudp,5,6\r\n"
    );
    let table = report(&["--limit", "1", "--bytes"]);
    assert!(table.contains("\ntotal    1500071 "), "{table}");
    assert!(
        table.contains("the first 1 rows; more with --limit"),
        "{table}"
    );
}

#[test]
fn a_missing_history_says_how_to_begin_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["report", "--data-dir", text(folder.path())], 1);
    let expected = format!(
        "nettally: no database at {}/nettally.db; start `nettally run` first, or give another \
         path\n",
        folder.path().display()
    );
    assert_eq!(err(&output), expected);
}

#[test]
fn a_configuration_without_history_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.yaml");
    std::fs::write(&file, "sinks: {}\n").unwrap();
    let output = run(&["report", "-c", text(&file)], 1);
    assert!(
        err(&output).contains("no sink of type sqlite"),
        "{}",
        err(&output)
    );
}

#[test]
fn wrong_options_name_what_is_allowed() {
    let cases = [
        (vec!["--since", "yesterdayish"], 2, "--since"),
        (
            vec!["fortnight"],
            2,
            "RANGE: `fortnight` is no range; allowed: today",
        ),
        (vec!["last", "24h", "more"], 2, "unexpected"),
        (vec!["today", "--since", "-1h"], 2, "cannot be used with"),
        (vec!["--time-zone", "Mars"], 2, "--time-zone"),
        (vec!["--units", "stones"], 2, "auto, bytes, si, iec, bits"),
        (vec!["--watch", "today"], 2, "a range stands before --watch"),
        (vec!["--watch", "--csv"], 2, "cannot be used with"),
        (
            vec!["--group-by", "colour"],
            2,
            "unknown field `colour`; allowed: process, pid",
        ),
        (
            vec!["--protocol", "tpc"],
            2,
            "unknown protocol `tpc`; allowed: tcp, udp, udplite, icmp, raw, sctp, packet",
        ),
        (
            vec!["--where", "process="],
            2,
            "cannot read the filter at character",
        ),
        (
            vec!["--order-by", "size"],
            2,
            "allowed: total_bytes, sent_bytes, received_bytes",
        ),
        (vec!["--order-by", "pid"], 2, "add it to --group-by"),
        (vec!["--json", "--csv"], 2, "cannot be used with"),
    ];
    for (arguments, code, expected) in cases {
        let arguments: Vec<&str> = std::iter::once("report").chain(arguments).collect();
        let output = run(&arguments, code);
        assert!(
            err(&output).contains(expected),
            "{arguments:?}: {}",
            err(&output)
        );
    }
}

#[test]
fn a_range_is_that_of_the_time_zone() {
    for (arguments, bytes) in [
        (&["2026-01-02"][..], 1_500_071),
        (&["2026-01"], 1_500_071),
        (&["2025"], 0),
        // Nine hours behind, it was still the day before.
        (&["2026-01-02", "--time-zone", "XYZ9"], 0),
        (&["2026-01-01", "--time-zone", "XYZ9"], 1_500_071),
        (
            &[
                "--since",
                "2026-01-02 03:00",
                "--until",
                "2026-01-02 03:04:06",
            ],
            1_500_071,
        ),
        (&["--since", "2026-01", "--until", "2026-01-02"], 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        history::store(folder.path());
        let database = folder.path().join("nettally.db");
        let mut all = vec!["report", "--json", "--database", text(&database)];
        all.extend(arguments);
        let json: Value = serde_json::from_str(out(&run(&all, 0))).unwrap();
        assert_eq!(json["total"]["sent_bytes"], bytes, "{arguments:?}");
    }
}

#[test]
fn a_script_can_tell_that_there_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    history::store(folder.path());
    let report = ["report", "--data-dir", text(folder.path()), "--fail-empty"];
    let empty = run(&[&report[..], &["2025"]].concat(), 3);
    assert!(
        out(&empty).contains("no usage is stored of this time"),
        "{}",
        out(&empty)
    );
    run(&[&report[..], &["2025", "--json"]].concat(), 3);
    run(&[&report[..], &["2026-01-02", "--csv"]].concat(), 0);
    run(&["report", "--data-dir", text(folder.path()), "2025"], 0);
}

#[test]
fn what_is_no_terminal_gets_no_bars_and_is_not_cleared() {
    let table = report(&[]);
    assert!(!table.contains(['█', '#', '\u{1b}']), "{table}");
}

#[test]
fn watching_prints_again_until_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    history::store(folder.path());
    let mut child = nettally()
        .args(["report", "2026-01-02", "--watch", "0.1"])
        .args(["--data-dir", text(folder.path())])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next_report = || {
        let first = lines.find(|line| line.as_ref().unwrap().starts_with("from "));
        assert!(first.is_some());
    };
    next_report();
    next_report();
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::INT,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    history::store(folder.path());
    for format in [&[][..], &["--json"], &["--csv"]] {
        let report = ["report", "2026-01", "--data-dir", text(folder.path())];
        run_unread(&[&report[..], format].concat());
    }
}

use super::*;
use crate::testing::{History, batch, process, remote, second, usage};

/// Two minutes and a half of a second each.
fn history() -> History {
    let row = |pid| usage(process(pid, "curl"), remote("10.0.0.1", 443), 10, 20);
    History::with((0..150).map(|n| batch(second(n), vec![row(1)])).collect())
}

fn findings(history: &History) -> Vec<Finding> {
    history.reader().check(&mut |_progress| {}).unwrap()
}

#[test]
fn a_file_as_the_writer_leaves_it_is_sound() {
    let history = history();
    let mut steps = Vec::new();
    let reader = history.reader();
    let findings = reader.check(&mut |step| steps.push(step)).unwrap();
    assert_eq!(findings, []);
    let last = steps.last().unwrap();
    assert_eq!((last.done, last.of), (3 + Tier::ALL.len() as u64, last.of));
    assert_eq!(steps[0].doing, "pages and indices");
}

#[test]
fn each_contradiction_is_found_and_named() {
    let first = "(SELECT min(bucket) FROM minute_usage)";
    for (change, expected) in [
        (
            "UPDATE progress SET usage_rows = 7".to_owned(),
            "143 rows of windows more or less are there than the file says",
        ),
        (
            format!("UPDATE minute_usage SET sent_bytes = sent_bytes + 5 WHERE bucket = {first}"),
            "has +5 bytes sent and +0 received, compared with its windows",
        ),
        (
            "DELETE FROM flow_usage WHERE window_id = 1;
             UPDATE progress SET usage_rows = usage_rows - 1"
                .to_owned(),
            "has +10 bytes sent and +20 received, compared with its windows",
        ),
        (
            "UPDATE flow_usage SET remote_port = 70000 WHERE window_id = 1".to_owned(),
            "1 rows of flow_usage have impossible bytes or ports",
        ),
        (
            "DELETE FROM tier_bucket".to_owned(),
            "2 minutes have rows, but no extent",
        ),
        (
            "UPDATE tier_bucket SET last_ms = first_ms".to_owned(),
            "2 minutes reach over a time that is not theirs",
        ),
        (
            "PRAGMA foreign_keys = OFF; DELETE FROM protocol".to_owned(),
            "rows of flow_usage refer to rows of protocol that are not there",
        ),
    ] {
        let history = history();
        let file = Connection::open(history.path()).unwrap();
        file.execute_batch(&change).unwrap();
        let found = findings(&history);
        let is_there = found
            .iter()
            .any(|finding| finding.text().contains(expected));
        assert!(is_there, "{change}: {found:?}");
    }
}

#[test]
fn sums_that_are_not_those_of_their_rows_are_found() {
    let hours = || {
        let row = |pid| usage(process(pid, "curl"), remote("10.0.0.1", 443), 10, 20);
        let batches = (0..3).map(|n| batch(second(n * 3000), vec![row(1), row(2)]));
        History::with(batches.collect())
    };
    assert_eq!(findings(&hours()), []);
    let first = "bucket = (SELECT min(bucket) FROM hour_sum)";
    for (change, expected) in [
        (
            format!(
                "UPDATE hour_sum SET sent_bytes = sent_bytes + 5 WHERE process_id = 1 AND {first}"
            ),
            "the sums of the hour of 2026-09-21T14:00:00Z are not those of its rows",
        ),
        (
            format!("DELETE FROM hour_sum WHERE {first}"),
            "the sums of the hour of 2026-09-21T14:00:00Z are not those of its rows",
        ),
        (
            format!("UPDATE hour_sum SET group_id = 1 WHERE process_id = 1 AND {first}"),
            "1 sums of hours are of a group that is not that of their process",
        ),
    ] {
        let history = hours();
        let file = Connection::open(history.path()).unwrap();
        file.execute_batch(&change).unwrap();
        let found = findings(&history);
        assert_eq!(
            found,
            [Finding::Contradiction(expected.to_owned())],
            "{change}"
        );
    }
}

#[test]
fn a_damaged_page_is_all_that_is_said() {
    let history = history();
    let mut bytes = std::fs::read(history.path()).unwrap();
    let tail = bytes.len() - 3000;
    bytes[tail..].fill(0x5a);
    std::fs::write(history.path(), bytes).unwrap();
    let found = findings(&history);
    let is_damage = |finding: &Finding| matches!(finding, Finding::Damage(_));
    assert!(
        !found.is_empty() && found.iter().all(is_damage),
        "{found:?}"
    );
}

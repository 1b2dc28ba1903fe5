//! Files that cannot be used: one clear sentence each, and nothing is overwritten.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part, so an expectation would not hold in all"
)]
mod support;

use std::fs::{self, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use futures::StreamExt as _;
use futures::stream;
use nettally_source::pipeline::StreamSink as _;
use nettally_sqlite_sink::{Reader, StoreError};
use rusqlite::Connection;
use support::{event, open, refusal, sent_bytes};
use tempfile::TempDir;

/// A folder and the path of a database in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    (folder, path)
}

/// A database with some history.
fn stored(path: &Path, windows: i64) {
    let (sink, _stats) = open(path).unwrap();
    let run = Box::new(sink).run(stream::iter((0..windows).map(event)).boxed());
    tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(run)
        .unwrap();
}

fn unreadable(path: &Path) -> String {
    Reader::open(path)
        .expect_err("this must be refused")
        .to_string()
}

/// Writer and reader refuse the file as `found`, and leave it as it is.
fn is_foreign(path: &Path, found: &str) {
    let before = fs::read(path).unwrap();
    let sentence = format!(
        "{} is not a nettally database: {found}; it was left as it is, give another path",
        path.display()
    );
    assert_eq!(refusal(path), sentence);
    assert_eq!(unreadable(path), sentence);
    assert_eq!(fs::read(path).unwrap(), before);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let (_folder, path) = place();
    fs::write(&path, "Dear diary, ".repeat(1000)).unwrap();
    is_foreign(&path, "it is not an SQLite file");

    let (_folder, path) = place();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE diary (day)")
        .unwrap();
    is_foreign(&path, "it holds another program's tables");

    let (_folder, path) = place();
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA application_id = 1196444487; CREATE TABLE features (id)")
        .unwrap();
    is_foreign(&path, "its application id 0x47504b47 is another program's");
}

#[test]
fn another_programs_log_is_not_moved_into_its_file() {
    let (_folder, path) = place();
    let theirs = Connection::open(&path).unwrap();
    theirs
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE diary (day)")
        .unwrap();
    is_foreign(&path, "it holds another program's tables");
    drop(theirs);
}

#[test]
fn a_directory_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let sentence = format!(
        "{} is not a nettally database: it is a directory; it was left as it is, give another path",
        folder.path().display()
    );
    assert_eq!(refusal(folder.path()), sentence);
    assert_eq!(unreadable(folder.path()), sentence);
}

#[test]
fn a_newer_file_is_refused() {
    let (_folder, path) = place();
    stored(&path, 1);
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let sentence = format!(
        "database {} has schema 99, this build knows 7; use a newer nettally or another path",
        path.display()
    );
    assert_eq!(refusal(&path), sentence);
    assert_eq!(unreadable(&path), sentence);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_reader_neither_creates_nor_upgrades() {
    let (_folder, path) = place();
    assert_eq!(
        unreadable(&path),
        format!(
            "no database at {}; start `nettally run` first, or give another path",
            path.display()
        )
    );
    assert!(!path.exists());
    fs::write(&path, "").unwrap();
    assert_eq!(
        unreadable(&path),
        format!(
            "database {} has schema 0, this build reads 7; start `nettally run` once to upgrade it",
            path.display()
        )
    );
}

#[test]
fn an_empty_file_becomes_a_database() {
    let (_folder, path) = place();
    fs::write(&path, "").unwrap();
    stored(&path, 1);
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 10);
}

#[test]
fn a_damaged_page_is_reported_not_repaired() {
    let (_folder, path) = place();
    stored(&path, 2000);
    let length = fs::metadata(&path).unwrap().len();
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // The tables' names are in the first half.
    file.seek(SeekFrom::Start(length / 4 * 3)).unwrap();
    file.write_all(&vec![0xff; usize::try_from(length / 4).unwrap()])
        .unwrap();
    drop(file);
    let before = fs::read(&path).unwrap();
    let error = Reader::open(&path)
        .and_then(|reader| sent_bytes(&reader))
        .unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "database {0} is damaged (reading the history failed); move it away to start a new one, and save what it holds with `sqlite3 {0} .recover`",
            path.display()
        )
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_locked_by_another_program_is_named() {
    let (_folder, path) = place();
    stored(&path, 1);
    let theirs = Connection::open(&path).unwrap();
    theirs
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM loss")
        .unwrap();
    let sentence = format!(
        "database {} is locked by another program; close it there and try again",
        path.display()
    );
    assert_eq!(refusal(&path), sentence);
    assert_eq!(unreadable(&path), sentence);
    drop(theirs);
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 10);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let path = file.join("sub/history.db");
    assert_eq!(
        refusal(&path),
        format!(
            "cannot create folder {} for the database; create it, or give another path",
            path.parent().unwrap().display()
        )
    );
}

#[test]
fn names_that_mean_something_in_a_uri_are_only_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a?b#c%41 ü&mode=rw.db");
    stored(&path, 1);
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 10);
}

/// Rights do not bind root, so the tests below run again as somebody who has none.
const NOBODY: u32 = 65_534;

/// Runs a test of this file as `nobody`, with `place` as its database.
fn as_nobody(test: &str, place: &Path) {
    // The test program may lie where nobody may go.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(program);
    command
        .args(["--exact", "--include-ignored", "--nocapture", test])
        .env("PLACE", place)
        .current_dir("/");
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn place_of_nobody() -> Option<PathBuf> {
    std::env::var_os("PLACE").map(PathBuf::from)
}

fn let_nobody(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn missing_rights_are_named_with_what_would_help() {
    let (folder, path) = place();
    stored(&path, 1);
    fs::remove_file(folder.path().join("history.db.lock")).unwrap();
    let before = fs::read(&path).unwrap();

    let_nobody(&path, 0o600);
    let_nobody(folder.path(), 0o777);
    as_nobody("child_may_neither_read_nor_write", &path);

    fs::remove_file(folder.path().join("history.db.lock")).unwrap();
    let_nobody(&path, 0o444);
    let_nobody(folder.path(), 0o777);
    as_nobody("child_may_read_but_not_write", &path);

    let_nobody(folder.path(), 0o555);
    fs::remove_file(folder.path().join("history.db.lock")).unwrap();
    as_nobody("child_may_read_in_a_folder_that_is_read_only", &path);
    assert_eq!(fs::read(&path).unwrap(), before);

    let (sink, _stats) = open(&path).unwrap();
    let theirs = Connection::open(&path).unwrap();
    theirs
        .execute_batch("UPDATE progress SET usage_rows = usage_rows + 1")
        .unwrap();
    for suffix in ["-wal", "-shm"] {
        let_nobody(&folder.path().join(format!("history.db{suffix}")), 0o600);
    }
    as_nobody("child_may_not_use_the_log", &path);
    drop((sink, theirs));
}

#[test]
#[ignore = "a part of `missing_rights_are_named_with_what_would_help`"]
fn child_may_neither_read_nor_write() {
    let Some(path) = place_of_nobody() else {
        return;
    };
    assert_eq!(
        refusal(&path),
        format!(
            "cannot open database {}; make it readable and writable by this user, or give another path",
            path.display()
        )
    );
    assert_eq!(
        unreadable(&path),
        format!(
            "cannot open database {}; it is private to the user that writes it: run as that user or as root",
            path.display()
        )
    );
}

#[test]
#[ignore = "a part of `missing_rights_are_named_with_what_would_help`"]
fn child_may_read_but_not_write() {
    let Some(path) = place_of_nobody() else {
        return;
    };
    assert_eq!(
        refusal(&path),
        format!(
            "database {} cannot be written; make it writable by this user, or give another path",
            path.display()
        )
    );
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 10);
}

#[test]
#[ignore = "a part of `missing_rights_are_named_with_what_would_help`"]
fn child_may_read_in_a_folder_that_is_read_only() {
    let Some(path) = place_of_nobody() else {
        return;
    };
    assert_eq!(sent_bytes(&Reader::open(&path).unwrap()).unwrap(), 10);
    assert_eq!(
        refusal(&path),
        format!(
            "cannot create {}.lock; its folder must be writable by this user, or give another path",
            path.display()
        )
    );
}

#[test]
#[ignore = "a part of `missing_rights_are_named_with_what_would_help`"]
fn child_may_not_use_the_log() {
    let Some(path) = place_of_nobody() else {
        return;
    };
    assert_eq!(
        unreadable(&path),
        format!(
            "cannot open database {}; its write-ahead log cannot be used from here: run as the user that writes it, or copy it with its -wal file to a folder that can be written",
            path.display()
        )
    );
}

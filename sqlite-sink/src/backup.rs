//! A copy of a file before it is upgraded: what the upgrade cannot undo, the user can.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::error::StoreError;

/// Besides the copy, so much of the disk stays free for the upgrade itself and for others.
const SPARE_BYTES: u64 = 16 << 20;

/// Where the copy of a file of some schema is.
pub(crate) fn place(path: &Path, version: i64) -> PathBuf {
    with_suffix(path, &format!(".schema-{version}.backup"))
}

/// Copies a file of schema `version`, unless there is a copy; returns where it is.
///
/// The copy is whole or not there, and private to its user from its first byte.
pub(crate) fn make(file: &Connection, path: &Path, version: i64) -> Result<PathBuf, StoreError> {
    let backup = place(path, version);
    if fs::symlink_metadata(&backup).is_ok() {
        return Ok(backup);
    }
    let copied = |source| StoreError::statement(path, "copying it before its upgrade", source);
    let written = |source| StoreError::Create {
        path: backup.clone(),
        source,
    };
    let bytes = content_bytes(file).map_err(copied)?;
    let free_bytes = free_bytes(path).map_err(written)?;
    if free_bytes < bytes + SPARE_BYTES {
        return Err(StoreError::NoRoomForBackup {
            path: path.to_owned(),
            from: version,
            needed_bytes: bytes + SPARE_BYTES,
            free_bytes,
        });
    }
    let partial = with_suffix(&backup, ".partial");
    remove_leftover(&partial).map_err(written)?;
    create_private(&partial).map_err(written)?;
    let done = file
        .execute(
            "VACUUM INTO CAST(? AS TEXT)",
            [partial.as_os_str().as_encoded_bytes()],
        )
        .map_err(copied)
        .and_then(|_rows| settle(&partial, &backup).map_err(written));
    if done.is_err() {
        // It is of no use, and the disk may be full of it; the error says what matters.
        let _gone_or_not = remove_leftover(&partial);
    }
    done.map(|()| backup)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Bytes of the pages that a copy has.
fn content_bytes(file: &Connection) -> rusqlite::Result<u64> {
    let ask = |name: &str| file.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
    let pages: i64 = ask("page_count")?;
    let free_pages: i64 = ask("freelist_count")?;
    let page_bytes: i64 = ask("page_size")?;
    Ok((pages - free_pages).unsigned_abs() * page_bytes.unsigned_abs())
}

/// Bytes that this user may still write beside a file.
fn free_bytes(path: &Path) -> io::Result<u64> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn remove_leftover(partial: &Path) -> io::Result<()> {
    match fs::remove_file(partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn create_private(partial: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(partial)
}

/// Makes a copy last, then gives it its name.
fn settle(partial: &Path, backup: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    fs::rename(partial, backup)
}

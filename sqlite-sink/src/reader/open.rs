//! Ways into a file that may be in use, at rest, or out of reach for writing.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::StoreError;
use crate::query::CONTAINS;
use crate::schema::{self, Content};
use crate::store::BUSY_TIMEOUT;

/// The write-ahead log of a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Opens for reading, and makes sure that it is a history of this version.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    if matches!(path.try_exists(), Ok(false)) {
        return Err(StoreError::Missing {
            path: path.to_owned(),
        });
    }
    if path.is_dir() {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            found: "it is a directory".to_owned(),
        });
    }
    let (connection, content) = match open(path, "") {
        Ok(opened) => opened,
        Err(StoreError::Statement { source, .. } | StoreError::Open { source, .. })
            if is_out_of_reach(&source) =>
        {
            open_at_rest(path, source)?
        }
        Err(other) => return Err(other),
    };
    match content {
        Content::Ours { version } if version == schema::VERSION => Ok(connection),
        Content::Ours { version } => Err(older(path, version)),
        Content::Empty => Err(older(path, 0)),
    }
}

fn older(path: &Path, found: i64) -> StoreError {
    StoreError::Older {
        path: path.to_owned(),
        found,
        known: schema::VERSION,
    }
}

/// Whether SQLite could not create or write the index of the log, which readers share with the
/// writer: the folder is read-only.
fn is_out_of_reach(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    )
}

/// A file whose log is empty can be read as one that nobody writes.
fn open_at_rest(path: &Path, source: rusqlite::Error) -> Result<(Connection, Content), StoreError> {
    let unreadable = |hint: &str, source| StoreError::Open {
        path: path.to_owned(),
        hint: hint.to_owned(),
        source,
    };
    if fs::File::open(path).is_err() {
        return Err(unreadable(
            "it is private to the user that writes it: run as that user or as root",
            source,
        ));
    }
    match fs::metadata(log_of(path)) {
        Ok(log) if log.len() > 0 => Err(unreadable(
            "its write-ahead log cannot be used from here: run as the user that writes it, or copy it with its -wal file to a folder that can be written",
            source,
        )),
        Ok(_) | Err(_) => open(path, "&immutable=1"),
    }
}

fn open(path: &Path, option: &str) -> Result<(Connection, Content), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path, option), flags).map_err(|source| {
        StoreError::Open {
            path: path.to_owned(),
            hint: "run as the user that writes it or as root, or give another path".to_owned(),
            source,
        }
    })?;
    prepare(&connection).map_err(|source| StoreError::statement(path, "opening it", source))?;
    let content = schema::examine(&connection, path)?;
    Ok((connection, content))
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.create_scalar_function(
        CONTAINS,
        2,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
        |arguments| {
            let text: Option<String> = arguments.get(0)?;
            let part: String = arguments.get(1)?;
            Ok(text.is_some_and(|text| text.to_lowercase().contains(&part)))
        },
    )
}

/// A path as SQLite reads it in a URI, whatever bytes are in it.
fn uri(path: &Path, option: &str) -> String {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a string takes any text");
        }
    }
    // A path of two leading slashes would be taken for a host.
    if uri.starts_with("file://") {
        uri.insert_str("file:".len(), "//");
    }
    uri + "?mode=ro" + option
}

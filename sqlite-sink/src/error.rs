//! What can go wrong with the file.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::backup;
use crate::query::Field;

/// An error of opening, writing or asking the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The configuration names no file.
    #[error("sink `{sink}` has no database; set its `path`")]
    NoPath {
        /// Name of the sink.
        sink: String,
    },
    /// There is no file to read.
    #[error("no database at {}; start `nettally run` first, or give another path", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The folder of the file does not exist and cannot be made.
    #[error(
        "cannot create folder {} for the database; create it, or give another path",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file, or the lock beside it, cannot be created.
    #[error(
        "cannot create {}; its folder must be writable by this user, or give another path",
        path.display()
    )]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another writer has the file.
    #[error(
        "database {} is being written by another nettally; stop that one, or give another path",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened.
    #[error("cannot open database {}; {hint}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What would help.
        hint: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file may be read, not written.
    #[error(
        "database {} cannot be written; make it writable by this user, or give another path",
        path.display()
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{} is not a nettally database: {found}; it was left as it is, give another path",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// The file is of a newer program.
    #[error(
        "database {} has schema {found}, this build knows {known}; use a newer nettally or another path",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest this build knows.
        known: i64,
    },
    /// The file is of an older program, and a reader does not change it.
    #[error(
        "database {} has schema {found}, this build reads {known}; start `nettally run` once to upgrade it",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// What this build reads.
        known: i64,
    },
    /// The file is of an older program, and the disk has no room for a copy of it, without which it
    /// is not upgraded.
    #[error(
        "database {} must be upgraded, and a copy of it needs {needed_bytes} bytes where {free_bytes} are free; free some, or put a copy of your own at {}",
        path.display(),
        backup::place(path, *from).display()
    )]
    NoRoomForBackup {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        from: i64,
        /// What it takes.
        needed_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// The file is of an older program, and could not be brought to this one's schema.
    #[error(
        "cannot upgrade database {} from schema {from} to {to}; it is as it was, and a copy is at {}",
        path.display(),
        backup::place(path, *from).display()
    )]
    Upgrade {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        from: i64,
        /// This build's.
        to: i64,
        /// Why.
        source: rusqlite::Error,
    },
    /// Another program holds a lock on the file.
    #[error(
        "database {} is locked by another program; close it there and try again",
        path.display()
    )]
    Busy {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file was moved or deleted while it was written, and somebody still reads it.
    #[error(
        "database {} was moved or deleted, and is still being read; a new one is begun when that ends",
        path.display()
    )]
    MovedInUse {
        /// Where the file was.
        path: PathBuf,
    },
    /// The disk of the file, or the way to it, fails.
    #[error(
        "cannot reach database {} ({doing} failed); check its disk, `dmesg` may say more",
        path.display()
    )]
    Disk {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// The content of the file makes no sense.
    #[error(
        "database {} is damaged ({doing} failed); move it away to start a new one, and save what it holds with `sqlite3 {} .recover`",
        path.display(),
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// The disk is full.
    #[error("no space left for database {}; free some on its disk", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A statement failed.
    #[error("database {}: {doing} failed", path.display())]
    Statement {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// Rows cannot be ordered by what they do not have.
    #[error("cannot order by `{field}`, which is not in group_by; add it there, or order by bytes")]
    Order {
        /// The field.
        field: Field,
    },
    /// The answer would not fit into memory.
    #[error(
        "the answer has more than {limit} groups; group by fewer fields, use a longer step, or ask for a shorter time"
    )]
    TooManyGroups {
        /// How many fit.
        limit: usize,
    },
}

impl StoreError {
    /// A failed statement, told apart by what would help.
    pub(crate) fn statement(path: &Path, doing: &'static str, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign {
                path,
                found: "it is not an SQLite file".to_owned(),
            },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged {
                path,
                doing,
                source,
            },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy { path, source }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::SystemIoFailure) => Self::Disk {
                path,
                doing,
                source,
            },
            _ => Self::Statement {
                path,
                doing,
                source,
            },
        }
    }
}

/// An error with its cause in one line, for a counter or a log. The cause's own cause would say
/// the same again.
pub(crate) fn one_line(error: &StoreError) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

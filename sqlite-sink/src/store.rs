//! The file, opened for writing: by one process at a time, private to its user.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tracing::warn;

use crate::error::StoreError;
use crate::schema;

/// How long a statement waits for another program's lock.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The write-ahead log is cut back to this after a checkpoint.
const WAL_LIMIT_BYTES: i64 = 16 << 20;

/// The only write connection, with the lock that makes it the only one.
#[derive(Debug)]
pub(crate) struct Store {
    /// Closed before the lock is released: fields are dropped in order.
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens or creates the file and brings it to this build's schema. A file that is not ours is
    /// left as it is.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        // Two names of one file must meet at one lock.
        let path = fs::canonicalize(path).unwrap_or_else(|_missing| path.to_owned());
        if path.is_dir() {
            return Err(StoreError::Foreign {
                path,
                found: "it is a directory".to_owned(),
            });
        }
        create_folder(&path)?;
        let lock = lock(&path)?;
        create_file(&path)?;
        let connection = connect(&path)?;
        Ok(Self {
            connection,
            path,
            _lock: lock,
        })
    }
}

fn create_folder(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| StoreError::Folder {
            path: folder.to_owned(),
            source,
        })
}

/// Takes the lock beside the file. A lock on the file itself would not do: closing any handle to
/// it drops the locks that SQLite holds on it.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let failed = |source: io::Error| StoreError::Create {
        path: lock_path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Creates an empty file, private from its first moment; SQLite gives its log the same mode.
fn create_file(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_created) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::Create {
            path: path.to_owned(),
            source,
        }),
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|source| StoreError::Open {
            path: path.to_owned(),
            hint: "make it readable and writable by this user, or give another path".to_owned(),
            source,
        })?;
    let failed = |source| StoreError::statement(path, "opening it", source);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(StoreError::ReadOnly {
            path: path.to_owned(),
        });
    }
    // Until the file is known to be ours, closing it must not move its log into it.
    let hands_off = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(hands_off, true).map_err(failed)?;
    // References are inserted in the same transaction as what refers to them; tests check them. Nor
    // must a table that a migration replaces be checked row by row.
    connection
        .pragma_update(None, "foreign_keys", false)
        .map_err(failed)?;
    let content = schema::examine(&connection, path)?;
    connection.set_db_config(hands_off, false).map_err(failed)?;
    schema::migrate(&mut connection, path, content)?;
    let mode = tune(&connection).map_err(failed)?;
    if mode != "wal" {
        warn!(
            path = %path.display(),
            mode,
            "The file system of the database allows no write-ahead log; readers and writer wait for each other."
        );
    }
    Ok(connection)
}

/// Sets what a connection forgets when it is closed; returns the journal mode.
fn tune(connection: &Connection) -> rusqlite::Result<String> {
    let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // A crash of the machine may lose the last transactions, never the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES)?;
    Ok(mode)
}

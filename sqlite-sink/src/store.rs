//! The file, opened for writing: by one process at a time, private to its user.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
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
    /// None if the file is closed, and the connection leads nowhere.
    file: Option<FileId>,
    lock: File,
}

/// What stays the same under whatever name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl From<&fs::Metadata> for FileId {
    fn from(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
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
        let file = identify(&path)?;
        Ok(Self {
            connection,
            path,
            file,
            lock,
        })
    }

    /// Whether the path still leads to the file that is open: what is written to one that was
    /// moved or deleted, nobody finds.
    pub(crate) fn is_in_place(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(metadata) => self.file == Some(FileId::from(&metadata)),
            Err(error) => self.file.is_some() && error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Opens or creates what the path leads to now. If that fails the store stays closed: try again.
    pub(crate) fn reopen(&mut self) -> Result<(), StoreError> {
        self.close()?;
        create_folder(&self.path)?;
        if !self.holds_lock() {
            self.lock = lock(&self.path)?;
        }
        create_file(&self.path)?;
        self.connection = connect(&self.path)?;
        self.file = identify(&self.path)?;
        Ok(())
    }

    /// Leaves the open file whole, wherever it is, and lets go of it and of its log, whose name is
    /// that of the next file's: SQLite would take the one for the other.
    fn close(&mut self) -> Result<(), StoreError> {
        if self.file.is_none() {
            return Ok(());
        }
        let failed =
            |source| StoreError::statement(&self.path, "closing a file that was moved", source);
        let is_busy: bool = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(failed)?;
        if is_busy {
            return Err(StoreError::MovedInUse {
                path: self.path.clone(),
            });
        }
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .map_err(failed)?;
        let nowhere = Connection::open_in_memory().map_err(failed)?;
        drop(mem::replace(&mut self.connection, nowhere));
        self.file = None;
        Ok(())
    }

    /// Whether the lock is still beside the file, so that others meet it.
    fn holds_lock(&self) -> bool {
        let held = self.lock.metadata();
        let beside = fs::metadata(lock_path(&self.path));
        matches!((held, beside), (Ok(held), Ok(beside)) if FileId::from(&held) == FileId::from(&beside))
    }
}

fn identify(path: &Path) -> Result<Option<FileId>, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(FileId::from(&metadata))),
        Err(source) => Err(StoreError::Create {
            path: path.to_owned(),
            source,
        }),
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
    let lock_path = lock_path(path);
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

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
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

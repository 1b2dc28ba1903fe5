//! What is inside the file: whose it is, which version, and the way to ours.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tracing::info;

use crate::backup;
use crate::error::StoreError;

/// `ntly` in ASCII: how `file(1)` and we tell our files from others.
pub(crate) const APPLICATION_ID: i64 = 0x6e74_6c79;

/// One script for each version, the first making version 1.
const MIGRATIONS: [&str; 7] = [
    include_str!("../migrations/0001_history.sql"),
    include_str!("../migrations/0002_tiers.sql"),
    include_str!("../migrations/0003_retention.sql"),
    include_str!("../migrations/0004_folding.sql"),
    include_str!("../migrations/0005_reduced_detail.sql"),
    include_str!("../migrations/0006_identity.sql"),
    include_str!("../migrations/0007_sums.sql"),
];

/// The version this build writes and reads.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What a file that we may use holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing at all.
    Empty,
    /// Our tables, of this version or an older one.
    Ours {
        /// Which.
        version: i64,
    },
}

/// Looks at a file without changing it; refuses what is not ours or is newer than this build.
pub(crate) fn examine(connection: &Connection, path: &Path) -> Result<Content, StoreError> {
    let ask = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|source| StoreError::statement(path, "reading its version", source))
    };
    let application_id = ask("PRAGMA application_id")?;
    let version = ask("PRAGMA user_version")?;
    let tables = ask("SELECT count(*) FROM sqlite_schema")?;
    let foreign = |found: String| StoreError::Foreign {
        path: path.to_owned(),
        found,
    };
    match (application_id, version) {
        (APPLICATION_ID, found) if found > VERSION => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        (APPLICATION_ID, version) if version >= 1 => Ok(Content::Ours { version }),
        (0, 0) if tables == 0 => Ok(Content::Empty),
        (0, _) => Err(foreign("it holds another program's tables".to_owned())),
        (other, _) => Err(foreign(format!(
            "its application id {other:#x} is another program's"
        ))),
    }
}

/// Brings a file to [`VERSION`], in one transaction; of an older one a copy is made first.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    content: Content,
) -> Result<(), StoreError> {
    migrate_by(&MIGRATIONS, connection, path, content)
}

fn migrate_by(
    scripts: &[&str],
    connection: &mut Connection,
    path: &Path,
    content: Content,
) -> Result<(), StoreError> {
    let to = scripts.len() as i64;
    match content {
        Content::Empty => create(scripts, connection)
            .map_err(|source| StoreError::statement(path, "creating its tables", source)),
        Content::Ours { version } if version == to => Ok(()),
        Content::Ours { version: from } => {
            let backup = backup::make(connection, path, from)?;
            let upgraded = apply(scripts, connection, from);
            upgraded.map_err(|source| upgrade_error(path, (from, to), source))?;
            info!(
                path = %path.display(),
                from,
                to,
                backup = %backup.display(),
                "The database was upgraded; the copy of what it was may be deleted."
            );
            Ok(())
        }
    }
}

fn upgrade_error(path: &Path, (from, to): (i64, i64), source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    if source.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) {
        return StoreError::Busy { path, source };
    }
    StoreError::Upgrade {
        path,
        from,
        to,
        source,
    }
}

fn create(scripts: &[&str], connection: &mut Connection) -> rusqlite::Result<()> {
    // Can only be chosen before the first table: lets retention give pages back in small steps.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    apply(scripts, connection, 0)
}

fn apply(scripts: &[&str], connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    for (version, script) in (1_i64..).zip(scripts) {
        if version > from {
            transaction.execute_batch(script)?;
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", scripts.len() as i64)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::backup::place;

    const BEFORE: i64 = VERSION - 1;

    /// A file of the schema before ours with something in it.
    fn older_file(path: &Path) -> Connection {
        let mut file = Connection::open(path).unwrap();
        file.pragma_update(None, "journal_mode", "WAL").unwrap();
        let scripts = &MIGRATIONS[..MIGRATIONS.len() - 1];
        migrate_by(scripts, &mut file, path, Content::Empty).unwrap();
        file.execute_batch(
            "INSERT INTO time_window (id, start_ms, end_ms) VALUES (1, 0, 1000);
             INSERT INTO loss VALUES (1, 'sink_failed', 1, 2, 3);",
        )
        .unwrap();
        file
    }

    fn sent_bytes(file: &Connection) -> i64 {
        file.query_row("SELECT sum(sent_bytes) FROM losses", [], |row| row.get(0))
            .unwrap()
    }

    fn ours(file: &Connection, path: &Path) -> Content {
        examine(file, path).unwrap()
    }

    #[test]
    fn an_upgrade_leaves_a_private_copy_of_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history 'a'.db");
        let mut file = older_file(&path);
        let content = ours(&file, &path);
        migrate(&mut file, &path, content).unwrap();
        assert_eq!(ours(&file, &path), Content::Ours { version: VERSION });
        let backup = place(&path, BEFORE);
        assert_eq!(
            fs::metadata(&backup).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let copy = Connection::open(&backup).unwrap();
        assert_eq!(ours(&copy, &backup), Content::Ours { version: BEFORE });
        assert_eq!((sent_bytes(&file), sent_bytes(&copy)), (2, 2));
    }

    #[test]
    fn an_upgrade_that_fails_leaves_the_file_as_it_was_and_says_where_the_copy_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        let mut file = older_file(&path);
        let mut scripts = MIGRATIONS.to_vec();
        scripts.push("DROP TABLE loss; DELETE FROM time_window; SELECT no_such_function();");
        let content = ours(&file, &path);
        let error = migrate_by(&scripts, &mut file, &path, content).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot upgrade database {0} from schema {BEFORE} to {1}; it is as it was, and a copy is at {0}.schema-{BEFORE}.backup",
                path.display(),
                VERSION + 1
            )
        );
        assert_eq!(ours(&file, &path), Content::Ours { version: BEFORE });
        assert_eq!(sent_bytes(&file), 2);
        let content = ours(&file, &path);
        migrate(&mut file, &path, content).unwrap();
        assert_eq!(sent_bytes(&file), 2);
    }

    #[test]
    fn a_copy_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        let mut file = older_file(&path);
        fs::write(place(&path, BEFORE), "of the user").unwrap();
        let content = ours(&file, &path);
        migrate(&mut file, &path, content).unwrap();
        assert_eq!(fs::read(place(&path, BEFORE)).unwrap(), b"of the user");
    }

    #[test]
    fn a_copy_that_was_interrupted_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        let mut file = older_file(&path);
        let partial = format!("{}.partial", place(&path, BEFORE).display());
        fs::write(&partial, "half of it").unwrap();
        let content = ours(&file, &path);
        migrate(&mut file, &path, content).unwrap();
        assert!(!Path::new(&partial).exists());
        let copy = Connection::open(place(&path, BEFORE)).unwrap();
        assert_eq!(sent_bytes(&copy), 2);
    }
}

//! Windows as the database has them: one for each reading of the kernel's counters.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags};

/// Length of the windows of a time, also of those that reach beyond it, in milliseconds, sorted.
pub(crate) struct Ticks(Vec<i64>);

impl fmt::Display for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(lengths) = self;
        let Some(last) = lengths.len().checked_sub(1) else {
            return write!(f, "no windows");
        };
        let at = |percent: usize| lengths[last * percent / 100];
        write!(
            f,
            "{} windows of {} to {} ms, median {} ms, p99 {} ms",
            lengths.len(),
            at(0),
            at(100),
            at(50),
            at(99),
        )
    }
}

/// Does something, and reads how long the windows were meanwhile.
pub(crate) fn watched<T>(
    database: &Path,
    length: Duration,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Ticks)> {
    let begin = now_ms()?;
    let done = work()?;
    let end = now_ms()?;
    // Until the last of them is stored.
    std::thread::sleep(length.min(Duration::from_secs(10)));
    let connection = open(database)?;
    let lengths = connection
        .prepare(
            "SELECT end_ms - start_ms FROM time_window WHERE end_ms > ?1 AND start_ms < ?2 \
             ORDER BY 1",
        )?
        .query_map([begin, end], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok((done, Ticks(lengths)))
}

/// End of the newest window.
pub(crate) fn newest_ms(database: &Path) -> Result<i64> {
    open(database)?
        .query_row("SELECT MAX(end_ms) FROM time_window", [], |row| row.get(0))
        .with_context(|| format!("no windows in {}", database.display()))
}

/// As the API takes it.
pub(crate) fn instant(ms: i64) -> String {
    (ms / 1000).to_string()
}

fn open(database: &Path) -> Result<Connection> {
    Ok(Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )?)
}

#[expect(clippy::disallowed_methods, reason = "windows are told by the clock")]
fn now_ms() -> Result<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_millis())?)
}

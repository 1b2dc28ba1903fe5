//! Processes and remotes go when no row refers to them any more.
//!
//! No row is looked at for that. Each process and remote says on which day a window last had it, and
//! in which bucket of hours, of days and of months it is last; when that bucket is deleted, nothing of
//! the tier refers to it.

use rusqlite::{Connection, Result, named_params};

use crate::tier::Tier;

/// Names deleted in a step.
const NAMES_PER_STEP: usize = 2000;

/// The column that says in which bucket of a tier something is last; windows and minutes share the
/// day.
const fn column(tier: Tier) -> Option<&'static str> {
    match tier {
        Tier::Minute => None,
        Tier::Hour => Some("hour_bucket"),
        Tier::Day => Some("day_bucket"),
        Tier::Month => Some("month_bucket"),
    }
}

/// Says that rows of a bucket refer to a process and to a remote.
pub(super) fn refer(
    file: &Connection,
    tier: Tier,
    bucket: i64,
    processes: impl IntoIterator<Item = i64>,
    remotes: impl IntoIterator<Item = i64>,
) -> Result<()> {
    let Some(column) = column(tier) else {
        return Ok(());
    };
    let statement = |table: &str| {
        format!(
            "UPDATE {table} SET {column} = :bucket
              WHERE id = :id AND coalesce({column} < :bucket, 1)"
        )
    };
    let mut statement_of_process = file.prepare_cached(&statement("process"))?;
    for id in processes {
        statement_of_process.execute(named_params! { ":id": id, ":bucket": bucket })?;
    }
    let mut statement_of_remote = file.prepare_cached(&statement("remote"))?;
    for id in remotes {
        statement_of_remote.execute(named_params! { ":id": id, ":bucket": bucket })?;
    }
    Ok(())
}

/// Says that rows of windows or minutes of a day refer to a process.
pub(super) fn see(file: &Connection, process: i64, day: i64) -> Result<()> {
    file.prepare_cached("UPDATE process SET seen_day = :day WHERE id = :id AND seen_day < :day")?
        .execute(named_params! { ":id": process, ":day": day })?;
    Ok(())
}

/// Says that the rows of a tier's buckets up to one are gone.
pub(super) fn release(file: &Connection, tier: Tier, bucket: i64) -> Result<()> {
    let Some(column) = column(tier) else {
        return Ok(());
    };
    for table in ["process", "remote"] {
        file.prepare_cached(&format!(
            "UPDATE {table} SET {column} = NULL WHERE {column} <= ?"
        ))?
        .execute([bucket])?;
    }
    Ok(())
}

/// The processes, or the remotes, that nothing refers to, given the day of the oldest row of windows or
/// minutes. Remotes that are no addresses stay.
const UNNEEDED: [(&str, &str); 2] = [
    (
        "process",
        "hour_bucket IS NULL AND day_bucket IS NULL AND month_bucket IS NULL AND seen_day < :day",
    ),
    (
        "remote",
        "hour_bucket IS NULL AND day_bucket IS NULL AND month_bucket IS NULL AND seen_day < :day AND id > 0",
    ),
];

/// Whether [`collect`] would find something.
pub(super) fn any(file: &Connection, oldest_fine_ms: i64) -> Result<bool> {
    for (table, condition) in UNNEEDED {
        let any = file
            .prepare_cached(&format!("SELECT 1 FROM {table} WHERE {condition} LIMIT 1"))?
            .exists(named_params! { ":day": Tier::Day.bucket(oldest_fine_ms) })?;
        if any {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes some of the processes and remotes that nothing refers to, given the oldest instant of
/// which rows of windows or minutes are left; the number of what went.
pub(super) fn collect(file: &Connection, oldest_fine_ms: i64) -> Result<u64> {
    let mut deleted = 0;
    for (table, condition) in UNNEEDED {
        deleted += file
            .prepare_cached(&format!(
                "DELETE FROM {table}
                  WHERE id IN (SELECT id FROM {table} WHERE {condition} LIMIT {NAMES_PER_STEP})"
            ))?
            .execute(named_params! { ":day": Tier::Day.bucket(oldest_fine_ms) })?;
    }
    Ok(deleted as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::History;

    #[test]
    fn nothing_is_walked_to_find_what_nothing_needs() {
        let history = History::with(vec![]);
        for (table, condition) in UNNEEDED {
            let file = Connection::open(history.path()).unwrap();
            let plan: String = file
                .query_row(
                    &format!("EXPLAIN QUERY PLAN SELECT id FROM {table} WHERE {condition}"),
                    named_params! { ":day": 0 },
                    |row| row.get("detail"),
                )
                .unwrap();
            assert!(
                plan.ends_with(&format!("{table}_fine (seen_day<?)")),
                "{plan}"
            );
        }
    }
}

//! Old rows go, the finest first, in small steps: what they moved stays in coarser tiers.
//!
//! A step deletes some thousand rows in one transaction, which says first how far back the tier is
//! complete. Readers take what is older from coarser tiers, so the order of deletion is nobody's
//! concern.

use rusqlite::{Connection, Result, TransactionBehavior, named_params};

use super::needed;
use crate::tier::{KeptFrom, RolledUntil, Rows, Tier};

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Age of the rows of windows.
    pub(crate) windows_ms: Option<i64>,
    /// Age of the rows of minutes.
    pub(crate) minutes_ms: Option<i64>,
    /// Age of the rows of hours.
    pub(crate) hours_ms: Option<i64>,
    /// Age of the rows of days.
    pub(crate) days_ms: Option<i64>,
    /// Age of the rows of months.
    pub(crate) months_ms: Option<i64>,
    /// Size of the file without its log and its free pages.
    pub(crate) size_bytes: Option<u64>,
}

impl Keep {
    const fn age_ms(&self, rows: Rows) -> Option<i64> {
        match rows {
            Rows::Windows => self.windows_ms,
            Rows::Tier(Tier::Minute) => self.minutes_ms,
            Rows::Tier(Tier::Hour) => self.hours_ms,
            Rows::Tier(Tier::Day) => self.days_ms,
            Rows::Tier(Tier::Month) => self.months_ms,
        }
    }
}

/// Enough for a step: a transaction of so many deleted rows takes some ten milliseconds.
const ROWS_PER_STEP: u64 = 4000;

/// Free pages that wait for new rows; more are given back to the disk.
const SPARE_PAGES: i64 = 512;

/// Pages given back in a step.
const PAGES_PER_STEP: i64 = 1024;

/// What a step has deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// So many rows of usage.
    Usage(u64),
    /// Processes and remotes: their numbers are not to be used again.
    Names,
}

/// Deletes some of what need not be kept, or that nothing refers to; none if there is nothing to do.
/// It is no later than `now_ms`.
pub(crate) fn step(file: &mut Connection, keep: &Keep, now_ms: i64) -> Result<Option<Deleted>> {
    let Some(newest_ms) = flushed_until_ms(file)? else {
        return Ok(None);
    };
    let now_ms = now_ms.min(newest_ms);
    let kept = KeptFrom::read(file)?;
    let rolled = RolledUntil::read(file)?;
    for rows in Rows::ALL {
        let aged = keep
            .age_ms(rows)
            .map(|age_ms| deletable(rows, now_ms.saturating_sub(age_ms), &rolled));
        let until_ms = aged.max(kept.of(rows));
        if let Some(until_ms) = until_ms
            && oldest_ms(file, rows)?.is_some_and(|oldest_ms| oldest_ms < until_ms)
        {
            return delete(file, rows, until_ms).map(Some);
        }
    }
    if delete_names(file, now_ms)? {
        return Ok(Some(Deleted::Names));
    }
    if let Some(size_bytes) = keep.size_bytes
        && used_bytes(file)? > size_bytes
        && let Some((rows, until_ms)) = to_shrink(file, now_ms, &rolled)?
    {
        return delete(file, rows, until_ms).map(Some);
    }
    give_back_pages(file)?;
    Ok(None)
}

pub(super) fn flushed_until_ms(file: &Connection) -> Result<Option<i64>> {
    file.prepare_cached("SELECT flushed_until_ms FROM progress")?
        .query_row([], |row| row.get(0))
}

/// As much of a time as can go: whole buckets of the next coarser tier, and none that is not
/// rolled up.
fn deletable(rows: Rows, until_ms: i64, rolled: &RolledUntil) -> i64 {
    match rows.coarser() {
        Some(tier) => tier.floor(until_ms.min(rolled.of(tier).unwrap_or(i64::MIN / 2))),
        None => Tier::Month.floor(until_ms),
    }
}

/// Start of the oldest window or bucket.
fn oldest_ms(file: &Connection, rows: Rows) -> Result<Option<i64>> {
    match rows {
        Rows::Windows => file
            .prepare_cached("SELECT min(start_ms) FROM time_window")?
            .query_row([], |row| row.get(0)),
        Rows::Tier(tier) => {
            let bucket: Option<i64> = file
                .prepare_cached("SELECT min(bucket) FROM tier_bucket WHERE tier_id = ?")?
                .query_row([tier.id()], |row| row.get(0))?;
            Ok(bucket.map(|bucket| tier.start_ms(bucket)))
        }
    }
}

fn pragma(file: &Connection, name: &str) -> Result<i64> {
    file.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

/// Bytes of the file without its log and its free pages.
pub(super) fn used_bytes(file: &Connection) -> Result<u64> {
    let pages = pragma(file, "page_count")? - pragma(file, "freelist_count")?;
    Ok(pages.unsigned_abs() * pragma(file, "page_size")?.unsigned_abs())
}

/// What goes first in a file that is too large: the oldest of the finest rows, but the last hour of
/// windows, the last day of minutes, the last month of hours and the last year of days only if nothing
/// else is left. Months are small, and stay.
fn to_shrink(file: &Connection, now_ms: i64, rolled: &RolledUntil) -> Result<Option<(Rows, i64)>> {
    const HOUR_MS: i64 = 3_600_000;
    const DAY_MS: i64 = 24 * HOUR_MS;
    for sparing in [true, false] {
        for rows in Rows::ALL {
            let spared_ms = match rows {
                Rows::Tier(Tier::Month) => continue,
                _ if !sparing => 0,
                Rows::Windows => HOUR_MS,
                Rows::Tier(Tier::Minute) => DAY_MS,
                Rows::Tier(Tier::Hour) => 30 * DAY_MS,
                Rows::Tier(Tier::Day) => 365 * DAY_MS,
            };
            let Some(oldest_ms) = oldest_ms(file, rows)? else {
                continue;
            };
            let coarser = rows.coarser().unwrap_or(Tier::Month);
            let until_ms = coarser.start_ms(coarser.bucket(oldest_ms) + 1);
            if until_ms <= deletable(rows, now_ms - spared_ms, rolled) {
                return Ok(Some((rows, until_ms)));
            }
        }
    }
    Ok(None)
}

/// Deletes the oldest rows before an instant, about as many as a step may.
fn delete(file: &mut Connection, rows: Rows, until_ms: i64) -> Result<Deleted> {
    let transaction = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction
        .prepare_cached(
            "UPDATE tier SET kept_from_ms = max(coalesce(kept_from_ms, :until), :until)
              WHERE id = :tier",
        )?
        .execute(named_params! { ":until": until_ms, ":tier": rows.id() })?;
    let mut deleted = 0;
    while deleted < ROWS_PER_STEP {
        let more = match rows {
            Rows::Windows => delete_window(&transaction, until_ms)?,
            Rows::Tier(tier) => delete_bucket(&transaction, tier, until_ms)?,
        };
        match more {
            // An empty one costs as much as a row.
            Some(rows) => deleted += rows.max(1),
            None => break,
        }
    }
    transaction.commit()?;
    Ok(Deleted::Usage(deleted))
}

/// Deletes some processes and remotes that nothing refers to; whether there were any.
fn delete_names(file: &mut Connection, now_ms: i64) -> Result<bool> {
    let mut oldest_fine_ms = now_ms;
    for rows in [Rows::Windows, Rows::Tier(Tier::Minute)] {
        oldest_fine_ms = oldest_ms(file, rows)?.unwrap_or(now_ms).min(oldest_fine_ms);
    }
    if !needed::any(file, oldest_fine_ms)? {
        return Ok(false);
    }
    let transaction = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let deleted = needed::collect(&transaction, oldest_fine_ms)?;
    transaction.commit()?;
    Ok(deleted > 0)
}

/// Deletes the oldest window if it starts before an instant; its losses go to its day.
fn delete_window(file: &Connection, until_ms: i64) -> Result<Option<u64>> {
    let oldest: Option<(i64, i64)> = file
        .prepare_cached(
            "SELECT id, start_ms FROM time_window WHERE start_ms < ? ORDER BY start_ms LIMIT 1",
        )?
        .query_map([until_ms], |row| Ok((row.get(0)?, row.get(1)?)))?
        .next()
        .transpose()?;
    let Some((id, start_ms)) = oldest else {
        return Ok(None);
    };
    file.prepare_cached(
        "INSERT INTO day_loss (bucket, reason, events, sent_bytes, received_bytes)
         SELECT :day, reason, events, sent_bytes, received_bytes FROM loss WHERE window_id = :id
         ON CONFLICT DO UPDATE
            SET events         = events
                               + min(excluded.events, 9223372036854775807 - events),
                sent_bytes     = sent_bytes
                               + min(excluded.sent_bytes, 9223372036854775807 - sent_bytes),
                received_bytes = received_bytes
                               + min(excluded.received_bytes, 9223372036854775807 - received_bytes)",
    )?
    .execute(named_params! { ":day": Tier::Day.bucket(start_ms), ":id": id })?;
    file.prepare_cached("DELETE FROM loss WHERE window_id = ?")?
        .execute([id])?;
    let rows = file
        .prepare_cached("DELETE FROM flow_usage WHERE window_id = ?")?
        .execute([id])?;
    file.prepare_cached("DELETE FROM time_window WHERE id = ?")?
        .execute([id])?;
    file.prepare_cached("UPDATE progress SET usage_rows = usage_rows - ?")?
        .execute([rows as i64])?;
    Ok(Some(rows as u64))
}

/// Deletes the oldest bucket if it starts before an instant.
fn delete_bucket(file: &Connection, tier: Tier, until_ms: i64) -> Result<Option<u64>> {
    let oldest: Option<i64> = file
        .prepare_cached("SELECT min(bucket) FROM tier_bucket WHERE tier_id = ?")?
        .query_row([tier.id()], |row| row.get(0))?;
    let Some(bucket) = oldest.filter(|bucket| *bucket < tier.bucket(until_ms)) else {
        return Ok(None);
    };
    let rows = file
        .prepare_cached(&format!("DELETE FROM {} WHERE bucket = ?", tier.table()))?
        .execute([bucket])?;
    if let Some(sums) = tier.sum_table() {
        file.prepare_cached(&format!("DELETE FROM {sums} WHERE bucket = ?"))?
            .execute([bucket])?;
    }
    file.prepare_cached("DELETE FROM tier_bucket WHERE tier_id = ? AND bucket = ?")?
        .execute([tier.id(), bucket])?;
    needed::release(file, tier, bucket)?;
    Ok(Some(rows as u64))
}

/// Makes the file smaller by some of its free pages.
fn give_back_pages(file: &Connection) -> Result<()> {
    if pragma(file, "freelist_count")? <= SPARE_PAGES {
        return Ok(());
    }
    let mut statement =
        file.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES_PER_STEP})"))?;
    // Each row of the answer is a page that is given back.
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

//! What the history does not show, window by window, or by day where windows are gone.

use rusqlite::{Result as Sqlite, Row, named_params};

use super::{ExportLoss, shown};
use crate::error::StoreError;
use crate::reader::{READING, Snapshot};
use crate::tier::Tier;

/// Hands over the losses of windows and days that start in a time.
pub(super) fn losses<E: From<StoreError>>(
    snapshot: &Snapshot<'_>,
    (from_ms, until_ms): (i64, i64),
    mut each: impl FnMut(&ExportLoss) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| StoreError::statement(snapshot.path, READING, source);
    let file = &snapshot.transaction;
    let mut statement = file
        .prepare(
            "SELECT 1, bucket, NULL, reason, events, sent_bytes, received_bytes
               FROM day_loss
              WHERE bucket >= :from_day AND bucket < :until_day
              UNION ALL
             SELECT 0, w.start_ms, w.end_ms, l.reason, l.events, l.sent_bytes, l.received_bytes
               FROM time_window w CROSS JOIN loss l ON l.window_id = w.id
              WHERE w.start_ms >= :from AND w.start_ms < :until",
        )
        .map_err(failed)?;
    let mut rows = statement
        .query(named_params! {
            ":from_day": Tier::Day.bucket(Tier::Day.ceil(from_ms)),
            ":until_day": Tier::Day.bucket(Tier::Day.ceil(until_ms)),
            ":from": from_ms,
            ":until": until_ms,
        })
        .map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        each(&loss(row).map_err(failed)?)?;
    }
    Ok(())
}

fn loss(row: &Row<'_>) -> Sqlite<ExportLoss> {
    const DAY_MS: i64 = 86_400_000;
    let is_day: bool = row.get(0)?;
    let position: i64 = row.get(1)?;
    let (tier, start_ms, end_ms) = if is_day {
        ("day", position * DAY_MS, (position + 1) * DAY_MS)
    } else {
        ("window", position, row.get(2)?)
    };
    let amount = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(ExportLoss {
        tier,
        window_start: shown(start_ms),
        window_end: shown(end_ms),
        reason: row.get(3)?,
        events: amount(4)?,
        sent_bytes: amount(5)?,
        received_bytes: amount(6)?,
    })
}

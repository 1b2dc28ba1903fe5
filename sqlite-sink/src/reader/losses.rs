//! What the history says it does not show, or not fully.

use std::collections::BTreeMap;

use nettally_source::pipeline::LossCount;
use rusqlite::named_params;

use super::Snapshot;
use crate::error::StoreError;
use crate::moment::{ceil_ms, floor_ms};
use crate::query::TimeRange;
use crate::tier::Tier;

/// Sums by reason, of the windows that touch the range, and of its days where windows are gone.
pub(super) fn losses(
    snapshot: &Snapshot<'_>,
    range: TimeRange,
) -> Result<BTreeMap<String, LossCount>, StoreError> {
    let (since_ms, until_ms) = (floor_ms(range.since), ceil_ms(range.until));
    let mut losses: BTreeMap<String, LossCount> = BTreeMap::new();
    snapshot.ask(|file| {
        // CROSS keeps the order: windows by their index, then the few losses of each.
        let mut statement = file.prepare(
            "SELECT l.reason, l.events, l.sent_bytes, l.received_bytes
               FROM time_window w CROSS JOIN loss l ON l.window_id = w.id
              WHERE w.start_ms >= :since - (SELECT coalesce(max(end_ms - start_ms), 0)
                                              FROM time_window)
                AND w.start_ms < :until AND w.end_ms > :since
              UNION ALL
             SELECT reason, events, sent_bytes, received_bytes
               FROM day_loss
              WHERE bucket BETWEEN :first_day AND :last_day",
        )?;
        let mut rows = statement.query(named_params! {
            ":since": since_ms,
            ":until": until_ms,
            ":first_day": Tier::Day.bucket(since_ms),
            ":last_day": Tier::Day.bucket(until_ms - 1),
        })?;
        while let Some(row) = rows.next()? {
            let LossCount {
                events,
                sent_bytes,
                received_bytes,
            } = losses.entry(row.get(0)?).or_default();
            for (sum, column) in [(events, 1), (sent_bytes, 2), (received_bytes, 3)] {
                *sum = sum.saturating_add(row.get::<_, i64>(column)?.unsigned_abs());
            }
        }
        Ok(())
    })?;
    Ok(losses)
}

#[cfg(test)]
mod tests {
    use nettally_source::pipeline::{LossReason, UsageBatch};

    use super::*;
    use crate::testing::{History, at, batch, second};

    fn lossy(index: i64, events: u64) -> UsageBatch {
        let mut batch = batch(second(index), vec![]);
        let count = LossCount {
            events,
            sent_bytes: 10 * events,
            received_bytes: 0,
        };
        batch.losses.add(LossReason::FlowsFull, count);
        batch
    }

    #[test]
    fn losses_of_the_windows_that_touch_a_range_are_summed_up() {
        let history = History::with(vec![lossy(0, 1), lossy(1, 2), lossy(9, 4)]);
        let during = |since, until| {
            let range = TimeRange {
                since: at(since),
                until: at(until),
            };
            history.reader().losses(range).unwrap()
        };
        for (range, events) in [((0, 1000), 1), ((500, 1500), 3), ((0, 60_000), 7)] {
            let losses = during(range.0, range.1);
            let count = losses[LossReason::FlowsFull.name()];
            assert_eq!((count.events, count.sent_bytes), (events, 10 * events));
        }
        assert!(during(2000, 9000).is_empty());
    }
}

//! The times of which a file has usage before an import.

use rusqlite::{Connection, Result, named_params};

use crate::moment::Span;
use crate::tier::{KeptFrom, Rows};

/// Times closer than this are one: nobody imports what happened between two windows.
const NEAR_MS: i64 = 60_000;

/// Times that do not meet, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Occupied(Vec<(i64, i64)>);

impl Occupied {
    /// Those of windows, and of buckets whose windows are gone.
    pub(super) fn read(file: &Connection) -> Result<Self> {
        let kept = KeptFrom::read(file)?;
        let mut occupied = Self::default();
        let mut finer_from_ms = i64::MAX;
        let mut parts = Vec::new();
        for rows in Rows::ALL {
            parts.push((rows, finer_from_ms));
            finer_from_ms = finer_from_ms.min(kept.of(rows).unwrap_or(i64::MIN));
        }
        // The coarsest is the oldest.
        for (rows, until_ms) in parts.into_iter().rev() {
            let sql = match rows {
                Rows::Windows => {
                    "SELECT start_ms, end_ms FROM time_window
                      WHERE :tier = 0 AND start_ms < :until ORDER BY start_ms"
                }
                Rows::Tier(_) => {
                    "SELECT first_ms, last_ms FROM tier_bucket
                      WHERE tier_id = :tier AND first_ms < :until ORDER BY bucket"
                }
            };
            let mut statement = file.prepare(sql)?;
            let mut found =
                statement.query(named_params! { ":tier": rows.id(), ":until": until_ms })?;
            while let Some(row) = found.next()? {
                occupied.add(row.get(0)?, row.get(1)?);
            }
        }
        Ok(occupied)
    }

    fn add(&mut self, start_ms: i64, end_ms: i64) {
        match self.0.last_mut() {
            Some((_, last_ms)) if start_ms <= *last_ms + NEAR_MS => {
                *last_ms = end_ms.max(*last_ms);
            }
            _ => self.0.push((start_ms, end_ms)),
        }
    }

    /// The time that a span shares something with.
    pub(super) fn meets(&self, Span { start_ms, end_ms }: Span) -> Option<(i64, i64)> {
        let first_after = self
            .0
            .partition_point(|(_, until_ms)| *until_ms <= start_ms);
        let time = self.0.get(first_after).copied()?;
        (time.0 < end_ms).then_some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_that_only_touches_does_not_meet() {
        let mut occupied = Occupied::default();
        for (start_ms, end_ms) in [(0, 1000), (2000, 3000), (1_000_000, 1_001_000)] {
            occupied.add(start_ms, end_ms);
        }
        for (start_ms, end_ms, expected) in [
            (-1000, 0, None),
            (-1000, 1, Some((0, 3000))),
            (1500, 1600, Some((0, 3000))),
            (3000, 1_000_000, None),
            (3000, 1_000_001, Some((1_000_000, 1_001_000))),
            (1_001_000, 9_000_000, None),
        ] {
            assert_eq!(occupied.meets(Span { start_ms, end_ms }), expected);
        }
    }
}

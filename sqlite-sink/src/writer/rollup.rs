//! Closed buckets: many rows of windows, or of a finer tier, become few of a coarser one.
//!
//! A bucket is closed once a window is stored that ends after it. How far a tier is rolled up is
//! stored in the transaction that does it, so that each bucket is, once, whatever interrupts.
//! Windows that come later for a bucket that is (a clock was set back) are added as they are
//! stored: see `late`.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, Result, Row, TransactionBehavior, named_params};

use super::bucket::{self, FlowKey, Moved, SumKey};
use super::fold::{Told, fold};
use super::{identity, needed};
use crate::moment::Span;
use crate::tier::{RolledUntil, Tier};

/// What one step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rolled {
    /// Rows made.
    pub(crate) rows: u64,
    /// Sums too large for the file, stored as the largest number that it holds.
    pub(crate) saturated: u64,
}

/// A tier that is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    /// The first bucket with something in it, if any.
    bucket: Option<i64>,
    /// How far the tier will be complete.
    until_ms: i64,
}

/// Rolls up the next closed bucket, the finest tier's first; none if there is none.
/// It is no later than `now_ms`.
pub(crate) fn step(file: &mut Connection, told: Told, now_ms: i64) -> Result<Option<Rolled>> {
    for tier in Tier::ALL {
        let Some(Due { bucket, until_ms }) = due(file, tier, now_ms)? else {
            continue;
        };
        let transaction = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let rolled = bucket
            .map(|bucket| roll_up(&transaction, tier, bucket, told))
            .transpose()?;
        transaction
            .prepare_cached("UPDATE tier SET rolled_until_ms = :until WHERE id = :tier")?
            .execute(named_params! { ":until": until_ms, ":tier": tier.id() })?;
        transaction.commit()?;
        if rolled.is_some() {
            return Ok(rolled);
        }
    }
    Ok(None)
}

fn due(file: &Connection, tier: Tier, now_ms: i64) -> Result<Option<Due>> {
    let rolled = RolledUntil::read(file)?;
    let source_until: Option<i64> = match tier.finer() {
        None => file
            .prepare_cached("SELECT flushed_until_ms FROM progress")?
            .query_row([], |row| row.get(0))?,
        Some(finer) => rolled.of(finer),
    };
    let Some(closed_until) = source_until.map(|until_ms| tier.floor(until_ms.min(now_ms))) else {
        return Ok(None);
    };
    let begin = rolled.of(tier);
    if begin.is_some_and(|begin| begin >= closed_until) {
        return Ok(None);
    }
    let first_ms: Option<i64> = match tier.finer() {
        None => file
            .prepare_cached(
                "SELECT min(start_ms) FROM time_window WHERE start_ms >= :from AND start_ms < :until",
            )?
            .query_row(
                named_params! { ":from": begin.unwrap_or(i64::MIN), ":until": closed_until },
                |row| row.get(0),
            )?,
        Some(finer) => file
            .prepare_cached(
                "SELECT min(bucket) FROM tier_bucket
                  WHERE tier_id = :finer AND bucket >= :from AND bucket < :until",
            )?
            .query_row(
                named_params! {
                    ":finer": finer.id(),
                    ":from": begin.map_or(i64::MIN, |begin| finer.bucket(begin)),
                    ":until": finer.bucket(closed_until),
                },
                |row| row.get::<_, Option<i64>>(0),
            )?
            .map(|bucket| finer.start_ms(bucket)),
    };
    let bucket = first_ms.map(|start_ms| tier.bucket(start_ms));
    Ok(Some(Due {
        bucket,
        until_ms: bucket.map_or(closed_until, |bucket| tier.start_ms(bucket + 1)),
    }))
}

fn roll_up(file: &Connection, tier: Tier, bucket: i64, told: Told) -> Result<Rolled> {
    let source = Source::of(tier, bucket);
    let mut sums: HashMap<FlowKey, Moved> = HashMap::new();
    let mut saturated = 0;
    let mut source_rows = 0;
    {
        let mut statement = file.prepare_cached(&source.rows)?;
        let mut rows = statement.query([source.from, source.until])?;
        while let Some(row) = rows.next()? {
            let (key, moved) = read(row)?;
            source_rows += 1;
            saturated += sums.entry(key).or_default().add(moved);
        }
    }
    let groups = groups(file, tier, &sums)?;
    let (sums, folded) = fold(sums, tier, told, &groups);
    let mut sums: Vec<(FlowKey, Moved)> = sums.into_iter().collect();
    // In the order of the table, so that its pages fill up one after the other.
    sums.sort_unstable_by_key(|(key, _moved)| *key);
    for (key, moved) in &sums {
        bucket::add(file, tier, bucket, *key, *moved)?;
    }
    add_sums(file, tier, bucket, &sums, &groups)?;
    let distinct = |id: fn(&FlowKey) -> i64| -> HashSet<i64> {
        sums.iter().map(|(key, _moved)| id(key)).collect()
    };
    needed::refer(
        file,
        tier,
        bucket,
        // Sums refer to the groups too.
        &distinct(|key| key.process_id) | &groups.into_values().collect(),
        distinct(|key| key.remote_id),
    )?;
    let span =
        file.prepare_cached(&source.span)?
            .query_row([source.from, source.until], |row| {
                Ok(Span {
                    start_ms: row.get(0)?,
                    end_ms: row.get(1)?,
                })
            })?;
    bucket::widen(file, tier, bucket, span)?;
    bucket::describe(file, tier, bucket, folded, source_rows)?;
    Ok(Rolled {
        rows: sums.len() as u64,
        saturated,
    })
}

/// The process that stands for all that are alike, of each in a bucket; none where a tier does not
/// care.
fn groups(
    file: &Connection,
    tier: Tier,
    sums: &HashMap<FlowKey, Moved>,
) -> Result<HashMap<i64, i64>> {
    let mut groups = HashMap::new();
    if tier.sum_table().is_some() {
        for key in sums.keys() {
            if let Entry::Vacant(vacant) = groups.entry(key.process_id) {
                vacant.insert(identity::alike(file, key.process_id)?);
            }
        }
    }
    Ok(groups)
}

/// Stores what each process of a bucket moved, whatever the remotes and ports.
fn add_sums(
    file: &Connection,
    tier: Tier,
    bucket: i64,
    rows: &[(FlowKey, Moved)],
    groups: &HashMap<i64, i64>,
) -> Result<()> {
    let mut sums: BTreeMap<SumKey, Moved> = BTreeMap::new();
    for (key, moved) in rows {
        let key = SumKey {
            // One that stands for others is in no other group.
            group_id: groups
                .get(&key.process_id)
                .copied()
                .unwrap_or(key.process_id),
            process_id: key.process_id,
            protocol_id: key.protocol_id,
        };
        // Sums that are too large were counted when the flows were summed up.
        let _saturated = sums.entry(key).or_default().add(*moved);
    }
    if tier.sum_table().is_some() {
        for (key, moved) in sums {
            bucket::add_sum(file, tier, bucket, key, moved)?;
        }
    }
    Ok(())
}

/// What a bucket is made from: two statements with the same two parameters.
struct Source {
    rows: String,
    span: String,
    from: i64,
    until: i64,
}

impl Source {
    fn of(tier: Tier, bucket: i64) -> Self {
        const COLUMNS: &str = "f.process_id, f.protocol_id, f.local_port, f.remote_id,
                               f.remote_port, f.sent_bytes, f.received_bytes";
        let from_ms = tier.start_ms(bucket);
        let until_ms = tier.start_ms(bucket + 1);
        match tier.finer() {
            // CROSS keeps the order: windows by their index, then the run of facts of each.
            None => Self {
                rows: format!(
                    "SELECT {COLUMNS}
                       FROM time_window w CROSS JOIN flow_usage f ON f.window_id = w.id
                      WHERE w.start_ms >= ? AND w.start_ms < ?"
                ),
                span: "SELECT min(start_ms), max(end_ms) FROM time_window
                        WHERE start_ms >= ? AND start_ms < ?"
                    .to_owned(),
                from: from_ms,
                until: until_ms,
            },
            Some(finer) => Self {
                rows: format!(
                    "SELECT {COLUMNS} FROM {} f WHERE f.bucket >= ? AND f.bucket < ?",
                    finer.table()
                ),
                span: format!(
                    "SELECT min(first_ms), max(last_ms) FROM tier_bucket
                      WHERE tier_id = {} AND bucket >= ? AND bucket < ?",
                    finer.id()
                ),
                from: finer.bucket(from_ms),
                until: finer.bucket(until_ms),
            },
        }
    }
}

fn read(row: &Row<'_>) -> Result<(FlowKey, Moved)> {
    let key = FlowKey {
        process_id: row.get(0)?,
        protocol_id: row.get(1)?,
        local_port: row.get(2)?,
        remote_id: row.get(3)?,
        remote_port: row.get(4)?,
    };
    let moved = Moved {
        sent_bytes: row.get(5)?,
        received_bytes: row.get(6)?,
    };
    Ok((key, moved))
}

//! Rows of tiers: found or made, added to.

use rusqlite::{Connection, Result, named_params};

use crate::detail::Detail;
use crate::moment::Span;
use crate::tier::Tier;

/// What rows of a bucket are told apart by, in the order they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FlowKey {
    pub(super) process_id: i64,
    pub(super) protocol_id: i64,
    pub(super) local_port: i64,
    pub(super) remote_id: i64,
    pub(super) remote_port: i64,
}

/// What sums of a bucket are told apart by, in the order they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SumKey {
    /// The process that stands for all that are alike.
    pub(super) group_id: i64,
    pub(super) process_id: i64,
    pub(super) protocol_id: i64,
}

/// What a flow moved, as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) sent_bytes: i64,
    pub(super) received_bytes: i64,
}

impl Moved {
    /// Adds another; a sum above what the file holds stays there. Returns how many did.
    pub(super) fn add(
        &mut self,
        Self {
            sent_bytes,
            received_bytes,
        }: Self,
    ) -> u64 {
        let mut saturated = 0;
        for (sum, value) in [
            (&mut self.sent_bytes, sent_bytes),
            (&mut self.received_bytes, received_bytes),
        ] {
            saturated += u64::from(sum.checked_add(value).is_none());
            *sum = sum.saturating_add(value);
        }
        saturated
    }
}

/// Adds to a flow of a bucket.
pub(super) fn add(
    file: &Connection,
    tier: Tier,
    bucket: i64,
    key: FlowKey,
    moved: Moved,
) -> Result<()> {
    let FlowKey {
        process_id,
        protocol_id,
        local_port,
        remote_id,
        remote_port,
    } = key;
    let Moved {
        sent_bytes,
        received_bytes,
    } = moved;
    // The bound of the addition is that of the file: beyond it SQLite would turn to floats.
    file.prepare_cached(&format!(
        "INSERT INTO {} (bucket, process_id, protocol_id, local_port, remote_id, remote_port,
                         sent_bytes, received_bytes)
         VALUES (:bucket, :process, :protocol, :local_port, :remote, :remote_port,
                 :sent, :received)
         ON CONFLICT DO UPDATE
            SET sent_bytes     = sent_bytes
                               + min(excluded.sent_bytes, 9223372036854775807 - sent_bytes),
                received_bytes = received_bytes
                               + min(excluded.received_bytes, 9223372036854775807 - received_bytes)",
        tier.table()
    ))?
    .execute(named_params! {
        ":bucket": bucket,
        ":process": process_id,
        ":protocol": protocol_id,
        ":local_port": local_port,
        ":remote": remote_id,
        ":remote_port": remote_port,
        ":sent": sent_bytes,
        ":received": received_bytes,
    })?;
    Ok(())
}

/// Adds to what a process, one of a group that are alike, moved in a bucket; nothing where the tier
/// has no such sums.
pub(super) fn add_sum(
    file: &Connection,
    tier: Tier,
    bucket: i64,
    SumKey {
        group_id,
        process_id,
        protocol_id,
    }: SumKey,
    Moved {
        sent_bytes,
        received_bytes,
    }: Moved,
) -> Result<()> {
    let Some(table) = tier.sum_table() else {
        return Ok(());
    };
    file.prepare_cached(&format!(
        "INSERT INTO {table} (bucket, group_id, process_id, protocol_id, sent_bytes, received_bytes)
         VALUES (:bucket, :group, :process, :protocol, :sent, :received)
         ON CONFLICT DO UPDATE
            SET sent_bytes     = sent_bytes
                               + min(excluded.sent_bytes, 9223372036854775807 - sent_bytes),
                received_bytes = received_bytes
                               + min(excluded.received_bytes, 9223372036854775807 - received_bytes)"
    ))?
    .execute(named_params! {
        ":bucket": bucket,
        ":group": group_id,
        ":process": process_id,
        ":protocol": protocol_id,
        ":sent": sent_bytes,
        ":received": received_bytes,
    })?;
    Ok(())
}

/// Makes a bucket reach as far as the windows in it.
pub(super) fn widen(file: &Connection, tier: Tier, bucket: i64, span: Span) -> Result<()> {
    let Span { start_ms, end_ms } = span;
    file.prepare_cached(
        "INSERT INTO tier_bucket (tier_id, bucket, first_ms, last_ms)
         VALUES (:tier, :bucket, :first, :last)
         ON CONFLICT DO UPDATE
            SET first_ms = min(first_ms, excluded.first_ms),
                last_ms  = max(last_ms, excluded.last_ms)",
    )?
    .execute(named_params! {
        ":tier": tier.id(),
        ":bucket": bucket,
        ":first": start_ms,
        ":last": end_ms,
    })?;
    Ok(())
}

/// Says what a row that was added to a bucket, which is there, does not tell.
pub(super) fn fold(file: &Connection, tier: Tier, bucket: i64, folded: Detail) -> Result<()> {
    file.prepare_cached(
        "UPDATE tier_bucket SET folded = folded | :folded
          WHERE tier_id = :tier AND bucket = :bucket",
    )?
    .execute(named_params! {
        ":folded": folded.bits(),
        ":tier": tier.id(),
        ":bucket": bucket,
    })?;
    Ok(())
}

/// Says what a bucket, which is there, was made from.
pub(super) fn describe(
    file: &Connection,
    tier: Tier,
    bucket: i64,
    folded: Detail,
    source_rows: i64,
) -> Result<()> {
    file.prepare_cached(
        "UPDATE tier_bucket SET folded = :folded, source_rows = :source_rows
          WHERE tier_id = :tier AND bucket = :bucket",
    )?
    .execute(named_params! {
        ":folded": folded.bits(),
        ":source_rows": source_rows,
        ":tier": tier.id(),
        ":bucket": bucket,
    })?;
    Ok(())
}

//! One flush: batches to rows, in one transaction.

use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::pipeline::{Losses, Remote, Usage, UsageBatch};
use rusqlite::{Connection, Result, Transaction, TransactionBehavior, named_params};

use super::bucket::{FlowKey, Moved};
use super::dimensions::{self, Dimensions};
use super::gap::Gap;
use super::late::Late;
use crate::detail::Detail;
use crate::moment::{Span, floor_ms};
use crate::tier::{RolledUntil, Tier};

/// What a transaction has stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Rows of usage that were handed in.
    pub(crate) rows: u64,
    /// Of them, those that were new; the others were added to a row of the same flow and window.
    pub(crate) new_rows: i64,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    /// Numbers too large for the file, stored as the largest that it holds.
    pub(crate) saturated: u64,
    /// End of the last window.
    pub(crate) until: Option<Timestamp>,
}

/// Stores all or nothing.
pub(crate) fn store<'a>(
    file: &mut Connection,
    dimensions: &mut Dimensions,
    batches: impl Iterator<Item = &'a Arc<UsageBatch>>,
    gap: Option<&Gap>,
) -> Result<Stored> {
    let transaction = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let rolled = RolledUntil::read(&transaction)?;
    let mut stored = Stored::default();
    if let Some(Gap { window, losses }) = gap {
        let span = Span::from(*window);
        let window_id = window_id(&transaction, span)?;
        Late::new(rolled, span).widen(&transaction)?;
        store_losses(&transaction, window_id, losses, &mut stored)?;
    }
    for batch in batches {
        let UsageBatch {
            window,
            usage,
            losses,
        } = batch.as_ref();
        stored.until = Some(window.end);
        if usage.is_empty() && losses.is_empty() {
            continue;
        }
        let span = Span::from(*window);
        let window_id = window_id(&transaction, span)?;
        let late = Late::new(rolled, span);
        late.widen(&transaction)?;
        let day = Tier::Day.bucket(span.start_ms);
        for row in usage {
            let (key, moved) = resolve(&transaction, dimensions, row, day, &mut stored)?;
            store_usage(
                &transaction,
                window_id,
                span,
                row,
                (key, moved),
                &mut stored,
            )?;
            late.add(&transaction, key, moved)?;
        }
        if usage.iter().any(|row| row.remote == Remote::Other) {
            fold_window(&transaction, window_id)?;
            late.fold(&transaction)?;
        }
        store_losses(&transaction, window_id, losses, &mut stored)?;
    }
    transaction
        .prepare_cached(
            "UPDATE progress
                SET flushed_until_ms = coalesce(:until, flushed_until_ms),
                    usage_rows       = usage_rows + :new_rows",
        )?
        .execute(named_params! {
            ":until": stored.until.map(floor_ms),
            ":new_rows": stored.new_rows,
        })?;
    transaction.commit()?;
    Ok(stored)
}

/// The number of a window, which several batches may share.
fn window_id(file: &Transaction<'_>, Span { start_ms, end_ms }: Span) -> Result<i64> {
    let span = named_params! { ":start": start_ms, ":end": end_ms };
    file.prepare_cached(
        "INSERT INTO time_window (start_ms, end_ms) VALUES (:start, :end)
         ON CONFLICT (start_ms, end_ms) DO NOTHING",
    )?
    .execute(span)?;
    file.prepare_cached("SELECT id FROM time_window WHERE start_ms = :start AND end_ms = :end")?
        .query_row(span, |row| row.get(0))
}

/// Says that a window has rows whose remote and ports the kernel had no room for.
fn fold_window(file: &Transaction<'_>, window_id: i64) -> Result<()> {
    file.prepare_cached("UPDATE time_window SET folded = folded | :folded WHERE id = :window")?
        .execute(named_params! { ":folded": Detail::FLOWS.bits(), ":window": window_id })?;
    Ok(())
}

/// Names to numbers, amounts to what the file can hold.
fn resolve(
    file: &Transaction<'_>,
    dimensions: &mut Dimensions,
    usage: &Usage,
    day: i64,
    stored: &mut Stored,
) -> Result<(FlowKey, Moved)> {
    let (remote_id, remote_port) = dimensions.remote(file, usage.remote, day)?;
    let key = FlowKey {
        process_id: dimensions.process(file, &usage.process, day)?,
        protocol_id: dimensions.protocol(file, usage.protocol)?,
        local_port: dimensions::local_port(usage),
        remote_id,
        remote_port,
    };
    let moved = Moved {
        sent_bytes: storable(usage.sent_bytes, stored),
        received_bytes: storable(usage.received_bytes, stored),
    };
    Ok((key, moved))
}

fn store_usage(
    file: &Transaction<'_>,
    window_id: i64,
    span: Span,
    usage: &Usage,
    (key, moved): (FlowKey, Moved),
    stored: &mut Stored,
) -> Result<()> {
    let FlowKey {
        process_id,
        protocol_id,
        local_port,
        remote_id,
        remote_port,
    } = key;
    let values = named_params! {
        ":window": window_id,
        ":process": process_id,
        ":protocol": protocol_id,
        ":local_port": local_port,
        ":remote": remote_id,
        ":remote_port": remote_port,
        ":sent": moved.sent_bytes,
        ":received": moved.received_bytes,
        ":first": floor_ms(usage.first_activity) - span.start_ms,
        ":last": floor_ms(usage.last_activity) - span.start_ms,
    };
    let inserted = file
        .prepare_cached(
            "INSERT INTO flow_usage (window_id, process_id, protocol_id, local_port, remote_id,
                                     remote_port, sent_bytes, received_bytes, first_ms, last_ms)
             VALUES (:window, :process, :protocol, :local_port, :remote,
                     :remote_port, :sent, :received, :first, :last)
             ON CONFLICT DO NOTHING",
        )?
        .execute(values)?;
    if inserted == 0 {
        // The bound of the addition is that of the file: beyond it SQLite would turn to floats.
        file.prepare_cached(
            "UPDATE flow_usage
                SET sent_bytes     = sent_bytes
                                   + min(:sent, 9223372036854775807 - sent_bytes),
                    received_bytes = received_bytes
                                   + min(:received, 9223372036854775807 - received_bytes),
                    first_ms       = min(first_ms, :first),
                    last_ms        = max(last_ms, :last)
              WHERE window_id = :window AND process_id = :process AND protocol_id = :protocol
                AND local_port = :local_port AND remote_id = :remote
                AND remote_port = :remote_port",
        )?
        .execute(values)?;
    } else {
        stored.new_rows += 1;
    }
    stored.rows += 1;
    stored.sent_bytes = stored.sent_bytes.saturating_add(usage.sent_bytes);
    stored.received_bytes = stored.received_bytes.saturating_add(usage.received_bytes);
    Ok(())
}

fn store_losses(
    file: &Transaction<'_>,
    window_id: i64,
    Losses(losses): &Losses,
    stored: &mut Stored,
) -> Result<()> {
    let mut insert = file.prepare_cached(
        "INSERT INTO loss (window_id, reason, events, sent_bytes, received_bytes)
         VALUES (:window, :reason, :events, :sent, :received)
         ON CONFLICT (window_id, reason) DO UPDATE
            SET events         = events
                               + min(excluded.events, 9223372036854775807 - events),
                sent_bytes     = sent_bytes
                               + min(excluded.sent_bytes, 9223372036854775807 - sent_bytes),
                received_bytes = received_bytes
                               + min(excluded.received_bytes, 9223372036854775807 - received_bytes)",
    )?;
    for (reason, count) in losses {
        insert.execute(named_params! {
            ":window": window_id,
            ":reason": reason.name(),
            ":events": storable(count.events, stored),
            ":sent": storable(count.sent_bytes, stored),
            ":received": storable(count.received_bytes, stored),
        })?;
    }
    Ok(())
}

/// SQLite's integers are signed.
fn storable(value: u64, stored: &mut Stored) -> i64 {
    i64::try_from(value).unwrap_or_else(|_too_large| {
        stored.saturated += 1;
        i64::MAX
    })
}

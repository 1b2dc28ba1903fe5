//! Lines of an export to rows of windows.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::pipeline::{Protocol, Remote};
use rusqlite::{Result, Transaction, named_params};

use super::BOOT;
use super::line::{LossLine, Other, UsageLine};
use crate::detail::Detail;
use crate::moment::{Span, floor_ms};
use crate::query::Field;
use crate::tier::{RolledUntil, Tier};
use crate::writer::bucket::{self, FlowKey, Moved};
use crate::writer::dimensions::Dimensions;
use crate::writer::late::Late;
use crate::writer::{FOLDED_PORT, NO_PORT, NO_REMOTE, OTHER, UNRESOLVED};
use crate::writer::{identity, needed};

/// More windows than this are looked up again in the file.
const MAX_REMEMBERED: usize = 65_536;

/// Stores rows in a transaction that is not its own.
pub(super) struct Rows<'t> {
    file: &'t Transaction<'t>,
    dimensions: Dimensions,
    rolled: RolledUntil,
    windows: HashMap<Span, Window>,
}

#[derive(Clone, Copy)]
struct Window {
    id: i64,
    folded: Detail,
}

impl<'t> Rows<'t> {
    pub(super) fn new(file: &'t Transaction<'t>) -> Result<Self> {
        Ok(Self {
            file,
            dimensions: Dimensions::new(BOOT.to_owned()),
            rolled: RolledUntil::read(file)?,
            windows: HashMap::new(),
        })
    }

    /// Stores what a flow moved; the inner error is about the line.
    pub(super) fn usage(
        &mut self,
        span: Span,
        line: &UsageLine,
    ) -> Result<std::result::Result<(), String>> {
        let (process, remote, protocol, moved) = match checked(line) {
            Ok(checked) => checked,
            Err(message) => return Ok(Err(message)),
        };
        self.dimensions.forget_if_many();
        let day = Tier::Day.bucket(span.start_ms);
        let (remote_id, known_port) = match remote {
            Other::Address(ip) => {
                let remote = Remote::Address { ip, port: 0 };
                (
                    self.dimensions.remote(self.file, remote, day)?.0,
                    FOLDED_PORT,
                )
            }
            Other::Unresolved => (UNRESOLVED, NO_PORT),
            Other::Folded => (OTHER, FOLDED_PORT),
            Other::None => (NO_REMOTE, NO_PORT),
        };
        let no_local_port = if remote == Other::None {
            NO_PORT
        } else {
            FOLDED_PORT
        };
        let process_id = self
            .dimensions
            .process(self.file, &Arc::new(process), day)?;
        let is_one = line.pid.is_some();
        let process_id = if is_one {
            process_id
        } else {
            let process_id = identity::alike(self.file, process_id)?;
            needed::see(self.file, process_id, day)?;
            process_id
        };
        let key = FlowKey {
            process_id,
            protocol_id: self.dimensions.protocol(self.file, protocol)?,
            local_port: line.local_port.map_or(no_local_port, i64::from),
            remote_id,
            remote_port: line.remote_port.map_or(known_port, i64::from),
        };
        let mut folded = folded(key);
        folded.processes |= !is_one;
        let window = self.window(span)?;
        self.fold(span, window, folded)?;
        store(self.file, window.id, span, key, moved)?;
        Late::new(self.rolled, span).add(self.file, key, moved)?;
        Ok(Ok(()))
    }

    /// Stores a loss of a window, or of a day.
    pub(super) fn loss(&mut self, span: Span, line: &LossLine) -> Result<()> {
        let (table, key, number) = if line.is_of_window() {
            ("loss", "window_id", self.window(span)?.id)
        } else {
            ("day_loss", "bucket", Tier::Day.bucket(span.start_ms))
        };
        let LossLine {
            reason,
            events,
            sent_bytes,
            received_bytes,
            ..
        } = line;
        self.file
            .prepare_cached(&format!(
                "INSERT INTO {table} ({key}, reason, events, sent_bytes, received_bytes)
                 VALUES (:number, :reason, :events, :sent, :received)
                 ON CONFLICT ({key}, reason) DO UPDATE
                    SET events         = events
                                       + min(excluded.events, 9223372036854775807 - events),
                        sent_bytes     = sent_bytes
                                       + min(excluded.sent_bytes, 9223372036854775807 - sent_bytes),
                        received_bytes = received_bytes
                                       + min(excluded.received_bytes, 9223372036854775807 - received_bytes)"
            ))?
            .execute(named_params! {
                ":number": number,
                ":reason": reason,
                ":events": storable(*events),
                ":sent": storable(*sent_bytes),
                ":received": storable(*received_bytes),
            })?;
        Ok(())
    }

    /// Says how far the history reaches now.
    pub(super) fn finish(self, flushed_until: Option<Timestamp>) -> Result<()> {
        self.file.execute(
            "UPDATE progress
                SET flushed_until_ms = max(coalesce(flushed_until_ms, :until),
                                           coalesce(:until, flushed_until_ms)),
                    usage_rows       = (SELECT count(*) FROM flow_usage)",
            named_params! { ":until": flushed_until.map(floor_ms) },
        )?;
        Ok(())
    }

    /// Finds a window, or makes it.
    fn window(&mut self, span: Span) -> Result<Window> {
        if let Some(window) = self.windows.get(&span) {
            return Ok(*window);
        }
        if self.windows.len() >= MAX_REMEMBERED {
            self.windows.clear();
        }
        let Span { start_ms, end_ms } = span;
        let values = named_params! { ":start": start_ms, ":end": end_ms };
        self.file
            .prepare_cached(
                "INSERT INTO time_window (start_ms, end_ms) VALUES (:start, :end)
                 ON CONFLICT (start_ms, end_ms) DO NOTHING",
            )?
            .execute(values)?;
        let id = self
            .file
            .prepare_cached("SELECT id FROM time_window WHERE start_ms = :start AND end_ms = :end")?
            .query_row(values, |row| row.get(0))?;
        Late::new(self.rolled, span).widen(self.file)?;
        let window = Window {
            id,
            folded: Detail::default(),
        };
        self.windows.insert(span, window);
        Ok(window)
    }

    /// Says what a window, and the buckets that it comes late for, do not tell.
    fn fold(&mut self, span: Span, window: Window, folded: Detail) -> Result<()> {
        let all = window.folded.or(folded);
        if all == window.folded {
            return Ok(());
        }
        self.file
            .prepare_cached("UPDATE time_window SET folded = folded | :folded WHERE id = :id")?
            .execute(named_params! { ":folded": all.bits(), ":id": window.id })?;
        for tier in Tier::ALL {
            let is_late = |until_ms| span.start_ms < until_ms;
            if self.rolled.of(tier).is_some_and(is_late) {
                bucket::fold(self.file, tier, tier.bucket(span.start_ms), all)?;
            }
        }
        let window = Window {
            folded: all,
            ..window
        };
        self.windows.insert(span, window);
        Ok(())
    }
}

/// What a row does not tell.
fn folded(key: FlowKey) -> Detail {
    let mut folded = Detail::default();
    if key.remote_id == OTHER {
        folded = folded.or(Detail::of(Field::RemoteIp));
    }
    if key.local_port == FOLDED_PORT || key.remote_port == FOLDED_PORT {
        folded = folded.or(Detail::of(Field::RemotePort));
    }
    folded
}

type Checked = (nettally_source::pipeline::Process, Other, Protocol, Moved);

fn checked(line: &UsageLine) -> std::result::Result<Checked, String> {
    let protocol = line
        .protocol
        .parse::<Protocol>()
        .map_err(|error| error.to_string())?;
    let moved = Moved {
        sent_bytes: storable(line.sent_bytes),
        received_bytes: storable(line.received_bytes),
    };
    Ok((line.process()?, line.remote()?, protocol, moved))
}

/// No export has more than the file that it comes from.
fn storable(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn store(
    file: &Transaction<'_>,
    window_id: i64,
    span: Span,
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
    file.prepare_cached(
        "INSERT INTO flow_usage (window_id, process_id, protocol_id, local_port, remote_id,
                                 remote_port, sent_bytes, received_bytes, first_ms, last_ms)
         VALUES (:window, :process, :protocol, :local_port, :remote,
                 :remote_port, :sent, :received, 0, :length)
         ON CONFLICT DO UPDATE
            SET sent_bytes     = sent_bytes
                               + min(excluded.sent_bytes, 9223372036854775807 - sent_bytes),
                received_bytes = received_bytes
                               + min(excluded.received_bytes, 9223372036854775807 - received_bytes)",
    )?
    .execute(named_params! {
        ":window": window_id,
        ":process": process_id,
        ":protocol": protocol_id,
        ":local_port": local_port,
        ":remote": remote_id,
        ":remote_port": remote_port,
        ":sent": sent_bytes,
        ":received": received_bytes,
        ":length": span.end_ms - span.start_ms,
    })?;
    Ok(())
}

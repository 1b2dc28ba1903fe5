//! What takes the space in a file, tier by tier.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Result as Sqlite, named_params};
use serde::Serialize;

use super::Reader;
use crate::error::StoreError;
use crate::moment::from_ms;
use crate::schema;
use crate::tier::Rows;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inventory {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes on disk, with its write-ahead log.
    pub size_bytes: u64,
    /// Version of its schema.
    pub schema: i64,
    /// Bytes of the pages that hold nothing.
    pub free_bytes: u64,
    /// Bytes of names, addresses and what else rows refer to.
    pub names_bytes: u64,
    /// The tiers, finest first.
    pub tiers: Vec<TierInventory>,
    /// End of the newest window that was stored.
    pub flushed_until: Option<Timestamp>,
}

/// What a tier holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TierInventory {
    /// `window`, `minute`, `hour`, `day`, and so on.
    pub tier: String,
    /// Rows of usage.
    pub rows: u64,
    /// Windows or buckets that they are in.
    pub buckets: u64,
    /// Bytes of its tables and their indices.
    pub bytes: u64,
    /// Start of its oldest window.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<nettally_source::pipeline::schema::Instant>")
    )]
    pub oldest: Option<Timestamp>,
    /// End of its newest window.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<nettally_source::pipeline::schema::Instant>")
    )]
    pub newest: Option<Timestamp>,
    /// All that belongs to a time from here on is there; null if nothing was deleted yet.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<nettally_source::pipeline::schema::Instant>")
    )]
    pub kept_from: Option<Timestamp>,
}

impl TierInventory {
    /// What it grows by in a day, as far as it tells; none if it covers less than an hour.
    #[must_use]
    pub fn bytes_per_day(&self) -> Option<f64> {
        let days = self.days()?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let bytes = self.bytes as f64;
        (days >= 1.0 / 24.0).then(|| bytes / days)
    }

    /// From its oldest to its newest window, in days.
    #[must_use]
    pub fn days(&self) -> Option<f64> {
        let covered = self.newest?.duration_since(self.oldest?);
        Some(covered.as_secs_f64() / 86_400.0)
    }
}

impl Reader {
    /// Counts everything: the file is read as a whole, which takes seconds for gigabytes.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn inventory(&self) -> Result<Inventory, StoreError> {
        let size_bytes = self.stats()?.size_bytes;
        let snapshot = self.snapshot()?;
        let mut by_table = snapshot.ask(bytes_by_table)?;
        let mut tiers = Vec::new();
        for rows in Rows::ALL {
            let bytes = tables(rows)
                .into_iter()
                .filter_map(|table| by_table.remove(table))
                .sum();
            tiers.push(snapshot.ask(|file| tier(file, rows, bytes))?);
        }
        Ok(Inventory {
            path: self.path.clone(),
            size_bytes,
            schema: schema::VERSION,
            free_bytes: snapshot
                .ask(|file| Ok(pragma(file, "freelist_count")? * pragma(file, "page_size")?))?,
            names_bytes: by_table.values().sum(),
            tiers,
            flushed_until: snapshot.flushed_until()?,
        })
    }
}

fn pragma(file: &Connection, name: &str) -> Sqlite<u64> {
    file.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
        .map(i64::unsigned_abs)
}

/// The tables of a tier.
fn tables(rows: Rows) -> Vec<&'static str> {
    match rows {
        Rows::Windows => vec!["flow_usage", "time_window", "loss"],
        Rows::Tier(tier) => [tier.table()].into_iter().chain(tier.sum_table()).collect(),
    }
}

/// Bytes of each table with its indices.
fn bytes_by_table(file: &Connection) -> Sqlite<BTreeMap<String, u64>> {
    let mut statement = file.prepare(
        "SELECT coalesce(s.tbl_name, d.name), sum(d.pgsize)
           FROM dbstat d LEFT JOIN sqlite_schema s ON s.name = d.name
          WHERE d.aggregate = TRUE
          GROUP BY 1",
    )?;
    statement
        .query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
        })?
        .collect()
}

fn tier(file: &Connection, rows: Rows, bytes: u64) -> Sqlite<TierInventory> {
    let (table, extent) = match rows {
        Rows::Windows => (
            "flow_usage",
            "SELECT count(*), min(start_ms), max(end_ms) FROM time_window WHERE :tier = 0",
        ),
        Rows::Tier(tier) => (
            tier.table(),
            "SELECT count(*), min(first_ms), max(last_ms) FROM tier_bucket WHERE tier_id = :tier",
        ),
    };
    let (name, kept_from): (String, Option<i64>) = file.query_row(
        "SELECT name, kept_from_ms FROM tier WHERE id = ?",
        [rows.id()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let count: i64 = file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })?;
    let (buckets, oldest, newest): (i64, Option<i64>, Option<i64>) = file
        .query_row(extent, named_params! { ":tier": rows.id() }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?
        .unwrap_or_default();
    Ok(TierInventory {
        tier: name,
        rows: count.unsigned_abs(),
        buckets: buckets.unsigned_abs(),
        bytes,
        oldest: oldest.map(from_ms),
        newest: newest.map(from_ms),
        kept_from: kept_from.map(from_ms),
    })
}

#[cfg(test)]
mod tests {
    use nettally_source::pipeline::Remote;

    use crate::testing::{History, at, batch, process, second, usage};

    #[test]
    fn every_byte_of_a_file_is_a_tiers_a_names_or_free() {
        let row = || vec![usage(process(1, "curl"), Remote::Unresolved, 1, 1)];
        let history = History::with((0..180).map(|n| batch(second(n), row())).collect());
        let inventory = history.reader().inventory().unwrap();
        let tiers: Vec<_> = inventory
            .tiers
            .iter()
            .map(|tier| (tier.tier.as_str(), tier.rows, tier.buckets))
            .collect();
        assert_eq!(
            tiers[..3],
            [("window", 180, 180), ("minute", 3, 3), ("hour", 0, 0)]
        );
        let windows = &inventory.tiers[0];
        assert_eq!(
            (windows.oldest, windows.newest),
            (Some(at(0)), Some(at(180_000)))
        );
        let tiers: u64 = inventory.tiers.iter().map(|tier| tier.bytes).sum();
        let pages = inventory.size_bytes - tiers - inventory.names_bytes - inventory.free_bytes;
        // What says which pages were given back belongs to nobody.
        assert!(pages <= 4096, "{inventory:?}");
        assert_eq!(windows.bytes_per_day(), None);
    }
}

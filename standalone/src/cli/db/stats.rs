//! `nettally db stats`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nettally_sqlite_sink::{Inventory, Reader, RetentionConfig, TierInventory};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Database, Target};
use crate::cli::{ConfigFile, output, schema};
use crate::text::human_bytes;

/// Options of `db stats`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    /// Print the JSON Schema (draft 2020-12) of what --json prints, and read nothing.
    #[arg(long)]
    schema: bool,
}

/// Prints what takes the space.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options {
        target,
        json,
        schema,
    } = options;
    if schema {
        output::print_json(&schema::of::<Stats<'_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let Database { path, config } = target.database(file)?;
    let inventory = Reader::open(&path)?.inventory()?;
    let stats = Stats::of(&inventory, &config.retention);
    if json {
        output::print_json(&stats)?;
    } else {
        let text = stats.text(&TimeZone::system());
        io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a file holds, and what that means for its future.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "nettally db stats --json")]
struct Stats<'i> {
    /// The file.
    path: String,
    /// Bytes on disk, with its write-ahead log.
    size_bytes: u64,
    /// Of them, those of pages that hold nothing.
    free_bytes: u64,
    /// Those of names, addresses and what else rows refer to.
    names_bytes: u64,
    /// Version of its schema.
    schema: i64,
    /// End of the newest window that was stored; null if there is none.
    #[schemars(with = "Option<String>")]
    flushed_until: Option<Timestamp>,
    /// Finest first.
    tiers: Vec<Tier<'i>>,
    /// By which the file grows in a day, as long as its tiers are not full; null as long as there is
    /// less than an hour of history.
    growth_bytes_per_day: Option<f64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Tier<'i> {
    #[serde(flatten)]
    inventory: &'i TierInventory,
    /// On average; null if it has none.
    bytes_per_row: Option<f64>,
    /// What it grows by in a day; null if it covers less than an hour.
    bytes_per_day: Option<f64>,
    /// As configured; null: for ever.
    kept_days: Option<f64>,
}

impl<'i> Stats<'i> {
    fn of(inventory: &'i Inventory, retention: &RetentionConfig) -> Self {
        let Inventory {
            path,
            size_bytes,
            schema,
            free_bytes,
            names_bytes,
            tiers,
            flushed_until,
        } = inventory;
        let tiers: Vec<Tier<'_>> = tiers.iter().map(|tier| Tier::of(tier, retention)).collect();
        let growths: Vec<f64> = tiers.iter().filter_map(Tier::growth).collect();
        Self {
            path: path.display().to_string(),
            size_bytes: *size_bytes,
            free_bytes: *free_bytes,
            names_bytes: *names_bytes,
            schema: *schema,
            flushed_until: *flushed_until,
            growth_bytes_per_day: (!growths.is_empty()).then(|| growths.iter().sum()),
            tiers,
        }
    }

    fn text(&self, zone: &TimeZone) -> String {
        let Self {
            path,
            size_bytes,
            free_bytes,
            names_bytes,
            schema,
            flushed_until,
            tiers,
            growth_bytes_per_day,
        } = self;
        let mut lines = vec![
            [
                "tier", "rows", "size", "a row", "a day", "from", "to", "days", "kept",
            ]
            .map(str::to_owned),
        ];
        lines.extend(tiers.iter().map(|tier| tier.cells(zone)));
        for (name, bytes) in [("names", *names_bytes), ("free", *free_bytes)] {
            let mut cells = <[String; 9]>::default();
            cells[0] = name.to_owned();
            cells[2] = human_bytes(bytes);
            lines.push(cells);
        }
        let stored = flushed_until.map_or("nothing stored yet".to_owned(), |flushed| {
            format!("stored until {}", shown(flushed, zone))
        });
        let growth = growth_bytes_per_day.map_or(
            "how fast it grows can be told after an hour of history".to_owned(),
            |bytes| {
                let bytes = human_bytes(rounded(bytes));
                format!("grows by about {bytes} a day, until tiers are as long as they are kept")
            },
        );
        format!(
            "{path}: {}, schema {schema}, {stored}\n\n{}\n{growth}\n",
            human_bytes(*size_bytes),
            aligned(&lines)
        )
    }
}

impl<'i> Tier<'i> {
    fn of(inventory: &'i TierInventory, retention: &RetentionConfig) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "an average")]
        let average = inventory.bytes as f64 / inventory.rows as f64;
        Self {
            inventory,
            bytes_per_row: (inventory.rows > 0).then_some(average),
            bytes_per_day: inventory.bytes_per_day(),
            kept_days: kept_days(&inventory.tier, retention),
        }
    }

    /// Nothing, once as much is deleted in a day as is added.
    fn growth(&self) -> Option<f64> {
        let per_day = self.bytes_per_day?;
        let is_full = self.kept_days.zip(self.inventory.days());
        Some(match is_full {
            Some((kept, days)) if days >= kept => 0.0,
            Some(_) | None => per_day,
        })
    }

    fn cells(&self, zone: &TimeZone) -> [String; 9] {
        let Self {
            inventory,
            bytes_per_row,
            bytes_per_day,
            kept_days,
        } = self;
        let empty = String::new;
        let day = |time: Option<Timestamp>| time.map_or_else(empty, |time| shown(time, zone));
        [
            inventory.tier.clone(),
            inventory.rows.to_string(),
            human_bytes(inventory.bytes),
            bytes_per_row.map_or_else(empty, |bytes| format!("{bytes:.1} B")),
            bytes_per_day.map_or_else(empty, |bytes| human_bytes(rounded(bytes))),
            day(inventory.oldest),
            day(inventory.newest),
            inventory
                .days()
                .map_or_else(empty, |days| format!("{days:.1}")),
            kept_days.map_or("for ever".to_owned(), |days| format!("{days} days")),
        ]
    }
}

/// By the keys of the configuration, so that a tier that is added there is found here.
fn kept_days(tier: &str, retention: &RetentionConfig) -> Option<f64> {
    let values = serde_json::to_value(retention).ok()?;
    if tier == "window" {
        return values.get("raw_hours")?.as_f64().map(|hours| hours / 24.0);
    }
    values.get(format!("{tier}_days"))?.as_f64()
}

fn shown(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned_datetime(zone.clone())
        .strftime("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

fn rounded(bytes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an amount is not negative, and the cast saturates"
    )]
    let bytes = bytes.round() as u64;
    bytes
}

/// The first column to the left, numbers to the right, two spaces between.
fn aligned(lines: &[[String; 9]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max();
    let widths: Vec<usize> = (0..9).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, width))| match column {
                0 | 5 | 6 | 8 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let tier = |tier: &str, rows, oldest, newest| TierInventory {
            tier: tier.to_owned(),
            rows,
            buckets: rows,
            bytes: 40 * rows,
            oldest,
            newest,
            kept_from: None,
        };
        Inventory {
            path: "/x/nettally.db".into(),
            size_bytes: 50_000_000,
            schema: 5,
            free_bytes: 0,
            names_bytes: 4096,
            tiers: vec![
                tier(
                    "window",
                    1_000_000,
                    time("2026-01-03T00:00:00Z"),
                    time("2026-01-05T00:00:00Z"),
                ),
                tier(
                    "minute",
                    100_000,
                    time("2026-01-01T00:00:00Z"),
                    time("2026-01-05T00:00:00Z"),
                ),
                tier("day", 0, None, None),
            ],
            flushed_until: time("2026-01-05T00:00:00Z"),
        }
    }

    #[test]
    fn a_file_is_told_tier_by_tier() {
        let inventory = inventory();
        let stats = Stats::of(&inventory, &RetentionConfig::default());
        let expected = "\
/x/nettally.db: 50.0 MB, schema 5, stored until 2026-01-05 00:00:00 +00:00

tier       rows     size   a row    a day  from                        to                          days  kept
window  1000000  40.0 MB  40.0 B  20.0 MB  2026-01-03 00:00:00 +00:00  2026-01-05 00:00:00 +00:00   2.0  2 days
minute   100000  4.00 MB  40.0 B  1.00 MB  2026-01-01 00:00:00 +00:00  2026-01-05 00:00:00 +00:00   4.0  30 days
day           0      0 B                                                                                 for ever
names            4.10 KB
free                 0 B

grows by about 1.00 MB a day, until tiers are as long as they are kept
";
        assert_eq!(stats.text(&TimeZone::UTC), expected);
    }

    #[test]
    fn the_json_is_as_its_schema_says() {
        let inventory = inventory();
        let stats = Stats::of(&inventory, &RetentionConfig::default());
        let printed = serde_json::to_string_pretty(&stats).unwrap();
        insta::assert_snapshot!(printed);
        schema::assert_valid::<Stats<'_>>(&printed);
    }

    #[test]
    fn the_schema_is_the_one_that_programs_know() {
        insta::assert_snapshot!(schema::printed::<Stats<'_>>());
    }

    #[test]
    fn a_tier_that_is_full_does_not_grow() {
        let inventory = inventory();
        let retention = RetentionConfig {
            raw_hours: Some(72),
            ..RetentionConfig::default()
        };
        let growth = |retention: RetentionConfig| {
            let stats = Stats::of(&inventory, &retention);
            stats.growth_bytes_per_day
        };
        assert_eq!(growth(RetentionConfig::default()), Some(1_000_000.0));
        assert_eq!(growth(retention), Some(21_000_000.0));
    }
}

//! `nettally report`.
//!
//! This file has the options and makes a question of them; `table` (with `summary`, `bars`, `units`,
//! `billing` and `footnotes`) and `sheet` write the answer, `watch` asks again.

mod bars;
mod billing;
mod footnotes;
mod order;
pub(super) mod sheet;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod units;
mod watch;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nettally_source::Protocol;
use nettally_sqlite_sink::{
    Field, Filter, MonthStartDay, Order, Reader, TimeRange, UsageAnswer, UsageQuery,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{ConfigFile, now, output, schema};
use crate::config::Overrides;
use bars::{Bars, Glyphs};
use billing::{Billing, Month};
use table::Style;
use units::Units;

/// Rows of a table when nothing is said.
const TABLE_ROWS: u32 = 20;

/// The exit status of a wrong option, as of one that the parser of the command line refuses.
pub(super) const WRONG_USAGE: u8 = 2;

/// The exit status of `--fail-empty` where there is no row.
const NO_ROWS: u8 = 3;

/// What the help says after the options.
pub(super) const HELP: &str = "\
Exit status:
  0  The answer is printed, whether or not it has rows.
  1  There is no answer: no database, not readable, damaged.
  2  An option is wrong.
  3  With --fail-empty: the answer has no rows.

Examples:
  nettally report today
  nettally report 2026-10 --group-by process,remote_ip --where 'protocol=tcp'
  nettally report last 7d --order-by sent_bytes --units iec
  nettally report --since '2026-10-03 14:00' --until '2026-10-03 15:30' --csv";

/// Options of `report`.
#[derive(Debug, Default, Args)]
pub(super) struct Options {
    /// When, instead of --since and --until: today, yesterday, week (from Monday), month, year, the
    /// same with `last` before it, `last 24h`, `last 7d`, 2026, 2026-10, 2026-10-03. What is not over
    /// ends now [default: last 24h].
    #[arg(value_name = "RANGE", num_args = 0..=2, conflicts_with_all = ["since", "until"])]
    range: Vec<String>,

    /// Start: a time ago (-15m, 2h, 7d), a date or a date and time (2026-10-03, `2026-10-03 14:00`),
    /// the start of a period (today, week, 2026-10), RFC 3339, or Unix seconds [default: -24h].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,

    /// End, in the same forms: the first instant that is not in the report [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,

    /// Time zone of the days and dates, such as Europe/Berlin or UTC [default: that of TZ, or of this
    /// machine].
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    time_zone: Option<TimeZone>,

    /// The day that months begin on, 1 to 28, as on an invoice: `month` and `last month` are then
    /// from that day on. These two also tell the 95th percentile, and `month` what the whole of it
    /// will come to [default: 1].
    #[arg(long, value_name = "DAY", value_parser = month_start_day)]
    month_start_day: Option<MonthStartDay>,

    #[arg(
        long,
        value_name = "FIELD,...",
        value_delimiter = ',',
        help = format!(
            "One row for each combination of {} [default: process]",
            Field::ALL.map(Field::name).join(", ")
        )
    )]
    group_by: Option<Vec<Field>>,

    /// Only what this is true of, such as `protocol=udp and remote_ip in 10.0.0.0/8`.
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    condition: Option<Filter>,

    /// total_bytes, sent_bytes, received_bytes or a field of --group-by, with :asc or :desc after
    /// it [default: total_bytes:desc].
    #[arg(long, value_name = "WHAT", value_parser = order::parse)]
    order_by: Option<Order>,

    /// Rows at most [default: 20 in a table, all in JSON and CSV].
    #[arg(long, value_name = "ROWS")]
    limit: Option<u32>,

    /// Only this protocol: tcp, udp, udplite, icmp, raw, sctp, packet. Frames of the link layer
    /// (packet) are in no total unless a protocol is named here or in --where: they may hold what the
    /// other protocols count.
    #[arg(long)]
    protocol: Option<Protocol>,

    /// Only processes of this name.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    process: Option<String>,

    /// Print JSON, with every name exactly as it is.
    #[arg(long, conflicts_with = "csv")]
    json: bool,

    /// Print the JSON Schema (draft 2020-12) of what --json prints, and read nothing.
    #[arg(long)]
    schema: bool,

    /// Print CSV. Control characters are escaped, and `'` precedes text that a spreadsheet would
    /// take for a formula.
    #[arg(long)]
    csv: bool,

    /// Units of the table.
    #[arg(long, value_enum, default_value_t)]
    units: Units,

    /// Exact bytes in the table, without units, as --units bytes.
    #[arg(long, conflicts_with = "units")]
    bytes: bool,

    /// Print again every so many seconds until Ctrl-C [default: 2].
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = watch::SECONDS,
        value_parser = watch::interval,
        conflicts_with = "csv"
    )]
    watch: Option<Duration>,

    /// End with exit status 3 if there are no rows.
    #[arg(long, conflicts_with = "watch")]
    fail_empty: bool,

    /// The data directory whose nettally.db is read [default: as configured].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// The database file to read [default: that of the configuration].
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    database: Option<PathBuf>,
}

/// What a report says of a span of time.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "nettally report --json")]
struct Printed<'a> {
    #[serde(flatten)]
    answer: &'a UsageAnswer,
    /// Of `month` and `last month`.
    #[serde(skip_serializing_if = "Option::is_none")]
    billing: Option<&'a Billing>,
}

/// Prints what the history has.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    if options.schema {
        output::print_json(&schema::of::<Printed<'_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    // Before anything is opened, so that a wrong option is told as one.
    if let Err(error) = options.query(now()) {
        output::complain(&format!("{error:#}"));
        return Ok(ExitCode::from(WRONG_USAGE));
    }
    let reader = Reader::open(&options.path(file)?)?;
    let print = || -> anyhow::Result<UsageAnswer> {
        let now = now();
        let answer = reader.usage(&options.query(now)?)?;
        let billing = options.billing(&reader, now)?;
        options.print(&answer, billing.as_ref(), &reader)?;
        Ok(answer)
    };
    if let Some(interval) = options.watch {
        return watch::repeat(interval, || print().map(drop));
    }
    let answer = print()?;
    // With --limit 0 the next page has them.
    let is_empty = answer.rows.is_empty() && answer.next_cursor.is_none();
    Ok(if options.fail_empty && is_empty {
        ExitCode::from(NO_ROWS)
    } else {
        ExitCode::SUCCESS
    })
}

fn month_start_day(text: &str) -> Result<MonthStartDay, String> {
    let day = text
        .parse()
        .map_err(|_no_number| format!("`{text}` is no number from 1 to 28"))?;
    MonthStartDay::new(day).map_err(|error| error.to_string())
}

/// Reads a time zone: a name of the tz database, or a rule of POSIX.
pub(super) fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text)
        .or_else(|_unknown| TimeZone::posix(text))
        .map_err(|_neither| {
            format!(
                "`{text}` is no time zone of this machine; allowed: a name such as Europe/Berlin \
                 or UTC, or a rule such as CET-1CEST,M3.5.0,M10.5.0/3"
            )
        })
}

impl Options {
    fn path(&self, file: &ConfigFile) -> anyhow::Result<PathBuf> {
        let overrides = Overrides {
            data_dir: self.data_dir.clone(),
            ..Overrides::default()
        };
        let config = file.load(&overrides)?;
        if let Some(path) = &self.database {
            return Ok(path.clone());
        }
        let (_sink, path) = config.databases().next().with_context(|| {
            format!(
                "{} has no sink of type sqlite, so there is no history to report",
                config.origin
            )
        })?;
        Ok(path.to_owned())
    }

    fn query(&self, now: Timestamp) -> anyhow::Result<UsageQuery> {
        let mut group_by = Vec::new();
        for field in self.group_by.as_deref().unwrap_or(&[Field::Process]) {
            if !group_by.contains(field) {
                group_by.push(*field);
            }
        }
        let order = self.order_by.unwrap_or_default();
        order::check(order, &group_by)?;
        Ok(UsageQuery {
            range: self.time_range(now)?,
            group_by,
            filter: self.filter()?,
            order,
            // A table says how many rows there are, and shows some.
            limit: self.limit.filter(|_rows| self.json || self.csv),
            offset: 0,
        })
    }

    fn time_range(&self, now: Timestamp) -> anyhow::Result<TimeRange> {
        let zone = self.zone();
        if self.month_start_day.is_some() && self.month().is_none() {
            anyhow::bail!("--month-start-day goes with the range `month` or `last month` alone");
        }
        if self.range.is_empty() {
            let (since, until) = (self.since.as_deref(), self.until.as_deref());
            return TimeRange::parse_in(since, until, now, &zone)
                .map_err(|error| anyhow::anyhow!("--{error}"));
        }
        if let Some(month) = self.month() {
            return Ok(month.range(now, &zone, self.month_start_day()));
        }
        TimeRange::named(&self.range.join(" "), now, &zone)
            .map_err(|error| anyhow::anyhow!("RANGE: {}", error.message))
    }

    fn month(&self) -> Option<Month> {
        Month::named(&self.range.join(" "))
    }

    fn month_start_day(&self) -> MonthStartDay {
        self.month_start_day.unwrap_or_default()
    }

    /// What is told of a month beyond its rows.
    fn billing(&self, reader: &Reader, now: Timestamp) -> anyhow::Result<Option<Billing>> {
        let Some(month) = self.month().filter(|_month| !self.csv) else {
            return Ok(None);
        };
        let billing = Billing::of(
            reader,
            month,
            self.time_range(now)?,
            self.filter()?.as_ref(),
            now,
            &self.zone(),
            self.month_start_day(),
        )?;
        Ok(Some(billing))
    }

    fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(TimeZone::system)
    }

    fn filter(&self) -> anyhow::Result<Option<Filter>> {
        let mut filters: Vec<Filter> = self.condition.iter().cloned().collect();
        if let Some(protocol) = self.protocol {
            filters.push(Filter::equals(Field::Protocol, protocol.name())?);
        }
        if let Some(name) = &self.process {
            filters.push(Filter::equals(Field::Process, name)?);
        }
        Ok((!filters.is_empty()).then(|| Filter::all(filters)))
    }

    fn print(
        &self,
        answer: &UsageAnswer,
        billing: Option<&Billing>,
        reader: &Reader,
    ) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            drop(out);
            return output::print_json(&Printed { answer, billing });
        }
        if self.csv {
            sheet::write(answer, &mut out)?;
        } else {
            let losses = reader.losses(answer.range)?;
            let style = self.style(out.is_terminal());
            out.write_all(table::text(answer, &style).as_bytes())?;
            let billing = billing.map(|billing| billing.text(&style));
            out.write_all(billing.unwrap_or_default().as_bytes())?;
            out.write_all(footnotes::text(&losses).as_bytes())?;
        }
        Ok(())
    }

    fn style(&self, is_terminal: bool) -> Style {
        // A terminal that says nothing of its size, or 0, is taken for one of the usual width.
        let columns = || match crossterm::terminal::size() {
            Ok((0, _)) | Err(_) => 80,
            Ok((columns, _)) => columns,
        };
        Style {
            units: if self.bytes { Units::Bytes } else { self.units },
            bars: is_terminal.then(|| Bars {
                columns: usize::from(columns()),
                glyphs: Glyphs::of(|name| std::env::var_os(name)),
            }),
            zone: self.zone(),
            rows: self.limit.unwrap_or(TABLE_ROWS) as usize,
        }
    }
}

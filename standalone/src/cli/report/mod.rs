//! `nettally report`.

mod footnotes;
mod order;
mod sheet;
mod table;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use nettally_source::Protocol;
use nettally_sqlite_sink::{Field, Filter, Order, Reader, TimeRange, UsageAnswer, UsageQuery};

use super::{ConfigFile, now, output};
use crate::config::Overrides;
use table::Style;

/// Rows of a table when nothing is said.
const TABLE_ROWS: u32 = 20;

/// Options of `report`.
#[derive(Debug, Default, Args)]
pub(super) struct Options {
    /// Start: relative (-15m, -2h, -7d), a date, RFC 3339, or Unix seconds [default: -24h].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,

    /// End, in the same forms [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,

    /// One row for each combination: process, pid, exe, user, protocol, remote_ip, remote_port,
    /// local_port [default: process].
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',')]
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

    /// Print CSV. Control characters are escaped, and `'` precedes text that a spreadsheet would
    /// take for a formula.
    #[arg(long)]
    csv: bool,

    /// Exact bytes in the table, without units.
    #[arg(long)]
    bytes: bool,

    /// The data directory whose nettally.db is read [default: as configured].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Prints what the history has.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let overrides = Overrides {
        data_dir: options.data_dir.clone(),
        ..Overrides::default()
    };
    let query = options.query(now())?;
    let config = file.load(&overrides)?;
    let (_sink, path) = config.databases().next().with_context(|| {
        format!(
            "{} has no sink of type sqlite, so there is no history to report",
            config.origin
        )
    })?;
    let reader = Reader::open(path)?;
    let answer = reader.usage(&query)?;
    options.print(&answer, &reader)?;
    Ok(ExitCode::SUCCESS)
}

impl Options {
    fn query(&self, now: Timestamp) -> anyhow::Result<UsageQuery> {
        let group_by = self.group_by.clone().unwrap_or(vec![Field::Process]);
        let order = self.order_by.unwrap_or_default();
        order::check(order, &group_by)?;
        let is_table = !self.json && !self.csv;
        Ok(UsageQuery {
            range: TimeRange::parse(self.since.as_deref(), self.until.as_deref(), now)
                .map_err(|error| anyhow::anyhow!("--{error}"))?,
            group_by,
            filter: self.filter()?,
            order,
            limit: self.limit.or(is_table.then_some(TABLE_ROWS)),
            offset: 0,
        })
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

    fn print(&self, answer: &UsageAnswer, reader: &Reader) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            drop(out);
            return output::print_json(answer);
        }
        if self.csv {
            sheet::write(answer, &mut out)?;
        } else {
            let style = Style {
                exact: self.bytes,
                bars: out.is_terminal(),
            };
            let losses = reader.losses(answer.range)?;
            out.write_all(table::text(answer, style).as_bytes())?;
            out.write_all(footnotes::text(&losses).as_bytes())?;
        }
        Ok(())
    }
}

//! Records of an export as text.

use std::io::{self, Write};

use clap::ValueEnum;
use nettally_sqlite_sink::{EXPORT_VERSION, ExportBegin, ExportEnd, ExportLoss, ExportRecord};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::Value;

use crate::cli::report::sheet::{cell, plain};
use crate::text::harmless_json;

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A JSON object in each line, with losses, for `nettally db import`; `record` says what a line
    /// is, `usage` is a row.
    #[default]
    Jsonl,
    /// Rows alone, for spreadsheets.
    Csv,
}

/// Writes records as they come.
pub(crate) enum Lines<'o> {
    Jsonl {
        out: &'o mut dyn Write,
        columns: Vec<String>,
    },
    Csv(Box<csv::Writer<&'o mut dyn Write>>),
}

impl<'o> Lines<'o> {
    pub(crate) fn new(format: Format, out: &'o mut dyn Write) -> Self {
        match format {
            Format::Jsonl => Self::Jsonl {
                out,
                columns: Vec::new(),
            },
            Format::Csv => Self::Csv(Box::new(
                csv::WriterBuilder::new()
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(out),
            )),
        }
    }

    pub(crate) fn write(&mut self, record: &ExportRecord<'_>) -> io::Result<()> {
        match self {
            Self::Jsonl { out, columns } => {
                if let ExportRecord::Begin(begin) = record {
                    columns.clone_from(&begin.columns);
                }
                let json = serde_json::to_string(&Line::of(record, columns))?;
                writeln!(out, "{}", harmless_json(&json))
            }
            Self::Csv(writer) => match record {
                ExportRecord::Begin(begin) => {
                    let columns = begin.columns.iter().map(String::as_str);
                    writer
                        .write_record(["tier"].into_iter().chain(columns))
                        .map_err(plain)
                }
                ExportRecord::Usage { tier, values } => {
                    writer.write_field(tier).map_err(plain)?;
                    for value in *values {
                        writer.write_field(cell(value).as_bytes()).map_err(plain)?;
                    }
                    writer.write_record(None::<&[u8]>).map_err(plain)
                }
                ExportRecord::Loss(_) => Ok(()),
                ExportRecord::End(_) => writer.flush(),
            },
        }
    }
}

/// A record as an object, with the word for what it is.
#[derive(Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Line<'r> {
    Begin {
        version: u32,
        #[serde(flatten)]
        begin: &'r ExportBegin,
    },
    Usage(Row<'r>),
    Loss(&'r ExportLoss),
    End(ExportEnd),
}

impl<'r> Line<'r> {
    fn of(record: &ExportRecord<'r>, columns: &'r [String]) -> Self {
        match *record {
            ExportRecord::Begin(begin) => Self::Begin {
                version: EXPORT_VERSION,
                begin,
            },
            ExportRecord::Usage { tier, values } => Self::Usage(Row {
                tier,
                columns,
                values,
            }),
            ExportRecord::Loss(loss) => Self::Loss(loss),
            ExportRecord::End(end) => Self::End(end),
        }
    }
}

/// What a flow moved, with the names of its columns.
struct Row<'r> {
    tier: &'r str,
    columns: &'r [String],
    values: &'r [Value],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            tier,
            columns,
            values,
        } = self;
        let mut map = serializer.serialize_map(Some(values.len() + 1))?;
        map.serialize_entry("tier", tier)?;
        for (column, value) in columns.iter().zip(*values) {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}

//! An answer as CSV.

use std::borrow::Cow;
use std::io::{self, Write};

use nettally_sqlite_sink::{ByteTotals, Field, UsageAnswer, UsageRow};
use serde_json::Value;

use crate::text::printable;

/// Writes a heading and one record for each row, quoted by RFC 4180.
pub(super) fn write(answer: &UsageAnswer, out: impl Write) -> io::Result<()> {
    records(answer, out).map_err(plain)
}

fn records(answer: &UsageAnswer, out: impl Write) -> csv::Result<()> {
    let UsageAnswer { group_by, rows, .. } = answer;
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    let heading = group_by.iter().copied().map(Field::name);
    writer.write_record(heading.chain(["sent_bytes", "received_bytes"]))?;
    for UsageRow {
        fields,
        bytes: ByteTotals {
            sent_bytes,
            received_bytes,
        },
    } in rows
    {
        for (_field, value) in fields {
            writer.write_field(cell(value).as_bytes())?;
        }
        writer.write_record([sent_bytes.to_string(), received_bytes.to_string()])?;
    }
    writer.flush()?;
    Ok(())
}

/// The error of the writer below, of its own kind: who closed the pipe is told by it.
pub(in crate::cli) fn plain(error: csv::Error) -> io::Error {
    let mut kind = io::ErrorKind::Other;
    if let csv::ErrorKind::Io(source) = error.kind() {
        kind = source.kind();
    }
    io::Error::new(kind, error)
}

/// A value as text that nothing obeys.
pub(in crate::cli) fn cell(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => inert(text),
        number @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Cow::Owned(number.to_string())
        }
    }
}

/// Text that no spreadsheet takes for a formula, and no terminal for a command: any process may call
/// itself `=HYPERLINK(...)`.
fn inert(text: &str) -> Cow<'_, str> {
    let shown = printable(text);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{shown}"))
    } else {
        shown
    }
}

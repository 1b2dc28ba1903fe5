//! An answer as a table for people.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nettally_sqlite_sink::{ByteTotals, Field, OutsideTotal, TimeRange, UsageAnswer, UsageRow};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::text::{human_bytes, printable};

/// Columns of a bar at its longest.
const BAR: u64 = 24;

/// How a table looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Bytes without units.
    pub(super) exact: bool,
    /// A bar after each row.
    pub(super) bars: bool,
}

/// One line for each row, a line for the total, and what the numbers cover.
pub(super) fn text(answer: &UsageAnswer, style: Style) -> String {
    let UsageAnswer {
        range: TimeRange { since, until },
        group_by,
        rows,
        total,
        other,
        outside_total,
        flushed_until,
        next_cursor,
    } = answer;
    let mut lines = vec![heading(group_by)];
    lines.extend(rows.iter().map(|row| cells(row, style)));
    if !group_by.is_empty() {
        lines.push(summary("total", group_by.len(), *total, style));
    }
    if *other != ByteTotals::default() {
        lines.push(summary("of it folded", group_by.len(), *other, style));
    }
    let largest = rows.iter().map(|row| both(row.bytes)).max();
    let bars = rows.iter().map(|row| match largest {
        Some(largest) if style.bars => bar(both(row.bytes), largest),
        _ => String::new(),
    });
    let mut text = aligned(&lines, group_by.len(), bars);
    text.push('\n');
    add(
        &mut text,
        &format!("from {} to {}", local(*since), local(*until)),
    );
    if let Some(OutsideTotal { protocol, bytes }) = outside_total {
        let [sent, received, _both] = amounts(*bytes, style);
        let words = format!(
            "not in the total: {sent} sent and {received} received as link-layer frames, which may \
             hold what is counted above; --protocol {protocol} shows them"
        );
        add(&mut text, &words);
    }
    match flushed_until {
        Some(flushed) if flushed < until => {
            add(&mut text, &format!("stored until {}", local(*flushed)));
        }
        Some(_) => {}
        None => add(&mut text, "nothing is stored yet"),
    }
    if next_cursor.is_some() {
        let shown = format!("the first {} rows; more with --limit", rows.len());
        add(&mut text, &shown);
    }
    text
}

fn heading(group_by: &[Field]) -> Vec<String> {
    let fields = group_by.iter().map(|field| field.name().to_owned());
    fields
        .chain(["sent", "received", "total"].map(str::to_owned))
        .collect()
}

fn cells(row: &UsageRow, style: Style) -> Vec<String> {
    let UsageRow { fields, bytes } = row;
    fields
        .iter()
        .map(|(_field, value)| shown(value).into_owned())
        .chain(amounts(*bytes, style))
        .collect()
}

fn summary(title: &str, fields: usize, bytes: ByteTotals, style: Style) -> Vec<String> {
    let mut cells = vec![String::new(); fields];
    if let Some(first) = cells.first_mut() {
        title.clone_into(first);
    }
    cells.extend(amounts(bytes, style));
    cells
}

fn amounts(bytes: ByteTotals, Style { exact, bars: _ }: Style) -> [String; 3] {
    let ByteTotals {
        sent_bytes,
        received_bytes,
    } = bytes;
    [sent_bytes, received_bytes, both(bytes)].map(|bytes| {
        if exact {
            bytes.to_string()
        } else {
            human_bytes(bytes)
        }
    })
}

fn both(bytes: ByteTotals) -> u64 {
    bytes.sent_bytes.saturating_add(bytes.received_bytes)
}

fn shown(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed("?"),
        Value::String(text) => printable(text),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Cow::Owned(other.to_string())
        }
    }
}

/// Fields to the left, amounts to the right, two spaces between; then what `tails` has for a row.
fn aligned(lines: &[Vec<String>], fields: usize, tails: impl Iterator<Item = String>) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    let tails = std::iter::once(String::new())
        .chain(tails)
        .chain(std::iter::repeat(String::new()));
    for (line, tail) in lines.iter().zip(tails) {
        let mut shown = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.width());
            let gap = if column == 0 { "" } else { "  " };
            if column < fields {
                shown.extend([gap, cell, &padding]);
            } else {
                shown.extend([gap, &padding, cell]);
            }
        }
        shown.extend(["  ", &tail]);
        add(&mut text, shown.trim_end());
    }
    text
}

fn bar(bytes: u64, largest: u64) -> String {
    let cells = u128::from(bytes) * u128::from(BAR) / u128::from(largest.max(1));
    let cells = usize::try_from(cells).expect("at most as many as the largest has");
    "█".repeat(cells)
}

/// In the machine's time zone, with its offset.
fn local(time: Timestamp) -> String {
    time.to_zoned_datetime(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

fn add(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes everything");
}

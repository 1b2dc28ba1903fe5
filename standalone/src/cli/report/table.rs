//! An answer as a table for people.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use nettally_sqlite_sink::{ByteTotals, Field, OutsideTotal, UsageAnswer, UsageRow};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::bars::Bars;
use super::summary::{self, local};
use super::units::Units;
use crate::text::printable;

/// How a table looks.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// How amounts are written.
    pub(super) units: Units,
    /// A bar after each row.
    pub(super) bars: Option<Bars>,
    /// Of the times.
    pub(super) zone: TimeZone,
    /// Rows at most.
    pub(super) rows: usize,
}

/// What it is about, one line for each row, a line for the total, and what the numbers cover.
pub(super) fn text(answer: &UsageAnswer, style: &Style) -> String {
    let UsageAnswer {
        range,
        group_by,
        rows,
        total,
        other,
        outside_total,
        flushed_until,
        next_cursor: _,
    } = answer;
    let shown_rows = &rows[..rows.len().min(style.rows)];
    let mut text = summary::text(answer, shown_rows.len(), style);
    text.push('\n');
    if !rows.is_empty() {
        let mut lines = vec![heading(group_by)];
        lines.extend(shown_rows.iter().map(|row| cells(row, style.units)));
        if !group_by.is_empty() {
            lines.push(line("total", group_by.len(), *total, style.units));
        }
        if *other != ByteTotals::default() {
            lines.push(line("of it folded", group_by.len(), *other, style.units));
        }
        let amounts = shown_rows.iter().map(|row| both(row.bytes));
        text.push_str(&aligned(&lines, group_by.len(), amounts, style.bars));
        text.push('\n');
    }
    if let Some(OutsideTotal { protocol, bytes }) = outside_total {
        let [sent, received, _both] = amounts(*bytes, style.units);
        let words = format!(
            "not in the total: {sent} sent and {received} received as link-layer frames, which may \
             hold what is counted above; --protocol {protocol} shows them"
        );
        add(&mut text, &words);
    }
    match flushed_until {
        Some(flushed) if *flushed < range.until => {
            add(
                &mut text,
                &format!("stored until {}", local(*flushed, &style.zone)),
            );
        }
        Some(_) => {}
        None => add(&mut text, "nothing is stored yet"),
    }
    if shown_rows.len() < rows.len() {
        let shown = format!("the first {} rows; more with --limit", shown_rows.len());
        add(&mut text, &shown);
    }
    // Where nothing follows, no empty line does.
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn heading(group_by: &[Field]) -> Vec<String> {
    let fields = group_by.iter().map(|field| field.name().to_owned());
    fields
        .chain(["sent", "received", "total"].map(str::to_owned))
        .collect()
}

fn cells(row: &UsageRow, units: Units) -> Vec<String> {
    let UsageRow { fields, bytes } = row;
    fields
        .iter()
        .map(|(_field, value)| shown(value).into_owned())
        .chain(amounts(*bytes, units))
        .collect()
}

fn line(title: &str, fields: usize, bytes: ByteTotals, units: Units) -> Vec<String> {
    let mut cells = vec![String::new(); fields];
    if let Some(first) = cells.first_mut() {
        title.clone_into(first);
    }
    cells.extend(amounts(bytes, units));
    cells
}

/// Sent, received, both.
pub(super) fn amounts(bytes: ByteTotals, units: Units) -> [String; 3] {
    let ByteTotals {
        sent_bytes,
        received_bytes,
    } = bytes;
    [sent_bytes, received_bytes, both(bytes)].map(|bytes| units.shown(bytes))
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

/// Fields to the left, amounts to the right, two spaces between; then a bar for each of `bytes`,
/// which are those of the lines after the heading.
fn aligned(
    lines: &[Vec<String>],
    fields: usize,
    bytes: impl Iterator<Item = u64> + Clone,
    bars: Option<Bars>,
) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or_default()
        })
        .collect();
    let width = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
    let largest = bytes.clone().max().unwrap_or_default();
    let tails =
        bytes.map(|bytes| bars.map_or(String::new(), |bars| bars.bar(bytes, largest, width)));
    let tails = std::iter::once(String::new())
        .chain(tails)
        .chain(std::iter::repeat(String::new()));
    let mut text = String::new();
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

fn add(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes everything");
}

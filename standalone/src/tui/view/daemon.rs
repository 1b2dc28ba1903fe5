//! What a daemon says of its sinks and its database.

use ratatui::text::{Line, Span};

use super::cell::{Side, fit};
use super::theme::Theme;
use crate::text::{human_bytes, printable};
use crate::tui::model::daemon::{DaemonHealth, SinkHealth, found};

/// Appends it.
pub(super) fn tell(daemon: &DaemonHealth, lines: &mut Vec<Line<'static>>, theme: Theme) {
    let DaemonHealth {
        version,
        status,
        uptime_secs,
        sinks,
        database,
        losses: _,
    } = daemon;
    lines.push(Line::styled("DAEMON", theme.heading()));
    lines.push(fact(
        "nettally",
        format!(
            "{}, {}, runs for {uptime_secs} s",
            printable(version),
            printable(status)
        ),
        theme,
    ));
    if let Some(database) = database {
        lines.push(fact("database", told_of(database), theme));
    }
    lines.push(Line::styled("SINKS", theme.heading()));
    for sink in sinks {
        tell_sink(sink, lines, theme);
    }
}

fn tell_sink(sink: &SinkHealth, lines: &mut Vec<Line<'static>>, theme: Theme) {
    let figure = |name| sink.figure(name).unwrap_or(0);
    let text = format!(
        "{}: {} windows delivered, {} waiting, {} merged, {} dropped",
        printable(&sink.kind),
        figure("delivered_windows"),
        figure("waiting_windows"),
        figure("merged_windows"),
        figure("dropped_windows"),
    );
    lines.push(fact(&sink.name, text, theme));
    for (reason, loss) in &sink.losses {
        let both = loss
            .count
            .sent_bytes
            .saturating_add(loss.count.received_bytes);
        lines.push(Line::from(vec![
            Span::styled("▲ ", theme.warning()),
            Span::styled(printable(reason).into_owned(), theme.warning()),
            Span::raw(format!(
                "  {} times, {}: {}",
                loss.count.events,
                human_bytes(both),
                printable(&loss.meaning)
            )),
        ]));
    }
}

/// Size, rows and how far it is written; or why that is not known.
fn told_of(database: &serde_json::Value) -> String {
    let number = |name| found(database, name).and_then(serde_json::Value::as_u64);
    let text = |name| found(database, name).and_then(serde_json::Value::as_str);
    if let Some(error) = text("error") {
        return printable(error).into_owned();
    }
    let mut parts = Vec::new();
    if let Some(bytes) = number("size_bytes") {
        parts.push(human_bytes(bytes));
    }
    if let Some(rows) = number("rows") {
        parts.push(format!("{rows} rows"));
    }
    if let Some(until) = text("flushed_until") {
        parts.push(format!("stored until {}", printable(until)));
    }
    parts.join(", ")
}

fn fact(name: &str, value: String, theme: Theme) -> Line<'static> {
    Line::from(vec![
        Span::styled(fit(name, 10, Side::Left), theme.quiet()),
        Span::raw(" "),
        Span::raw(value),
    ])
}

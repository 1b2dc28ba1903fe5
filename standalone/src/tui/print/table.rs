//! A window as a table of plain text, without colours or a limit of width.

use nettally_source::{HealthReport, UsageBatch};
use unicode_width::UnicodeWidthStr as _;

use super::seconds;
use crate::text::{human_bytes, human_rate, printable};
use crate::tui::model::amount::Rate;
use crate::tui::model::ledger::Ledger;
use crate::tui::model::processes::{ProcessRow, processes};
use crate::tui::model::remotes::endpoint;
use crate::tui::model::settings::Settings;

const HEADINGS: [&str; 10] = [
    "PROCESS",
    "PID",
    "USER",
    "PROTOCOL",
    "SENT/s",
    "RECEIVED/s",
    "SENT",
    "RECEIVED",
    "REMOTES",
    "BUSIEST REMOTE",
];

/// Columns of numbers.
const RIGHT: [bool; 10] = [
    false, true, false, false, true, true, true, true, true, false,
];

/// The window as a table, busiest first, then what was lost and what is not seen.
pub(super) fn table(batch: &UsageBatch, health: Option<&HealthReport>) -> String {
    let mut ledger = Ledger::default();
    ledger.read(batch, 1);
    let table = processes(&ledger, &Settings::default());
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(table.rows.iter().map(cells));
    let total = table.total;
    let blank = String::new;
    lines.push([
        "total".to_owned(),
        blank(),
        blank(),
        blank(),
        human_rate(total.course.now().sent),
        human_rate(total.course.now().received),
        human_bytes(total.total.sent),
        human_bytes(total.total.received),
        blank(),
        blank(),
    ]);
    let mut text = aligned(&lines);
    if table.rows.is_empty() {
        text.push_str(&format!("no traffic in {:.1} s\n", seconds(batch)));
    }
    let outside = table.outside.tally.total;
    if table.outside.count > 0 {
        text.push_str(&format!(
            "not in the total: {} sent and {} received as link-layer frames\n",
            human_bytes(outside.sent),
            human_bytes(outside.received)
        ));
    }
    for (reason, count) in &batch.losses.0 {
        let bytes = human_bytes(count.sent_bytes.saturating_add(count.received_bytes));
        let (title, events) = (reason.class().title(), count.events);
        let meaning = reason.meaning();
        text.push_str(&format!(
            "{title}: {reason}: {events} times, {bytes}: {meaning}\n"
        ));
    }
    for degradation in health.map_or(&[][..], |health| &health.degradations) {
        text.push_str(&format!("degraded: {}\n", printable(&degradation.summary)));
    }
    text
}

fn cells(row: &ProcessRow) -> [String; 10] {
    let Rate { sent, received } = row.tally.course.now();
    let protocols: Vec<&str> = row
        .protocols
        .iter()
        .map(|protocol| protocol.name())
        .collect();
    let pids: Vec<String> = row.pids.iter().map(ToString::to_string).collect();
    [
        printable(&row.name).into_owned(),
        pids.join(","),
        printable(row.user.as_deref().unwrap_or("-")).into_owned(),
        protocols.join(","),
        human_rate(sent),
        human_rate(received),
        human_bytes(row.tally.total.sent),
        human_bytes(row.tally.total.received),
        row.remotes.to_string(),
        row.busiest.map(endpoint).unwrap_or_default(),
    ]
}

fn aligned(lines: &[[String; 10]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].width()).max();
    let widths: Vec<usize> = (0..10).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let mut shown = String::new();
        for ((cell, &width), right) in line.iter().zip(&widths).zip(RIGHT) {
            let blanks = " ".repeat(width - cell.width());
            let (before, after) = if right {
                (&*blanks, "")
            } else {
                ("", &*blanks)
            };
            shown.push_str(&format!("{before}{cell}{after}  "));
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use nettally_source::{LossCount, LossReason};

    use super::*;
    use crate::tui::testing::{batch, process, tcp, udp};

    #[test]
    fn columns_are_aligned_whatever_the_names_are_made_of() {
        let (wide, evil) = (process(7, "漢字"), process(1234, "\u{1b}[1m"));
        let mut batch = batch(
            0,
            vec![
                tcp(&wide, "192.0.2.1:443", 12_345, 1),
                udp(&wide, "192.0.2.53:53", 5, 6),
                tcp(&evil, "[2001:db8::1]:443", 0, 999),
            ],
        );
        let lost = LossCount {
            events: 2,
            sent_bytes: 1500,
            received_bytes: 0,
        };
        batch.losses.add(LossReason::FlowsFull, lost);
        insta::assert_snapshot!(table(&batch, None));
    }

    #[test]
    fn a_quiet_window_says_so() {
        assert!(table(&batch(0, vec![]), None).ends_with("no traffic in 1.0 s\n"));
    }
}

//! The table of processes.

use nettally_source::Protocol;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::cell::{Side, bytes, fit, fit_middle, rate, share, spark};
use super::columns::{Wish, chosen};
use super::table::{Cells, Heading, Table};
use super::theme::Theme;
use crate::tui::model::Model;
use crate::tui::model::amount::Tally;
use crate::tui::model::processes::{Aside, ProcessRow, ProcessTable};
use crate::tui::model::remotes::endpoint;
use crate::tui::model::settings::{Grouping, Measure, ProcessSort};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Pid,
    User,
    Protocols,
    Sent(Measure),
    Received(Measure),
    Course,
    Remotes,
    Busiest,
    Exe,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Name => "PROCESS",
            Self::Pid => "PID",
            Self::User => "USER",
            Self::Protocols => "PROT",
            Self::Sent(Measure::Rate) => "SENT/s",
            Self::Sent(Measure::Total) => "SENT",
            Self::Received(Measure::Rate) => "RECV/s",
            Self::Received(Measure::Total) => "RECV",
            Self::Course => "TREND",
            Self::Remotes => "REM",
            Self::Busiest => "BUSIEST REMOTE",
            Self::Exe => "EXECUTABLE",
        }
    }

    fn side(self) -> Side {
        match self {
            Self::Pid | Self::Sent(_) | Self::Received(_) | Self::Remotes => Side::Right,
            Self::Name
            | Self::User
            | Self::Protocols
            | Self::Course
            | Self::Busiest
            | Self::Exe => Side::Left,
        }
    }

    /// What the column sorts by, given what sorts: rates or totals.
    fn sort(self, measure: Measure) -> Option<ProcessSort> {
        match self {
            Self::Name => Some(ProcessSort::Name),
            Self::Pid => Some(ProcessSort::Pid),
            Self::User => Some(ProcessSort::User),
            Self::Sent(of) => (of == measure).then_some(ProcessSort::Sent),
            Self::Received(of) => (of == measure).then_some(ProcessSort::Received),
            Self::Course => Some(ProcessSort::Traffic),
            Self::Remotes => Some(ProcessSort::Remotes),
            Self::Protocols | Self::Busiest | Self::Exe => None,
        }
    }
}

fn columns(measure: Measure, width: usize) -> Vec<(Column, usize)> {
    let other = match measure {
        Measure::Rate => Measure::Total,
        Measure::Total => Measure::Rate,
    };
    let wish = |column, least, most, rank| Wish {
        column,
        least,
        most,
        rank,
    };
    chosen(
        &[
            wish(Column::Name, 15, 18, 10),
            wish(Column::Pid, 7, 7, 6),
            wish(Column::User, 6, 12, 3),
            wish(Column::Protocols, 4, 4, 4),
            wish(Column::Sent(measure), 7, 8, 9),
            wish(Column::Received(measure), 7, 8, 8),
            wish(Column::Course, 7, 20, 7),
            wish(Column::Sent(other), 7, 8, 2),
            wish(Column::Received(other), 7, 8, 2),
            wish(Column::Remotes, 4, 5, 5),
            wish(Column::Busiest, 21, 26, 1),
            wish(Column::Exe, 24, 200, 0),
        ],
        width,
    )
}

/// Draws the table.
pub(super) fn draw(
    model: &Model,
    table: &ProcessTable,
    area: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let measure = model.settings.measure;
    let columns = columns(measure, usize::from(area.width));
    let keys: Vec<_> = table.rows.iter().map(|row| row.key.clone()).collect();
    let order = model.settings.process_order;
    let headings = columns.iter().map(|&(column, width)| Heading {
        title: match (column, measure) {
            (Column::Course, Measure::Total) => "SHARE",
            (Column::Name, _) if model.settings.grouping == Grouping::App => "APP",
            _ => column.title(),
        },
        width,
        side: column.side(),
        ascending: (column.sort(measure) == Some(order.column)).then_some(order.ascending()),
    });
    let painter = Painter {
        columns: &columns,
        measure,
        table,
        newest: model.shown().windows,
        theme,
    };
    let drawn = Table {
        headings: headings.collect(),
        rows: keys.len(),
        selected: model.process_cursor.place(&keys),
        foot: painter.foot(),
    };
    drawn.draw(area, buffer, theme, |row| painter.row(&table.rows[row]));
}

struct Painter<'a> {
    columns: &'a [(Column, usize)],
    measure: Measure,
    table: &'a ProcessTable,
    newest: u64,
    theme: Theme,
}

impl Painter<'_> {
    fn row(&self, row: &ProcessRow) -> Cells {
        let quiet = self.theme.quiet();
        let cells = self.columns.iter().map(|&(column, width)| match column {
            Column::Name => (fit(&row.name, width, Side::Left), Style::new()),
            Column::Pid => (fit(&pids(row), width, Side::Right), quiet),
            Column::User => {
                let user = row.user.as_deref().unwrap_or("-");
                (fit(user, width, Side::Left), quiet)
            }
            Column::Protocols => (fit(&protocols(&row.protocols), width, Side::Left), quiet),
            Column::Remotes => (fit(&row.remotes.to_string(), width, Side::Right), quiet),
            Column::Busiest => {
                let remote = row.busiest.map(endpoint).unwrap_or_default();
                (fit_middle(&remote, width), quiet)
            }
            Column::Exe => {
                let exe = row.exe.as_deref().unwrap_or("-");
                (fit_middle(exe, width), quiet)
            }
            Column::Sent(_) | Column::Received(_) | Column::Course => {
                self.amount(column, width, &row.tally)
            }
        });
        if row.gone {
            cells.map(|(text, _)| (text, quiet)).collect()
        } else {
            cells.collect()
        }
    }

    fn amount(&self, column: Column, width: usize, tally: &Tally) -> (String, Style) {
        let now = tally.course.now();
        let (text, is_zero, style) = match column {
            Column::Sent(Measure::Rate) => (rate(now.sent), now.sent < 0.5, self.theme.sent()),
            Column::Received(Measure::Rate) => (
                rate(now.received),
                now.received < 0.5,
                self.theme.received(),
            ),
            Column::Sent(Measure::Total) => {
                let sent = tally.total.sent;
                (bytes(sent), sent == 0, self.totals_style(self.theme.sent()))
            }
            Column::Received(Measure::Total) => {
                let received = tally.total.received;
                let style = self.totals_style(self.theme.received());
                (bytes(received), received == 0, style)
            }
            Column::Course => return (self.course(width, tally), self.theme.trend()),
            Column::Name
            | Column::Pid
            | Column::User
            | Column::Protocols
            | Column::Remotes
            | Column::Busiest
            | Column::Exe => return (fit("", width, Side::Left), Style::new()),
        };
        let style = if is_zero { self.theme.quiet() } else { style };
        (fit(&text, width, Side::Right), style)
    }

    /// The number that sorts has the colour; the other pair stays plain.
    fn totals_style(&self, coloured: Style) -> Style {
        match self.measure {
            Measure::Rate => Style::new(),
            Measure::Total => coloured,
        }
    }

    fn course(&self, width: usize, tally: &Tally) -> String {
        match self.measure {
            Measure::Rate => {
                let values: Vec<f64> = tally.course.iter().map(|rate| rate.both()).collect();
                spark(&values, self.newest, width)
            }
            #[expect(clippy::cast_precision_loss, reason = "shown as a percentage")]
            Measure::Total => share(
                tally.total.both() as f64,
                self.table.total.total.both() as f64,
                width,
            ),
        }
    }

    /// What is in no row, and the total.
    fn foot(&self) -> Vec<Cells> {
        let ProcessTable {
            rows,
            hidden,
            exited,
            total,
            outside,
        } = self.table;
        let mut foot = Vec::new();
        let quiet = self.theme.quiet();
        if hidden.count > 0 || hidden.tally.total.both() > 0 {
            foot.push(self.aside("not shown", hidden, quiet));
        }
        if exited.count > 0 {
            foot.push(self.aside("exited", exited, quiet));
        }
        let all = Aside {
            count: rows.len() as u64 + hidden.count + exited.count,
            tally: total.clone(),
        };
        foot.push(self.aside("total", &all, self.theme.strong()));
        if outside.count > 0 {
            foot.push(self.aside("packet, beside", outside, quiet));
        }
        foot
    }

    fn aside(&self, name: &str, aside: &Aside, style: Style) -> Cells {
        let cells = self.columns.iter().map(|&(column, width)| match column {
            Column::Name => {
                let count = aside.count.to_string();
                let name = fit(name, width.saturating_sub(count.len() + 1), Side::Left);
                (format!("{name} {count}"), style)
            }
            Column::Sent(_) | Column::Received(_) | Column::Course => {
                let (text, own) = self.amount(column, width, &aside.tally);
                let bold = style.add_modifier & Modifier::BOLD;
                (
                    text,
                    if bold.is_empty() {
                        style
                    } else {
                        own.add_modifier(bold)
                    },
                )
            }
            Column::Pid
            | Column::User
            | Column::Protocols
            | Column::Remotes
            | Column::Busiest
            | Column::Exe => (fit("", width, Side::Left), style),
        });
        cells.collect()
    }
}

/// `1234`, or `×3` for a group of three.
fn pids(row: &ProcessRow) -> String {
    match row.pids[..] {
        [pid] => pid.to_string(),
        _ => format!("×{}", row.pids.len()),
    }
}

/// `tcp`, `udp` or, in the same width, letters: `t+u`, `tui`.
fn protocols(protocols: &[Protocol]) -> String {
    let letter = |protocol: &Protocol| short(*protocol).1;
    match protocols {
        [one] => short(*one).0.to_owned(),
        [one, another] => format!("{}+{}", letter(one), letter(another)),
        several => several.iter().map(letter).collect(),
    }
}

/// A word of four characters at most, and a letter that no other has.
const fn short(protocol: Protocol) -> (&'static str, char) {
    match protocol {
        Protocol::Tcp => ("tcp", 't'),
        Protocol::Udp => ("udp", 'u'),
        Protocol::UdpLite => ("udpl", 'l'),
        Protocol::Icmp => ("icmp", 'i'),
        Protocol::Raw => ("raw", 'r'),
        Protocol::Sctp => ("sctp", 's'),
        Protocol::Packet => ("pkt", 'p'),
    }
}

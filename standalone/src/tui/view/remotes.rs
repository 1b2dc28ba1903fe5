//! The table of one process's remotes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::amounts::{Amount, amount};
use super::cell::{Side, fit, fit_middle};
use super::columns::{Wish, chosen};
use super::table::{Cells, Heading, Table};
use super::theme::Theme;
use crate::tui::model::Model;
use crate::tui::model::remotes::{Part, RemoteRow, RemoteTable, endpoint};
use crate::tui::model::settings::{Measure, RemoteSort};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Remote,
    Protocol,
    LocalPort,
    Sent(Measure),
    Received(Measure),
    Share,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Remote => "REMOTE",
            Self::Protocol => "PROT",
            Self::LocalPort => "LOCAL",
            Self::Sent(Measure::Rate) => "SENT/s",
            Self::Sent(Measure::Total) => "SENT",
            Self::Received(Measure::Rate) => "RECV/s",
            Self::Received(Measure::Total) => "RECV",
            Self::Share => "SHARE",
        }
    }

    fn side(self) -> Side {
        match self {
            Self::LocalPort | Self::Sent(_) | Self::Received(_) => Side::Right,
            Self::Remote | Self::Protocol | Self::Share => Side::Left,
        }
    }

    fn sort(self, measure: Measure) -> Option<RemoteSort> {
        match self {
            Self::Remote => Some(RemoteSort::Remote),
            Self::LocalPort => Some(RemoteSort::LocalPort),
            Self::Sent(of) => (of == measure).then_some(RemoteSort::Sent),
            Self::Received(of) => (of == measure).then_some(RemoteSort::Received),
            Self::Share => Some(RemoteSort::Traffic),
            Self::Protocol => None,
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
            wish(Column::Remote, 21, 47, 9),
            wish(Column::Protocol, 4, 6, 4),
            wish(Column::LocalPort, 6, 6, 5),
            wish(Column::Sent(measure), 7, 10, 8),
            wish(Column::Received(measure), 7, 10, 7),
            wish(Column::Share, 9, 40, 6),
            wish(Column::Sent(other), 7, 10, 2),
            wish(Column::Received(other), 7, 10, 2),
        ],
        width,
    )
}

/// Draws the table.
pub(super) fn draw(
    model: &Model,
    table: &RemoteTable,
    area: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let measure = model.settings.measure;
    let columns = columns(measure, usize::from(area.width));
    let keys: Vec<_> = table.rows.iter().map(|row| row.flow).collect();
    let order = model.settings.remote_order;
    let headings = columns.iter().map(|&(column, width)| Heading {
        title: column.title(),
        width,
        side: column.side(),
        ascending: (column.sort(measure) == Some(order.column)).then_some(order.ascending()),
    });
    let painter = Painter {
        columns: &columns,
        measure,
        table,
        theme,
    };
    let drawn = Table {
        headings: headings.collect(),
        rows: keys.len(),
        selected: model.remote_cursor.place(&keys),
        foot: painter.foot(),
    };
    drawn.draw(area, buffer, theme, |row| painter.row(&table.rows[row]));
}

struct Painter<'a> {
    columns: &'a [(Column, usize)],
    measure: Measure,
    table: &'a RemoteTable,
    theme: Theme,
}

impl Painter<'_> {
    fn row(&self, row: &RemoteRow) -> Cells {
        let part = Part {
            count: 1,
            rate: row.rate,
            total: row.total,
        };
        let quiet = self.theme.quiet();
        let cells = self.columns.iter().map(|&(column, width)| match column {
            Column::Remote => (fit_middle(&endpoint(row.flow.remote), width), Style::new()),
            Column::Protocol => (fit(row.flow.protocol.name(), width, Side::Left), quiet),
            Column::LocalPort => {
                let port = row.flow.local_port().map(|port| port.to_string());
                (
                    fit(port.as_deref().unwrap_or("-"), width, Side::Right),
                    quiet,
                )
            }
            Column::Sent(_) | Column::Received(_) | Column::Share => {
                self.amount(column, width, &part)
            }
        });
        cells.collect()
    }

    fn amount(&self, column: Column, width: usize, part: &Part) -> (String, Style) {
        let column = match column {
            Column::Sent(of) => Amount::Sent(of),
            Column::Received(of) => Amount::Received(of),
            Column::Share => Amount::Share,
            Column::Remote | Column::Protocol | Column::LocalPort => {
                return (fit("", width, Side::Left), Style::new());
            }
        };
        let whole = &self.table.total;
        amount(column, width, part, whole, self.measure, self.theme)
    }

    fn foot(&self) -> Vec<Cells> {
        let RemoteTable {
            rows: _,
            hidden,
            folded,
            total,
        } = self.table;
        let mut foot = Vec::new();
        if hidden.count > 0 {
            foot.push(self.part("not shown", hidden));
        }
        if folded.count > 0 {
            foot.push(self.part("earlier", folded));
        }
        let strong = self.part("total", total).into_iter();
        foot.push(
            strong
                .map(|(text, style)| (text, style.patch(self.theme.strong())))
                .collect(),
        );
        foot
    }

    fn part(&self, name: &str, part: &Part) -> Cells {
        let cells = self.columns.iter().map(|&(column, width)| match column {
            Column::Remote => {
                let text = format!("{name}: {} flows", part.count);
                (fit(&text, width, Side::Left), Style::new())
            }
            Column::Sent(_)
            | Column::Received(_)
            | Column::Share
            | Column::Protocol
            | Column::LocalPort => self.amount(column, width, part),
        });
        cells.collect()
    }
}

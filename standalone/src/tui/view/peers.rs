//! The table of all remotes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::amounts::{Amount, amount};
use super::cell::{Side, fit, fit_middle};
use super::columns::{Wish, chosen};
use super::table::{Cells, Heading, Table};
use super::theme::Theme;
use crate::tui::model::Model;
use crate::tui::model::peers::{PeerRow, PeerTable};
use crate::tui::model::remotes::{Part, endpoint};
use crate::tui::model::settings::{Measure, PeerSort};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Remote,
    Protocol,
    Amount(Amount),
    Apps,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Remote => "REMOTE",
            Self::Protocol => "PROT",
            Self::Amount(amount) => amount.title(),
            Self::Apps => "APPS",
        }
    }

    fn side(self) -> Side {
        match self {
            Self::Amount(amount) => amount.side(),
            Self::Remote | Self::Protocol | Self::Apps => Side::Left,
        }
    }

    fn sort(self, measure: Measure) -> Option<PeerSort> {
        match self {
            Self::Remote => Some(PeerSort::Remote),
            Self::Amount(Amount::Sent(of)) => (of == measure).then_some(PeerSort::Sent),
            Self::Amount(Amount::Received(of)) => (of == measure).then_some(PeerSort::Received),
            Self::Amount(Amount::Share) => Some(PeerSort::Traffic),
            Self::Apps => Some(PeerSort::Apps),
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
            wish(Column::Remote, 21, 40, 9),
            wish(Column::Protocol, 4, 6, 4),
            wish(Column::Amount(Amount::Sent(measure)), 7, 9, 8),
            wish(Column::Amount(Amount::Received(measure)), 7, 9, 7),
            wish(Column::Amount(Amount::Share), 9, 14, 5),
            wish(Column::Amount(Amount::Sent(other)), 7, 9, 2),
            wish(Column::Amount(Amount::Received(other)), 7, 9, 2),
            wish(Column::Apps, 12, 60, 6),
        ],
        width,
    )
}

/// Draws the table.
pub(super) fn draw(
    model: &Model,
    table: &PeerTable,
    area: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let measure = model.settings.measure;
    let columns = columns(measure, usize::from(area.width));
    let keys: Vec<_> = table.rows.iter().map(|row| row.key).collect();
    let order = model.settings.peer_order;
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
        selected: model.peer_cursor.place(&keys),
        foot: painter.foot(),
    };
    drawn.draw(area, buffer, theme, |row| painter.row(&table.rows[row]));
}

struct Painter<'a> {
    columns: &'a [(Column, usize)],
    measure: Measure,
    table: &'a PeerTable,
    theme: Theme,
}

impl Painter<'_> {
    fn row(&self, row: &PeerRow) -> Cells {
        let part = Part {
            count: 1,
            rate: row.rate,
            total: row.total,
        };
        let quiet = self.theme.quiet();
        let cells = self.columns.iter().map(|&(column, width)| match column {
            Column::Remote => {
                let text = fit_middle(&endpoint(row.key.remote), width);
                (text, Style::new())
            }
            Column::Protocol => (fit(row.key.protocol.name(), width, Side::Left), quiet),
            Column::Apps => (fit(&apps(row), width, Side::Left), Style::new()),
            Column::Amount(column) => self.amount(column, width, &part),
        });
        cells.collect()
    }

    fn amount(&self, column: Amount, width: usize, part: &Part) -> (String, Style) {
        amount(
            column,
            width,
            part,
            &self.table.total,
            self.measure,
            self.theme,
        )
    }

    fn foot(&self) -> Vec<Cells> {
        let PeerTable {
            rows: _,
            hidden,
            folded,
            exited,
            total,
        } = self.table;
        let quiet = self.theme.quiet();
        let asides = [
            ("not shown", hidden),
            ("earlier", folded),
            ("exited", exited),
        ];
        let mut foot: Vec<Cells> = asides
            .into_iter()
            .filter(|(_, part)| part.count > 0)
            .map(|(name, part)| self.aside(name, part, quiet))
            .collect();
        foot.push(self.aside("total", total, self.theme.strong()));
        foot
    }

    fn aside(&self, name: &str, part: &Part, style: Style) -> Cells {
        let cells = self.columns.iter().map(|&(column, width)| match column {
            Column::Remote => {
                let count = part.count.to_string();
                let name = fit(name, width.saturating_sub(count.len() + 1), Side::Left);
                (format!("{name} {count}"), style)
            }
            Column::Amount(column) => {
                let (text, _) = self.amount(column, width, part);
                (text, style)
            }
            Column::Protocol | Column::Apps => (fit("", width, Side::Left), style),
        });
        cells.collect()
    }
}

/// `firefox`, `firefox (3), curl`: with how many processes, if there are more than apps.
fn apps(row: &PeerRow) -> String {
    let apps = row.apps.join(", ");
    if row.processes > row.apps.len() {
        format!("{apps} (×{})", row.processes)
    } else {
        apps
    }
}

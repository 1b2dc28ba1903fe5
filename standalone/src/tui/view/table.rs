//! A table with a heading, rows that scroll around a selected one, and rows that stay at its foot.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::cell::{Side, fit};
use super::theme::Theme;

/// The heading of a column.
pub(crate) struct Heading {
    pub(crate) title: &'static str,
    pub(crate) width: usize,
    pub(crate) side: Side,
    /// Whether the table is sorted by it, and if so, whether the smallest is on top.
    pub(crate) ascending: Option<bool>,
}

/// One row: a text and a style for every column. Texts have the width of their column.
pub(crate) type Cells = Vec<(String, Style)>;

/// All of it.
pub(crate) struct Table {
    pub(crate) headings: Vec<Heading>,
    pub(crate) rows: usize,
    pub(crate) selected: Option<usize>,
    pub(crate) foot: Vec<Cells>,
}

impl Table {
    /// Draws into `area`; asks for the cells of those rows alone that are seen.
    pub(crate) fn draw(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        theme: Theme,
        cells: impl Fn(usize) -> Cells,
    ) {
        let mut lines = area.rows();
        if let Some(line) = lines.next() {
            self.draw_heading(line, buffer, theme);
        }
        let room = usize::from(area.height.saturating_sub(1)).saturating_sub(self.foot.len());
        let first = first_seen(self.rows, self.selected.unwrap_or(0), room);
        for (row, line) in (first..self.rows).zip(lines.by_ref().take(room)) {
            draw_cells(cells(row), line, buffer);
            if self.selected == Some(row) {
                buffer.set_style(line, theme.selected());
            }
        }
        let foot_room = area.height.saturating_sub(1);
        let foot_height = u16::try_from(self.foot.len())
            .unwrap_or(u16::MAX)
            .min(foot_room);
        let foot_top = area.bottom() - foot_height;
        for (cells, y) in self.foot.iter().zip(foot_top..area.bottom()) {
            let line = Rect {
                y,
                height: 1,
                ..area
            };
            draw_cells(cells.clone(), line, buffer);
        }
    }

    fn draw_heading(&self, line: Rect, buffer: &mut Buffer, theme: Theme) {
        let cells = self.headings.iter().map(|heading| {
            let Heading {
                title,
                width,
                side,
                ascending,
            } = heading;
            match ascending {
                None => (fit(title, *width, *side), theme.heading()),
                Some(ascending) => {
                    let arrow = if *ascending { '▲' } else { '▼' };
                    let title = fit(&format!("{title}{arrow}"), *width, *side);
                    (title, theme.strong())
                }
            }
        });
        draw_cells(cells.collect(), line, buffer);
    }
}

/// The first row that is seen: the selected one stands in the middle, except near the ends.
fn first_seen(rows: usize, selected: usize, room: usize) -> usize {
    let furthest = rows.saturating_sub(room);
    selected.saturating_sub(room / 2).min(furthest)
}

fn draw_cells(cells: Cells, line: Rect, buffer: &mut Buffer) {
    let mut spans = Vec::with_capacity(cells.len() * 2);
    for (index, (text, style)) in cells.into_iter().enumerate() {
        if index > 0 {
            spans.push(Span::raw(" "));
        }
        spans.push(Span::styled(text, style));
    }
    Line::from(spans).render(line, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_row_is_always_seen() {
        for rows in 0..30 {
            for room in 1..10 {
                for selected in 0..rows {
                    let first = first_seen(rows, selected, room);
                    assert!((first..first + room).contains(&selected));
                    assert!(
                        first == 0 || first + room <= rows,
                        "a gap below the last row"
                    );
                }
            }
        }
    }
}

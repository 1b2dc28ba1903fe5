//! The model as a picture. Pure: the same model gives the same picture.

mod cell;
mod columns;
mod footer;
mod header;
mod health;
mod help;
mod processes;
mod remotes;
mod state;
mod table;
mod theme;

use nettally_source::Protocol;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

pub(crate) use theme::Theme;

use super::model::processes::ProcessRow;
use super::model::{Model, Screen};
use crate::text::printable;

/// From this height on, the two directions have a line each.
const TALL: u16 = 18;

/// Draws the whole screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>, theme: Theme) {
    let area = frame.area();
    if area.is_empty() {
        return;
    }
    if model.help {
        help::draw(area, frame, theme);
        return;
    }
    let [title, rates, state, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(if area.height < TALL { 1 } else { 2 }),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let table = model.process_table();
    let buffer = frame.buffer_mut();
    header::title(model, title, buffer, theme);
    header::rates(model, &table.total, rates, buffer, theme);
    state::draw(model, state, buffer, theme);
    match &model.screen {
        Screen::Processes => processes::draw(model, body, buffer, theme),
        Screen::Remotes { of, title: _ } => remotes::draw(model, of, body, buffer, theme),
        Screen::Health => health::draw(model, body, frame, theme),
    }
    if let Some(words) = nothing(model) {
        let y = body.y + body.height / 2;
        if y < body.bottom() {
            let line = Rect {
                y,
                height: 1,
                ..body
            };
            frame.render_widget(Line::styled(words, theme.quiet()).centered(), line);
        }
    }
    footer::draw(model, foot, frame, theme);
}

/// Rows that a page has, more or less.
pub(crate) fn page(model: &Model) -> usize {
    usize::from(model.size.height.saturating_sub(8)).max(1)
}

/// What to call a row where it is alone.
pub(crate) fn title_of(row: &ProcessRow) -> String {
    match row.pids[..] {
        [pid] => format!("{} ({pid})", row.name),
        _ => format!("{} (×{})", row.name, row.pids.len()),
    }
}

/// Why there are no rows, if there are none.
fn nothing(model: &Model) -> Option<String> {
    let protocol = model.settings.protocol.map(Protocol::name);
    match &model.screen {
        Screen::Health => None,
        Screen::Processes => {
            let table = model.process_table();
            if !table.rows.is_empty() {
                return None;
            }
            Some(if table.hidden.count > 0 {
                let filter = printable(model.filter());
                format!("no process matches \"{filter}\"; Esc clears the filter")
            } else if model.ledger.windows == 0 {
                "counting; the first window is not over yet".to_owned()
            } else if let Some(protocol) = protocol {
                format!("no {protocol} traffic yet; a shows all protocols")
            } else {
                "no traffic yet".to_owned()
            })
        }
        Screen::Remotes { of, title: _ } => {
            let table = model.remote_table(of);
            if !table.rows.is_empty() {
                return None;
            }
            Some(if table.hidden.count > 0 {
                let filter = printable(model.filter());
                format!("no remote matches \"{filter}\"; Esc clears the filter")
            } else if let Some(protocol) = protocol {
                format!("no {protocol} traffic here; a shows all protocols")
            } else {
                "has ended; its bytes are with \"exited\"".to_owned()
            })
        }
    }
}

#[cfg(test)]
mod tests;

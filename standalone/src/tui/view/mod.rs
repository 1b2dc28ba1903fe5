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
mod who;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Widget as _;

pub(crate) use theme::Theme;

use super::model::processes::{ProcessRow, ProcessTable, RowKey};
use super::model::remotes::RemoteTable;
use super::model::settings::Identity;
use super::model::who::facts;
use super::model::{Model, Screen};
use crate::text::printable;

/// From this height on, the two directions have a line each.
const TALL: u16 = 18;

/// Lines of which a table can say something: its heading, two rows and the total.
const LEAST_TABLE: u16 = 4;

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
    let processes = model.process_table();
    let buffer = frame.buffer_mut();
    header::title(model, title, buffer, theme);
    header::rates(model, &processes.total, rates, buffer, theme);
    state::draw(model, state, buffer, theme);
    match &model.screen {
        Screen::Processes => {
            processes::draw(model, &processes, body, buffer, theme);
            if processes.rows.is_empty() {
                say(no_process(model, &processes), body, buffer, theme);
            }
        }
        Screen::Remotes { of, title: _ } => detail(model, of, body, buffer, theme),
        Screen::Health => health::draw(model, processes.total.total, body, frame, theme),
    }
    footer::draw(model, foot, frame, theme);
}

/// Who a row is, above its remotes.
fn detail(model: &Model, of: &RowKey, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let facts = facts(model.shown(), of);
    let most = match model.settings.identity {
        Identity::Brief => area.height * 3 / 5,
        Identity::Whole => area.height,
    };
    let height = who::height(&facts, area.width, most);
    let [identity, table] =
        Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    who::draw(&facts, identity, buffer, theme);
    if table.height < LEAST_TABLE && !facts.is_empty() {
        return;
    }
    let remotes = model.remote_table(of);
    remotes::draw(model, &remotes, table, buffer, theme);
    if remotes.rows.is_empty() {
        say(no_remote(model, &remotes), table, buffer, theme);
    }
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

/// Words in the middle of `area`.
fn say(words: String, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let y = area.y + area.height / 2;
    let line = Rect {
        y,
        height: 1,
        ..area
    };
    Line::styled(words, theme.quiet())
        .centered()
        .render(line.intersection(area), buffer);
}

/// Why there are no processes.
fn no_process(model: &Model, table: &ProcessTable) -> String {
    if table.hidden.count > 0 {
        no_match(model, "process")
    } else if model.ledger.windows == 0 {
        "counting; the first window is not over yet".to_owned()
    } else if let Some(protocols) = model.settings.protocols.name() {
        format!("no traffic over {protocols} yet; a shows all protocols")
    } else {
        "no traffic yet".to_owned()
    }
}

/// Why there are no remotes.
fn no_remote(model: &Model, table: &RemoteTable) -> String {
    if table.hidden.count > 0 {
        no_match(model, "remote")
    } else if let Some(protocols) = model.settings.protocols.name() {
        format!("no traffic over {protocols} here; a shows all protocols")
    } else {
        "has ended; its bytes are with \"exited\"".to_owned()
    }
}

fn no_match(model: &Model, what: &str) -> String {
    let filter = printable(model.filter());
    format!("no {what} matches \"{filter}\"; Esc clears the filter")
}

#[cfg(test)]
mod tests;

//! The model as a picture. Pure: the same model gives the same picture.

mod amounts;
mod bars;
mod cell;
mod chart;
mod columns;
mod daemon;
mod footer;
mod header;
mod health;
mod help;
mod peers;
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

use super::model::peers::PeerTable;
use super::model::processes::{ProcessRow, ProcessTable, RowKey};
use super::model::remotes::RemoteTable;
use super::model::settings::Identity;
use super::model::who::facts;
use super::model::{Model, Origin, Tab};
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
    match model.tab {
        Tab::Processes => {
            processes::draw(model, &processes, body, buffer, theme);
            if processes.rows.is_empty() {
                say(no_process(model, &processes), body, buffer, theme);
            }
        }
        Tab::Remotes => {
            let peers = model.peer_table();
            peers::draw(model, &peers, body, buffer, theme);
            if peers.rows.is_empty() {
                say(no_peer(model, &peers), body, buffer, theme);
            }
        }
        Tab::Process => match &model.chosen {
            Some(chosen) => detail(model, &chosen.of, body, buffer, theme),
            None => {
                let words = "no process is chosen; 1 shows all, Enter opens one";
                say(words.to_owned(), body, buffer, theme);
            }
        },
        Tab::Chart => chart::draw(model, body, buffer, theme),
        Tab::Health => health::draw(model, processes.total.total, body, frame, theme),
    }
    footer::draw(model, foot, frame, theme);
}

/// Lines of the health tab.
pub(crate) fn health_lines(model: &Model) -> usize {
    let total = model.process_table().total.total;
    health::count(model, total)
}

/// Who a row is and what it did in the last hour, above its remotes.
fn detail(model: &Model, of: &RowKey, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let facts = facts(model.shown(), of);
    let has_past = model.origin == Origin::Daemon
        && area.height >= TALL
        && model.settings.identity == Identity::Brief;
    let past_lines = if has_past { chart::PAST_LINES } else { 0 };
    let most = match model.settings.identity {
        Identity::Brief if has_past => area.height * 2 / 5,
        Identity::Brief => area.height * 3 / 5,
        Identity::Whole => area.height,
    };
    let height = who::height(&facts, area.width, most);
    let [identity, past, table] = Layout::vertical([
        Constraint::Length(height),
        Constraint::Length(past_lines),
        Constraint::Fill(1),
    ])
    .areas(area);
    who::draw(&facts, identity, buffer, theme);
    if has_past {
        chart::draw_past(model, past, buffer, theme);
    }
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

/// Why there are no remotes at all.
fn no_peer(model: &Model, table: &PeerTable) -> String {
    if table.hidden.count > 0 {
        no_match(model, "remote")
    } else {
        "no traffic yet".to_owned()
    }
}

/// Why one process has no remotes.
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
    let filter = printable(model.settings.filter.text());
    format!("no {what} matches \"{filter}\"; Esc clears the filter")
}

#[cfg(test)]
mod tests;

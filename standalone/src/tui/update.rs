//! What a message does to the model. Pure: no clock, no terminal.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use nettally_source::{HealthReport, ProcessId};

use super::feed::{Delivery, Link};
use super::keys::{Action, Side, Step, Turn, action};
use super::model::chart::Past;
use super::model::daemon::DaemonHealth;
use super::model::settings::{Columns, Identity, Measure, Order};
use super::model::sieve::Sieve;
use super::model::{Chosen, Cursor, Model, Size, Subject, Tab};
use super::view;

/// The longest filter that can be typed.
const FILTER_CHARS: usize = 256;

/// Something happened.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Key(KeyEvent),
    Resize(Size),
    Usage(Delivery),
    Health(Arc<HealthReport>),
    /// The daemon is gone, or back.
    Link(Link),
    /// The daemon has said how it is.
    Daemon(Box<DaemonHealth>),
    /// The daemon has said what it remembers.
    Past(Subject, Past),
    /// These processes have ended.
    Gone(Vec<ProcessId>),
    /// For how long nothing has come, if that is longer than it should be.
    Silent(Option<Duration>),
}

/// Changes the model by one message.
pub(crate) fn update(model: &mut Model, message: Message) {
    match message {
        Message::Key(event) if event.kind == KeyEventKind::Release => {}
        Message::Key(event) if model.typing.is_some() => type_filter(model, event),
        Message::Key(event) => match action(event) {
            Some(Action::Quit) => model.quit = true,
            // Whatever is pressed, the person has read it.
            _ if model.help => model.help = false,
            Some(action) => act(model, action),
            None => {}
        },
        Message::Resize(size) => model.size = size,
        Message::Usage(Delivery { batch, windows }) => model.ledger.read(&batch, windows),
        Message::Health(report) => model.health = Some(report),
        Message::Link(Link::Lost(reason)) => {
            model.absence = Some(reason);
            model.daemon = None;
            model.ledger.interrupt();
        }
        Message::Link(Link::Restored) => model.absence = None,
        Message::Daemon(health) => model.daemon = Some(*health),
        Message::Past(subject, past) => model.past = Some((subject, past)),
        Message::Gone(ids) => model.ledger.mark_gone(&ids),
        Message::Silent(duration) => model.silent_for = duration,
    }
}

fn act(model: &mut Model, action: Action) {
    match action {
        Action::Quit => model.quit = true,
        Action::Help => model.help = true,
        Action::Back => back(model),
        Action::Show(tab) => show(model, tab),
        Action::Beside(Side::Next) => show(model, model.tab.moved(1)),
        Action::Beside(Side::Previous) => show(model, model.tab.moved(-1)),
        Action::Filter => model.typing = Some(model.settings.filter.clone()),
        Action::Pause => {
            model.paused = match model.paused {
                Some(_) => None,
                None => Some(Box::new(model.ledger.clone())),
            }
        }
        Action::Measure => {
            model.settings.measure = match model.settings.measure {
                Measure::Rate => Measure::Total,
                Measure::Total => Measure::Rate,
            }
        }
        Action::Only(protocols) => model.settings.protocols = protocols,
        Action::Open
        | Action::Identity
        | Action::Move(_)
        | Action::Sort(_)
        | Action::Group
        | Action::Span => act_on_tab(model, action),
    }
}

/// Actions that mean something else, or nothing, where something else is shown.
fn act_on_tab(model: &mut Model, action: Action) {
    match (model.tab, action) {
        (Tab::Processes, Action::Open) => {
            choose(model);
            if model.chosen.is_some() {
                model.tab = Tab::Process;
            }
        }
        (Tab::Processes, Action::Group) => {
            model.process_cursor = Cursor::default();
            model.settings.grouping = model.settings.grouping.next();
        }
        (Tab::Processes, Action::Sort(turn)) => turned(&mut model.settings.process_order, turn),
        (Tab::Remotes, Action::Open) => open_remote(model),
        (Tab::Remotes, Action::Sort(turn)) => turned(&mut model.settings.peer_order, turn),
        (Tab::Process, Action::Identity) => {
            model.settings.identity = match model.settings.identity {
                Identity::Brief => Identity::Whole,
                Identity::Whole => Identity::Brief,
            };
        }
        (Tab::Process, Action::Sort(turn)) => turned(&mut model.settings.remote_order, turn),
        (Tab::Chart, Action::Span) => model.settings.span = model.settings.span.next(),
        (tab, Action::Move(step)) => walk_on(model, tab, step),
        _ => {}
    }
}

fn walk_on(model: &mut Model, tab: Tab, step: Step) {
    let page = view::page(model);
    match (tab, &model.chosen) {
        (Tab::Processes, _) => {
            let rows = model.process_table().rows;
            let keys: Vec<_> = rows.into_iter().map(|row| row.key).collect();
            walk(&mut model.process_cursor, &keys, step, page);
        }
        (Tab::Remotes, _) => {
            let rows = model.peer_table().rows;
            let keys: Vec<_> = rows.into_iter().map(|row| row.key).collect();
            walk(&mut model.peer_cursor, &keys, step, page);
        }
        (Tab::Process, Some(Chosen { of, title: _ })) => {
            let rows = model.remote_table(of).rows;
            let keys: Vec<_> = rows.into_iter().map(|row| row.flow).collect();
            walk(&mut model.remote_cursor, &keys, step, page);
        }
        (Tab::Health, _) => {
            let last = view::health_lines(model).saturating_sub(1);
            model.health_scroll = stepped(model.health_scroll, step, page).min(last);
        }
        (Tab::Process, None) | (Tab::Chart, _) => {}
    }
}

fn turned<C: Columns>(order: &mut Order<C>, turn: Turn) {
    match turn {
        Turn::Left => *order = order.moved(-1),
        Turn::Right => *order = order.moved(1),
        Turn::Reverse => order.reversed = !order.reversed,
    }
}

fn walk<K: Clone + PartialEq>(cursor: &mut Cursor<K>, keys: &[K], step: Step, page: usize) {
    let Some(here) = cursor.place(keys) else {
        return;
    };
    cursor.put(keys, stepped(here, step, page));
}

fn stepped(here: usize, step: Step, page: usize) -> usize {
    match step {
        Step::Up => here.saturating_sub(1),
        Step::Down => here + 1,
        Step::PageUp => here.saturating_sub(page),
        Step::PageDown => here + page,
        Step::First => 0,
        Step::Last => usize::MAX,
    }
}

fn show(model: &mut Model, tab: Tab) {
    match (model.tab, tab) {
        (Tab::Health, Tab::Health) => model.tab = Tab::Processes,
        (Tab::Processes, Tab::Process) => {
            choose(model);
            model.tab = Tab::Process;
        }
        (_, Tab::Process) => {
            if model.chosen.is_none() {
                choose(model);
            }
            model.tab = Tab::Process;
        }
        (_, tab) => model.tab = tab,
    }
}

/// The selected row becomes the one that the tab of one process is about.
fn choose(model: &mut Model) {
    let mut rows = model.process_table().rows;
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
    if let Some(index) = model.process_cursor.place(&keys) {
        let row = rows.swap_remove(index);
        // Whoever comes back finds the same process selected.
        model.process_cursor.put(&keys, index);
        if model
            .chosen
            .as_ref()
            .is_none_or(|chosen| chosen.of != row.key)
        {
            model.remote_cursor = Cursor::default();
        }
        model.chosen = Some(Chosen {
            title: view::title_of(&row),
            of: row.key,
        });
    }
}

/// Shows who talks to the selected remote.
fn open_remote(model: &mut Model) {
    let keys: Vec<_> = model
        .peer_table()
        .rows
        .into_iter()
        .map(|row| row.key)
        .collect();
    if let Some(index) = model.peer_cursor.place(&keys) {
        let key = keys[index];
        model.peer_cursor.put(&keys, index);
        let port = key.remote.port();
        let port = port.map(|port| format!(" and remote_port={port}"));
        model.settings.filter = Sieve::of(format!(
            "remote_ip={}{} and protocol={}",
            key.remote.ip_text(),
            port.unwrap_or_default(),
            key.protocol
        ));
        model.process_cursor = Cursor::default();
        model.tab = Tab::Processes;
    }
}

/// One level up, or without the filter, or the first tab.
fn back(model: &mut Model) {
    match model.tab {
        Tab::Process | Tab::Health | Tab::Chart => model.tab = Tab::Processes,
        Tab::Processes | Tab::Remotes if !model.settings.filter.is_empty() => {
            model.settings.filter = Sieve::default();
        }
        Tab::Processes | Tab::Remotes => model.tab = Tab::Processes,
    }
}

fn type_filter(model: &mut Model, event: KeyEvent) {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    let mut text = model.settings.filter.text().to_owned();
    #[expect(clippy::wildcard_enum_match_arm, reason = "a keyboard has many keys")]
    match event.code {
        KeyCode::Enter => {
            model.typing = None;
            return;
        }
        KeyCode::Esc => {
            if let Some(before) = model.typing.take() {
                model.settings.filter = before;
            }
            return;
        }
        KeyCode::Char('c') if control => {
            model.quit = true;
            return;
        }
        KeyCode::Char('u') if control => text.clear(),
        KeyCode::Backspace => {
            text.pop();
        }
        KeyCode::Char(character) if !control && text.chars().count() < FILTER_CHARS => {
            text.push(character);
        }
        _ => return,
    }
    model.settings.filter = Sieve::of(text);
}

#[cfg(test)]
mod tests;

//! What a message does to the model. Pure: no clock, no terminal.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use nettally_source::{HealthReport, ProcessId};

use super::feed::Delivery;
use super::keys::{Action, Step, Turn, action};
use super::model::settings::{Columns, Identity, Measure, Order};
use super::model::{Cursor, Model, Screen, Size};
use super::view;

/// The longest filter that can be typed.
const FILTER_CHARS: usize = 128;

/// Something happened.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    Key(KeyEvent),
    Resize(Size),
    Usage(Delivery),
    Health(Arc<HealthReport>),
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
        Message::Gone(ids) => model.ledger.mark_gone(&ids),
        Message::Silent(duration) => model.silent_for = duration,
    }
}

fn act(model: &mut Model, action: Action) {
    match action {
        Action::Quit => model.quit = true,
        Action::Help => model.help = true,
        Action::Back => back(model),
        Action::Health => toggle_health(model),
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
        | Action::Filter => {
            act_on_table(model, action);
        }
    }
}

/// Actions that mean something else, or nothing, where another table is shown.
fn act_on_table(model: &mut Model, action: Action) {
    match (&model.screen, action) {
        (Screen::Processes | Screen::Remotes { .. }, Action::Filter) => {
            model.typing = Some(model.filter().to_owned());
        }
        (Screen::Processes, Action::Open) => open(model),
        (Screen::Processes, Action::Group) => {
            model.process_cursor = Cursor::default();
            model.settings.grouping = model.settings.grouping.next();
        }
        (Screen::Processes, Action::Sort(turn)) => turned(&mut model.settings.process_order, turn),
        (Screen::Remotes { .. }, Action::Identity) => {
            model.settings.identity = match model.settings.identity {
                Identity::Brief => Identity::Whole,
                Identity::Whole => Identity::Brief,
            };
        }
        (Screen::Remotes { .. }, Action::Sort(turn)) => {
            turned(&mut model.settings.remote_order, turn);
        }
        (Screen::Processes, Action::Move(step)) => {
            let rows = model.process_table().rows;
            let keys: Vec<_> = rows.into_iter().map(|row| row.key).collect();
            let page = view::page(model);
            walk(&mut model.process_cursor, &keys, step, page);
        }
        (Screen::Remotes { of, title: _ }, Action::Move(step)) => {
            let rows = model.remote_table(of).rows;
            let keys: Vec<_> = rows.into_iter().map(|row| row.flow).collect();
            let page = view::page(model);
            walk(&mut model.remote_cursor, &keys, step, page);
        }
        _ => {}
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
    let there = match step {
        Step::Up => here.saturating_sub(1),
        Step::Down => here + 1,
        Step::PageUp => here.saturating_sub(page),
        Step::PageDown => here + page,
        Step::First => 0,
        Step::Last => usize::MAX,
    };
    cursor.put(keys, there);
}

fn open(model: &mut Model) {
    let mut rows = model.process_table().rows;
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
    if let Some(index) = model.process_cursor.place(&keys) {
        let row = rows.swap_remove(index);
        // Whoever comes back finds the same process selected.
        model.process_cursor.put(&keys, index);
        model.remote_cursor = Cursor::default();
        model.settings.remote_filter.clear();
        model.screen = Screen::Remotes {
            title: view::title_of(&row),
            of: row.key,
        };
    }
}

fn back(model: &mut Model) {
    if model.screen == Screen::Health {
        model.screen = Screen::Processes;
    } else if !model.filter().is_empty() {
        model.filter_mut().clear();
    } else {
        model.screen = Screen::Processes;
    }
}

fn toggle_health(model: &mut Model) {
    model.screen = match model.screen {
        Screen::Health => Screen::Processes,
        Screen::Processes | Screen::Remotes { .. } => Screen::Health,
    };
}

fn type_filter(model: &mut Model, event: KeyEvent) {
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    #[expect(clippy::wildcard_enum_match_arm, reason = "a keyboard has many keys")]
    match event.code {
        KeyCode::Enter => model.typing = None,
        KeyCode::Esc => {
            if let Some(before) = model.typing.take() {
                *model.filter_mut() = before;
            }
        }
        KeyCode::Char('c') if control => model.quit = true,
        KeyCode::Char('u') if control => model.filter_mut().clear(),
        KeyCode::Backspace => {
            model.filter_mut().pop();
        }
        KeyCode::Char(character) if !control && model.filter().chars().count() < FILTER_CHARS => {
            model.filter_mut().push(character);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;

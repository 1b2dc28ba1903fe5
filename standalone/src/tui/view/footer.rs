//! The last line: the keys, or the filter that is being typed.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::header::two_sided;
use super::theme::Theme;
use crate::text::printable;
use crate::tui::keys::{Action, BINDINGS, Binding};
use crate::tui::model::{Model, Screen};

/// Draws the line.
pub(super) fn draw(model: &Model, area: Rect, frame: &mut Frame<'_>, theme: Theme) {
    if model.typing.is_some() {
        let line = Line::from(vec![
            Span::styled("/", theme.warning()),
            Span::raw(printable(model.filter()).into_owned()),
        ]);
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        let hint = Line::styled("Enter keep  Esc undo", theme.quiet());
        two_sided(area, frame.buffer_mut(), &line, &hint);
        let end = area.x.saturating_add(width);
        let end = end.min(area.right().saturating_sub(1));
        frame.set_cursor_position(Position::new(end, area.y));
        return;
    }
    frame.render_widget(keys(model, usize::from(area.width), theme), area);
}

fn keys(model: &Model, width: usize, theme: Theme) -> Line<'static> {
    let mut words: Vec<&Binding> = BINDINGS
        .iter()
        .filter(|binding| !binding.footer.is_empty() && applies(binding.action, &model.screen))
        .collect();
    while length(&words) > width && words.len() > 2 {
        // The last two are help and quit.
        words.remove(words.len() - 3);
    }
    let mut spans = Vec::new();
    for binding in words {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(Span::styled(first_key(binding), theme.strong()));
        spans.push(Span::styled(format!(" {}", binding.footer), theme.quiet()));
    }
    Line::from(spans)
}

/// Whether the action does something on this screen.
fn applies(action: Action, screen: &Screen) -> bool {
    match (screen, action) {
        (_, Action::Help | Action::Quit | Action::Health | Action::Pause) => true,
        (Screen::Health, _) => action == Action::Back,
        (Screen::Remotes { .. }, Action::Open | Action::Group) => false,
        (Screen::Processes, Action::Back | Action::Identity) => false,
        (Screen::Remotes { .. } | Screen::Processes, _) => true,
    }
}

fn first_key(binding: &Binding) -> &'static str {
    binding.shown.split(' ').next().unwrap_or(binding.shown)
}

fn length(words: &[&Binding]) -> usize {
    let each = words
        .iter()
        .map(|binding| first_key(binding).chars().count() + 1 + binding.footer.chars().count() + 2);
    each.sum::<usize>().saturating_sub(2)
}

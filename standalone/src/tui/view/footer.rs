//! The last line: the keys, or the filter that is being typed.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::cell::{Side, fit};
use super::header::two_sided;
use super::theme::Theme;
use crate::text::printable;
use crate::tui::keys::{Action, BINDINGS, Binding};
use crate::tui::model::{Model, Tab};

/// Draws the line.
pub(super) fn draw(model: &Model, area: Rect, frame: &mut Frame<'_>, theme: Theme) {
    if model.typing.is_some() {
        let line = Line::from(vec![
            Span::styled("/", theme.warning()),
            Span::raw(printable(model.settings.filter.text()).into_owned()),
        ]);
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        let hint = match model.settings.filter.complaint() {
            Some(complaint) => {
                let room = usize::from(area.width).saturating_sub(line.width() + 2);
                let text = fit(complaint, complaint.width().min(room), Side::Left);
                Line::styled(text, theme.warning())
            }
            None => Line::styled("Enter keep  Esc undo", theme.quiet()),
        };
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
        .filter(|binding| !binding.footer.is_empty() && applies(binding.action, model.tab))
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

/// Whether the action does something on this tab.
fn applies(action: Action, tab: Tab) -> bool {
    match action {
        Action::Help
        | Action::Quit
        | Action::Pause
        | Action::Show(_)
        | Action::Beside(_)
        | Action::Only(_) => true,
        Action::Filter | Action::Measure | Action::Sort(_) => {
            matches!(tab, Tab::Processes | Tab::Remotes | Tab::Process)
        }
        Action::Open => matches!(tab, Tab::Processes | Tab::Remotes),
        Action::Group => tab == Tab::Processes,
        Action::Identity => tab == Tab::Process,
        Action::Span => tab == Tab::Chart,
        Action::Back => matches!(tab, Tab::Process | Tab::Chart | Tab::Health),
        Action::Move(_) => tab != Tab::Chart,
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

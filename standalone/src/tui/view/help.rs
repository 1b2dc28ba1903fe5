//! The help screen, made from the key table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::cell::{Side, fit};
use super::theme::Theme;
use crate::tui::keys::BINDINGS;

/// What the words of the table mean, where there is room for it.
const WORDS: [&str; 4] = [
    "Filter: a text, or as report --where: protocol=udp and remote_ip in 10.0.0.0/8",
    "Bytes: payload at the socket. TREND: last 60 windows. SHARE: of the total.",
    "REM: number of remotes. Dimmed: ended, soon in \"exited\". Rows, \"exited\" and",
    "\"not shown\" sum up to the total; packet is beside it. Totals off: bytes missing.",
];

/// Draws it.
pub(super) fn draw(area: Rect, frame: &mut Frame<'_>, theme: Theme) {
    let title = Line::from(vec![
        Span::styled("nettally", theme.strong()),
        Span::styled(" › ", theme.quiet()),
        Span::raw("keys"),
    ]);
    let mut lines = vec![title, Line::default()];
    let half = usize::from(area.width / 2).min(40);
    let rows = BINDINGS.len().div_ceil(2);
    for row in 0..rows {
        let mut spans = Vec::new();
        for binding in [BINDINGS.get(row), BINDINGS.get(row + rows)]
            .into_iter()
            .flatten()
        {
            spans.push(Span::styled(
                fit(binding.shown, 6, Side::Left),
                theme.strong(),
            ));
            spans.push(Span::raw(fit(
                binding.help,
                half.saturating_sub(6),
                Side::Left,
            )));
        }
        lines.push(Line::from(spans));
    }
    lines.push(Line::default());
    lines.extend(WORDS.map(|words| Line::styled(words, theme.quiet())));
    for (line, y) in lines.iter().zip(area.y..area.bottom().saturating_sub(1)) {
        frame.buffer_mut().set_line(area.x, y, line, area.width);
    }
    let foot = Rect {
        y: area.bottom().saturating_sub(1),
        height: area.height.min(1),
        ..area
    };
    frame.render_widget(Line::styled("any key: back", theme.quiet()), foot);
}

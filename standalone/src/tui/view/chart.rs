//! The tab with rates over time, and the past of one process.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::bars::{self, Bars, SCALE};
use super::cell::rate;
use super::header::two_sided;
use super::theme::Theme;
use crate::tui::model::amount::Rate;
use crate::tui::model::chart::{Span as Time, rates};
use crate::tui::model::{Model, Origin};

/// Draws the whole tab: what is sent above, what is received below.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let span = model.settings.span;
    let shown = model.shown();
    let values = rates(
        &shown.record,
        model.past(),
        model.settings.protocols,
        span,
        bars::columns(area.width),
    );
    let [sent, received, axis] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let up = |rate: &Rate| rate.sent;
    let down = |rate: &Rate| rate.received;
    direction("↑ sent", &values, up, theme.sent(), sent, buffer, theme);
    let style = theme.received();
    direction("↓ received", &values, down, style, received, buffer, theme);
    draw_axis(model, span, axis, buffer, theme);
}

fn direction(
    name: &str,
    rates: &[Rate],
    of: fn(&Rate) -> f64,
    style: Style,
    area: Rect,
    buffer: &mut Buffer,
    theme: Theme,
) {
    let values: Vec<f64> = rates.iter().map(of).collect();
    let highest = values.iter().copied().fold(0.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "a few columns")]
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let [title, body] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let left = Line::styled(name.to_owned(), style.patch(theme.strong()));
    let figures = format!("mean {}/s  peak {}/s", rate(mean), rate(highest));
    two_sided(title, buffer, &left, &Line::styled(figures, theme.quiet()));
    let bars = Bars {
        values: &values,
        style,
    };
    bars::draw(&bars, body, buffer, theme);
}

/// When the columns were.
fn draw_axis(model: &Model, span: Time, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let start = match span {
        Time::Minute => "1 min ago",
        Time::TenMinutes => "10 min ago",
        Time::Hour => "1 h ago",
    };
    let from = match model.origin {
        Origin::Own => "seen since start",
        Origin::Daemon => "from the daemon's memory and live",
    };
    let area = Rect {
        x: area.x + SCALE.min(area.width),
        width: area.width.saturating_sub(SCALE),
        ..area
    };
    let left = Line::from(vec![
        Span::styled(start, theme.quiet()),
        Span::styled(format!("   z: {} · {from}", span.name()), theme.quiet()),
    ]);
    two_sided(area, buffer, &left, &Line::styled("now", theme.quiet()));
}

/// Lines that the past of one process takes.
pub(super) const PAST_LINES: u16 = 5;

/// Draws the last hour of one process, as the daemon remembers it.
pub(super) fn draw_past(model: &Model, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let [title, body] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let half = area.width / 2;
    let [left, right] =
        Layout::horizontal([Constraint::Length(half), Constraint::Fill(1)]).areas(body);
    let end = model.shown().span.map(|window| window.end);
    let (Some(past), Some(end)) = (model.past(), end) else {
        Line::styled("LAST HOUR  asking the daemon", theme.heading()).render(title, buffer);
        return;
    };
    let heading = if past.points.is_empty() {
        "LAST HOUR  nothing stored yet"
    } else {
        "LAST HOUR  sent left, received right"
    };
    Line::styled(heading, theme.heading()).render(title, buffer);
    for (area, style, of) in [
        (
            left,
            theme.sent(),
            (|rate: &Rate| rate.sent) as fn(&Rate) -> f64,
        ),
        (right, theme.received(), |rate: &Rate| rate.received),
    ] {
        let values = past.hour(end, bars::columns(area.width).min(120));
        let values: Vec<f64> = values.iter().map(of).collect();
        let bars = Bars {
            values: &values,
            style,
        };
        bars::draw(&bars, area, buffer, theme);
    }
}

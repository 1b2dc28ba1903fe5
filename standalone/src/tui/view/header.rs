//! The first lines: what is shown, and the total rates.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::cell::{Side, fit, rate, spark};
use super::theme::Theme;
use crate::text::printable;
use crate::tui::model::amount::{Rate, Tally};
use crate::tui::model::settings::{Grouping, Measure};
use crate::tui::model::{Model, Origin, Tab};

/// `left` and, if it fits beside it, `right`.
pub(super) fn two_sided(area: Rect, buffer: &mut Buffer, left: &Line<'_>, right: &Line<'_>) {
    left.render(area, buffer);
    if left.width() + 1 + right.width() <= usize::from(area.width) {
        // A place of its own: a line gives its style to the whole area.
        let width = u16::try_from(right.width()).unwrap_or(u16::MAX);
        let [_, place] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(area);
        right.render(place, buffer);
    }
}

/// The tabs, and how things are shown.
pub(super) fn title(model: &Model, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let settings = &model.settings;
    let mut right = Vec::new();
    if let Some(protocols) = settings.protocols.name() {
        right.push(Span::styled(format!("{protocols} only"), theme.warning()));
        right.push(Span::raw("  "));
    }
    let measure = match settings.measure {
        Measure::Rate => "rates",
        Measure::Total => "totals",
    };
    let grouping = match settings.grouping {
        Grouping::Pid => "by pid",
        Grouping::App => "by app",
        Grouping::Name => "by name",
    };
    let origin = match model.origin {
        Origin::Own => "own",
        Origin::Daemon => "daemon",
    };
    let mut words = Vec::new();
    if model.absence.is_some() {
        right.push(Span::styled("daemon gone", theme.warning()));
        right.push(Span::raw(" "));
    } else {
        words.push(origin.to_owned());
    }
    match model.tab {
        Tab::Processes => words.extend([measure.to_owned(), grouping.to_owned()]),
        Tab::Remotes | Tab::Process => words.push(measure.to_owned()),
        Tab::Chart | Tab::Health => {}
    }
    if let Some(span) = model.shown().span {
        words.push(duration(span.end.duration_since(span.start).as_secs()));
    }
    right.push(Span::styled(words.join(" "), theme.quiet()));
    let right = Line::from(right);
    let room = usize::from(area.width).saturating_sub(right.width() + 1);
    two_sided(area, buffer, &tabs(model, room, theme), &right);
}

/// The tabs within `room` columns: with names, or only that of the one that is shown.
fn tabs(model: &Model, room: usize, theme: Theme) -> Line<'static> {
    let name = |tab: Tab| match (tab, &model.chosen) {
        (Tab::Process, Some(chosen)) => printable(&chosen.title).into_owned(),
        (tab, _) => tab.name().to_owned(),
    };
    let line = |longest: usize, all: bool| {
        let mut spans = Vec::new();
        for (number, tab) in (1..).zip(Tab::ALL) {
            let here = tab == model.tab;
            let text = if here || all {
                let name = name(tab);
                let name = fit(&name, name.width().min(longest), Side::Left);
                format!("{number} {name}")
            } else {
                number.to_string()
            };
            if number > 1 {
                spans.push(Span::raw("  "));
            }
            let style = if here {
                theme.selected()
            } else {
                theme.quiet()
            };
            spans.push(Span::styled(text, style));
        }
        Line::from(spans)
    };
    let shapes = [(40, true), (16, true), (9, true), (16, false), (0, false)];
    let mut lines = shapes.map(|(longest, all)| line(longest, all)).into_iter();
    let last = lines.next_back().unwrap_or_default();
    lines.find(|line| line.width() <= room).unwrap_or(last)
}

/// `42s`, `12m34s`, `5h03m`, `3d04h`.
fn duration(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        86_400.. => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// The total rates and their course: two lines, or one that has both.
pub(super) fn rates(model: &Model, total: &Tally, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let newest = model.shown().windows;
    let sent = |rate: Rate| rate.sent;
    let received = |rate: Rate| rate.received;
    if area.height > 1 {
        let [sent_line, received_line] = [area.y, area.y + 1].map(|y| Rect {
            y,
            height: 1,
            ..area
        });
        let draw = |area, buffer: &mut Buffer, name, style, of: fn(Rate) -> f64| {
            direction(
                &Direction {
                    name,
                    style,
                    total,
                    newest,
                    of,
                },
                area,
                buffer,
                theme,
            );
        };
        draw(sent_line, buffer, "↑ sent    ", theme.sent(), sent);
        draw(
            received_line,
            buffer,
            "↓ received",
            theme.received(),
            received,
        );
        return;
    }
    let half = area.width / 2;
    let course = usize::from(half.saturating_sub(13));
    let line = |arrow: &str, style: Style, of: fn(Rate) -> f64| {
        let values: Vec<f64> = total.course.iter().map(of).collect();
        Line::from(vec![
            Span::styled(format!("{arrow} "), style),
            Span::styled(
                fit(&per_second(of(total.course.now())), 9, Side::Right),
                style.patch(theme.strong()),
            ),
            Span::raw(" "),
            Span::styled(spark(&values, newest, course), style),
        ])
    };
    let (left, right) = (
        line("↑", theme.sent(), sent),
        line("↓", theme.received(), received),
    );
    let [left_area, right_area] =
        Layout::horizontal([Constraint::Length(half), Constraint::Fill(1)]).areas(area);
    left.render(left_area, buffer);
    right.render(right_area, buffer);
}

/// One direction of all traffic.
struct Direction<'a> {
    name: &'a str,
    style: Style,
    total: &'a Tally,
    newest: u64,
    of: fn(Rate) -> f64,
}

fn direction(direction: &Direction<'_>, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let Direction {
        name,
        style,
        total,
        newest,
        of,
    } = direction;
    let values: Vec<f64> = total.course.iter().map(of).collect();
    let highest = values.iter().copied().fold(0.0, f64::max);
    let room = usize::from(area.width).saturating_sub(23 + 16);
    let line = Line::from(vec![
        Span::styled((*name).to_owned(), *style),
        Span::raw(" "),
        Span::styled(
            fit(&per_second(of(total.course.now())), 9, Side::Right),
            style.patch(theme.strong()),
        ),
        Span::raw("  "),
        Span::styled(spark(&values, *newest, room), *style),
        Span::styled(format!("  peak {}", per_second(highest)), theme.quiet()),
    ]);
    line.render(area, buffer);
}

fn per_second(value: f64) -> String {
    format!("{}/s", rate(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let shown = [59, 60, 754, 18_180, 273_600].map(duration);
        assert_eq!(shown, ["59s", "1m00s", "12m34s", "5h03m", "3d04h"]);
    }
}

//! The health screen: everything the state line has no room for.

use nettally_source::{HealthReport, ProgramStats};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::cell::{Side, fit};
use super::daemon;
use super::theme::Theme;
use crate::text::{human_bytes, printable};
use crate::tui::model::amount::Bytes;
use crate::tui::model::{Model, Origin};

/// Draws it; problems come first.
pub(super) fn draw(model: &Model, total: Bytes, area: Rect, frame: &mut Frame<'_>, theme: Theme) {
    let lines = lines(model, total, theme);
    let text = Paragraph::new(lines).wrap(Wrap { trim: false });
    let scroll = u16::try_from(model.health_scroll).unwrap_or(u16::MAX);
    frame.render_widget(text.scroll((scroll, 0)), area);
}

/// How many lines there are on a screen as wide as this one, about.
pub(super) fn count(model: &Model, total: Bytes) -> usize {
    let width = usize::from(model.size.width).max(1);
    let lines = lines(model, total, Theme::Plain);
    lines
        .iter()
        .map(|line| line.width().div_ceil(width).max(1))
        .sum()
}

fn lines(model: &Model, total: Bytes, theme: Theme) -> Vec<Line<'static>> {
    let Some(health) = &model.health else {
        return vec![Line::styled(
            "The collector has not reported yet.",
            theme.quiet(),
        )];
    };
    let mut lines = vec![Line::styled("NOT SEEN", theme.heading())];
    if health.degradations.is_empty() {
        lines.push(Line::styled("nothing", theme.good()));
    }
    for degradation in &health.degradations {
        lines.push(Line::from(vec![
            Span::styled("▲ ", theme.warning()),
            Span::styled(printable(&degradation.code).into_owned(), theme.warning()),
            Span::raw(format!("  {}", printable(&degradation.summary))),
        ]));
        if !degradation.remedy.is_empty() {
            lines.push(Line::raw(format!("  → {}", printable(&degradation.remedy))));
        }
    }
    lines.push(Line::styled(
        "LOST OR NOT ATTRIBUTED SINCE START",
        theme.heading(),
    ));
    if health.losses.is_empty() {
        lines.push(Line::styled("nothing", theme.good()));
    }
    for (reason, count) in &health.losses.0 {
        lines.push(Line::from(vec![
            Span::styled("▲ ", theme.warning()),
            Span::styled(fit(reason.name(), 20, Side::Left), theme.warning()),
            Span::raw(format!(
                "{} times, {} sent, {} received",
                count.events,
                human_bytes(count.sent_bytes),
                human_bytes(count.received_bytes)
            )),
        ]));
        lines.push(Line::raw(format!(
            "  {}: {}",
            reason.class().title(),
            reason.meaning()
        )));
        if !reason.remedy().is_empty() {
            lines.push(Line::raw(format!("  → {}", reason.remedy())));
        }
    }
    match (model.origin, &model.daemon) {
        (Origin::Own, _) => {
            let words = "own collector: no sinks, no database; `nettally run` has them";
            lines.push(Line::styled(words, theme.quiet()));
        }
        (Origin::Daemon, None) if model.absence.is_some() => {
            let words = "the daemon is gone; what is told here is from before";
            lines.push(Line::styled(words, theme.warning()));
        }
        (Origin::Daemon, None) => lines.push(Line::styled("asking the daemon", theme.quiet())),
        (Origin::Daemon, Some(daemon)) => daemon::tell(daemon, &mut lines, theme),
    }
    lines.push(Line::styled("MEASURED BY", theme.heading()));
    let facts = [
        ("backend", printable(&health.backend).into_owned()),
        ("kernel", printable(&health.kernel).into_owned()),
        (
            "counted",
            format!(
                "{} sent, {} received",
                human_bytes(total.sent),
                human_bytes(total.received)
            ),
        ),
        (
            "windows",
            format!(
                "{} read, {} merged because the screen was late",
                model.ledger.windows, model.ledger.merged_windows
            ),
        ),
        (
            "flows",
            format!("{} of {} that fit", health.flows, health.flows_capacity),
        ),
        ("drain", format!("{:.1} ms", health.drain_ms)),
        ("load", loading(health)),
    ];
    for (name, value) in facts {
        lines.push(Line::from(vec![
            Span::styled(fit(name, 10, Side::Left), theme.quiet()),
            Span::raw(value),
        ]));
    }
    lines.push(Line::styled("PROGRAMS IN THE KERNEL", theme.heading()));
    for program in &health.programs {
        let text = format!(
            "{}: {} runs, {} instructions",
            printable(&program.hook),
            program.runs,
            program.instructions
        );
        lines.push(Line::styled(text, theme.quiet()));
    }
    lines
}

/// What bringing the programs into the kernel took.
fn loading(health: &HealthReport) -> String {
    let sum = |of: fn(&ProgramStats) -> u64| health.programs.iter().map(of).sum::<u64>();
    format!(
        "{:.0} ms, {} programs, {} instructions, {} of the kernel's memory",
        health.load_ms,
        health.programs.len(),
        sum(|program| program.instructions),
        human_bytes(sum(|program| program.memory_bytes))
    )
}

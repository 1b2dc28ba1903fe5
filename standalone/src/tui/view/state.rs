//! The state line: what is measured, and whether anything is missing from it.

use nettally_source::{HealthReport, LossClass, Losses};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::cell::{Side, fit};
use super::header::two_sided;
use super::theme::Theme;
use crate::text::{human_bytes, printable};
use crate::tui::model::Model;

/// What the sign before the line says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Waiting,
    Problem,
}

/// Draws the line.
pub(super) fn draw(model: &Model, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let (mood, words) = state(model);
    let (sign, sign_style, style) = match mood {
        Mood::Well => ("● ", theme.good(), theme.quiet()),
        Mood::Waiting => ("○ ", theme.quiet(), theme.quiet()),
        Mood::Problem => ("▲ ", theme.warning(), theme.warning()),
    };
    let hint = "h details";
    let mut spans = chosen(model, usize::from(area.width) / 2, theme);
    let used: usize = spans.iter().map(Span::width).sum();
    let room = usize::from(area.width).saturating_sub(hint.width() + 4 + used);
    let text = words.join(" · ");
    spans.push(Span::styled(sign, sign_style));
    let text = fit(&text, text.width().min(room), Side::Left);
    spans.push(Span::styled(text, style));
    let left = Line::from(spans);
    two_sided(area, buffer, &left, &Line::styled(hint, theme.quiet()));
}

/// What the person must not forget to have chosen.
fn chosen(model: &Model, most: usize, theme: Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    if model.paused.is_some() {
        spans.push(Span::styled(" PAUSED ", theme.selected()));
        spans.push(Span::raw(" "));
    }
    let filter = &model.settings.filter;
    if !filter.is_empty() && model.typing.is_none() {
        let text = format!("/{}", printable(filter.text()));
        let text = fit(&text, text.width().min(most), Side::Left);
        spans.push(Span::styled(text, theme.warning()));
        spans.push(Span::raw(" "));
    }
    spans
}

/// Problems come first and with their number, so that a narrow screen cuts off words and never the
/// fact.
fn state(model: &Model) -> (Mood, Vec<String>) {
    let merged = model.ledger.merged_windows;
    let merged = (merged > 0).then(|| format!("{merged} windows merged"));
    let mut problems = Vec::new();
    if let Some(absence) = &model.absence {
        problems.push(format!("{}, reconnecting", printable(absence)));
    }
    if let Some(silent_for) = model.silent_for {
        problems.push(format!("no numbers for {} s", silent_for.as_secs()));
    }
    let unmeasured = model.ledger.unmeasured_secs();
    if unmeasured > 0 {
        problems.push(format!("nobody measured for {unmeasured} s"));
    }
    if let Some(health) = &model.health {
        problems.extend(problems_of(health));
    }
    match &model.health {
        _ if !problems.is_empty() => {
            problems.extend(merged);
            (Mood::Problem, problems)
        }
        None => (
            Mood::Waiting,
            vec!["waiting for the first numbers".to_owned()],
        ),
        Some(health) => {
            let mut words = vec!["nothing lost".to_owned()];
            words.extend(merged);
            words.push(format!("{} backend", printable(&health.backend)));
            words.push(format!("linux {}", printable(&health.kernel)));
            (Mood::Well, words)
        }
    }
}

fn problems_of(health: &HealthReport) -> Vec<String> {
    let mut problems = Vec::new();
    let unseen = &health.degradations;
    if !unseen.is_empty() {
        problems.push(format!("{} degraded", unseen.len()));
    }
    for class in [LossClass::Bytes, LossClass::Delivery, LossClass::Detail] {
        let lost = lost(&health.losses, class);
        if !lost.is_empty() {
            problems.push(format!("{}: {lost}", class.title()));
        }
    }
    let summaries = unseen.iter().map(|unseen| printable(&unseen.summary));
    problems.extend(summaries.map(|summary| summary.into_owned()));
    if !problems.is_empty() {
        problems.push(format!("{} backend", printable(&health.backend)));
    }
    problems
}

fn lost(losses: &Losses, class: LossClass) -> String {
    let of_class = losses
        .0
        .iter()
        .filter(|(reason, _)| reason.class() == class);
    let each = of_class.map(|(reason, count)| {
        match count.sent_bytes.saturating_add(count.received_bytes) {
            0 => format!("{reason} {}", count.events),
            bytes => format!("{reason} {} ({})", count.events, human_bytes(bytes)),
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

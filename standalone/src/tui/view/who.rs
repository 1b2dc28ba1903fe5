//! Who the selected row is: the lines above its remotes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use unicode_width::UnicodeWidthStr as _;

use super::cell::{Side, fit, wrapped};
use super::theme::Theme;
use crate::text::printable;
use crate::tui::model::who::{Fact, Shape};

/// Columns of a label that stands at the left edge.
const LABEL: usize = 11;

/// Columns between two facts on one line.
const GAP: usize = 3;

/// One line: labels and texts, as they follow each other.
type Words = Vec<(String, String)>;

/// Draws as much as fits into `area`; what does not is named.
pub(super) fn draw(facts: &[Fact], area: Rect, buffer: &mut Buffer, theme: Theme) {
    let lines = lines(facts, usize::from(area.width), usize::from(area.height));
    for (words, line) in lines.into_iter().zip(area.rows()) {
        let spans = words.into_iter().flat_map(|(label, text)| {
            [
                Span::styled(label, theme.quiet()),
                Span::styled(text, ratatui::style::Style::new()),
            ]
        });
        Line::from_iter(spans).render(line, buffer);
    }
}

/// Lines that everything would need, `most` at most.
pub(super) fn height(facts: &[Fact], width: u16, most: u16) -> u16 {
    let lines = lines(facts, usize::from(width), usize::from(most));
    u16::try_from(lines.len()).unwrap_or(most)
}

/// Long facts have a line each before one has two, the first of them first; if there are too few
/// lines even for that, the last ones go.
fn lines(facts: &[Fact], width: usize, most: usize) -> Vec<Words> {
    let room = width.saturating_sub(LABEL).max(1);
    let whole = laid_out(facts, width, |text| wrapped(text, room));
    if whole.len() <= most {
        return whole;
    }
    let short = |text: &str| vec![fit(text, room, Side::Left).trim_end().to_owned()];
    let mut lines = laid_out(facts, width, short);
    if lines.len() > most {
        lines.truncate(most.saturating_sub(1));
        lines.push(vec![("… i: all of it".to_owned(), String::new())]);
        lines.truncate(most);
        return lines;
    }
    let mut spare = most - lines.len();
    laid_out(facts, width, |text| {
        let mut parts = wrapped(text, room);
        let given = parts.len().min(1 + spare);
        spare -= given - 1;
        if given < parts.len() {
            let rest = parts.split_off(given - 1).concat();
            parts.push(fit(&rest, room, Side::Left));
        }
        parts
    })
}

fn laid_out(
    facts: &[Fact],
    width: usize,
    mut broken: impl FnMut(&str) -> Vec<String>,
) -> Vec<Words> {
    let mut lines: Vec<Words> = Vec::new();
    // Columns of the last line that are taken, if another short fact may follow there.
    let mut taken: Option<usize> = None;
    for Fact { label, text, shape } in facts {
        let text = printable(text);
        let beside = label.len() + 1 + text.width();
        match (shape, taken, lines.last_mut()) {
            (Shape::Short, Some(columns), Some(line)) if columns + GAP + beside <= width => {
                line.push((format!("{}{label} ", " ".repeat(GAP)), text.into_owned()));
                taken = Some(columns + GAP + beside);
            }
            (Shape::Short, ..) if LABEL + text.width() <= width => {
                taken = Some(LABEL + text.width());
                lines.push(vec![(fit(label, LABEL, Side::Left), text.into_owned())]);
            }
            (Shape::Short | Shape::Long, ..) => {
                taken = None;
                for (index, part) in broken(&text).into_iter().enumerate() {
                    let label = if index == 0 { label } else { "" };
                    lines.push(vec![(fit(label, LABEL, Side::Left), part)]);
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(label: &'static str, text: &str, shape: Shape) -> Fact {
        let text = text.to_owned();
        Fact { label, text, shape }
    }

    fn shown(facts: &[Fact], width: usize, most: usize) -> Vec<String> {
        lines(facts, width, most)
            .into_iter()
            .map(|words| words.into_iter().map(|(l, t)| l + &t).collect())
            .collect()
    }

    #[test]
    fn short_facts_share_a_line_and_long_ones_get_what_is_left() {
        let facts = [
            fact("command", "one two three four five six", Shape::Long),
            fact("user", "alice", Shape::Short),
            fact("unit", "a.service", Shape::Short),
            fact("cgroup", "/system.slice/a.service", Shape::Long),
        ];
        let whole = [
            "command    one two three four ",
            "           five six",
            "user       alice",
            "unit       a.service",
            "cgroup     /system.slice/a.ser",
            "           vice",
        ];
        assert_eq!(shown(&facts, 30, 6), whole);
        assert_eq!(
            shown(&facts, 30, 5)[3..],
            ["unit       a.service", "cgroup     /system.slice/a.se…"]
        );
        assert_eq!(shown(&facts, 30, 3)[2], "… i: all of it");
        assert_eq!(shown(&facts, 40, 9)[1], "user       alice   unit a.service");
        for most in 0..8 {
            assert!(shown(&facts, 30, most).len() <= most);
        }
    }
}

//! Rates over time as bars, several lines high.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::cell::{Side, fit, rate};
use super::theme::Theme;

/// Columns of the scale at the left.
pub(super) const SCALE: u16 = 10;

const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One direction.
pub(super) struct Bars<'a> {
    pub(super) values: &'a [f64],
    pub(super) style: Style,
}

/// Columns that bars have in `width`.
pub(super) fn columns(width: u16) -> usize {
    usize::from(width.saturating_sub(SCALE))
}

/// Draws the bars from the ground of `area` up; the highest reaches its top. A bar is missing only
/// where nothing was moved.
pub(super) fn draw(bars: &Bars<'_>, area: Rect, buffer: &mut Buffer, theme: Theme) {
    let Bars { values, style } = bars;
    let highest = values.iter().copied().fold(0.0, f64::max);
    let lines = usize::from(area.height);
    for (row, line) in area.rows().enumerate() {
        let label = match row {
            0 => format!("{}/s", rate(highest)),
            row if row + 1 == lines => "0".to_owned(),
            _ => String::new(),
        };
        let ground = lines - 1 - row;
        let text: String = values
            .iter()
            .map(|&value| glyph(value, highest, lines, ground))
            .collect();
        let label = fit(&label, usize::from(SCALE) - 1, Side::Right);
        Line::from(vec![
            Span::styled(label, theme.quiet()),
            Span::raw(" "),
            Span::styled(text, *style),
        ])
        .render(line, buffer);
    }
}

/// What a bar has in the line that is `ground` lines above the lowest.
fn glyph(value: f64, highest: f64, lines: usize, ground: usize) -> char {
    if value <= 0.0 || highest <= 0.0 {
        return ' ';
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and eight times the lines of a terminal"
    )]
    let eighths = (value / highest * (lines * 8) as f64).ceil().max(1.0) as usize;
    match eighths.saturating_sub(ground * 8) {
        0 => ' ',
        here => EIGHTHS[here.min(8) - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[f64], height: u16) -> Vec<String> {
        let width = SCALE + u16::try_from(values.len()).unwrap();
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let bars = Bars {
            values,
            style: Style::new(),
        };
        draw(&bars, area, &mut buffer, Theme::Plain);
        (0..height)
            .map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect())
            .collect()
    }

    #[test]
    fn the_highest_bar_reaches_the_top_and_the_smallest_is_seen() {
        let shown = drawn(&[0.001, 0.0, 50.0, 100.0], 3);
        let bars: Vec<String> = shown
            .iter()
            .map(|line| line.chars().skip(SCALE.into()).collect())
            .collect();
        assert_eq!(shown[0].trim_matches([' ', '█']), "100  B/s");
        assert_eq!(bars, ["   █", "  ▄█", "▁ ██"]);
    }

    #[test]
    fn nothing_is_no_bar() {
        assert_eq!(glyph(0.0, 0.0, 3, 0), ' ');
        assert_eq!(glyph(0.0, 9.0, 3, 0), ' ');
        assert_eq!(glyph(f64::MIN_POSITIVE, 9.0, 3, 0), '▁');
    }
}

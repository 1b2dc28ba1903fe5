//! Values as text of an exact width. Pure.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::text::{human_bytes, printable};
use crate::tui::model::amount::COURSE_WINDOWS;

/// Where text stands in its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// `text`, filled with blanks to `width` columns; too long, it ends in `…`.
pub(crate) fn fit(text: &str, width: usize, side: Side) -> String {
    let text = printable(text);
    let cut;
    let text = if text.width() <= width {
        &*text
    } else {
        cut = head(&text, width.saturating_sub(1)) + if width > 0 { "…" } else { "" };
        &cut
    };
    let blanks = " ".repeat(width.saturating_sub(text.width()));
    match side {
        Side::Left => format!("{text}{blanks}"),
        Side::Right => format!("{blanks}{text}"),
    }
}

/// Like [`fit`] at the left, but what is cut out is the middle: both ends of a path or of an
/// address matter.
pub(crate) fn fit_middle(text: &str, width: usize) -> String {
    let text = printable(text);
    if text.width() <= width || width < 8 {
        return fit(&text, width, Side::Left);
    }
    let start = head(&text, width / 3);
    let end = tail(&text, width - 1 - start.width());
    fit(&format!("{start}…{end}"), width, Side::Left)
}

/// All of `text`, in parts of at most `width` columns.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let text = printable(text);
    let mut parts = vec![String::new()];
    let mut used = 0;
    for character in text.chars() {
        let columns = character.width().unwrap_or(0);
        if used + columns > width && used > 0 {
            parts.push(String::new());
            used = 0;
        }
        used += columns;
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

/// The longest beginning within `width` columns.
fn head(text: &str, width: usize) -> String {
    within(text.chars(), width).collect()
}

/// The longest end within `width` columns.
fn tail(text: &str, width: usize) -> String {
    let mut reversed: Vec<char> = within(text.chars().rev(), width).collect();
    reversed.reverse();
    reversed.into_iter().collect()
}

fn within(chars: impl Iterator<Item = char>, width: usize) -> impl Iterator<Item = char> {
    let mut used = 0;
    chars.take_while(move |character| {
        used += character.width().unwrap_or(0);
        used <= width
    })
}

/// Bytes in seven columns or less, with the unit's prefix under the prefix: `12.3 MB`, `999  B`.
pub(crate) fn bytes(bytes: u64) -> String {
    let text = human_bytes(bytes);
    match text.strip_suffix(" B") {
        Some(number) => format!("{number}  B"),
        None => text,
    }
}

/// Like [`bytes()`] for bytes a second; the heading says that it is a rate.
pub(crate) fn rate(per_second: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is not negative, and the cast saturates"
    )]
    bytes(per_second.round() as u64)
}

/// The last 60 windows as bars of one line, `width` columns or less. The newest is at the right;
/// `newest` is its number: windows that share a bar share it until both leave, so that bars do not
/// wobble, and has their mean. The highest is full, and a bar is empty only if nothing was moved.
pub(crate) fn spark(values: &[f64], newest: u64, width: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = width.min(COURSE_WINDOWS);
    if width == 0 || values.is_empty() {
        return " ".repeat(width);
    }
    let per_bar = COURSE_WINDOWS.div_ceil(width) as u64;
    let newest_bar = newest / per_bar;
    let mut bars = vec![(0.0_f64, 0.0_f64); width];
    for (age, &value) in (0..).zip(values.iter().rev()) {
        let Some(window) = newest.checked_sub(age) else {
            break;
        };
        let back = usize::try_from(newest_bar - window / per_bar).unwrap_or(usize::MAX);
        if let Some(bar) = width.checked_sub(back + 1) {
            let (sum, windows) = bars[bar];
            bars[bar] = (sum + value, windows + 1.0);
        }
    }
    let means = bars
        .into_iter()
        .map(|(sum, windows)| sum / f64::max(windows, 1.0));
    let means: Vec<f64> = means.collect();
    let highest = means.iter().copied().fold(0.0, f64::max);
    let shown = means.into_iter().map(|value| {
        if value <= 0.0 {
            return ' ';
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 7"
        )]
        let level = (value / highest * 8.0).ceil() as usize;
        BARS[level.clamp(1, 8) - 1]
    });
    shown.collect()
}

/// A share of a whole as a bar and a percentage: `███▌  42%`.
pub(crate) fn share(part: f64, whole: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if whole > 0.0 {
        (part / whole).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let percent = if share > 0.0 && share < 0.005 {
        "<1%".to_owned()
    } else {
        format!("{:.0}%", share * 100.0)
    };
    let room = width.saturating_sub(5);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few columns"
    )]
    let eighths = (share * room as f64 * 8.0).round() as usize;
    let bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    fit(&bar, room, Side::Left) + &fit(&percent, width.min(5), Side::Right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fills_its_cell_exactly() {
        let cases = [
            ("curl", 6, "curl  "),
            ("curl", 4, "curl"),
            ("firefox", 5, "fire…"),
            ("漢字漢字", 8, "漢字漢字"),
            ("漢字漢字", 6, "漢字… "),
            ("漢字漢字", 7, "漢字漢…"),
            ("e\u{301}a", 3, "e\u{301}a "),
            ("a\u{1b}[1m", 20, "a\\u{1b}[1m          "),
            ("x", 0, ""),
        ];
        for (text, width, expected) in cases {
            let fitted = fit(text, width, Side::Left);
            assert_eq!(fitted, expected);
            assert_eq!(fitted.width(), width, "{text}");
        }
        assert_eq!(fit("7", 3, Side::Right), "  7");
    }

    #[test]
    fn both_ends_of_a_path_are_kept() {
        assert_eq!(
            fit_middle("/usr/lib/firefox/firefox", 15),
            "/usr/…x/firefox"
        );
        assert_eq!(fit_middle("/bin/sh", 9), "/bin/sh  ");
    }

    #[test]
    fn wrapped_text_is_all_there() {
        assert_eq!(wrapped("abcdefg", 3), ["abc", "def", "g"]);
        assert_eq!(wrapped("漢字a\u{1b}", 3), ["漢", "字a", "\\u{", "1b}"]);
        assert_eq!(wrapped("", 3), [""]);
        assert_eq!(wrapped("漢字", 0), ["漢", "字"]);
    }

    #[test]
    fn units_stand_below_each_other() {
        assert_eq!([bytes(7), bytes(12_300)], ["7  B", "12.3 KB"]);
        assert_eq!(rate(999.6), "1.00 KB");
    }

    #[test]
    fn a_spark_shows_the_course_and_never_hides_a_small_value() {
        assert_eq!(spark(&[0.0, 1.0, 50.0, 100.0], 4, 60).trim_start(), "▁▄█");
        assert_eq!(spark(&[0.001, 1e9], 2, 60).trim_start(), "▁█");
        assert_eq!(spark(&[], 0, 5), "     ");
        assert_eq!(spark(&[1.0; 60], 60, 20).chars().count(), 20);
    }

    #[test]
    fn a_narrow_spark_keeps_its_bars_in_place_as_time_goes_on() {
        // Windows 1 to 12, six to a bar: 1..=5 | 6..=11 | 12.
        let values: Vec<f64> = (1..=12).map(f64::from).collect();
        assert_eq!(spark(&values[..11], 11, 10).trim_start(), "▃█");
        assert_eq!(spark(&values, 12, 10).trim_start(), "▂▆█");
    }

    #[test]
    fn a_share_is_a_bar_and_a_percentage() {
        let cases = [
            (0.0, 0.0, "           0%"),
            (1.0, 1.0, "████████ 100%"),
            (1.0, 2.0, "████      50%"),
            (1.0, 1e9, "          <1%"),
        ];
        for (part, whole, expected) in cases {
            assert_eq!(share(part, whole, 13), expected);
        }
    }
}

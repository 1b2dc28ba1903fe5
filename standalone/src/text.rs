//! How values are shown to people.

use std::borrow::Cow;

/// `text` with every character that a terminal could act on replaced by its escaped form.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_harmless(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    Cow::Owned(shown)
}

/// Neither a control character nor one that reorders or hides its neighbours.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// JSON of the same meaning in which characters that a terminal could act on are escaped; JSON
/// itself asks for that only below U+0020. Line feeds stay: they are between values only.
#[must_use]
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    let stays = |character| character == '\n' || is_harmless(character);
    if json.chars().all(stays) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if stays(character) {
            shown.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    Cow::Owned(shown)
}

/// Bytes as people read them: `999 B`, `1.50 KB`, `12.3 MB`. Decimal units, three digits.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Bytes per second as people read them: `12.3 MB/s`.
#[must_use]
pub fn human_rate(bytes_per_second: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is not negative, and the cast saturates"
    )]
    let bytes = bytes_per_second.round() as u64;
    format!("{}/s", human_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_reordering_marks_are_shown_not_obeyed() {
        assert_eq!(printable("\u{1b}[31mred\n"), "\\u{1b}[31mred\\n");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert!(matches!(printable("Web Content <é>"), Cow::Borrowed(_)));
    }

    #[test]
    fn harmless_json_means_the_same() {
        let name = "a\u{7f}\u{9b}31m\u{202e}\u{1b}é<b>";
        let json = serde_json::to_string(name).unwrap();
        let json = format!("\n{json}");
        let shown = harmless_json(&json);
        assert!(shown.trim().chars().all(is_harmless), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), name);
    }

    #[test]
    fn three_digits_and_the_unit_that_fits() {
        let shown = [
            0,
            999,
            1000,
            9_994,
            9_996,
            99_960,
            999_600,
            1_500_000,
            u64::MAX,
        ]
        .map(human_bytes);
        let expected = [
            "0 B", "999 B", "1.00 KB", "9.99 KB", "10.0 KB", "100 KB", "1.00 MB", "1.50 MB",
            "18.4 EB",
        ];
        assert_eq!(shown, expected);
    }
}

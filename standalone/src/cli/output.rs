//! Writing to the standard streams.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::text::is_harmless;

/// Says on standard error what went wrong. There is nobody to tell if that fails.
pub(super) fn complain(message: &str) {
    let _unheard = writeln!(io::stderr().lock(), "nettally: {message}");
}

/// Prints a value as JSON.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text = harmless_json(&serde_json::to_string_pretty(value)?);
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// JSON in which no character can make a terminal do anything: JSON itself lets DEL, the C1
/// controls and marks that reorder text stand as they are. Such characters are only inside strings,
/// so their escaped form is the same value.
fn harmless_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        if character == '\n' || is_harmless(character) {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::harmless_json;

    #[test]
    fn json_for_a_terminal_is_the_same_value_without_controls() {
        let value = serde_json::json!({ "name": "\u{9b}31m \u{7f}\u{202e}\u{1b}[0m\n\"é😀" });
        let text = harmless_json(&value.to_string());
        assert!(text.chars().all(crate::text::is_harmless), "{text}");
        assert!(text.contains("é😀"));
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back, value);
    }
}

//! How an argument is written where a shell would take it apart.

use std::fmt::Write as _;

use super::HIDDEN;

/// As one word of a shell. One with control characters is written as `$'..'`, so that the text has
/// none.
pub(super) fn quoted(argument: &str) -> String {
    if argument.chars().any(is_control) {
        return escaped(argument);
    }
    // What we put in is not held against it: `--token=***` reads better without quotes.
    let is_plain = !argument.is_empty() && argument.replace(HIDDEN, "").chars().all(is_plain);
    if is_plain {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

fn escaped(argument: &str) -> String {
    let mut text = String::from("$'");
    for character in argument.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            '\'' => text.push_str("\\'"),
            '\\' => text.push_str("\\\\"),
            other if is_control(other) => {
                write!(text, "\\u{:04x}", u32::from(other)).expect("a String takes any text");
            }
            other => text.push(other),
        }
    }
    text.push('\'');
    text
}

/// Characters that are not shown, but change what is.
fn is_control(character: char) -> bool {
    character.is_control()
        // Line and paragraph separators, and what turns the direction of text.
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that no shell treats in another way.
fn is_plain(character: char) -> bool {
    character.is_alphanumeric() || "_@%+=:,./-".contains(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_a_shell_would_take_apart_is_quoted() {
        for (argument, text) in [
            ("plain", "plain"),
            ("/usr/bin/x", "/usr/bin/x"),
            ("--name=value", "--name=value"),
            ("größe", "größe"),
            ("", "''"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("*", "'*'"),
            ("--token=***", "--token=***"),
            ("a&b=***", "'a&b=***'"),
            ("a\nb", r"$'a\nb'"),
            ("\u{1b}[31m'\\", r"$'\u001b[31m\'\\'"),
            ("\u{202e}txt", r"$'\u202etxt'"),
        ] {
            assert_eq!(quoted(argument), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_left_that_a_terminal_would_obey(argument in any::<String>()) {
            prop_assert!(!quoted(&argument).chars().any(is_control));
        }
    }
}

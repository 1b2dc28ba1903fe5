//! Which secrets are hidden: those that are known by their place, and what the user names.

use regex::Regex;

use super::quote::quoted;
use super::words::Words;
use super::{CUT, HIDDEN, MAX_BYTES, cut, shapes};
use crate::config::CommandLines;

/// What to do with command lines.
#[derive(Debug, Default)]
pub(crate) struct Redaction {
    command_lines: CommandLines,
    patterns: Vec<Regex>,
}

/// One of the user's patterns that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("pattern {index} of `redact` cannot be read")]
pub(crate) struct BadPattern {
    pub(crate) index: usize,
    pub(crate) source: regex::Error,
}

impl Redaction {
    /// # Errors
    /// Says which pattern cannot be read.
    pub(crate) fn new(
        command_lines: CommandLines,
        patterns: &[String],
    ) -> Result<Self, BadPattern> {
        let patterns = patterns
            .iter()
            .enumerate()
            .map(|(index, pattern)| {
                Regex::new(pattern).map_err(|source| BadPattern { index, source })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            command_lines,
            patterns,
        })
    }

    /// Arguments without secrets; `is_cut` says that the last one may lack its end.
    pub(crate) fn redacted(&self, arguments: &[String], is_cut: bool) -> Vec<String> {
        let known = match self.command_lines {
            CommandLines::Full => arguments.to_vec(),
            CommandLines::Redacted | CommandLines::Off => without_known(arguments, is_cut),
        };
        known
            .into_iter()
            .map(|argument| self.without_named(argument))
            .collect()
    }

    /// The line of arguments that are [`Self::redacted`], to be matched by the user's rules. The
    /// user's patterns see it whole too, so that they may span arguments.
    pub(crate) fn line(&self, redacted: &[String], is_cut: bool) -> String {
        let mut words: Vec<String> = redacted.iter().map(|argument| quoted(argument)).collect();
        if is_cut {
            words.push(CUT.to_owned());
        }
        cut(self.without_named(words.join(" ")), MAX_BYTES)
    }

    /// What of a line is told.
    pub(crate) fn told(&self, line: String) -> Option<String> {
        match self.command_lines {
            CommandLines::Full | CommandLines::Redacted => Some(line),
            CommandLines::Off => None,
        }
    }

    fn without_named(&self, mut text: String) -> String {
        for pattern in &self.patterns {
            text = replaced(pattern, text);
        }
        text
    }
}

fn without_known(arguments: &[String], is_cut: bool) -> Vec<String> {
    let mut words = Words::default();
    let mut redacted: Vec<String> = arguments
        .iter()
        .map(|argument| words.argument(argument))
        .collect();
    if is_cut && let Some(last) = redacted.last_mut() {
        *last = shapes::hidden_in_cut(last);
    }
    redacted
}

/// Hides the first group of each match, or else all of it.
fn replaced(pattern: &Regex, text: String) -> String {
    let mut result = String::new();
    let mut end = 0;
    for captures in pattern.captures_iter(&text) {
        let found = captures.get(1).or_else(|| captures.get(0));
        let Some(found) = found.filter(|found| !found.is_empty()) else {
            continue;
        };
        result.push_str(&text[end..found.start()]);
        result.push_str(HIDDEN);
        end = found.end();
    }
    if end == 0 {
        return text;
    }
    result.push_str(&text[end..]);
    result
}

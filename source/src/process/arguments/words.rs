//! Secrets that are known by the word before them: options and assignments.

use super::programs::{Hide, Program, program};
use super::{HIDDEN, shapes};

/// Reads arguments one after the other.
#[derive(Default)]
pub(super) struct Words {
    program: Option<Program>,
    next: Option<Hide>,
    is_begun: bool,
}

/// Text inside an argument, such as that of `sh -c`, is read this deep.
const MAX_DEPTH: u8 = 3;

impl Words {
    /// The next argument without its secrets.
    pub(super) fn argument(&mut self, text: &str) -> String {
        self.at_depth(text, 0)
    }

    fn at_depth(&mut self, text: &str, depth: u8) -> String {
        if let Some(hide) = self.next.take()
            && !text.starts_with('-')
        {
            return hide.applied(text);
        }
        let has_words = text.contains(char::is_whitespace);
        if !has_words && let Some(program) = program(text, self.is_begun) {
            self.program = program;
        }
        self.is_begun = true;
        if let Some(redacted) = self.option(text).or_else(|| assignment(text)) {
            return redacted;
        }
        let text = shapes::hidden(text);
        if !has_words || depth >= MAX_DEPTH {
            return text;
        }
        for quote in ['\'', '"'] {
            let inner = text
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote));
            if let Some(inner) = inner
                && !inner.contains(quote)
            {
                let inner = Self::default().at_depth(inner, depth + 1);
                return format!("{quote}{inner}{quote}");
            }
        }
        let mut words = Self::default();
        pieces(&text)
            .into_iter()
            .map(|piece| {
                if piece.starts_with(char::is_whitespace) {
                    piece.to_owned()
                } else {
                    words.at_depth(piece, depth + 1)
                }
            })
            .collect()
    }

    /// An option with its secret; or none, and what is to be hidden in the next argument is noted.
    fn option(&mut self, word: &str) -> Option<String> {
        let body = word.strip_prefix('-')?;
        let long = body.strip_prefix('-').unwrap_or(body);
        let is_short = long.len() == body.len();
        if is_short && let Some(word) = self.short(word, body) {
            return Some(word);
        }
        if let Some((name, value)) = long.split_once('=')
            && !name.contains(char::is_whitespace)
        {
            let head = &word[..word.len() - value.len()];
            // `-Dsome.password=..`, `-eSOME_PASSWORD=..`
            let hide = secret_option(name)
                .or_else(|| (is_short && is_secret_name(name)).then_some(Hide::All));
            if let Some(hide) = hide {
                return Some(format!("{head}{}", hide.applied(value)));
            }
            // `--env=SOME_PASSWORD=..`
            if let Some(value) = assignment(value) {
                return Some(format!("{head}{value}"));
            }
        } else if !long.contains(char::is_whitespace)
            && let Some(hide) = secret_option(long)
        {
            self.next = Some(hide);
            return Some(word.to_owned());
        }
        if is_short {
            self.short(word, body)
        } else {
            None
        }
    }

    fn short(&mut self, word: &str, body: &str) -> Option<String> {
        let Program {
            option,
            is_attached,
            is_separate,
            hide,
            flags,
            is_once,
        } = self.program?;
        let rest = body.trim_start_matches(|letter| flags.contains(letter));
        let value = rest.strip_prefix(option)?;
        if is_once {
            self.program = None;
        }
        if value.is_empty() {
            self.next = is_separate.then_some(hide);
            Some(word.to_owned())
        } else {
            let head = &word[..word.len() - value.len()];
            is_attached.then(|| format!("{head}{}", hide.applied(value)))
        }
    }
}

/// `NAME=value` with a name that says what the value is. Where the value ends is not looked for: in
/// an argument of its own it may hold spaces.
fn assignment(word: &str) -> Option<String> {
    let (name, value) = word.split_once('=')?;
    // As left by the quotes around both.
    let bare = name.trim_start_matches(['"', '\'']);
    let is_name = !bare.starts_with('-')
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    (is_name && !value.is_empty() && is_secret_name(bare)).then(|| format!("{name}={HIDDEN}"))
}

/// Parts of names, without their separators, that say that the value is a secret.
const SECRET_PARTS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
];

fn is_secret_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let joined = joined(&lower);
    SECRET_PARTS.iter().any(|part| joined.contains(part))
        || ["_pass", "_pwd"].iter().any(|end| lower.ends_with(end))
        || lower == "pass"
}

/// Ends of long options that take a secret. Not parts: `--password-file` takes a path.
const SECRET_ENDS: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "authkey",
    "authorization",
    "basicauth",
    "proxyauth",
    "storepass",
    "keypass",
];

fn secret_option(name: &str) -> Option<Hide> {
    let lower = name.to_lowercase();
    if lower.starts_with("no-") {
        return None;
    }
    let joined = joined(&lower);
    let is_secret = matches!(&*joined, "pass" | "auth" | "pwd" | "psk")
        || SECRET_ENDS.iter().any(|end| joined.ends_with(end))
        || ["-pass", "_pass"].iter().any(|end| lower.ends_with(end));
    if is_secret {
        Some(Hide::All)
    } else {
        (joined == "privatekey").then_some(Hide::UnlessPath)
    }
}

fn joined(name: &str) -> String {
    name.replace(['-', '_', '.'], "")
}

/// Words and the space between them, in order. Quotes keep a word together, unless one of them is
/// open at the end: then it was no quote, and words are what has no space.
fn pieces(text: &str) -> Vec<&str> {
    split(text, true).unwrap_or_else(|| split(text, false).unwrap_or_default())
}

fn split(text: &str, has_quotes: bool) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut was_space = None;
    let mut quote = None;
    for (at, character) in text.char_indices() {
        let is_space = quote.is_none() && character.is_whitespace();
        if was_space.is_some_and(|was_space| was_space != is_space) {
            pieces.push(&text[start..at]);
            start = at;
        }
        was_space = Some(is_space);
        match quote {
            Some(open) if open == character => quote = None,
            None if has_quotes && matches!(character, '\'' | '"') => quote = Some(character),
            Some(_) | None => {}
        }
    }
    pieces.push(&text[start..]);
    quote.is_none().then_some(pieces)
}

//! Arguments of a process as one line that may be shown: without secrets, quoted, bounded.
//!
//! Pure. [`Redaction`] comes first, on the arguments as they are; only what it returns is looked at
//! by anybody else, be it for the line or for the application's name.

mod programs;
mod quote;
mod redact;
mod shapes;
mod words;

pub(crate) use redact::Redaction;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// Longest command line that is told, in bytes.
const MAX_BYTES: usize = 1024;

/// Where a text was cut.
const CUT: &str = "…";

/// At most `max` bytes of `text`; `…` says that there was more.
fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max.saturating_sub(CUT.len())));
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
mod tests;

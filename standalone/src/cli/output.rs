//! Writing to the standard streams.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::text::harmless_json;

/// Says on standard error what went wrong. There is nobody to tell if that fails.
pub(super) fn complain(message: &str) {
    let _unheard = writeln!(io::stderr().lock(), "nettally: {message}");
}

/// Says on standard error what one should know. There is nobody to tell if that fails.
pub(super) fn note(message: &str) {
    let _unheard = writeln!(io::stderr().lock(), "{message}");
}

/// Prints a value as JSON.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(value)?;
    writeln!(io::stdout().lock(), "{}", harmless_json(&json))?;
    Ok(())
}

//! `nettally generate`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;

/// The commented example, which is a link, so that the two never differ.
const FULL: &str = include_str!("generate/full.yaml");
const MINIMAL: &str = include_str!("generate/minimal.yaml");

/// Options of `generate`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print only the options that are changed most.
    #[arg(long)]
    minimal: bool,
}

/// Prints a configuration to start from. Using it unchanged is the same as using none.
pub(super) fn execute(options: Options) -> io::Result<ExitCode> {
    let Options { minimal } = options;
    let text = if minimal { MINIMAL } else { FULL };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, parse};

    #[test]
    fn what_is_generated_sets_every_option_to_its_default() {
        let default = parse("", "test", &Overrides::default()).unwrap();
        for text in [FULL, MINIMAL] {
            let generated = parse(text, "test", &Overrides::default()).unwrap();
            assert_eq!(generated, default, "{text}");
        }
    }
}

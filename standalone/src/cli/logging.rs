//! The log: sentences for an operator, on standard error.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Sets up the log of the whole process.
pub(super) fn set_up(level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level).with_context(|| {
        format!(
            "cannot use the log level {level:?}; allowed: error, warn, info, debug, trace, or a \
             filter such as `warn,nettally_source=debug`"
        )
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && wants_colours())
        .with_target(false)
        .init();
    Ok(())
}

/// <https://no-color.org>: set and not empty means none.
fn wants_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

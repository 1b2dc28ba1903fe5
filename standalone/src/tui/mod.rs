//! The terminal screen of `nettally top`.

use std::time::Duration;

use nettally_source::ProcessNetworkConfig;

/// What `top` shows.
#[derive(Clone, Debug)]
pub struct TopOptions {
    /// What is measured.
    pub source: ProcessNetworkConfig,
    /// Print one window and end.
    pub once: bool,
    /// Print JSON.
    pub json: bool,
    /// Length of a window.
    pub interval: Duration,
}

/// Shows the screen until the user ends it.
///
/// # Errors
/// Nothing can be measured.
pub async fn run(options: TopOptions) -> anyhow::Result<()> {
    anyhow::bail!("no screen yet for {options:?}")
}

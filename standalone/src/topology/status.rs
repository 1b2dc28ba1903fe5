//! How a sink says how it is doing.

use nettally_source::Losses;

/// The state of a running sink, readable at any time from anywhere.
pub trait SinkStatus: Send + Sync {
    /// Its numbers, as JSON.
    fn status(&self) -> serde_json::Value;
    /// What was lost on the way to it or in it, since start.
    fn losses(&self) -> Losses;
    /// Its name in the configuration.
    fn name(&self) -> &str;
}

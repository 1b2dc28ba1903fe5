//! What a user may set on the sink `sqlite`.

use std::path::PathBuf;

use async_trait::async_trait;
use nettally_source::pipeline::{Healthcheck, Problem, Result, Sink, SinkConfig, SinkContext};
use serde::{Deserialize, Serialize};

/// Configuration of the sink `sqlite`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SqliteConfig {
    /// The database file. Default: `nettally.db` in the data directory, filled in by the program
    /// before `build`.
    pub path: Option<PathBuf>,
    /// Seconds between two transactions, 0.1 to 3600: what a crash can lose at most. Default 5.
    pub flush_interval_secs: f64,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            path: None,
            flush_interval_secs: 5.0,
        }
    }
}

#[async_trait]
impl SinkConfig for SqliteConfig {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        Ok(())
    }

    async fn build(&self, _cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        unimplemented!("sqlite-sink helper")
    }
}

//! What a user may set on the sink `sqlite`.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use nettally_source::pipeline::{
    ComponentKey, Healthcheck, Problem, Result, Sink, SinkConfig, SinkContext,
};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::retention::{RetentionConfig, size_problem};
use crate::sink::SqliteSink;
use crate::store::Store;
use crate::writer::{HoldLimits, Told, Writer, WriterStats};

/// Configuration of the sink `sqlite`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SqliteConfig {
    /// The database file. Default: `nettally.db` in the data directory, filled in by the program
    /// before `build`.
    pub path: Option<PathBuf>,
    /// Seconds between two transactions, 0.1 to 3600: what a crash can lose at most. Default 5.
    pub flush_interval_secs: f64,
    /// How long rows are kept.
    pub retention: RetentionConfig,
    /// Bytes that the file may have; beyond, the oldest of the finest rows go before their time.
    /// Its write-ahead log of up to some 16 MiB comes on top. Default null: no bound.
    pub max_size_bytes: Option<u64>,
    /// How many remotes each minute, hour, day and month tells apart, those that moved most; what the
    /// rest moved is stored as *other*. Default 200; null tells all apart.
    pub top_remotes: Option<u32>,
    /// How many processes each hour tells from others of the same program, user and place, those that
    /// moved most, for as long as hours are kept; minutes tell all, days and months none. Default 100;
    /// null tells all apart, which is much where many live for a moment.
    pub top_processes: Option<u32>,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            path: None,
            flush_interval_secs: 5.0,
            retention: RetentionConfig::default(),
            max_size_bytes: None,
            top_remotes: Some(200),
            top_processes: Some(100),
        }
    }
}

impl SqliteConfig {
    /// As the writer obeys it.
    pub(crate) fn told(&self) -> Told {
        Told {
            top_remotes: self.top_remotes,
            top_processes: self.top_processes,
        }
    }

    /// Opens or creates the database; returns the sink and its counters.
    ///
    /// # Errors
    /// The file cannot be created, opened or written, has another writer, is of a newer program,
    /// or is not ours. Then it is left as it is.
    pub fn open(&self, key: &ComponentKey) -> Result<(SqliteSink, Arc<WriterStats>), StoreError> {
        let path = self.path.as_deref().ok_or_else(|| StoreError::NoPath {
            sink: key.id().to_owned(),
        })?;
        let writer = Writer::new(
            Store::open(path)?,
            key.id().to_owned(),
            boot_id(),
            HoldLimits::default(),
        )
        .keeping(self.retention.keep(self.max_size_bytes))
        .telling(self.told())
        .doubting()?;
        let stats = Arc::clone(writer.stats());
        // `max` turns what is no number, which `validate` refuses, into one.
        let flush_interval_secs = self.flush_interval_secs.clamp(0.1, 3600.0).max(0.1);
        let flush_interval = Duration::from_secs_f64(flush_interval_secs);
        Ok((SqliteSink::new(writer, flush_interval), stats))
    }
}

#[async_trait]
impl SinkConfig for SqliteConfig {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let Self {
            path,
            flush_interval_secs,
            retention,
            max_size_bytes,
            top_remotes,
            top_processes,
        } = self;
        let mut problems = retention.problems();
        problems.extend(size_problem(*max_size_bytes));
        for (key, count) in [
            ("top_remotes", top_remotes),
            ("top_processes", top_processes),
        ] {
            if *count == Some(0) {
                problems.push(Problem::new(
                    key,
                    "0 tells none apart; allowed are 1 or more, or null for all",
                ));
            }
        }
        if path
            .as_ref()
            .is_some_and(|path| path.as_os_str().is_empty())
        {
            problems.push(Problem::new(
                "path",
                "empty; name a file, or leave it out for nettally.db in data_dir",
            ));
        }
        if !(0.1..=3600.0).contains(flush_interval_secs) {
            problems.push(Problem::new(
                "flush_interval_secs",
                format!("{flush_interval_secs} is not between 0.1 and 3600 seconds"),
            ));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let (sink, stats) = self.open(&cx.key)?;
        let healthcheck = async move {
            match stats.snapshot().last_error {
                None => Ok(()),
                Some(error) => Err(error.into()),
            }
        };
        Ok((Box::new(sink), healthcheck.boxed()))
    }
}

/// Names this start of the machine. Where the kernel does not say, the processes of this run of
/// the program are kept apart from all others.
fn boot_id() -> String {
    match fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(text) => text.trim().to_owned(),
        Err(error) => {
            #[expect(
                clippy::disallowed_methods,
                reason = "only makes the name unlike that of other runs"
            )]
            let now = jiff::Timestamp::now();
            tracing::warn!(
                %error,
                "The kernel does not name this boot; processes are not recognised after a restart."
            );
            format!("run-{now}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_outside_the_documented_range_are_problems() {
        let problem = |flush_interval_secs| {
            SqliteConfig {
                flush_interval_secs,
                ..SqliteConfig::default()
            }
            .validate()
            .err()
            .map(|problems| problems[0].to_string())
        };
        for good in [0.1, 5.0, 3600.0] {
            assert_eq!(problem(good), None);
        }
        for bad in [0.0, 0.099, 3600.1, -1.0, f64::INFINITY] {
            assert!(problem(bad).is_some(), "{bad}");
        }
        assert_eq!(
            problem(f64::NAN).unwrap(),
            "flush_interval_secs: NaN is not between 0.1 and 3600 seconds"
        );
    }

    #[test]
    fn all_problems_are_reported_together() {
        let config = SqliteConfig {
            path: Some(PathBuf::new()),
            flush_interval_secs: 0.0,
            retention: RetentionConfig {
                raw_hours: Some(0),
                ..RetentionConfig::default()
            },
            max_size_bytes: Some(0),
            top_remotes: Some(0),
            top_processes: Some(0),
        };
        assert_eq!(config.validate().unwrap_err().len(), 6);
    }
}

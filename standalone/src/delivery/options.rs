//! What a user may set on any sink that pushes over the network.

use std::path::PathBuf;
use std::time::Duration;

use nettally_source::Problem;
use serde::{Deserialize, Serialize};

/// How much goes into one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchConfig {
    /// Events in one request at most, 1 to 100000. Default 1000.
    pub max_events: usize,
    /// Bytes of one request at most, before compression, 1000 to 100000000. An event that is larger
    /// goes alone. Default 10000000.
    pub max_bytes: usize,
    /// Seconds that an event waits for others at most, 0.1 to 3600. Default 1.
    pub timeout_secs: f64,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            max_events: 1_000,
            max_bytes: 10_000_000,
            timeout_secs: 1.0,
        }
    }
}

impl BatchConfig {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let Self {
            max_events,
            max_bytes,
            timeout_secs,
        } = self;
        let mut problems = Vec::new();
        if !(1..=100_000).contains(max_events) {
            problems.push(Problem::new(
                "batch.max_events",
                format!("found {max_events}, expected 1 to 100000"),
            ));
        }
        if !(1_000..=100_000_000).contains(max_bytes) {
            problems.push(Problem::new(
                "batch.max_bytes",
                format!("found {max_bytes}, expected 1000 to 100000000"),
            ));
        }
        problems.extend(seconds("batch.timeout_secs", *timeout_secs, 0.1..=3600.0));
        problems
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_secs)
    }
}

/// How requests are made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
}

/// How a request is made, and made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestConfig {
    /// Seconds until a request without an answer has failed, 0.1 to 3600. Default 60.
    pub timeout_secs: f64,
    /// Requests under way at a time, 1 to 64. Default 1, which keeps the order of events.
    pub concurrency: usize,
    /// How often a request that failed is made again; null: until it is delivered. Default null.
    pub retry_attempts: Option<u32>,
    /// Seconds before the second attempt, 0.01 to 3600; twice as many before each further one, and a
    /// random part more, so that many machines do not come at once. Default 1.
    pub retry_initial_backoff_secs: f64,
    /// Seconds between two attempts at most, without the random part. Default 30.
    pub retry_max_backoff_secs: f64,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self {
            timeout_secs: 60.0,
            concurrency: 1,
            retry_attempts: None,
            retry_initial_backoff_secs: 1.0,
            retry_max_backoff_secs: 30.0,
        }
    }
}

impl RequestConfig {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let Self {
            timeout_secs,
            concurrency,
            retry_attempts: _,
            retry_initial_backoff_secs: initial,
            retry_max_backoff_secs: max,
        } = self;
        let mut problems = Vec::new();
        problems.extend(seconds("request.timeout_secs", *timeout_secs, 0.1..=3600.0));
        if !(1..=64).contains(concurrency) {
            problems.push(Problem::new(
                "request.concurrency",
                format!("found {concurrency}, expected 1 to 64"),
            ));
        }
        for (option, value) in [
            ("request.retry_initial_backoff_secs", *initial),
            ("request.retry_max_backoff_secs", *max),
        ] {
            problems.extend(seconds(option, value, 0.01..=3600.0));
        }
        if initial > max {
            problems.push(Problem::new(
                "request.retry_max_backoff_secs",
                format!("found {max}, which is less than the first wait of {initial} seconds"),
            ));
        }
        problems
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_secs)
    }
}

/// How servers are known, and how this machine makes itself known to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Certificates (PEM) that may sign the server's. Default: those of the system.
    pub ca_file: Option<PathBuf>,
    /// Certificate of this machine (PEM), for servers that ask for one.
    pub crt_file: Option<PathBuf>,
    /// Key of that certificate (PEM).
    pub key_file: Option<PathBuf>,
    /// Whether the server's certificate must be signed by one that is known. Default true; without
    /// it, anybody in between can read and answer.
    pub verify_certificate: bool,
    /// Whether the server's certificate must be for its name. Default true.
    pub verify_hostname: bool,
    /// Name to ask for and to look for in the certificate, if it is not that of the address.
    pub server_name: Option<String>,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            ca_file: None,
            crt_file: None,
            key_file: None,
            verify_certificate: true,
            verify_hostname: true,
            server_name: None,
        }
    }
}

impl TlsConfig {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let one_of_two = match (&self.crt_file, &self.key_file) {
            (Some(_), None) => Some(("tls.crt_file", "key_file")),
            (None, Some(_)) => Some(("tls.key_file", "crt_file")),
            (Some(_), Some(_)) | (None, None) => None,
        };
        one_of_two
            .map(|(given, missing)| {
                Problem::new(given, format!("is of no use without `tls.{missing}`"))
            })
            .into_iter()
            .collect()
    }
}

fn seconds(option: &str, found: f64, expected: std::ops::RangeInclusive<f64>) -> Option<Problem> {
    // NaN is in no range.
    (!expected.contains(&found)).then(|| {
        let (least, most) = expected.into_inner();
        Problem::new(option, format!("found {found}, expected {least} to {most}"))
    })
}

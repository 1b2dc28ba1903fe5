//! What a configuration says, typed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use nettally_source::ProcessNetworkConfig;
use nettally_sqlite_sink::SqliteConfig;
use serde::{Deserialize, Serialize};

use crate::cardinality::{SeriesConfig, metrics_series};
use crate::http_sink::HttpConfig;
use crate::otlp::OtlpConfig;
use crate::statsd::StatsdConfig;
use crate::topology::WhenFull;
use crate::vector::VectorConfig;

/// Everything a user can set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it comes from: a path, or words.
    pub origin: String,
    /// Where the program keeps its files. Default `/var/lib/nettally`.
    pub data_dir: PathBuf,
    /// Seconds that everything may take to end, 1 to 3600: what sinks cannot deliver until then is
    /// counted as lost. The history may take 30 more. Default 10.
    pub shutdown_deadline_secs: f64,
    /// The HTTP API and the web page.
    pub api: ApiConfig,
    /// What is measured, by name. Default: one, `network`.
    pub sources: BTreeMap<String, ProcessNetworkConfig>,
    /// Where it goes, by name. Default: one, `history`, of type `sqlite`.
    pub sinks: BTreeMap<String, SinkEntry>,
}

/// The HTTP API and the web page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Whether there is one. Default true.
    pub enabled: bool,
    /// Where it listens. Default `127.0.0.1:9797`, which other machines cannot reach.
    pub address: SocketAddr,
    /// Unix socket that it listens on too, for owner and group (mode 0660), without a token. Default
    /// `nettally.sock` in `data_dir`; empty for none.
    pub socket: Option<PathBuf>,
    /// File with the token that requests must bring. If it is not there, one is made. Needed where
    /// other machines can reach the address: `token` in `data_dir`, unless another is named. On
    /// loopback a token is needed only if this is set.
    pub token_file: Option<PathBuf>,
    /// Which series of usage `/metrics` has. Default: of the hundred largest names.
    #[serde(deserialize_with = "metrics_series")]
    pub metrics: SeriesConfig,
    /// Requests a second that one address may send over the network, in the long run; more are
    /// answered with 429. Default 100; null for any number. The Unix socket has no such limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// Requests that it may send at once. Default 500.
    pub request_burst: NonZeroU32,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            address: SocketAddr::from(([127, 0, 0, 1], 9797)),
            socket: None,
            token_file: None,
            metrics: SeriesConfig::of_metrics(),
            requests_per_second: NonZeroU32::new(100),
            request_burst: NonZeroU32::new(500).expect("500 is not 0"),
        }
    }
}

/// A sink and the queue before it.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkEntry {
    /// The sources it takes from. Default: all.
    pub inputs: Vec<String>,
    /// What happens when its queue is full. Default `drop_newest` for `statsd`, else `block`.
    pub when_full: WhenFull,
    /// Windows that its queue holds. Default 60.
    pub buffer_windows: NonZeroUsize,
    /// What it is.
    pub kind: SinkKind,
}

/// The types of sinks.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkKind {
    /// History in a database file.
    Sqlite(SqliteConfig),
    /// Counters by UDP.
    Statsd(StatsdConfig),
    /// Events to Vector by gRPC.
    Vector(Box<VectorConfig>),
    /// Events as JSON by HTTP.
    Http(Box<HttpConfig>),
    /// Metrics by the protocol of OpenTelemetry.
    Otlp(Box<OtlpConfig>),
}

impl SinkKind {
    /// The words that `type` takes.
    pub const TYPES: [&'static str; 5] = ["sqlite", "statsd", "vector", "http", "otlp"];

    /// The database file, if it writes one.
    #[must_use]
    pub fn database(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(config) => config.path.as_deref(),
            Self::Statsd(_) | Self::Vector(_) | Self::Http(_) | Self::Otlp(_) => None,
        }
    }

    /// The word that `type` has.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Statsd(_) => "statsd",
            Self::Vector(_) => "vector",
            Self::Http(_) => "http",
            Self::Otlp(_) => "otlp",
        }
    }

    /// The policy of its queue unless the user sets one.
    #[must_use]
    pub const fn default_when_full(&self) -> WhenFull {
        match self {
            Self::Sqlite(_) | Self::Vector(_) | Self::Http(_) | Self::Otlp(_) => WhenFull::Block,
            Self::Statsd(_) => WhenFull::DropNewest,
        }
    }
}

impl ApiConfig {
    /// Where the token is that requests need, if they need one.
    #[must_use]
    pub fn needed_token(&self, data_dir: &Path) -> Option<PathBuf> {
        match &self.token_file {
            Some(path) => Some(path.clone()),
            None if self.address.ip().is_loopback() => None,
            None => Some(data_dir.join("token")),
        }
    }
}

impl Config {
    /// Name of the Unix socket in `data_dir` when nothing is said.
    pub const SOCKET: &str = "nettally.sock";

    /// Used when nothing is said of `data_dir`.
    pub const DEFAULT_DATA_DIR: &str = "/var/lib/nettally";

    /// Used when nothing is said of `shutdown_deadline_secs`.
    pub const DEFAULT_SHUTDOWN_DEADLINE_SECS: f64 = 10.0;

    /// Windows in a queue when nothing is said: a minute of them at one a second.
    pub const DEFAULT_BUFFER_WINDOWS: NonZeroUsize = NonZeroUsize::new(60).expect("60 is not 0");

    /// The database files, with the name of the sink that writes each.
    pub fn databases(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.sinks
            .iter()
            .filter_map(|(name, entry)| Some((name.as_str(), entry.kind.database()?)))
    }
}

//! What is to be wired, without having touched anything.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use nettally_source::{
    ComponentKey, ShutdownSignal, Sink, SinkConfig as _, SinkContext, SourceConfig,
};

use crate::cardinality::SeriesConfig;
use crate::config::{self, ApiConfig, Config, SinkEntry, SinkKind};
use crate::http::RequestLimit;
use crate::http_sink::Http;
use crate::otlp::Otlp;
use crate::statsd::Statsd;
use crate::topology::{Delivery, WhenFull};
use crate::vector::Vector;

/// What is to be wired.
#[derive(Debug)]
pub struct Plan {
    /// What is measured.
    pub sources: Vec<SourcePlan>,
    /// Where it goes.
    pub sinks: Vec<SinkPlan>,
    /// The API, if there is one.
    pub api: Option<ApiPlan>,
    /// Made if a database is to be in it.
    pub data_dir: PathBuf,
    /// The files of all `sqlite` sinks; the API reads the first.
    pub databases: Vec<PathBuf>,
    /// How long everything may take to end.
    pub shutdown_deadline: Duration,
    /// All of it as a configuration, without secrets, for whoever asks.
    pub shown: serde_json::Value,
}

/// The API to be.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiPlan {
    /// Where it listens.
    pub address: SocketAddr,
    /// The Unix socket that it listens on too.
    pub socket: Option<SocketPlan>,
    /// The file of the token that requests from the network need.
    pub token_file: Option<PathBuf>,
    /// Which series `/metrics` has.
    pub metrics: SeriesConfig,
    /// How many requests an address may send over the network.
    pub limit: Option<RequestLimit>,
}

/// A Unix socket to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPlan {
    /// Its file.
    pub path: PathBuf,
    /// Whether the user named it: then nothing runs without it.
    pub is_chosen: bool,
}

impl ApiPlan {
    fn of(config: ApiConfig, data_dir: &Path) -> Option<Self> {
        let token_file = config.needed_token(data_dir);
        let ApiConfig {
            enabled,
            address,
            socket,
            token_file: _,
            metrics,
            requests_per_second,
            request_burst,
        } = config;
        let usual = data_dir.join(Config::SOCKET);
        let socket = socket
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| SocketPlan {
                is_chosen: path != usual,
                path,
            });
        enabled.then_some(Self {
            address,
            socket,
            token_file,
            metrics,
            limit: requests_per_second.map(|per_second| RequestLimit {
                per_second,
                burst: request_burst,
            }),
        })
    }
}

/// A source to be.
#[derive(Debug)]
pub struct SourcePlan {
    /// Its name.
    pub name: String,
    /// Its options.
    pub config: Box<dyn BuildSource>,
}

impl SourcePlan {
    /// Whether it would do the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.config.is_same(other.config.as_any())
    }
}

impl SinkPlan {
    /// Whether it would do the same and get the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let Self {
            name: _,
            inputs,
            when_full,
            buffer_windows,
            kind: _,
        } = self;
        self.is_same_sink(other)
            && *inputs == other.inputs
            && *when_full == other.when_full
            && *buffer_windows == other.buffer_windows
    }

    /// Whether the sink itself would do the same, whatever it gets.
    pub(super) fn is_same_sink(&self, other: &Self) -> bool {
        self.name == other.name && self.kind.is_same(other.kind.as_any())
    }
}

/// A configuration that can be compared with another, of whatever type.
pub trait Comparable: Any {
    /// Itself, to be compared.
    fn as_any(&self) -> &dyn Any;

    /// Whether both say the same.
    fn is_same(&self, other: &dyn Any) -> bool;
}

impl<T: Any + PartialEq> Comparable for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is_same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>() == Some(self)
    }
}

/// A source that can be built, and told from another.
pub trait BuildSource: SourceConfig + Comparable {}

impl<T: SourceConfig + Comparable> BuildSource for T {}

/// A sink to be, and the queue before it.
#[derive(Debug)]
pub struct SinkPlan {
    /// Its name.
    pub name: String,
    /// The sources it takes from.
    pub inputs: Vec<String>,
    /// What happens when its queue is full.
    pub when_full: WhenFull,
    /// Windows that its queue holds.
    pub buffer_windows: NonZeroUsize,
    /// How it is built.
    pub kind: Box<dyn BuildSink>,
}

/// A sink that can be built.
#[async_trait]
pub trait BuildSink: fmt::Debug + Send + Sync + Comparable {
    /// The word that `type` has in the configuration.
    fn type_name(&self) -> &'static str;

    /// The file that it writes, if it does: no two sinks can have the same at a time.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Acquires what the sink needs. Once `ending` is ready, it is to give up what it cannot deliver
    /// at once, and to count it.
    async fn build(
        &self,
        key: ComponentKey,
        ending: ShutdownSignal,
    ) -> nettally_source::Result<BuiltSink>;
}

/// A sink that can be run.
pub struct BuiltSink {
    /// The sink.
    pub sink: Sink,
    /// What it says of its delivery, if it does.
    pub delivery: Option<Arc<dyn Delivery>>,
}

#[async_trait]
impl BuildSink for SinkKind {
    fn type_name(&self) -> &'static str {
        Self::type_name(self)
    }

    fn file(&self) -> Option<&Path> {
        self.database()
    }

    async fn build(
        &self,
        key: ComponentKey,
        ending: ShutdownSignal,
    ) -> nettally_source::Result<BuiltSink> {
        match self {
            Self::Sqlite(config) => {
                let (sink, stats) = config.open(&key)?;
                Ok(BuiltSink {
                    sink: Box::new(sink.tidying_until(ending)),
                    delivery: Some(stats),
                })
            }
            Self::Statsd(config) => {
                let statsd = Statsd {
                    config: config.clone(),
                    delivered: Arc::default(),
                    ending,
                };
                let (sink, _healthcheck) = statsd.build(SinkContext { key }).await?;
                Ok(BuiltSink {
                    sink,
                    delivery: Some(statsd.delivered),
                })
            }
            Self::Vector(config) => {
                let vector = Vector {
                    config: (**config).clone(),
                    delivered: Arc::default(),
                    ending,
                };
                let (sink, _healthcheck) = vector.build(SinkContext { key }).await?;
                Ok(BuiltSink {
                    sink,
                    delivery: Some(vector.delivered),
                })
            }
            Self::Otlp(config) => {
                let otlp = Otlp {
                    config: (**config).clone(),
                    delivered: Arc::default(),
                    ending,
                };
                let (sink, _healthcheck) = otlp.build(SinkContext { key }).await?;
                Ok(BuiltSink {
                    sink,
                    delivery: Some(otlp.delivered),
                })
            }
            Self::Http(config) => {
                let http = Http {
                    config: (**config).clone(),
                    delivered: Arc::default(),
                    ending,
                };
                let (sink, _healthcheck) = http.build(SinkContext { key }).await?;
                Ok(BuiltSink {
                    sink,
                    delivery: Some(http.delivered),
                })
            }
        }
    }
}

impl From<Config> for Plan {
    fn from(config: Config) -> Self {
        let shown = config::shown(&config);
        let databases = config
            .databases()
            .map(|(_, path)| path.to_owned())
            .collect();
        let Config {
            origin: _,
            data_dir,
            shutdown_deadline_secs,
            api,
            sources,
            sinks,
        } = config;
        Self {
            sources: sources
                .into_iter()
                .map(|(name, config)| SourcePlan {
                    name,
                    config: Box::new(config),
                })
                .collect(),
            sinks: sinks
                .into_iter()
                .map(|(name, entry)| {
                    let SinkEntry {
                        inputs,
                        when_full,
                        buffer_windows,
                        kind,
                    } = entry;
                    SinkPlan {
                        name,
                        inputs,
                        when_full,
                        buffer_windows,
                        kind: Box::new(kind),
                    }
                })
                .collect(),
            api: ApiPlan::of(api, &data_dir),
            data_dir,
            databases,
            shutdown_deadline: Duration::from_secs_f64(shutdown_deadline_secs),
            shown,
        }
    }
}

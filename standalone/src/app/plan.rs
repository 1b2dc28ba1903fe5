//! What is to be wired, without having touched anything.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use nettally_source::{
    ComponentKey, ShutdownSignal, Sink, SinkConfig as _, SinkContext, SourceConfig,
};

use crate::config::{self, ApiConfig, Config, SinkEntry, SinkKind};
use crate::http::RequestLimit;
use crate::http_sink::Http;
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
}

/// The API to be.
#[derive(Clone, Debug)]
pub struct ApiPlan {
    /// Where it listens.
    pub address: SocketAddr,
    /// The Unix socket that it listens on too.
    pub socket: Option<SocketPlan>,
    /// The file of the token that requests from the network need.
    pub token_file: Option<PathBuf>,
    /// How many requests an address may send over the network.
    pub limit: Option<RequestLimit>,
    /// The whole configuration, without secrets, for whoever asks.
    pub configuration: serde_json::Value,
}

/// A Unix socket to be.
#[derive(Clone, Debug)]
pub struct SocketPlan {
    /// Its file.
    pub path: PathBuf,
    /// Whether the user named it: then nothing runs without it.
    pub is_chosen: bool,
}

impl ApiPlan {
    fn of(config: ApiConfig, data_dir: &Path, configuration: serde_json::Value) -> Option<Self> {
        let token_file = config.needed_token(data_dir);
        let ApiConfig {
            enabled,
            address,
            socket,
            token_file: _,
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
            limit: requests_per_second.map(|per_second| RequestLimit {
                per_second,
                burst: request_burst,
            }),
            configuration,
        })
    }
}

/// A source to be.
#[derive(Debug)]
pub struct SourcePlan {
    /// Its name.
    pub name: String,
    /// Its options.
    pub config: Box<dyn SourceConfig>,
}

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
pub trait BuildSink: fmt::Debug + Send + Sync {
    /// The word that `type` has in the configuration.
    fn type_name(&self) -> &'static str;

    /// Acquires what the sink needs. Once `ending` is ready, its queue holds all that will come: a
    /// sink that would try for ever learns from it that it cannot.
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

    async fn build(
        &self,
        key: ComponentKey,
        ending: ShutdownSignal,
    ) -> nettally_source::Result<BuiltSink> {
        match self {
            Self::Sqlite(config) => {
                let (sink, stats) = config.open(&key)?;
                Ok(BuiltSink {
                    sink: Box::new(sink),
                    delivery: Some(stats),
                })
            }
            Self::Statsd(config) => {
                let statsd = Statsd {
                    config: config.clone(),
                    delivered: Arc::default(),
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
            api: ApiPlan::of(api, &data_dir, shown),
            data_dir,
            databases,
        }
    }
}

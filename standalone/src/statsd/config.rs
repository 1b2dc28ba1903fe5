//! What a user may set on the sink `statsd`, and the sink it builds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use nettally_source::{
    Event, Healthcheck, Problem, Result, ShutdownSignal, Sink, SinkConfig, SinkContext, StreamSink,
};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::deliver::{Delivered, Sender};
use super::encode::Encoder;
use super::peer::{Address, Peer};
use crate::cardinality::{SeriesConfig, Told};

/// Configuration of the sink `statsd`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatsdConfig {
    /// Host and UDP port of the server, looked up once at start; or `unix:` and the path of its
    /// socket for datagrams, which need not be there yet. Default `127.0.0.1:8125`.
    pub address: String,
    /// First part of every metric's name. Default `nettally`.
    pub prefix: String,
    /// Where labels go. Default `none`: into the metric's name.
    pub tags: Tags,
    /// Which series there are, and by which labels.
    pub series: SeriesConfig,
    /// Bytes of metrics in one datagram at most, 128 to 65507. Default 1432, which fits into one
    /// Ethernet frame.
    pub max_packet_bytes: usize,
}

/// Where labels go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tags {
    /// Into the name, for servers that know nothing else.
    None,
    /// Into tags, as DogStatsD has them: `|#process:curl,protocol:tcp`.
    DogStatsd,
}

impl Default for StatsdConfig {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8125".to_owned(),
            prefix: "nettally".to_owned(),
            tags: Tags::None,
            series: SeriesConfig::default(),
            max_packet_bytes: 1432,
        }
    }
}

impl StatsdConfig {
    fn problems(&self) -> Vec<Problem> {
        let Self {
            address,
            prefix,
            tags: _,
            series,
            max_packet_bytes,
        } = self;
        let mut problems = Vec::new();
        if Address::parse(address).is_none() {
            let expected = "expected a host and a port, such as 127.0.0.1:8125, or unix:/path";
            problems.push(Problem::new(
                "address",
                format!("found {address:?}, {expected}"),
            ));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if prefix.is_empty() || !prefix.chars().all(is_plain) {
            problems.push(Problem::new(
                "prefix",
                format!("found {prefix:?}, expected letters, digits, `_`, `-` and `.`"),
            ));
        }
        if !(128..=65_507).contains(max_packet_bytes) {
            problems.push(Problem::new(
                "max_packet_bytes",
                format!("found {max_packet_bytes}, expected 128 to 65507"),
            ));
        }
        problems.extend(series.problems("series", Told::Increments));
        problems
    }
}

#[async_trait]
impl SinkConfig for StatsdConfig {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let statsd = Statsd {
            config: self.clone(),
            delivered: Arc::default(),
            ending: ShutdownSignal::never(),
        };
        statsd.build(cx).await
    }
}

/// A `statsd` sink whose figures can be read while it runs.
#[derive(Debug)]
pub struct Statsd {
    /// What the user set.
    pub config: StatsdConfig,
    /// Where it counts.
    pub delivered: Arc<Delivered>,
    /// Once it is ready, a server that does not read is not waited for any more.
    pub ending: ShutdownSignal,
}

#[async_trait]
impl SinkConfig for Statsd {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        self.config.validate()
    }

    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let Self {
            config,
            delivered,
            ending,
        } = self;
        let address = Address::parse(&config.address)
            .with_context(|| format!("`address` {:?} is none", config.address))
            .map_err(anyhow::Error::into_boxed_dyn_error)?;
        let peer = Peer::open(address)
            .await
            .map_err(anyhow::Error::into_boxed_dyn_error)?;
        let sink = Running {
            key: cx.key.to_string(),
            encoder: Encoder::new(config)?,
            peer,
            delivered: Arc::clone(delivered),
            ending: ending.clone(),
        };
        Ok((Box::new(sink), async { Ok(()) }.boxed()))
    }
}

struct Running {
    key: String,
    encoder: Encoder,
    peer: Peer,
    delivered: Arc<Delivered>,
    ending: ShutdownSignal,
}

#[async_trait]
impl StreamSink for Running {
    async fn run(self: Box<Self>, mut input: BoxStream<'_, Event>) -> std::result::Result<(), ()> {
        let Self {
            key,
            encoder,
            peer,
            delivered,
            ending,
        } = *self;
        let mut sender = Sender::new(peer, &delivered);
        let mut trouble = Trouble::default();
        while let Some(event) = input.next().await {
            let batch = match event {
                Event::Usage(batch) => batch,
                Event::Health(_) => continue,
            };
            let mut failure = None;
            for datagram in encoder.encode(&batch) {
                let sent = tokio::select! {
                    biased;
                    sent = sender.send(&datagram) => sent,
                    () = ending.clone() => sender.give_up(&datagram),
                };
                failure = sent.err().or(failure);
            }
            trouble.tell(&key, failure, Instant::now());
        }
        Ok(())
    }
}

/// Says that delivery fails, and that it works again, without filling the log.
#[derive(Default)]
struct Trouble {
    told: Option<Instant>,
}

impl Trouble {
    const AGAIN: Duration = Duration::from_secs(60);

    fn tell(&mut self, sink: &str, failure: Option<std::io::Error>, now: Instant) {
        match (failure, self.told) {
            (Some(error), told) if told.is_none_or(|then| now - then >= Self::AGAIN) => {
                warn!(sink, %error, "StatsD datagrams are not delivered; they are counted as lost.");
                self.told = Some(now);
            }
            (None, Some(_)) => {
                info!(sink, "StatsD datagrams are delivered again.");
                self.told = None;
            }
            (Some(_) | None, _) => {}
        }
    }
}

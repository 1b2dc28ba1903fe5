//! What a user may set on the sink `statsd`, and the sink it builds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use nettally_source::{
    Event, Healthcheck, Problem, Result, Sink, SinkConfig, SinkContext, StreamSink,
};
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;
use tracing::{info, warn};

use super::deliver::{Delivered, Sender};
use super::encode::Encoder;

/// Configuration of the sink `statsd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatsdConfig {
    /// Host and UDP port of the server, looked up once at start. Default `127.0.0.1:8125`.
    pub address: String,
    /// First part of every metric's name. Default `nettally`.
    pub prefix: String,
    /// Bytes of metrics in one datagram at most, 128 to 65507. Default 1432, which fits into one
    /// Ethernet frame.
    pub datagram_bytes: usize,
}

impl Default for StatsdConfig {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8125".to_owned(),
            prefix: "nettally".to_owned(),
            datagram_bytes: 1432,
        }
    }
}

impl StatsdConfig {
    fn problems(&self) -> Vec<Problem> {
        let Self {
            address,
            prefix,
            datagram_bytes,
        } = self;
        let mut problems = Vec::new();
        let port = address.rsplit_once(':').and_then(|(host, port)| {
            port.parse::<u16>()
                .ok()
                .filter(|&port| port > 0 && !host.is_empty())
        });
        if port.is_none() {
            problems.push(Problem::new(
                "address",
                format!("found {address:?}, expected a host and a port, such as 127.0.0.1:8125"),
            ));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if prefix.is_empty() || !prefix.chars().all(is_plain) {
            problems.push(Problem::new(
                "prefix",
                format!("found {prefix:?}, expected letters, digits, `_`, `-` and `.`"),
            ));
        }
        if !(128..=65_507).contains(datagram_bytes) {
            problems.push(Problem::new(
                "datagram_bytes",
                format!("found {datagram_bytes}, expected 128 to 65507"),
            ));
        }
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
}

#[async_trait]
impl SinkConfig for Statsd {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        self.config.validate()
    }

    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let Self { config, delivered } = self;
        let StatsdConfig {
            address,
            prefix,
            datagram_bytes,
        } = config;
        let socket = connected(address)
            .await
            .map_err(anyhow::Error::into_boxed_dyn_error)?;
        let sink = Running {
            key: cx.key.to_string(),
            encoder: Encoder::new(prefix, *datagram_bytes)?,
            socket,
            delivered: Arc::clone(delivered),
        };
        Ok((Box::new(sink), async { Ok(()) }.boxed()))
    }
}

async fn connected(address: &str) -> anyhow::Result<UdpSocket> {
    let peer = tokio::net::lookup_host(address)
        .await
        .with_context(|| format!("cannot look up the StatsD server {address}; check `address`"))?
        .next()
        .with_context(|| format!("the StatsD server {address} has no address; check `address`"))?;
    let any: IpAddr = if peer.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))
        .await
        .context("cannot open a UDP socket")?;
    socket.connect(peer).await.with_context(|| {
        format!("cannot reach the StatsD server {address} at {peer}; is there a route to it?")
    })?;
    Ok(socket)
}

struct Running {
    key: String,
    encoder: Encoder,
    socket: UdpSocket,
    delivered: Arc<Delivered>,
}

#[async_trait]
impl StreamSink for Running {
    async fn run(self: Box<Self>, mut input: BoxStream<'_, Event>) -> std::result::Result<(), ()> {
        let Self {
            key,
            encoder,
            socket,
            delivered,
        } = *self;
        let mut sender = Sender::new(socket, &delivered);
        let mut trouble = Trouble::default();
        while let Some(event) = input.next().await {
            let batch = match event {
                Event::Usage(batch) => batch,
                Event::Health(_) => continue,
            };
            let mut failure = None;
            for datagram in encoder.encode(&batch) {
                failure = sender.send(&datagram).await.err().or(failure);
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

//! What a user may set on the sink `vector`, and the sink it builds.

use std::sync::Arc;

use anyhow::anyhow;
use async_trait::async_trait;
use futures::FutureExt as _;
use http::Uri;
use nettally_source::{
    Event, Healthcheck, Problem, Result, ShutdownSignal, Sink, SinkConfig, SinkContext,
};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::push::GrpcPush;
use crate::cardinality::{SeriesConfig, Told};
use crate::delivery::options::{BatchConfig, Compression, RequestConfig, TlsConfig};
use crate::delivery::{Courier, Delivered, Endpoints, Framing, Item, Itemize, Post};
use crate::encode::protobuf::{Encoder, Pushed};
use crate::encode::{Origin, Telemetry};
use crate::machine::host_name;

/// Configuration of the sink `vector`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VectorConfig {
    /// Where the server listens: a host and a port, or a URL with both.
    pub address: Option<String>,
    /// Several of them, which take turns while they are well. Either this or `address`.
    pub endpoints: Vec<String>,
    /// What is sent: `metrics`, counters of each process name and protocol, or `logs`, a record for
    /// each flow. Default `metrics`.
    #[serde(rename = "as")]
    pub telemetry: Telemetry,
    /// Name of this machine. Default: as the kernel says.
    pub host: Option<String>,
    /// Which series the metrics have.
    pub series: SeriesConfig,
    /// How requests are made smaller. Default `gzip`.
    pub compression: Compression,
    /// Makes connections secure, if the addresses do not say so.
    pub tls: Option<TlsConfig>,
    /// How requests are made.
    pub request: RequestConfig,
    /// How much goes into one.
    pub batch: BatchConfig,
    /// Whether a request that may have arrived is sent again: events are delivered at least once, or
    /// else at most once. Default true.
    pub acknowledgements: bool,
}

impl Default for VectorConfig {
    fn default() -> Self {
        Self {
            address: None,
            endpoints: Vec::new(),
            telemetry: Telemetry::Metrics,
            host: None,
            series: SeriesConfig::default(),
            compression: Compression::Gzip,
            tls: None,
            request: RequestConfig::default(),
            batch: BatchConfig::default(),
            acknowledgements: true,
        }
    }
}

impl VectorConfig {
    fn problems(&self) -> Vec<Problem> {
        let Self {
            address,
            endpoints,
            telemetry: _,
            host: _,
            series,
            compression: _,
            tls,
            request,
            batch,
            acknowledgements: _,
        } = self;
        let mut problems = Vec::new();
        match (address, endpoints.is_empty()) {
            (None, true) => problems.push(Problem::new(
                "",
                "the option `address` is missing: a host and a port, such as vector.example:6000",
            )),
            (Some(_), false) => problems.push(Problem::new(
                "endpoints",
                "is not for use beside `address`; give all of them here",
            )),
            (Some(_), true) | (None, false) => {}
        }
        for (path, text) in self.addresses() {
            if let Err(problem) = endpoint(text, tls.is_some()) {
                problems.push(Problem::new(path, problem));
            }
        }
        problems.extend(tls.iter().flat_map(TlsConfig::problems));
        problems.extend(series.problems("series", Told::Increments));
        problems.extend(request.problems());
        problems.extend(batch.problems());
        problems
    }

    /// With the path of each.
    fn addresses(&self) -> impl Iterator<Item = (String, &str)> {
        let one = self.address.iter();
        let one = one.map(|address| ("address".to_owned(), address.as_str()));
        let several = self.endpoints.iter().enumerate();
        one.chain(several.map(|(index, address)| (format!("endpoints[{index}]"), address.as_str())))
    }
}

/// Where to connect to; `Err` says what is wrong.
fn endpoint(text: &str, with_tls: bool) -> Result<Uri, String> {
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        let scheme = if with_tls { "https" } else { "http" };
        format!("{scheme}://{text}")
    };
    let expected = || {
        let example = "such as vector.example:6000 or https://vector.example:6000";
        Err(format!(
            "found {text:?}, expected a host and a port, {example}"
        ))
    };
    let Ok(uri) = whole.parse::<Uri>() else {
        return expected();
    };
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_user = uri
        .authority()
        .is_some_and(|all| all.as_str().contains('@'));
    let is_bare = uri.path_and_query().is_none_or(|path| path == "/");
    if !is_http || uri.port_u16().is_none_or(|port| port == 0) || has_user || !is_bare {
        return expected();
    }
    if with_tls && uri.scheme_str() == Some("http") {
        return Err(format!(
            "found {text:?}, which `tls` cannot make secure; use https://"
        ));
    }
    Ok(uri)
}

#[async_trait]
impl SinkConfig for VectorConfig {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let vector = Vector {
            config: self.clone(),
            delivered: Arc::default(),
            ending: ShutdownSignal::never(),
        };
        vector.build(cx).await
    }
}

/// A `vector` sink whose figures can be read while it runs, and which learns when it is too late.
#[derive(Debug)]
pub struct Vector {
    /// What the user set.
    pub config: VectorConfig,
    /// Where it counts.
    pub delivered: Arc<Delivered>,
    /// Ready once what is not delivered is to be given up.
    pub ending: ShutdownSignal,
}

#[async_trait]
impl SinkConfig for Vector {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        self.config.validate()
    }

    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let Self {
            config,
            delivered,
            ending,
        } = self;
        let VectorConfig {
            address: _,
            endpoints: _,
            telemetry,
            host,
            series,
            compression,
            tls,
            request,
            batch,
            acknowledgements,
        } = config;
        let uris = config
            .addresses()
            .map(|(_path, text)| endpoint(text, tls.is_some()))
            .collect::<Result<Vec<_>, _>>()?;
        let push = GrpcPush::new(&uris, tls.as_ref(), *compression, request.timeout())
            .map_err(anyhow::Error::into_boxed_dyn_error)?;
        let origin = Origin {
            host: host.clone().unwrap_or_else(host_name),
            pid: std::process::id(),
        };
        let name = cx.key.to_string();
        let healthcheck = some_serves(push.clone(), uris.clone());
        let greeting = some_serves(push.clone(), uris.clone()).map(move |health| {
            if let Err(error) = health {
                warn!(sink = name, %error, "Vector does not take events now.");
            }
        });
        let post = Post::new(
            cx.key,
            Box::new(push),
            Arc::new(Endpoints::new(uris)),
            Arc::clone(delivered),
            request,
            *acknowledgements,
            ending.clone(),
        );
        let courier = Courier {
            itemize: Box::new(Protobuf(
                Encoder::new(*telemetry, origin).with_series(series.clone()),
            )),
            framing: Framing::Concatenated,
            batch: batch.clone(),
            concurrency: request.concurrency,
            post: Arc::new(post),
            greeting: Some(greeting.boxed()),
        };
        Ok((Box::new(courier), healthcheck.boxed()))
    }
}

/// Asks all, and is content with one.
async fn some_serves(push: GrpcPush, uris: Vec<Uri>) -> Result<()> {
    let mut refusals = Vec::new();
    for uri in &uris {
        match push.serves(uri).await {
            Ok(()) => return Ok(()),
            Err(refusal) => refusals.push(format!("{uri}: {refusal}")),
        }
    }
    Err(anyhow!("no Vector is serving ({})", refusals.join("; ")).into_boxed_dyn_error())
}

struct Protobuf(Encoder);

impl Itemize for Protobuf {
    fn items<'a>(&'a mut self, event: &'a Event) -> Box<dyn Iterator<Item = Item> + Send + 'a> {
        Box::new(
            self.0
                .pushed(event)
                .map(|Pushed { request, content }| Item {
                    bytes: request,
                    content,
                }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(config: VectorConfig) -> Vec<String> {
        let problems = config.problems();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn addresses_are_hosts_and_ports_or_urls_of_both() {
        let cases = [
            ("h:6000", false, Ok("http://h:6000/")),
            ("h:6000", true, Ok("https://h:6000/")),
            ("[::1]:6000", false, Ok("http://[::1]:6000/")),
            ("https://h:6000/", false, Ok("https://h:6000/")),
            ("http://h:6000", true, Err("use https://")),
            ("h", false, Err("a host and a port")),
            ("h:0", false, Err("a host and a port")),
            ("ftp://h:1", false, Err("a host and a port")),
            ("u:hunter2@h:1", false, Err("a host and a port")),
            ("http://h:1/path", false, Err("a host and a port")),
            ("", false, Err("a host and a port")),
        ];
        for (text, with_tls, expected) in cases {
            match (endpoint(text, with_tls), expected) {
                (Ok(uri), Ok(expected)) => assert_eq!(uri.to_string(), expected),
                (Err(problem), Err(expected)) => assert!(problem.contains(expected), "{problem}"),
                (found, expected) => panic!("{text}: {found:?}, {expected:?}"),
            }
        }
    }

    #[test]
    fn every_problem_is_named_with_its_option() {
        assert!(problems(VectorConfig::default())[0].contains("`address` is missing"));
        let config = VectorConfig {
            address: Some("h:1".to_owned()),
            endpoints: vec!["x".to_owned()],
            tls: Some(TlsConfig {
                crt_file: Some("c.pem".into()),
                ..TlsConfig::default()
            }),
            request: RequestConfig {
                timeout_secs: f64::NAN,
                concurrency: 0,
                retry_initial_backoff_secs: 40.0,
                ..RequestConfig::default()
            },
            batch: BatchConfig {
                max_events: 0,
                max_bytes: 1,
                timeout_secs: 0.0,
            },
            ..VectorConfig::default()
        };
        let found = problems(config);
        let paths: Vec<_> = found
            .iter()
            .map(|text| text.split(": ").next().unwrap())
            .collect();
        let expected = [
            "endpoints",
            "endpoints[0]",
            "tls.crt_file",
            "request.timeout_secs",
            "request.concurrency",
            "request.retry_max_backoff_secs",
            "batch.max_events",
            "batch.max_bytes",
            "batch.timeout_secs",
        ];
        assert_eq!(paths, expected, "{found:#?}");
    }
}

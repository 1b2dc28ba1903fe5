//! What a user may set on the sink `otlp`, and the sink it builds.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use http::Uri;
use nettally_source::{
    Event, Healthcheck, Problem, Result, ShutdownSignal, Sink, SinkConfig, SinkContext,
};
use serde::{Deserialize, Serialize};

use super::answer::outcome;
use super::encode::{Encoder, Exported};
use crate::cardinality::{SeriesConfig, Told, otlp_series};
use crate::delivery::options::{BatchConfig, Compression, RequestConfig, TlsConfig};
use crate::delivery::secret::Secret;
use crate::delivery::{Courier, Delivered, Endpoints, Framing, Item, Itemize, Post};
use crate::http_sink::{AuthConfig, HttpPush, Method, PushOptions, endpoint, header_problems};
use crate::machine::host_name;

/// Where the protocol has metrics, if an address has no path.
const PATH: &str = "/v1/metrics";

/// Configuration of the sink `otlp`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpConfig {
    /// Where the server listens, such as `http://127.0.0.1:4318`. Without a path, `/v1/metrics` is
    /// added.
    pub endpoint: String,
    /// What a point tells. Default `cumulative`.
    pub temporality: Temporality,
    /// Name of this machine, `host.name`. Default: as the kernel says.
    pub host: Option<String>,
    /// Further attributes of the resource, such as `deployment.environment.name`.
    pub resource: BTreeMap<String, String>,
    /// Which series there are. Default: what the conventions have a name for, of the thousand
    /// largest.
    #[serde(deserialize_with = "otlp_series")]
    pub series: SeriesConfig,
    /// How requests are made smaller. Default `gzip`.
    pub compression: Compression,
    /// Further headers.
    pub headers: BTreeMap<String, Secret>,
    /// How this machine says who it is.
    pub auth: Option<AuthConfig>,
    /// How the server is known, if its address begins with `https://`.
    pub tls: Option<TlsConfig>,
    /// How requests are made.
    pub request: RequestConfig,
    /// How much goes into one. An event is a window, or a part of it of 1000 points.
    pub batch: BatchConfig,
    /// Whether a request that may have arrived is sent again. Default true. Only with `delta` can
    /// bytes be told twice, or else be missing.
    pub acknowledgements: bool,
}

/// What a point tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temporality {
    /// What was moved since the start: a request that is lost loses nothing.
    Cumulative,
    /// What was moved in one window: nothing is kept here.
    Delta,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            temporality: Temporality::Cumulative,
            host: None,
            resource: BTreeMap::new(),
            series: SeriesConfig::of_otlp(),
            compression: Compression::Gzip,
            headers: BTreeMap::new(),
            auth: None,
            tls: None,
            request: RequestConfig::default(),
            batch: BatchConfig::default(),
            acknowledgements: true,
        }
    }
}

impl OtlpConfig {
    fn problems(&self) -> Vec<Problem> {
        let Self {
            endpoint: address,
            temporality,
            host: _,
            resource,
            series,
            compression: _,
            headers,
            auth,
            tls,
            request,
            batch,
            acknowledgements: _,
        } = self;
        let mut problems = Vec::new();
        if address.is_empty() {
            let missing = "the option `endpoint` is missing: an address such as \
                           http://127.0.0.1:4318";
            problems.push(Problem::new("", missing));
        } else if let Err(problem) = endpoint(address, tls.is_some()) {
            problems.push(Problem::new("endpoint", problem));
        }
        for key in resource.keys() {
            let is_ours = matches!(
                key.as_str(),
                "service.name" | "service.version" | "host.name"
            );
            if key.is_empty() || is_ours {
                let path = format!("resource.{key}");
                problems.push(Problem::new(path, "is said already, or has no name"));
            }
        }
        let told = match temporality {
            Temporality::Cumulative => Told::Sums,
            Temporality::Delta => Told::Increments,
        };
        problems.extend(series.problems("series", told));
        problems.extend(header_problems(headers, auth.is_some()));
        problems.extend(auth.iter().flat_map(AuthConfig::problems));
        problems.extend(tls.iter().flat_map(TlsConfig::problems));
        problems.extend(request.problems());
        problems.extend(batch.problems());
        problems
    }

    fn uri(&self) -> Result<Uri, String> {
        let uri = endpoint(&self.endpoint, self.tls.is_some())?;
        if uri.path() != "/" {
            return Ok(uri);
        }
        let query = uri.query().map(|query| format!("?{query}"));
        let path = format!("{PATH}{}", query.unwrap_or_default());
        let mut parts = uri.into_parts();
        parts.path_and_query = Some(path.parse().map_err(|error| format!("{path}: {error}"))?);
        Uri::from_parts(parts).map_err(|error| error.to_string())
    }

    /// What is said of this machine.
    fn encoder(&self) -> Encoder {
        let host = self.host.clone().unwrap_or_else(host_name);
        let further = self.resource.iter();
        let resource = [("host.name", host.as_str()), ("os.type", "linux")]
            .into_iter()
            .filter(|(key, _)| !self.resource.contains_key(*key))
            .chain(further.map(|(key, value)| (key.as_str(), value.as_str())));
        Encoder::new(self.temporality, self.series.clone(), resource)
    }
}

#[async_trait]
impl SinkConfig for OtlpConfig {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let otlp = Otlp {
            config: self.clone(),
            delivered: Arc::default(),
            ending: ShutdownSignal::never(),
        };
        otlp.build(cx).await
    }
}

/// An `otlp` sink whose figures can be read while it runs, and which learns of the end.
#[derive(Debug)]
pub struct Otlp {
    /// What the user set.
    pub config: OtlpConfig,
    /// Where it counts.
    pub delivered: Arc<Delivered>,
    /// Ready once there will be no more events than those that wait.
    pub ending: ShutdownSignal,
}

#[async_trait]
impl SinkConfig for Otlp {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        self.config.validate()
    }

    /// There is no healthcheck: only a request with points would tell whether they are taken.
    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let Self {
            config,
            delivered,
            ending,
        } = self;
        let uri = config.uri()?;
        let options = PushOptions {
            method: Method::Post,
            content_type: "application/x-protobuf",
            compression: config.compression,
            headers: &config.headers,
            auth: config.auth.as_ref(),
            tls: config.tls.as_ref(),
            judge: outcome,
        };
        let push = HttpPush::new(&uri, options).map_err(anyhow::Error::into_boxed_dyn_error)?;
        let post = Post::new(
            cx.key,
            Box::new(push),
            Arc::new(Endpoints::new(vec![uri])),
            Arc::clone(delivered),
            &config.request,
            config.acknowledgements,
            ending.clone(),
        );
        let courier = Courier {
            itemize: Box::new(Windows(config.encoder())),
            framing: Framing::Concatenated,
            batch: config.batch.clone(),
            concurrency: config.request.concurrency,
            post: Arc::new(post),
            greeting: None,
        };
        Ok((Box::new(courier), async { Ok(()) }.boxed()))
    }
}

struct Windows(Encoder);

impl Itemize for Windows {
    fn items<'a>(&'a mut self, event: &'a Event) -> Box<dyn Iterator<Item = Item> + Send + 'a> {
        let exported = match event {
            Event::Usage(batch) => self.0.exported(batch),
            Event::Health(_) => Vec::new(),
        };
        Box::new(
            exported
                .into_iter()
                .map(|Exported { request, content }| Item {
                    bytes: request,
                    content,
                }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_path_gets_the_usual_one() {
        let cases = [
            ("http://h:4318", "http://h:4318/v1/metrics"),
            ("http://h:4318/", "http://h:4318/v1/metrics"),
            ("https://h/?k=v", "https://h/v1/metrics?k=v"),
            ("https://h/otlp/v1/metrics", "https://h/otlp/v1/metrics"),
        ];
        for (endpoint, expected) in cases {
            let config = OtlpConfig {
                endpoint: endpoint.to_owned(),
                ..OtlpConfig::default()
            };
            assert_eq!(config.uri().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn every_problem_is_named_with_its_option() {
        let config = OtlpConfig {
            temporality: Temporality::Delta,
            resource: [("host.name".to_owned(), "h".to_owned())].into(),
            series: SeriesConfig {
                expire_secs: Some(60.0),
                ..SeriesConfig::of_otlp()
            },
            headers: [("Content-Type".to_owned(), "x".into())].into(),
            ..OtlpConfig::default()
        };
        let problems = config.problems();
        let paths: Vec<_> = problems.iter().map(|problem| &*problem.path).collect();
        assert_eq!(
            paths,
            [
                "",
                "resource.host.name",
                "series.expire_secs",
                "headers.Content-Type"
            ]
        );
    }
}

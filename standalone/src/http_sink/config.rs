//! What a user may set on the sink `http`, and the sink it builds.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use http::{HeaderName, HeaderValue, Uri};
use nettally_source::{
    Event, Healthcheck, Problem, Result, ShutdownSignal, Sink, SinkConfig, SinkContext,
};
use serde::{Deserialize, Serialize};

use super::answer::outcome;
use super::auth::AuthConfig;
use super::push::{HttpPush, PushOptions};
use crate::cardinality::{SeriesConfig, Told};
use crate::delivery::options::{BatchConfig, Compression, RequestConfig, TlsConfig};
use crate::delivery::secret::Secret;
use crate::delivery::{Courier, Delivered, Endpoints, Framing, Item, Itemize, Post};
use crate::encode::{Encoder, Format, Line, Origin, Telemetry};
use crate::machine::host_name;

/// Configuration of the sink `http`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Where requests go: an address that begins with `http://` or `https://`.
    pub uri: String,
    /// How. Default `POST`.
    pub method: Method,
    /// What a request has in it. Default `ndjson`.
    pub encoding: Encoding,
    /// With `native_json`: `metrics`, counters of each process name and protocol, or `logs`, a record
    /// for each flow. The other encodings have records. Default `metrics`.
    #[serde(rename = "as")]
    pub telemetry: Telemetry,
    /// Name of this machine. Default: as the kernel says.
    pub host: Option<String>,
    /// Which series the metrics have.
    pub series: SeriesConfig,
    /// How requests are made smaller. Default `none`.
    pub compression: Compression,
    /// Further headers.
    pub headers: BTreeMap<String, Secret>,
    /// How this machine says who it is.
    pub auth: Option<AuthConfig>,
    /// How the server is known, if its address begins with `https://`.
    pub tls: Option<TlsConfig>,
    /// How requests are made.
    pub request: RequestConfig,
    /// How much goes into one.
    pub batch: BatchConfig,
    /// Whether a request that may have arrived is sent again: events are delivered at least once, or
    /// else at most once. Default true.
    pub acknowledgements: bool,
}

/// How a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

/// What a request has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// A line of JSON for each event, as Vector's codec of that name reads them.
    NativeJson,
    /// One JSON array of records.
    Json,
    /// A line of JSON for each record.
    Ndjson,
}

impl Encoding {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::NativeJson | Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
        }
    }

    const fn framing(self) -> Framing {
        match self {
            Self::NativeJson | Self::Ndjson => Framing::Concatenated,
            Self::Json => Framing::JsonArray,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            uri: String::new(),
            method: Method::Post,
            encoding: Encoding::Ndjson,
            telemetry: Telemetry::Metrics,
            host: None,
            series: SeriesConfig::default(),
            compression: Compression::None,
            headers: BTreeMap::new(),
            auth: None,
            tls: None,
            request: RequestConfig::default(),
            batch: BatchConfig::default(),
            acknowledgements: true,
        }
    }
}

impl HttpConfig {
    fn problems(&self) -> Vec<Problem> {
        let Self {
            uri,
            method: _,
            encoding: _,
            telemetry: _,
            host: _,
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
        if uri.is_empty() {
            let missing = "the option `uri` is missing: an address such as https://example.org/in";
            problems.push(Problem::new("", missing));
        } else if let Err(problem) = endpoint(uri, tls.is_some()) {
            problems.push(Problem::new("uri", problem));
        }
        problems.extend(header_problems(headers, auth.is_some()));
        problems.extend(auth.iter().flat_map(AuthConfig::problems));
        problems.extend(tls.iter().flat_map(TlsConfig::problems));
        problems.extend(series.problems("series", Told::Increments));
        problems.extend(request.problems());
        problems.extend(batch.problems());
        problems
    }
}

/// What is wrong with further headers.
pub(crate) fn header_problems(headers: &BTreeMap<String, Secret>, has_auth: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, value) in headers {
        let at = format!("headers.{name}");
        let is_ours = |name: &HeaderName| {
            let ours = ["content-type", "content-encoding", "content-length", "host"];
            ours.contains(&name.as_str()) || (name == "authorization" && has_auth)
        };
        match name.parse::<HeaderName>() {
            Err(_not_a_name) => problems.push(Problem::new(at, "is no name of a header")),
            Ok(name) if is_ours(&name) => {
                problems.push(Problem::new(at, "is set by other options of this sink"));
            }
            Ok(_) if HeaderValue::from_str(value.reveal()).is_err() => {
                problems.push(Problem::new(at, "has characters that a header cannot have"));
            }
            Ok(_) => {}
        }
    }
    problems
}

/// Where to send to; `Err` says what is wrong, without what may be a secret.
pub(crate) fn endpoint(text: &str, with_tls: bool) -> Result<Uri, String> {
    let expected = "expected an address such as https://example.org/in";
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("{error}; {expected}"))?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let Some(authority) = uri.authority().filter(|_| is_http) else {
        return Err(format!(
            "it does not begin with http:// or https://; {expected}"
        ));
    };
    if authority.as_str().contains('@') {
        return Err("a name and password are for `auth`".to_owned());
    }
    if with_tls && uri.scheme_str() == Some("http") {
        return Err("`tls` cannot make http:// secure; use https://".to_owned());
    }
    Ok(uri)
}

#[async_trait]
impl SinkConfig for HttpConfig {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let problems = self.problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let http = Http {
            config: self.clone(),
            delivered: Arc::default(),
            ending: ShutdownSignal::never(),
        };
        http.build(cx).await
    }
}

/// An `http` sink whose figures can be read while it runs, and which learns when it is too late.
#[derive(Debug)]
pub struct Http {
    /// What the user set.
    pub config: HttpConfig,
    /// Where it counts.
    pub delivered: Arc<Delivered>,
    /// Ready once what is not delivered is to be given up.
    pub ending: ShutdownSignal,
}

#[async_trait]
impl SinkConfig for Http {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        self.config.validate()
    }

    /// There is no healthcheck: only a request with events would tell whether they are taken.
    async fn build(&self, cx: SinkContext) -> Result<(Sink, Healthcheck)> {
        let Self {
            config,
            delivered,
            ending,
        } = self;
        let uri = endpoint(&config.uri, config.tls.is_some())?;
        let options = PushOptions {
            method: config.method,
            content_type: config.encoding.content_type(),
            compression: config.compression,
            headers: &config.headers,
            auth: config.auth.as_ref(),
            tls: config.tls.as_ref(),
            judge: |status, headers, _body| outcome(status, headers),
        };
        let push = HttpPush::new(&uri, options).map_err(anyhow::Error::into_boxed_dyn_error)?;
        let origin = Origin {
            host: config.host.clone().unwrap_or_else(host_name),
            pid: std::process::id(),
        };
        let format = match config.encoding {
            Encoding::NativeJson => Format::NativeJson,
            Encoding::Json | Encoding::Ndjson => Format::Json,
        };
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
            itemize: Box::new(Lines(
                Encoder::of(format, config.telemetry, origin).with_series(config.series.clone()),
            )),
            framing: config.encoding.framing(),
            batch: config.batch.clone(),
            concurrency: config.request.concurrency,
            post: Arc::new(post),
            greeting: None,
        };
        Ok((Box::new(courier), async { Ok(()) }.boxed()))
    }
}

struct Lines(Encoder);

impl Itemize for Lines {
    fn items<'a>(&'a mut self, event: &'a Event) -> Box<dyn Iterator<Item = Item> + Send + 'a> {
        Box::new(
            self.0
                .counted_lines(event)
                .map(|Line { text, content }| Item {
                    bytes: text.into_bytes(),
                    content,
                }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_used_are_refused_without_showing_their_secrets() {
        let cases = [
            ("https://h/in?k=v", false, Ok("https://h/in?k=v")),
            ("http://h:8080", false, Ok("http://h:8080/")),
            ("h:8080", false, Err("http:// or https://")),
            ("/in", false, Err("http:// or https://")),
            ("https://u:hunter2@h/", false, Err("for `auth`")),
            ("http://h/?hunter2", true, Err("use https://")),
            ("http://h/ hunter2", false, Err("expected an address")),
        ];
        for (text, with_tls, expected) in cases {
            match (endpoint(text, with_tls), expected) {
                (Ok(uri), Ok(expected)) => assert_eq!(uri.to_string(), expected),
                (Err(problem), Err(expected)) => {
                    assert!(problem.contains(expected), "{problem}");
                    assert!(!problem.contains("hunter2"), "{problem}");
                }
                (found, expected) => panic!("{text}: {found:?}, {expected:?}"),
            }
        }
    }

    #[test]
    fn headers_that_cannot_be_sent_are_named() {
        let headers = [
            ("a b", "c"),
            ("Host", "h"),
            ("x-key", "a\nb"),
            ("x-ok", "hunter2"),
        ];
        let config = HttpConfig {
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into(),
            ..HttpConfig::default()
        };
        let found: Vec<_> = config.problems().iter().map(ToString::to_string).collect();
        let expected = [
            ": the option `uri` is missing: an address such as https://example.org/in",
            "headers.Host: is set by other options of this sink",
            "headers.a b: is no name of a header",
            "headers.x-key: has characters that a header cannot have",
        ];
        assert_eq!(found, expected);
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}

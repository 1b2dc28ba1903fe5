//! Requests by HTTP.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Collected, Full, Limited};

use super::auth::AuthConfig;
use super::config::Method;
use crate::delivery::options::{Compression, TlsConfig};
use crate::delivery::secret::Secret;
use crate::delivery::{Client, Failure, FailureKind, Protocols, Push, client};

/// Bytes of an answer that are read: so that its connection can be used again, and for protocols
/// that say there what was taken.
const ANSWER_BYTES: usize = 65_536;

/// What an answer means: its status, its head, and its body if that could be read.
pub(crate) type Judge = fn(StatusCode, &HeaderMap, &[u8]) -> Result<(), Failure>;

/// How requests are made.
pub(crate) struct PushOptions<'a> {
    pub(crate) method: Method,
    pub(crate) content_type: &'static str,
    pub(crate) compression: Compression,
    pub(crate) headers: &'a BTreeMap<String, Secret>,
    pub(crate) auth: Option<&'a AuthConfig>,
    pub(crate) tls: Option<&'a TlsConfig>,
    pub(crate) judge: Judge,
}

/// Makes requests to one server.
pub(crate) struct HttpPush {
    client: Client<Full<Bytes>>,
    method: Method,
    /// Of every request, but for the one that says who we are.
    headers: HeaderMap,
    auth: Option<AuthConfig>,
    compression: Compression,
    judge: Judge,
}

impl HttpPush {
    pub(crate) fn new(uri: &Uri, options: PushOptions<'_>) -> anyhow::Result<Self> {
        let PushOptions {
            method,
            content_type,
            compression,
            headers: further,
            auth,
            tls,
            judge,
        } = options;
        let client = client(std::slice::from_ref(uri), tls, Protocols::Any)?;
        let mut headers = HeaderMap::new();
        let agent = concat!("nettally/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in further {
            let unusable = || format!("the header {name} cannot be sent");
            let header: HeaderName = name.parse().with_context(unusable)?;
            let mut value = HeaderValue::from_str(value.reveal()).with_context(unusable)?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        match compression {
            Compression::None => {}
            Compression::Gzip => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        Ok(Self {
            client,
            method,
            headers,
            auth: auth.cloned(),
            compression,
            judge,
        })
    }

    async fn request(&self, endpoint: &Uri, body: Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = endpoint.clone();
        *request.method_mut() = match self.method {
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
        };
        *request.headers_mut() = self.headers.clone();
        if let Some(auth) = &self.auth {
            let value = auth.header().await?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

#[async_trait]
impl Push for HttpPush {
    fn prepared(&self, body: Bytes) -> Bytes {
        match self.compression {
            Compression::None => body,
            Compression::Gzip => gzip(&body),
        }
    }

    async fn push(&self, endpoint: &Uri, body: Bytes) -> Result<(), Failure> {
        // A file with a secret may be there again later.
        let unmade = |error| Failure::new(FailureKind::Unreachable, format!("{error:#}"));
        let request = self.request(endpoint, body).await.map_err(unmade)?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| Failure::of_transport(&error))?;
        let (head, body) = answer.into_parts();
        // What was taken is taken: a body that cannot be read costs a connection only.
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_or_else(|_broken_off| Bytes::new(), Collected::to_bytes);
        (self.judge)(head.status, &head.headers, &body)
    }
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("memory takes all that is written").into()
}

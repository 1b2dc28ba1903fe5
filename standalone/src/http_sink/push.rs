//! Requests by HTTP.

use std::io::Write as _;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};

use super::answer::outcome;
use super::auth::AuthConfig;
use super::config::{HttpConfig, Method};
use crate::delivery::options::Compression;
use crate::delivery::{Client, Failure, FailureKind, Protocols, Push, client};

/// Bytes of an answer that are read so that its connection can be used again. What an answer says
/// beyond its status is not looked at.
const ANSWER_BYTES: usize = 65_536;

/// Makes requests to one server.
pub(super) struct HttpPush {
    client: Client<Full<Bytes>>,
    method: Method,
    /// Of every request, but for the one that says who we are.
    headers: HeaderMap,
    auth: Option<AuthConfig>,
    compression: Compression,
}

impl HttpPush {
    pub(super) fn new(uri: &Uri, config: &HttpConfig) -> anyhow::Result<Self> {
        let client = client(
            std::slice::from_ref(uri),
            config.tls.as_ref(),
            Protocols::Any,
        )?;
        let mut headers = HeaderMap::new();
        let agent = concat!("nettally/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in &config.headers {
            let unusable = || format!("the header {name} cannot be sent");
            let header: HeaderName = name.parse().with_context(unusable)?;
            let mut value = HeaderValue::from_str(value.reveal()).with_context(unusable)?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        let content_type = config.encoding.content_type();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        match config.compression {
            Compression::None => {}
            Compression::Gzip => {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        Ok(Self {
            client,
            method: config.method,
            headers,
            auth: config.auth.clone(),
            compression: config.compression,
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
        // The outcome is in the head; a body that cannot be read costs a connection only.
        drop(Limited::new(body, ANSWER_BYTES).collect().await);
        outcome(head.status, &head.headers)
    }
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("memory takes all that is written").into()
}

//! Connections to servers: kept open, found dead by pings, with TLS where the address says so.

use std::time::Duration;

use anyhow::Context as _;
use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::ServerName;

use super::options::TlsConfig;
use super::tls;

/// A connection that is not made within this time has failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection without traffic is asked for a sign of life this often.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// One that gives none within this time is dead.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes requests, over connections that it keeps.
pub(crate) type Client<B> = legacy::Client<HttpsConnector<HttpConnector>, B>;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// HTTP/2 alone, as gRPC needs it.
    Http2,
    /// HTTP/1.1, or HTTP/2 where the server offers it in TLS.
    Any,
}

/// A client for `endpoints`. No connection is made yet.
pub(crate) fn client<B>(
    endpoints: &[Uri],
    tls: Option<&TlsConfig>,
    protocols: Protocols,
) -> anyhow::Result<Client<B>>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
{
    let is_secure = endpoints
        .iter()
        .any(|endpoint| endpoint.scheme_str() == Some("https"));
    // Without a secure address, nothing is read of the system's certificates.
    let unused = TlsConfig {
        verify_certificate: false,
        ..TlsConfig::default()
    };
    let default = TlsConfig::default();
    let config = if is_secure {
        tls.unwrap_or(&default)
    } else {
        &unused
    };
    let mut builder = HttpsConnectorBuilder::new()
        .with_tls_config(tls::client_config(config)?)
        .https_or_http();
    if let Some(name) = &config.server_name {
        let name = ServerName::try_from(name.clone())
            .with_context(|| format!("`tls.server_name` {name:?} is no name of a server"))?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = match protocols {
        Protocols::Http2 => builder.enable_http2().wrap_connector(tcp),
        Protocols::Any => builder.enable_all_versions().wrap_connector(tcp),
    };
    Ok(legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_only(protocols == Protocols::Http2)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .build(connector))
}

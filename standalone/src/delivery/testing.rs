//! Servers that are made up, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use nettally_source::{Event, LossCount, LossReason, Protocol, Sink, UsageBatch};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::Delivered;
use crate::topology::testing::{batch, row};
use crate::topology::{Delivery as _, Inlet, Queue};

/// What a server was asked, and what it answers next.
#[derive(Debug)]
pub(crate) struct Script<A> {
    answers: Mutex<VecDeque<A>>,
    /// Once the answers are used up.
    last: A,
    pub(crate) seen: Mutex<Vec<Seen>>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: Arc<http::request::Parts>,
    pub(crate) body: Bytes,
}

impl<A: Clone> Script<A> {
    pub(crate) fn new(answers: impl IntoIterator<Item = A>, last: A) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            last,
            seen: Mutex::default(),
        })
    }

    pub(crate) fn next(&self, head: http::request::Parts, body: Bytes) -> A {
        let head = Arc::new(head);
        self.seen.lock().unwrap().push(Seen { head, body });
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| self.last.clone())
    }

    pub(crate) fn last(&self) -> A {
        self.last.clone()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// A server at a port of this machine; gone when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    _connections: JoinSet<()>,
}

/// Serves HTTP/1 and HTTP/2.
pub(crate) fn serve<S, B>(listener: TcpListener, tls: Option<TlsAcceptor>, service: S) -> Server
where
    S: hyper::service::Service<
            http::Request<hyper::body::Incoming>,
            Response = http::Response<B>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _peer)) = listener.accept().await {
            let (tls, service) = (tls.clone(), service.clone());
            connections.spawn(async move {
                match tls {
                    None => converse(stream, service).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            converse(stream, service).await;
                        }
                    }
                }
            });
        }
    });
    Server {
        port,
        _connections: tasks,
    }
}

async fn converse<S, B>(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, service: S)
where
    S: hyper::service::Service<
            http::Request<hyper::body::Incoming>,
            Response = http::Response<B>,
            Error = std::convert::Infallible,
        > + Send,
    S::Future: Send + 'static,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connection = auto::Builder::new(TokioExecutor::new());
    // A client that goes away is no error of the server's.
    connection
        .serve_connection(TokioIo::new(stream), service)
        .await
        .unwrap_or_default();
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A certificate for `localhost`, which signs itself: in PEM, and for a server.
pub(crate) fn certificate() -> (String, TlsAcceptor) {
    let (pem, _key, acceptor) = certificate_and_key(false);
    (pem, acceptor)
}

/// As [`certificate`], with the key. The server asks its clients for this very certificate, if it
/// `asks`.
pub(crate) fn certificate_and_key(asks: bool) -> (String, String, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let clients = if asks {
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap()
    } else {
        WebPkiClientVerifier::no_client_auth()
    };
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (pem, key_pem, TlsAcceptor::from(Arc::new(config)))
}

/// What `curl` and `dig` moved in five windows: 5 × 3 flows.
pub(crate) fn windows() -> Vec<UsageBatch> {
    (0..5).map(window).collect()
}

pub(crate) fn window(number: i64) -> UsageBatch {
    batch(
        number,
        [
            row("curl", Protocol::Tcp, 1).moved(1_000, 20),
            row("curl", Protocol::Tcp, 2).moved(7, 0),
            row("dig", Protocol::Udp, 3).moved(50, 60),
        ],
    )
}

/// Sent and received bytes of [`windows`].
pub(crate) const MOVED: (u64, u64) = (5 * 1_057, 5 * 80);

/// Gives these windows to a sink, all that it gets.
pub(crate) async fn run(sink: Sink, windows: Vec<UsageBatch>) {
    let events = windows
        .into_iter()
        .map(|batch| Event::Usage(Arc::new(batch)));
    sink.run(futures::stream::iter(events).boxed())
        .await
        .unwrap();
}

pub(crate) fn put(inlet: &Inlet, batch: UsageBatch) {
    inlet.put(Event::Usage(Arc::new(batch)));
}

/// Waits until `is_so`, for as long as the test may take.
pub(crate) async fn wait_until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

pub(crate) fn figures(delivered: &Delivered) -> Value {
    delivered.figures()
}

/// Delivered and dropped bytes, each as sent and received.
pub(crate) fn counted(delivered: &Delivered) -> [(u64, u64); 2] {
    let figures = delivered.figures();
    let of = |what: &str| {
        let count: LossCount = serde_json::from_value(figures[what].clone()).unwrap();
        (count.sent_bytes, count.received_bytes)
    };
    let dropped = of("dropped");
    let lost = delivered.losses().get(LossReason::SinkFailed);
    assert_eq!((lost.sent_bytes, lost.received_bytes), dropped);
    [of("delivered"), dropped]
}

/// Events and bytes that were dropped, by the reasons that came up.
pub(crate) fn dropped_by_reason(delivered: &Delivered) -> BTreeMap<String, LossCount> {
    let figures = delivered.figures();
    let all: BTreeMap<String, LossCount> =
        serde_json::from_value(figures["dropped_by_reason"].clone()).unwrap();
    all.into_iter()
        .filter(|(_, count)| !count.is_zero())
        .collect()
}

/// Windows that wait before a sink.
pub(crate) fn waiting(queue: &Arc<Queue>) -> usize {
    queue.stats().waiting_windows
}

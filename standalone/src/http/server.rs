//! Connections: accepted, bounded, and joined at the end.
//!
//! warp's own loop does the same, but its future cannot be spawned, it does not own the tasks of
//! its connections, and a client that never finishes its request would hold up the end.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, warn};
use warp::{Filter, Reply};

use super::api::Stop;
use super::socket::SocketFile;

/// Connections at once. Further ones wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 256;

/// How long a client may take to send the head of a request, and to idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long requests that are being answered may take once shutdown has begun.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// After a failed accept (no file descriptors left, usually).
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Where connections come from.
pub(super) trait Door {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    async fn accept(&self) -> io::Result<Self::Stream>;
}

impl Door for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        self.accept().await.map(|(stream, _peer)| stream)
    }
}

impl Door for SocketFile {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        self.listener().accept().await.map(|(stream, _peer)| stream)
    }
}

/// Serves `routes` at `door` until `stop`.
pub(super) async fn run<F>(door: impl Door, routes: F, stop: Stop)
where
    F: Filter<Error = Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    let service = TowerToHyperService::new(warp::service(routes));
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (door.accept().await, permit)
        };
        let (stream, permit) = tokio::select! {
            () = stop.clone() => break,
            Some(_ended) = connections.join_next() => continue,
            (accepted, permit) = accepted => match accepted {
                Ok(stream) => (stream, permit),
                Err(error) => {
                    warn!(%error, "Connection not accepted.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                debug!(%error, "Connection ended early.");
            }
        });
    }
    drop(door);
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        warn!("Requests were still being answered and are cut off.");
    }
    connections.shutdown().await;
}

//! Connections: accepted, bounded, and joined at the end.
//!
//! warp's own loop does the same, but its future cannot be spawned, it does not own the tasks of
//! its connections, and a client that never finishes its request would hold up the end.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Method;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, warn};
use warp::{Filter, Reply};

use super::api::{Api, Stop};
use super::connections::{Answering, Connections};
use super::counts::count;
use super::limit::Peer;
use super::socket::SocketFile;

/// Connections at once. For a further one, that which has been idle for longest is closed; if all are
/// being answered, it waits in the kernel's backlog.
const MAX_CONNECTIONS: usize = 256;

/// How long a client may take to send the head of a request, and to idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may leave what was sent to it unread. It may be as slow as it likes, if it
/// reads at all.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a full house waits for one of its guests to leave before it asks the next.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// How long requests that are being answered may take once shutdown has begun.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// After a failed accept (no file descriptors left, usually).
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Where connections come from.
pub(super) trait Door {
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    /// A connection, and who is at its other end where that can be told.
    async fn accept(&self) -> io::Result<(Self::Stream, Option<Peer>)>;
}

impl Door for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Option<Peer>)> {
        let (stream, peer) = self.accept().await?;
        let address: IpAddr = peer.ip();
        Ok((stream, Some(Peer(address))))
    }
}

impl Door for SocketFile {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<(Self::Stream, Option<Peer>)> {
        let (stream, _nameless) = self.listener().accept().await?;
        Ok((stream, None))
    }
}

/// Serves `routes` at `door` until `stop`.
pub(super) async fn run<F>(door: impl Door, routes: F, api: Arc<Api>, stop: Stop)
where
    F: Filter<Error = Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    let service = TowerToHyperService::new(warp::service(routes));
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = Arc::new(Connections::default());
    let mut tasks = JoinSet::new();
    loop {
        let accepted = async {
            let accepted = door.accept().await;
            while permits.available_permits() == 0 {
                if connections.close_idle() {
                    count(&api.counts.closed_idle_connections);
                }
                tokio::time::sleep(ROOM_PAUSE).await;
            }
            accepted
        };
        let (stream, peer) = tokio::select! {
            () = stop.clone() => break,
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "Connection not accepted.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        while tasks.try_join_next().is_some() {}
        let permit = Arc::clone(&permits).acquire_owned().await;
        let (connection, closed) = connections.open();
        let service = service.clone();
        let answered = service_fn(move |mut request: hyper::Request<Incoming>| {
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            // Of what answers GET, the head alone: hyper knows what was asked, and sends no body.
            if request.method() == Method::HEAD {
                *request.method_mut() = Method::GET;
            }
            let answering = connection.answering();
            let response = service.call(request);
            async move {
                let response = response.await?;
                // It is being answered until the body has gone out, or is given up.
                Ok::<_, Infallible>(response.map(|body| Held {
                    body,
                    _answering: answering,
                }))
            }
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL_TIMEOUT));
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(Box::pin(stream)), answered);
        let serving = graceful.watch(serving);
        let api = Arc::clone(&api);
        tasks.spawn(async move {
            let _permit = permit;
            api.counts.connections.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                served = serving => if let Err(error) = served {
                    debug!(%error, "Connection ended early.");
                },
                Ok(()) = closed => debug!("Connection closed, as another needed its place."),
            }
            api.counts.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
    drop(door);
    if tokio::time::timeout(GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        warn!("Requests were still being answered and are cut off.");
    }
    tasks.shutdown().await;
}

/// A body of which is known that it is not at its end. What it says of its length stays true.
struct Held<B> {
    body: B,
    _answering: Answering,
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

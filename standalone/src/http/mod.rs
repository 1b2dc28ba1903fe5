//! The HTTP API and the web page.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::live::Live;
use crate::topology::status::SinkStatus;

/// What the API shows.
pub struct ApiState {
    /// The present.
    pub live: Arc<Live>,
    /// The past; `None` if no sink keeps it.
    pub database: Option<PathBuf>,
    /// The sinks.
    pub sinks: Vec<Arc<dyn SinkStatus>>,
    /// When the program started.
    pub started: Timestamp,
}

/// Answers requests until `shutdown`.
pub async fn serve(
    listener: tokio::net::TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    shutdown.await;
    drop((listener, state));
}

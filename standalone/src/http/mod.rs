//! The HTTP API and the web page.
//!
//! [`serve`] answers on a listener that the caller has bound. Every request passes the
//! [`limit`] (how often an address may ask) and the [`guard`] (who may ask at all; `token`, `session`,
//! `socket`), then one [`endpoint`] of the list in `routes`, or `page` (the embedded files). Each
//! endpoint says of itself what it takes and answers, of which `openapi` makes the document; its
//! handler comes next, its model last. At the end answers are left out (`etag`) or made smaller
//! (`compress`).
//! Whatever goes wrong becomes one JSON shape in [`error`].
//! The past is read from SQLite on blocking threads (`database`), the present from
//! [`Live`]; nothing here asks the kernel.

mod api;
mod billing;
mod compress;
mod conditions;
mod configuration;
mod connections;
mod counts;
mod cursor;
mod database;
mod endpoint;
mod error;
mod etag;
mod export;
mod guard;
mod health;
mod limit;
mod live;
mod losses;
mod metrics;
mod openapi;
mod order;
mod page;
mod params;
mod processes;
mod remotes;
mod routes;
mod series;
mod server;
mod session;
mod socket;
mod step;
mod stream;
#[cfg(test)]
mod tests;
mod token;
mod top;
mod usage;

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt as _;
use jiff::Timestamp;
use tracing::warn;

use crate::config::Reloads;
use crate::live::Live;
use crate::topology::Roster;

use api::Api;
use guard::Origin;
pub use limit::RequestLimit;
pub use socket::{SocketError, SocketFile};
pub(crate) use stream::NUMBER as STREAM_NUMBER;
pub use token::{Token, TokenError};

/// What the API shows.
pub struct ApiState {
    /// The present.
    pub live: Arc<Live>,
    /// The past; `None` if no sink keeps it.
    pub database: Option<PathBuf>,
    /// The sources and sinks, as shown in `health`.
    pub roster: Arc<Roster>,
    /// What is in force, and what became of the configuration when it was read again.
    pub reloads: Arc<Reloads>,
    /// When the program started.
    pub started: Timestamp,
    /// What requests from the network must bring, if anything.
    pub token: Option<Token>,
    /// How many requests an address may send over the network; `None` for any number.
    pub limit: Option<RequestLimit>,
}

/// Where requests come from.
#[derive(Debug)]
pub struct Doors {
    /// The network.
    pub network: tokio::net::TcpListener,
    /// Programs of this machine that may open the file.
    pub socket: Option<SocketFile>,
}

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiState")
            .field("database", &self.database)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

/// Answers requests until `shutdown`, then ends event streams at once and waits a moment for the
/// other requests.
pub async fn serve(
    doors: Doors,
    state: ApiState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let Doors { network, socket } = doors;
    let bound = match network.local_addr() {
        Ok(address) => address.ip(),
        Err(error) => {
            warn!(%error, "Own address unknown; only requests to loopback names are answered.");
            IpAddr::from([127, 0, 0, 1])
        }
    };
    let stop = shutdown.boxed().shared();
    let api = Arc::new(Api::new(state, bound, stop.clone()));
    let from_network = server::run(
        network,
        routes::routes(Arc::clone(&api), Origin::Network),
        Arc::clone(&api),
        stop.clone(),
    );
    let from_socket = async {
        if let Some(socket) = socket {
            let routes = routes::routes(Arc::clone(&api), Origin::Socket);
            server::run(socket, routes, Arc::clone(&api), stop).await;
        }
    };
    futures::join!(from_network, from_socket);
}

/// The clock of the API.
#[expect(
    clippy::disallowed_methods,
    reason = "the rim: a request's relative times count from here"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

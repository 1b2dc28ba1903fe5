//! What every handler shares.

use std::net::IpAddr;
use std::sync::Arc;

use futures::future::{BoxFuture, Shared};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::ApiState;
use super::counts::Counts;
use super::database::Database;
use super::limit::Limiter;
use super::token::Token;
use crate::config::Reloads;
use crate::live::Live;
use crate::topology::Roster;

/// Open event streams. A browser holds one for each tab.
const MAX_STREAMS: usize = 64;

/// Exports at once. Each reads the whole file.
const MAX_EXPORTS: usize = 2;

/// Ready once the server should end.
pub(super) type Stop = Shared<BoxFuture<'static, ()>>;

/// What every handler shares.
pub(super) struct Api {
    pub(super) live: Arc<Live>,
    pub(super) database: Database,
    pub(super) roster: Arc<Roster>,
    pub(super) reloads: Arc<Reloads>,
    pub(super) started: Timestamp,
    /// The address that is listened on.
    pub(super) bound: IpAddr,
    pub(super) token: Option<Token>,
    pub(super) limiter: Option<Limiter>,
    pub(super) counts: Counts,
    pub(super) exports: Arc<Semaphore>,
    pub(super) streams: Arc<Semaphore>,
    pub(super) stop: Stop,
}

impl Api {
    pub(super) fn new(state: ApiState, bound: IpAddr, stop: Stop) -> Self {
        let ApiState {
            live,
            database,
            roster,
            reloads,
            started,
            token,
            limit,
        } = state;
        Self {
            live,
            database: Database::new(database),
            roster,
            reloads,
            started,
            bound,
            token,
            limiter: limit.map(Limiter::new),
            counts: Counts::default(),
            exports: Arc::new(Semaphore::new(MAX_EXPORTS)),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            stop,
        }
    }
}

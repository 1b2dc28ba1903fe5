//! What every handler shares.

use std::net::IpAddr;
use std::sync::Arc;

use futures::future::{BoxFuture, Shared};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::ApiState;
use super::database::Database;
use super::token::Token;
use crate::config::Reloads;
use crate::live::Live;
use crate::topology::Roster;

/// Open event streams. A browser holds one for each tab.
const MAX_STREAMS: usize = 64;

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
        } = state;
        Self {
            live,
            database: Database::new(database),
            roster,
            reloads,
            started,
            bound,
            token,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            stop,
        }
    }
}

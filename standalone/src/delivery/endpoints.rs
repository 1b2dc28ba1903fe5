//! Where requests go: in turn to all servers that are well.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use serde::Serialize;
use tokio::time::Instant;

/// How long a server that failed is left alone while another is well.
const REST: Duration = Duration::from_secs(30);

/// The servers of one sink.
#[derive(Debug)]
pub(crate) struct Endpoints {
    uris: Vec<Uri>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    turn: usize,
    servers: Vec<Server>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Server {
    /// It failed, and is to be left alone until then.
    rests_until: Option<Instant>,
    failures: u64,
}

/// How one server is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EndpointFigures {
    address: String,
    /// Whether its last request was delivered; true before the first.
    healthy: bool,
    failed_requests: u64,
}

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    index: usize,
    /// Whether it is not known to fail.
    pub(crate) is_well: bool,
}

impl Endpoints {
    /// There is at least one.
    pub(crate) fn new(uris: Vec<Uri>) -> Self {
        assert!(!uris.is_empty(), "checked by the sink's configuration");
        let servers = vec![Server::default(); uris.len()];
        Self {
            uris,
            state: Mutex::new(State { turn: 0, servers }),
        }
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.uris.len()).expect("nobody writes so many addresses")
    }

    pub(super) fn uri(&self, choice: Choice) -> &Uri {
        &self.uris[choice.index]
    }

    /// The next one that is well; if none is, the one that has rested most.
    pub(super) fn choose(&self, now: Instant) -> Choice {
        let mut state = self.state();
        let State { turn, servers } = &mut *state;
        let count = servers.len();
        let in_turn = (0..count).map(|step| (*turn + step) % count);
        let is_well = |index: &usize| servers[*index].rests_until.is_none_or(|until| until <= now);
        let well = in_turn.clone().find(is_well);
        let index = well
            .or_else(|| in_turn.min_by_key(|&index| servers[index].rests_until))
            .expect("there is at least one");
        *turn = (index + 1) % count;
        Choice {
            index,
            is_well: well.is_some(),
        }
    }

    /// Whether one is well that could be asked at once.
    pub(super) fn has_well(&self, now: Instant) -> bool {
        let state = self.state();
        let mut servers = state.servers.iter();
        servers.any(|server| server.rests_until.is_none_or(|until| until <= now))
    }

    pub(super) fn succeeded(&self, choice: Choice) {
        self.state().servers[choice.index].rests_until = None;
    }

    pub(super) fn failed(&self, choice: Choice, now: Instant) {
        let server = &mut self.state().servers[choice.index];
        server.rests_until = Some(now + REST);
        server.failures += 1;
    }

    pub(super) fn figures(&self) -> Vec<EndpointFigures> {
        let state = self.state();
        let both = self.uris.iter().zip(&state.servers);
        both.map(|(uri, server)| EndpointFigures {
            address: shown(uri),
            healthy: server.rests_until.is_none(),
            failed_requests: server.failures,
        })
        .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address without its query, in which there may be a secret.
pub(crate) fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(count: u16) -> Endpoints {
        let uri = |port| format!("http://h:{port}/").parse().unwrap();
        Endpoints::new((0..count).map(uri).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn servers_take_turns_and_one_that_failed_is_left_alone_for_a_while() {
        let servers = servers(3);
        let chosen = || {
            let choice = servers.choose(Instant::now());
            (choice.index, choice.is_well)
        };
        assert_eq!(
            [chosen(), chosen(), chosen(), chosen()].map(|c| c.0),
            [0, 1, 2, 0]
        );
        let one = servers.choose(Instant::now());
        assert_eq!(one.index, 1);
        servers.failed(one, Instant::now());
        assert_eq!([chosen(), chosen(), chosen()].map(|c| c.0), [2, 0, 2]);
        tokio::time::advance(REST).await;
        assert_eq!([chosen(), chosen()], [(0, true), (1, true)]);
    }

    #[tokio::test(start_paused = true)]
    async fn if_none_is_well_the_one_that_rested_most_is_asked() {
        let servers = servers(2);
        for index in [1, 0] {
            let choice = Choice {
                index,
                is_well: true,
            };
            servers.failed(choice, Instant::now());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let choice = servers.choose(Instant::now());
        assert_eq!((choice.index, choice.is_well), (1, false));
        servers.succeeded(choice);
        assert!(servers.has_well(Instant::now()));
        let figures = serde_json::to_value(servers.figures()).unwrap();
        assert_eq!(
            figures,
            serde_json::json!([
                { "address": "http://h:0", "healthy": false, "failed_requests": 1 },
                { "address": "http://h:1", "healthy": true, "failed_requests": 1 },
            ])
        );
    }

    #[test]
    fn a_query_is_not_shown() {
        let uri: Uri = "https://h/in?token=hunter2".parse().unwrap();
        assert_eq!(shown(&uri), "https://h/in");
    }
}

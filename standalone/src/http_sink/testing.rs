//! An HTTP server that is made up.

use std::convert::Infallible;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::delivery::testing::{Script, Seen, Server, serve};

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Say(u16),
    /// Takes it, and never says so.
    TakeInSilence,
}

/// A server and what it was sent.
pub(crate) struct FakeServer {
    pub(crate) server: Server,
    script: Arc<Script<Answer>>,
    taken: Arc<Script<()>>,
}

impl FakeServer {
    pub(crate) fn start(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        answers: impl IntoIterator<Item = Answer>,
        last: Answer,
    ) -> Self {
        let script = Script::new(answers, last);
        let taken = Script::new([], ());
        let both = (Arc::clone(&script), Arc::clone(&taken));
        let service = service_fn(move |request| answer(both.clone(), request));
        Self {
            server: serve(listener, tls, service),
            script,
            taken,
        }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/in?key=value", self.server.port)
    }

    /// All requests.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.seen()
    }

    /// The JSON values of each request that it took.
    pub(crate) fn taken(&self) -> Vec<Vec<Value>> {
        self.taken.seen().iter().map(values).collect()
    }

    /// Sent and received bytes of all that it took.
    pub(crate) fn moved(&self) -> (u64, u64) {
        let taken = self.taken();
        taken
            .iter()
            .flatten()
            .fold((0, 0), |(sent, received), value| {
                let (more_sent, more_received) = moved(value);
                (sent + more_sent, received + more_received)
            })
    }
}

/// What is in a body, by what its head says of it.
fn values(seen: &Seen) -> Vec<Value> {
    let header = |name: &str| {
        seen.head
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    let text = match header("content-encoding") {
        None => String::from_utf8(seen.body.to_vec()).unwrap(),
        Some("gzip") => {
            let mut text = String::new();
            GzDecoder::new(&*seen.body)
                .read_to_string(&mut text)
                .unwrap();
            text
        }
        Some(other) => panic!("{other}"),
    };
    match header("content-type") {
        Some("application/json") => serde_json::from_str(&text).unwrap(),
        Some("application/x-ndjson") => {
            assert!(text.ends_with('\n'));
            let lines = text.lines();
            lines
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of a test, far below 2^53"
)]
fn moved(value: &Value) -> (u64, u64) {
    if let Some(metric) = value.get("metric") {
        let bytes = metric["counter"]["value"].as_f64().unwrap() as u64;
        let name = metric["name"].as_str().unwrap();
        return if name.contains("transmit") {
            (bytes, 0)
        } else {
            (0, bytes)
        };
    }
    let record = value.get("log").unwrap_or(value);
    let of = |name: &str| record[name].as_u64().unwrap();
    (of("sent_bytes"), of("received_bytes"))
}

async fn answer(
    (script, taken): (Arc<Script<Answer>>, Arc<Script<()>>),
    request: http::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut response = Response::new(Full::from("{}"));
    match script.next(head.clone(), body.clone()) {
        Answer::Say(status) => {
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if response.status().is_success() {
                taken.next(head, body);
            }
        }
        Answer::TakeInSilence => {
            taken.next(head, body);
            std::future::pending().await
        }
    }
    Ok(response)
}

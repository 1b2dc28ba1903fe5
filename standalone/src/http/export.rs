//! `GET export`: all that is stored of a span of time, row by row, as it is read.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use nettally_sqlite_sink::{ExportQuery, Reader, StoreError, TimeRange};
use tokio::sync::mpsc;
use tracing::warn;
use warp::http::Method;
use warp::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use warp::reply::{Reply as _, Response};

use super::api::Api;
use super::counts::count;
use super::endpoint::{Access, Content, Endpoint, Parameter, Request, Takes};
use super::error::ApiError;
use super::params::Params;
use super::{conditions, now};
use crate::cli::db::export::format::{Format, Lines};

/// Bytes that are handed over at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Chunks that wait for a client that is slower than the disk.
const WAITING_CHUNKS: usize = 4;

/// An export sees the file in the state of one moment; as long as it does, what is written meanwhile
/// stays in the log beside the file, which grows.
const LONGEST: Duration = Duration::from_secs(3600);

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/export",
    summary: "All that is stored of a span of time, each byte once, as JSON lines or CSV",
    parameters,
    example: "since=today&format=csv",
    content: Content::Text(&["application/x-ndjson", "text/csv"]),
    is_past: true,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

fn parameters() -> Vec<Parameter> {
    conditions::with(&[Parameter {
        name: "format",
        meaning: "`jsonl` (with losses, for `nettally db import`; the last line says `end`) or `csv` \
                  (rows alone). Default `jsonl`.",
        takes: Takes::Words(&["jsonl", "csv"]),
    }])
}

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let params = request.params()?;
    let format = format(&params)?;
    let TimeRange { since, until } = conditions::range(&params, now())?;
    let query = ExportQuery {
        since: Some(since),
        until: Some(until),
        filter: conditions::filter(&params)?,
    };
    let path = api.database.path()?;
    let permit = Arc::clone(&api.exports)
        .try_acquire_owned()
        .map_err(|_all_taken| ApiError::Busy)?;
    let (sender, mut chunks) = mpsc::channel(WAITING_CHUNKS);
    let deadline = Instant::now() + LONGEST;
    let counted = Arc::clone(&api);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut out = Chunks {
            sender,
            held: Vec::with_capacity(CHUNK_BYTES),
            deadline,
        };
        let written = Reader::open(&path)
            .map_err(Failure::Store)
            .and_then(|reader| write(&reader, &query, format, &mut out));
        if let Err(failure) = written {
            count(&counted.counts.failed_exports);
            out.fail(failure);
        }
    });
    // What is wrong from the start is an error, not a body that ends early.
    let first = match chunks.recv().await {
        Some(Err(Failure::Store(error))) => return Err(ApiError::Database(error)),
        first => first,
    };
    let following = stream::poll_fn(move |context| chunks.poll_recv(context));
    let body = stream::iter(first).chain(following);
    let mut response = warp::reply::stream(body).into_response();
    let (content_type, disposition) = match format {
        Format::Jsonl => (
            "application/x-ndjson",
            "attachment; filename=\"nettally.jsonl\"",
        ),
        Format::Csv => (
            "text/csv; charset=utf-8; header=present",
            "attachment; filename=\"nettally.csv\"",
        ),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    Ok(response)
}

fn format(params: &Params) -> Result<Format, ApiError> {
    match params.text("format") {
        None | Some("jsonl") => Ok(Format::Jsonl),
        Some("csv") => Ok(Format::Csv),
        Some(other) => {
            let message = format!("unknown format `{other}`; allowed: jsonl, csv");
            Err(ApiError::parameter("format", message))
        }
    }
}

/// Why an export ends early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the history cannot be read")]
    Store(#[from] StoreError),
    #[error("the client is gone or too slow")]
    Client(#[from] io::Error),
}

fn write(
    reader: &Reader,
    query: &ExportQuery,
    format: Format,
    out: &mut Chunks,
) -> Result<(), Failure> {
    let mut lines = Lines::new(format, out);
    reader.export(query, |record| {
        lines.write(&record).map_err(Failure::Client)
    })?;
    drop(lines);
    Ok(out.flush()?)
}

/// Hands chunks over to the client's connection; waits where it is slower.
struct Chunks {
    sender: mpsc::Sender<Result<Bytes, Failure>>,
    held: Vec<u8>,
    deadline: Instant,
}

impl Chunks {
    fn hand_over(&mut self) -> io::Result<()> {
        if Instant::now() > self.deadline {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        let full = std::mem::replace(&mut self.held, Vec::with_capacity(CHUNK_BYTES));
        self.sender
            .blocking_send(Ok(Bytes::from(full)))
            .map_err(|_gone| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    /// The body ends with an error, so that nobody takes what there is of it for all.
    fn fail(self, failure: Failure) {
        if let Failure::Store(error) = &failure {
            warn!(%error, "Export ended early.");
        }
        // Whoever is gone need not be told.
        drop(self.sender.blocking_send(Err(failure)));
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= CHUNK_BYTES {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            Ok(())
        } else {
            self.hand_over()
        }
    }
}

//! `GET stream`: everything that is measured from now on, as lines: what `nettally stream` prints
//! (`json`, `native_json`), or all there is (`events`, for `nettally top`). `DELETE
//! stream/reader?number=N` ends it with the window that is open.
//!
//! A client that does not read gets longer windows, not fewer bytes; see
//! [`Follower`].

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, future, stream};
use nettally_source::Event;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use warp::http::{Method, StatusCode};
use warp::reply::{Reply as _, Response};

use super::api::Api;
use super::endpoint::{Access, Content, Endpoint, Parameter, Request, Takes};
use super::error::ApiError;
use super::now;
use super::params::Params;
use crate::encode::{Encoder, Format, Origin, wire};
use crate::live::{Follower, Until};
use crate::machine::host_name;

/// The header with the number that ends the stream.
pub(crate) const NUMBER: HeaderName = HeaderName::from_static("nettally-stream");

/// Text that is handed to the connection at once, about.
const CHUNK_BYTES: usize = 32 * 1024;

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/stream",
    summary: "All that is measured from now on, as lines without an end",
    parameters,
    example: "format=json",
    content: Content::Lines(LINES),
    is_past: false,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

/// The way to end it in order.
pub(super) static READER: Endpoint = Endpoint {
    method: Method::DELETE,
    path: "/api/v1/stream/reader",
    summary: "Ends a stream with the window that is open; one that has ended already is as good",
    parameters: || vec![READER_NUMBER],
    example: "number=1",
    content: Content::Nothing,
    is_past: false,
    access: Access::Token,
    route: |api, origin| READER.answered(api, origin, leave),
};

const LINES: &str = "application/x-ndjson";

const READER_NUMBER: Parameter = Parameter {
    name: "number",
    meaning: "The header `nettally-stream` of the stream's answer.",
    takes: Takes::Number {
        least: 0,
        most: u32::MAX,
    },
};

const FORMATS: [&str; 3] = ["json", "native_json", "events"];

fn parameters() -> Vec<Parameter> {
    vec![
        Parameter {
            name: "format",
            meaning: "`json` (a line for each flow and window; default), `native_json` (Vector's) or \
                      `events` (all there is, for `nettally top`; may change with every version).",
            takes: Takes::Words(&FORMATS),
        },
        Parameter {
            name: "flows",
            meaning: "`true`: a log record for each flow too, in `native_json`.",
            takes: Takes::YES_OR_NO,
        },
        Parameter {
            name: "host",
            meaning: "The name of this machine in the lines. Default: its own.",
            takes: Takes::Text,
        },
        Parameter {
            name: "once",
            meaning: "`true`: one window, then the end.",
            takes: Takes::YES_OR_NO,
        },
    ]
}

async fn leave(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let number = request.params()?.parsed::<u32>(READER_NUMBER.name)?;
    let number = number.ok_or_else(|| {
        ApiError::parameter(READER_NUMBER.name, "which stream is to end?".to_owned())
    })?;
    // One that is not there has ended by itself.
    api.live.leave(number.into(), now());
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    let (lines, until) = parsed(&request.params()?)?;
    let follower = api.live.follow(until).ok_or(ApiError::Busy)?;
    let number = follower.number();
    let chunks = chunks(follower, lines).map(Ok::<_, Infallible>);
    let mut response = warp::reply::stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(NUMBER, number.into());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    // Each line is to arrive at once.
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    Ok(response)
}

/// How events become lines.
enum Lines {
    ForPrograms(Box<Encoder>),
    ForOurselves(wire::Writer),
}

fn parsed(params: &Params) -> Result<(Lines, Until), ApiError> {
    let origin = Origin {
        host: params.text("host").map_or_else(host_name, str::to_owned),
        pid: std::process::id(),
    };
    let yes = |name| Ok::<_, ApiError>(params.parsed::<bool>(name)?.unwrap_or(false));
    let flows = yes("flows")?;
    let encoder = |format| Lines::ForPrograms(Box::new(Encoder::new(format, flows, origin)));
    let lines = match params.text("format") {
        None | Some("json") => encoder(Format::Json),
        Some("native_json") => encoder(Format::NativeJson),
        Some("events") => Lines::ForOurselves(wire::Writer::default()),
        Some(other) => {
            let message = format!("unknown format `{other}`; allowed: {}", FORMATS.join(", "));
            return Err(ApiError::parameter("format", message));
        }
    };
    let until = if yes("once")? {
        Until::OneWindow
    } else {
        Until::Ended
    };
    Ok((lines, until))
}

impl Lines {
    fn of<'a>(&'a mut self, event: &'a Event) -> Box<dyn Iterator<Item = String> + Send + 'a> {
        match self {
            Self::ForPrograms(encoder) => Box::new(encoder.lines(event)),
            Self::ForOurselves(writer) => Box::new(writer.lines(event).into_iter()),
        }
    }
}

/// Whole lines, made only as the client takes them. The work is part of the stream: when the
/// connection goes, so does the follower.
fn chunks(mut follower: Follower, mut lines: Lines) -> Shareable<Bytes> {
    let (to_client, chunks) = tokio::sync::mpsc::channel::<Bytes>(1);
    let chunks = stream::unfold(chunks, |mut chunks| async move {
        let chunk = chunks.recv().await?;
        Some((Some(chunk), chunks))
    });
    let work = async move {
        while let Some(event) = follower.next().await {
            let mut chunk = String::new();
            for line in lines.of(&event) {
                chunk.push_str(&line);
                if chunk.len() >= CHUNK_BYTES {
                    let full = Bytes::from(std::mem::take(&mut chunk));
                    if to_client.send(full).await.is_err() {
                        return;
                    }
                }
            }
            if !chunk.is_empty() && to_client.send(chunk.into()).await.is_err() {
                return;
            }
        }
    };
    let work = stream::once(work).map(|()| None);
    let chunks = stream::select(chunks, work).filter_map(future::ready);
    Shareable(Mutex::new(chunks.boxed()))
}

/// The body of an answer must be `Sync`, though only one thread at a time ever has it.
struct Shareable<T>(Mutex<BoxStream<'static, T>>);

impl<T> Stream for Shareable<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let stream = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        stream.poll_next_unpin(cx)
    }
}

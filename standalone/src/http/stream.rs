//! `GET stream`: everything that is measured from now on, as lines: what `nettally stream` prints
//! (`json`, `native_json`), or all there is (`events`, for `nettally top`). `DELETE stream/NUMBER`
//! ends it with the window that is open.
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
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use warp::reply::Reply as _;
use warp::{Filter as _, Rejection, reject, reply::Response};

use super::api::Api;
use super::error::ApiError;
use super::now;
use super::params::{Params, query_string};
use crate::encode::{Encoder, Format, Origin, wire};
use crate::live::{Follower, Until};
use crate::machine::host_name;

/// The header with the number that ends the stream.
pub(crate) const NUMBER: HeaderName = HeaderName::from_static("nettally-stream");

/// Text that is handed to the connection at once, about.
const CHUNK_BYTES: usize = 32 * 1024;

/// The routes.
pub(super) fn route(api: Arc<Api>) -> BoxedFilter<(Response,)> {
    let leaving = Arc::clone(&api);
    let open = warp::path!("stream")
        .and(warp::get())
        .and(query_string())
        .and_then(move |query: String| future::ready(answer(&api, &query).map_err(reject::custom)));
    let end = warp::path!("stream" / u64)
        .and(warp::delete())
        .and_then(move |number| future::ready(Ok::<_, Rejection>(leave(&leaving, number))));
    open.or(end).unify().boxed()
}

fn leave(api: &Api, number: u64) -> Response {
    let status = if api.live.leave(number, now()) {
        StatusCode::ACCEPTED
    } else {
        // It has ended by itself.
        StatusCode::NO_CONTENT
    };
    status.into_response()
}

fn answer(api: &Api, query: &str) -> Result<Response, ApiError> {
    let (lines, until) = parsed(query)?;
    let follower = api.live.follow(until).ok_or(ApiError::Busy)?;
    let number = follower.number();
    let chunks = chunks(follower, lines).map(Ok::<_, Infallible>);
    let mut response = warp::reply::stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(NUMBER, number.into());
    let kind = HeaderValue::from_static("application/x-ndjson");
    headers.insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// How events become lines.
enum Lines {
    ForPrograms(Box<Encoder>),
    ForOurselves(wire::Writer),
}

fn parsed(query: &str) -> Result<(Lines, Until), ApiError> {
    let params = Params::parse(query, &["format", "flows", "host", "once"])?;
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
            let message = format!("unknown format `{other}`; allowed: json, native_json, events");
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

//! Asking SQLite without holding up the runtime.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use nettally_sqlite_sink::{Reader, StoreError, StoreStats};
use serde::Serialize;
use tokio::sync::Semaphore;
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue};
use warp::reply::{Reply as _, Response};

use super::endpoint::Request;
use super::error::ApiError;
use super::etag::Tag;

/// Queries that run at once; more would only fight over the disk.
const MAX_QUERIES: usize = 4;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The history, if there is one.
pub(super) struct Database {
    path: Option<PathBuf>,
    permits: Semaphore,
}

impl Database {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            permits: Semaphore::new(MAX_QUERIES),
        }
    }

    /// Where the history is.
    pub(super) fn path(&self) -> Result<PathBuf, ApiError> {
        self.path.clone().ok_or(ApiError::NoDatabase)
    }

    /// Answers `question` about `query` as JSON, unless the client has the answer: then nothing is
    /// asked. A tag stands for the question, the state of the file before it was asked, and the build.
    pub(super) async fn answer<Q, T>(
        &self,
        request: &Request,
        query: Q,
        question: impl FnOnce(&Reader, &Q) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Response, ApiError>
    where
        Q: Debug + Send + 'static,
        T: Serialize,
    {
        let path = request.endpoint.path;
        let headers = request.headers.clone();
        let (tag, body) = self
            .ask(move |reader| {
                let StoreStats {
                    path: _,
                    size_bytes: _,
                    rows,
                    oldest,
                    flushed_until,
                } = reader.stats()?;
                let state = format!("{rows} {oldest:?} {flushed_until:?}");
                let tag = Tag::of(&[path, &format!("{query:?}"), &state]);
                if tag.is_known(&headers) {
                    return Ok((tag, None));
                }
                let answer = question(reader, &query)?;
                let json = serde_json::to_vec(&answer).expect("answers have names for keys");
                Ok((tag, Some(json)))
            })
            .await?;
        let mut response = match body {
            Some(json) => {
                let json_type = HeaderValue::from_static("application/json");
                let mut response = Response::new(json.into());
                response.headers_mut().insert(CONTENT_TYPE, json_type);
                response
            }
            None => StatusCode::NOT_MODIFIED.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, tag.header());
        let private = HeaderValue::from_static("private, no-cache");
        headers.insert(CACHE_CONTROL, private);
        Ok(response)
    }

    /// Runs `question` on a blocking thread.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let path = self.path()?;
        let _permit = tokio::time::timeout(PATIENCE, self.permits.acquire())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(ApiError::Busy)?;
        tokio::task::spawn_blocking(move || question(&Reader::open(&path)?))
            .await
            .map_err(ApiError::Panicked)?
            .map_err(ApiError::Database)
    }
}

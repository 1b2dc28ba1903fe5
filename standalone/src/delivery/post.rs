//! One request, until it is delivered or given up.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use http::Uri;
use nettally_source::{ComponentKey, ShutdownSignal};
use tokio::time::{Instant, sleep, timeout};

use super::batch::Request;
use super::delivered::Delivered;
use super::endpoints::{Endpoints, shown};
use super::failure::{DropReason, Failure, FailureKind, Patience};
use super::options::RequestConfig;
use super::trouble::Trouble;

/// What a server asks to wait is believed up to here.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// A way to make a request.
#[async_trait]
pub(crate) trait Push: Send + Sync + 'static {
    /// What is sent in place of `body`, such as a compressed one. Done once for each request.
    fn prepared(&self, body: Bytes) -> Bytes {
        body
    }

    /// Makes one attempt. Cancelled by dropping.
    async fn push(&self, endpoint: &Uri, body: Bytes) -> Result<(), Failure>;
}

/// Delivers requests.
pub(crate) struct Post {
    key: ComponentKey,
    push: Box<dyn Push>,
    endpoints: Arc<Endpoints>,
    delivered: Arc<Delivered>,
    timeout: Duration,
    patience: Patience,
    backoff: ExponentialBuilder,
    trouble: Trouble,
    end: ShutdownSignal,
}

impl Post {
    /// Once `ending` is ready, what is not delivered is given up.
    pub(crate) fn new(
        key: ComponentKey,
        push: Box<dyn Push>,
        endpoints: Arc<Endpoints>,
        delivered: Arc<Delivered>,
        config: &RequestConfig,
        acknowledgements: bool,
        ending: ShutdownSignal,
    ) -> Self {
        let RequestConfig {
            timeout_secs: _,
            concurrency: _,
            retry_attempts,
            retry_initial_backoff_secs,
            retry_max_backoff_secs,
        } = config;
        delivered.show(&endpoints);
        Self {
            key,
            push,
            endpoints,
            delivered,
            timeout: config.timeout(),
            patience: Patience {
                retries: *retry_attempts,
                acknowledgements,
            },
            backoff: ExponentialBuilder::new()
                .with_min_delay(Duration::from_secs_f64(*retry_initial_backoff_secs))
                .with_max_delay(Duration::from_secs_f64(*retry_max_backoff_secs))
                .without_max_times()
                .with_jitter(),
            trouble: Trouble::default(),
            end: ending,
        }
    }

    /// Delivers `request`, or counts why it was not.
    pub(super) async fn deliver(&self, request: Request) {
        self.delivered.began();
        let mut settled = Settled {
            post: self,
            content: request.content,
            outcome: None,
        };
        let outcome = tokio::select! {
            biased;
            outcome = self.until_settled(&request) => outcome,
            () = self.end.clone() => Err(DropReason::Shutdown),
        };
        settled.outcome = Some(outcome);
        if outcome.is_ok() {
            self.delivered.succeeded(&request);
        }
    }

    async fn until_settled(&self, request: &Request) -> Result<(), DropReason> {
        let body = self.push.prepared(request.body.clone());
        let mut delays = self.backoff.build();
        let (mut attempts, mut broken) = (0, 0);
        loop {
            let failure = match self.attempt(body.clone()).await {
                Ok(()) => {
                    self.trouble.succeeded(self.key.id());
                    return Ok(());
                }
                Err(failure) => failure,
            };
            attempts += 1;
            broken = match failure.kind {
                FailureKind::BrokenOff => broken + 1,
                FailureKind::Unreachable
                | FailureKind::Busy
                | FailureKind::Unanswered
                | FailureKind::Rejected => 0,
            };
            if let Some(reason) = self.patience.gives_up(failure.kind, attempts, broken) {
                return Err(reason);
            }
            // Another server is asked at once, but none more often than it waits between attempts.
            let has_turn = attempts % self.endpoints.count() != 0;
            if has_turn && self.endpoints.has_well(Instant::now()) {
                continue;
            }
            let delay = delays.next().expect("it has no last one");
            let asked = failure.retry_after.unwrap_or_default();
            sleep(delay.max(asked.min(RETRY_AFTER_MAX))).await;
        }
    }

    async fn attempt(&self, body: Bytes) -> Result<(), Failure> {
        let choice = self.endpoints.choose(Instant::now());
        let uri = self.endpoints.uri(choice);
        let outcome = timeout(self.timeout, self.push.push(uri, body))
            .await
            .unwrap_or_else(|_elapsed| {
                let seconds = self.timeout.as_secs_f64();
                let message = format!("no answer within {seconds} seconds");
                Err(Failure::new(FailureKind::Unanswered, message))
            });
        match &outcome {
            Ok(()) => self.endpoints.succeeded(choice),
            Err(failure) => {
                let now = Instant::now();
                self.delivered.failed(failure);
                self.trouble
                    .failed(self.key.id(), &shown(uri), failure, now);
                match failure.kind {
                    // It is the request that does not please, not the server that fails.
                    FailureKind::Rejected => self.endpoints.succeeded(choice),
                    FailureKind::Unreachable
                    | FailureKind::Busy
                    | FailureKind::Unanswered
                    | FailureKind::BrokenOff => self.endpoints.failed(choice, now),
                }
            }
        }
        outcome
    }
}

/// Counts a request as given up unless it was delivered, even if its task ends by a panic or is
/// stopped.
struct Settled<'a> {
    post: &'a Post,
    content: nettally_source::LossCount,
    outcome: Option<Result<(), DropReason>>,
}

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        let Self {
            post,
            content,
            outcome,
        } = self;
        let reason = match outcome {
            Some(Ok(())) => return,
            Some(Err(reason)) => *reason,
            None => DropReason::Bug,
        };
        post.delivered.dropped(*content, reason);
        post.trouble
            .dropped(post.key.id(), *content, reason, Instant::now());
    }
}

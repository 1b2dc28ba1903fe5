//! A spawned task that is owned.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;

/// A future of how a task ended, ready as often as it is asked. Dropped, it ends the task.
pub(super) struct Task {
    handle: JoinHandle<Result<(), ()>>,
    ended: Option<Result<(), ()>>,
}

impl Task {
    pub(super) fn spawn(task: impl Future<Output = Result<(), ()>> + Send + 'static) -> Self {
        Self {
            handle: tokio::spawn(task),
            ended: None,
        }
    }

    /// Ends it where it waits next.
    pub(super) fn abort(&self) {
        self.handle.abort();
    }
}

impl Future for Task {
    type Output = Result<(), ()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(ended) = self.ended {
            return Poll::Ready(ended);
        }
        let joined = ready!(Pin::new(&mut self.handle).poll(context));
        // A panic has printed its message already.
        let outcome = joined.unwrap_or(Err(()));
        self.ended = Some(outcome);
        Poll::Ready(outcome)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

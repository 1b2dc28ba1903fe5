//! How a source learns that it should end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

/// A future that is ready once the source should take its last window and return.
///
/// Any future will do as the cause, so that an embedding pipeline can hand over its own.
#[derive(Clone)]
pub struct ShutdownSignal(Shared<BoxFuture<'static, ()>>);

impl ShutdownSignal {
    /// Shutdown begins when `cause` is ready.
    pub fn new(cause: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(cause.boxed().shared())
    }

    /// Never.
    #[must_use]
    pub fn never() -> Self {
        Self::new(futures::future::pending())
    }

    /// A signal and the trigger that sets it off; dropping the trigger sets it off too.
    #[must_use]
    pub fn wired() -> (ShutdownTrigger, Self) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        (
            ShutdownTrigger(sender),
            Self::new(receiver.map(|_closed_or_sent| ())),
        )
    }
}

impl std::fmt::Debug for ShutdownSignal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShutdownSignal").finish_non_exhaustive()
    }
}

impl Future for ShutdownSignal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_unpin(context)
    }
}

/// Sets off the [`ShutdownSignal`] it came with.
#[derive(Debug)]
pub struct ShutdownTrigger(tokio::sync::oneshot::Sender<()>);

impl ShutdownTrigger {
    /// Begins shutdown.
    pub fn shut_down(self) {
        drop(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_of_a_signal_is_set_off() {
        let (trigger, signal) = ShutdownSignal::wired();
        let clone = signal.clone();
        assert!(signal.clone().now_or_never().is_none());
        trigger.shut_down();
        signal.await;
        clone.await;
    }
}

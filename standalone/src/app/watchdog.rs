//! What sees to the end if nobody else can, as the threads that should are stuck.

use std::convert::Infallible;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing::warn;

/// Waits on a thread of its own, that needs no runtime, until it is dropped.
pub(super) struct Watchdog {
    _alive: SyncSender<Infallible>,
}

impl Watchdog {
    /// Does `bite` if it is not dropped within `patience`.
    pub(super) fn start(patience: Duration, bite: impl FnOnce() + Send + 'static) -> Self {
        let (alive, is_alive) = sync_channel(1);
        let thread = thread::Builder::new().name("watchdog".to_owned());
        let started = thread.spawn(move || match is_alive.recv_timeout(patience) {
            Err(RecvTimeoutError::Timeout) => bite(),
            Err(RecvTimeoutError::Disconnected) => {}
            Ok(never) => match never {},
        });
        if let Err(error) = started {
            warn!(%error, "Nobody watches the end; whoever waits for it may have to kill.");
        }
        Self { _alive: alive }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn it_bites_who_does_not_come_back() {
        let (bitten, is_bitten) = channel();
        let dog = Watchdog::start(Duration::ZERO, move || bitten.send(()).unwrap());
        is_bitten.recv().unwrap();
        drop(dog);
    }

    #[test]
    fn it_leaves_alone_who_does() {
        let (bitten, is_bitten) = channel::<()>();
        drop(Watchdog::start(Duration::MAX, move || drop(bitten)));
        // Its thread is gone, and `bite` with it, undone or done.
        is_bitten.recv().unwrap_err();
    }
}

//! Waiting for a condition.

use std::time::{Duration, Instant};

/// Between two tries. Not a duration that a test depends on.
const PAUSE: Duration = Duration::from_millis(50);

/// For what comes at once on a machine that does nothing else. A busy one may take this long: waiting
/// for a condition costs no time where it holds.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Tries until it succeeds, and returns what it gave.
///
/// # Panics
/// It has not succeeded within `patience`; the message is the last failure.
#[track_caller]
pub fn until<T>(patience: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(failure) => assert!(
                start.elapsed() < patience,
                "still not so after {patience:?}: {failure}"
            ),
        }
        std::thread::sleep(PAUSE);
    }
}

//! The threads that everything runs on, and that the end does not wait for.

use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;

/// How long threads that still block get once all is joined, or named as late.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Runs `future` to its end on threads of its own. What blocks a thread after that, such as a sink
/// that missed the deadline or a question to the database that nobody waits for any more, is left
/// behind.
///
/// # Errors
/// Threads cannot be started, or as `future`.
pub fn run_to_end<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_timeout(LAST_MOMENT);
    outcome
}

//! Acquiring everything, then letting it run.

use jiff::Timestamp;

use super::plan::Plan;
use super::running::Running;

/// Acquires all that the plan names, then starts it. On an error nothing runs.
///
/// `now` is for what is noted later.
///
/// # Errors
/// Says what could not be acquired, why, and what would help.
pub async fn start(plan: Plan, now: fn() -> Timestamp) -> anyhow::Result<Running> {
    let mut running = Running::nothing(now(), now);
    running.apply(plan).await?;
    Ok(running)
}

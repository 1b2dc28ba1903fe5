//! The composition root: wires sources, queues, sinks and faces, runs them, and joins them.
//!
//! [`Plan`] says what there is to be; [`start()`] acquires everything before anything runs, the
//! kernel last, so that a mistake leaves nothing half started; [`Running::join`] waits, and ends
//! all by the ordinary way: sources take their last window and drop their way out, queues end,
//! sinks deliver what they hold.

mod plan;
mod running;
mod start;

pub use plan::{ApiPlan, BuildSink, BuiltSink, Plan, SinkPlan, SocketPlan, SourcePlan};
pub use running::Running;
pub use start::start;

#[cfg(test)]
mod tests;

//! The composition root: wires sources, queues, sinks and faces, runs them, changes them when the
//! configuration changes, and joins them.
//!
//! [`Plan`] says what there is to be; [`start()`] acquires everything before anything runs, the
//! kernel last, so that a mistake leaves nothing half started. [`Running::obey`] waits, brings about
//! another plan (`reload`), and ends all by the ordinary way: sources take their last window, queues
//! end, sinks deliver what they hold, within a deadline. `sources`, `sinks` and `server` are what
//! runs of each, `retiring` what a change took out, `face` is the API and the view of the present
//! behind it. Nothing can hold up the end: what blocks a `threads` is left behind, and a `watchdog`
//! comes if all are blocked.

mod face;
mod plan;
mod reload;
mod retiring;
mod running;
mod server;
mod sinks;
mod sources;
mod start;
mod task;
mod threads;
mod watchdog;

pub use plan::{
    ApiPlan, BuildSink, BuildSource, BuiltSink, Comparable, Plan, SinkPlan, SocketPlan, SourcePlan,
};
pub use running::{Order, Running};
pub use start::start;
pub use threads::run_to_end;

#[cfg(test)]
mod tests;

//! Between sources and sinks: one bounded queue for each sink, so that a slow or dead one delays
//! neither the source nor the others.
//!
//! [`Fanout`] is the sources' way out, [`Routes`] say where it leads, [`Queue`] has the policies,
//! `merge` makes windows one (pure), [`status`] is what health shows, of everything on the [`Roster`].
//! Shutdown is the end of the stream: a queue ends when its last [`Inlet`] is gone.

#[cfg(test)]
mod compliance;
mod fanout;
mod merge;
mod queue;
mod roster;
mod routes;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;

pub use fanout::Fanout;
pub use queue::{Inlet, Queue, QueueStats, WhenFull};
pub use roster::{Roster, SourceStatus};
pub use routes::{Gaps, Routes};
pub use status::{Delivery, QueuedSink, SinkStatus};

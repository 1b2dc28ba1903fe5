//! Between sources and sinks: one bounded queue for each sink, so that a slow or dead one delays
//! neither the source nor the others.
//!
//! [`Fanout`] is the sources' way out, [`Queue`] has the policies, `merge` makes windows one (pure),
//! [`status`] is what health shows. Shutdown is the end of the stream: a queue ends when its last
//! [`Inlet`] is gone.

mod fanout;
mod merge;
mod queue;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;

pub use fanout::Fanout;
pub use queue::{Inlet, Queue, QueueStats, WhenFull};
pub use status::{Delivery, QueuedSink, SinkStatus};

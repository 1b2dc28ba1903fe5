//! The contract between sources, sinks and whoever wires them: events as plain data, and traits in
//! the shape of Vector's, so that an adapter stays thin.
//!
//! [`event`], [`process`] and [`health`] are the data, [`component`] the traits, [`shutdown`] the way a source
//! learns that it should end.

pub mod component;
pub mod event;
pub mod health;
pub mod process;
#[cfg(feature = "schema")]
pub mod schema;
pub mod shutdown;

pub use component::{
    ComponentKey, Error, EventSink, Healthcheck, Problem, Result, SendError, Sink, SinkConfig,
    SinkContext, Source, SourceConfig, SourceContext, StreamSink,
};
pub use event::{Event, Protocol, Remote, Usage, UsageBatch, Window};
pub use health::{
    Degradation, HealthReport, LossClass, LossCount, LossReason, Losses, ProgramStats,
};
pub use process::{Attribution, Container, Parent, Process, ProcessId, Runtime};
pub use shutdown::{ShutdownSignal, ShutdownTrigger};

//! The contract between sources, sinks and whoever wires them: events as plain data, and traits in
//! the shape of Vector's, so that an adapter stays thin: `ADAPTER.md` beside this crate has one.
//!
//! [`event`], [`process`] and [`health`] are the data, [`component`] the traits, [`counters`] what a
//! component tells of its work, [`shutdown`] the way a source learns that it should end. With the feature `test-util`, `testing` has what every component must keep to.

pub mod component;
pub mod counters;
pub mod event;
pub mod health;
pub mod process;
#[cfg(feature = "schema")]
pub mod schema;
pub mod shutdown;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;

pub use component::{
    ComponentKey, DataType, Error, EventSink, GenerateConfig, Healthcheck, Problem, Resource,
    Result, SendError, Sink, SinkConfig, SinkContext, Source, SourceConfig, SourceContext,
    SourceOutput, StreamSink,
};
pub use counters::{ComponentCounters, Telemetry};
pub use event::{Event, Protocol, Remote, Usage, UsageBatch, Window};
pub use health::{
    Degradation, HealthReport, LossClass, LossCount, LossReason, Losses, ProgramStats,
};
pub use process::{Attribution, Container, Parent, Process, ProcessId, Runtime};
pub use shutdown::{ShutdownSignal, ShutdownTrigger};

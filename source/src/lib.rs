//! Per-process network usage as an async source: counted in the Linux kernel, emitted as events.
//!
//! This crate owns the way from the kernel's sockets to [`Event`]s. It never stores, serves or
//! prints; it has no global state, handles no signals, sets up no logging.
//!
//! Read in this order: [`pipeline`] (the contract between sources and sinks; all there is when the
//! feature `bpf` is off), then `config` (what a user sets), `collect` (the tick), `windows` (kernel
//! rows to usage, pure), `process` (who), `kernel` (the only code that talks to `bpf(2)`).

#[cfg(feature = "bpf")]
mod collect;
#[cfg(feature = "bpf")]
pub mod config;
#[cfg(feature = "bpf")]
pub mod kernel;
pub mod pipeline;
#[cfg(feature = "bpf")]
mod process;
#[cfg(feature = "bpf")]
mod selection;
#[cfg(feature = "bpf")]
mod source;
#[cfg(feature = "bpf")]
mod windows;

#[cfg(feature = "bpf")]
pub use config::{
    AppRule, BackendChoice, CommandLines, NameSelection, ProcessNetworkConfig, RemoteSelection,
};
#[cfg(feature = "bpf")]
pub use kernel::{KernelReport, examine};

pub use pipeline::{
    Attribution, ComponentCounters, ComponentKey, Container, DataType, Degradation, Error, Event,
    EventSink, GenerateConfig, HealthReport, Healthcheck, LossClass, LossCount, LossReason, Losses,
    Parent, Problem, Process, ProcessId, ProgramStats, Protocol, Remote, Resource, Result, Runtime,
    SendError, ShutdownSignal, ShutdownTrigger, Sink, SinkConfig, SinkContext, Source,
    SourceConfig, SourceContext, SourceOutput, StreamSink, Telemetry, Usage, UsageBatch, Window,
};

//! The sink `otlp`: what was moved, as metrics of OpenTelemetry, in protobuf by HTTP.
//!
//! `config` is what can be set and builds the sink, `encode` makes requests of windows (pure),
//! `attributes` has the names of the semantic conventions, `answer` says what answers mean. The
//! messages are those of the crate `opentelemetry-proto`. OpenTelemetry's SDK is not used: it has a
//! queue, retries and a clock of its own, loses what does not fit without telling how many bytes
//! that was, and its meters have no way to hand in a window that was counted elsewhere. Queue,
//! batches, retries and figures are those of [`crate::delivery`].

mod answer;
mod attributes;
mod config;
mod encode;
#[cfg(test)]
mod tests;

pub use config::{Otlp, OtlpConfig, Temporality};
pub use encode::{Encoder, Exported};

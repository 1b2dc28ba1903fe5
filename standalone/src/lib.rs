//! The standalone binary, as a library so that tests can drive its parts.
//!
//! Read in this order: [`cli`] (commands), [`config`] (YAML to typed), [`app`] (the composition
//! root: wires source, topology, sinks and faces, and joins them), [`topology`] (one bounded queue
//! per sink), then the sinks and faces: [`statsd`], [`vector`], [`http_sink`] and [`otlp`] (which
//! share [`delivery`]), [`live`], [`http`], [`tui`], and [`encode`] (events for other programs).
//! [`cardinality`] decides how many series metrics have, [`client`] asks a daemon that runs already.
//! [`audit`] stands apart: it holds nettally's counts against the kernel's own.
#![forbid(unsafe_code)]

pub mod app;
pub mod audit;
pub mod cardinality;
pub mod cli;
pub mod client;
pub mod config;
pub mod delivery;
pub mod encode;
pub mod http;
pub mod http_sink;
mod identity;
pub mod live;
mod machine;
pub mod otlp;
pub mod statsd;
pub mod text;
pub mod topology;
pub mod tui;
pub mod vector;

//! How many series metrics have, decided in one place for all that write metrics: `/metrics`,
//! StatsD, the counters for Vector, OTLP. Pure.
//!
//! [`SeriesConfig`] is what can be set, `label` what a series is told apart by, [`groups()`] puts the
//! flows of one window together (for what is told as increments), [`Totals`] adds up windows (for
//! what is told as sums since the start). What is beyond the largest goes to a series called
//! `other`: no byte is ever left out.

mod groups;
mod label;
mod options;
#[cfg(test)]
mod testing;
mod totals;

pub use groups::{ByProtocol, Group, Row, groups};
pub use label::{Label, Labels};
pub use options::{RemoteDetail, RemotesConfig, SeriesConfig};
pub use totals::{Total, Totals};

pub(crate) use options::{Told, metrics_series, otlp_series};

/// What stands for all series beyond the largest, in each of their labels but the protocol.
pub const OTHER: &str = "other";

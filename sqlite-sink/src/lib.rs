//! History: a SQLite file that a sink writes and anyone may read.
//!
//! This crate owns the file's schema, the writer, and every question that can be asked of it,
//! the filter language included. It never asks the kernel and never prints.
#![forbid(unsafe_code)]

pub mod config;
pub mod error;
pub mod query;
pub mod reader;

pub use config::SqliteConfig;
pub use error::StoreError;
pub use query::{
    ByteTotals, Field, Filter, Order, OrderBy, Series, SeriesAnswer, SeriesPoint, SeriesQuery,
    TimeRange, UsageAnswer, UsageQuery, UsageRow,
};
pub use reader::{Reader, StoreStats};

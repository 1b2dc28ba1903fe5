//! History: a SQLite file that a sink writes and anyone may read.
//!
//! This crate owns the file's schema, the writer, and every question that can be asked of it,
//! the filter language included. It never asks the kernel and never prints.
//!
//! Read in this order: [`config`] (what a user sets, and how the sink is opened), `store` (the
//! file: folder, lock, mode), `schema` (its migrations, under `migrations/`) and `backup`, `tier` (minutes,
//! hours, days) and `detail` (what they may not tell apart), `sink` (stream to thread), `writer`
//! (hold, flush, retry, roll up, fold, delete), then [`query`] (questions, filters, times) and
//! [`reader`] (answers, exports, checks), and [`maintenance`].
#![forbid(unsafe_code)]

mod address;
mod backup;
pub mod config;
mod detail;
pub mod error;
pub mod maintenance;
mod moment;
pub mod query;
pub mod reader;
mod retention;
mod schema;
mod sink;
mod store;
#[cfg(test)]
mod testing;
mod tier;
#[cfg(test)]
mod tier_tests;
mod writer;

pub use config::SqliteConfig;
pub use error::StoreError;
pub use query::{
    ByteTotals, Calendar, CalendarAnswer, CalendarError, CalendarPoint, CalendarQuery,
    CalendarSeries, CalendarUnit, EstimateAnswer, EstimateQuery, Field, Filter, FilterError, Flow,
    MonthStartDay, Order, OrderBy, OutsideTotal, PercentileAnswer, PercentileQuery, ProcessAnswer,
    ProcessQuery, ProcessRow, RangeError, RemoteAnswer, RemoteQuery, RemoteRow, Series,
    SeriesAnswer, SeriesPoint, SeriesQuery, TimeRange, UnknownField, UsageAnswer, UsageQuery,
    UsageRow,
};
pub use reader::{
    CheckProgress, ExportBegin, ExportEnd, ExportLoss, ExportQuery, ExportRecord, Finding,
    Inventory, Reader, StoreStats, TierInventory,
};
pub use retention::RetentionConfig;
pub use sink::SqliteSink;
pub use writer::import::{EXPORT_VERSION, ImportError, ImportProgress, Imported};
pub use writer::{WriterCounters, WriterStats};

//! Questions and answers.

mod answer;
mod billing;
mod calendar;
mod field;
mod filter;
pub(crate) mod json;
mod process;
mod range;

pub use answer::{
    ByteTotals, CalendarAnswer, CalendarPoint, CalendarSeries, OutsideTotal, Series, SeriesAnswer,
    SeriesPoint, UsageAnswer, UsageRow,
};
pub use billing::{EstimateAnswer, EstimateQuery, PercentileAnswer, PercentileQuery};
pub use calendar::{Calendar, CalendarError, CalendarUnit, MonthStartDay};
pub use field::{Field, UnknownField};
pub(crate) use filter::{CONTAINS, Sql};
pub use filter::{Filter, FilterError};
pub use process::{ProcessAnswer, ProcessQuery, ProcessRow};
pub use range::{RangeError, TimeRange};

/// How much each group moved in a span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageQuery {
    /// When.
    pub range: TimeRange,
    /// One row for each combination of values; empty asks for the total alone.
    pub group_by: Vec<Field>,
    /// Only rows of which this is true. Without a word about the protocol,
    /// `packet` is in no total, and in rows only if they tell their protocol.
    pub filter: Option<Filter>,
    /// Which rows come first.
    pub order: Order,
    /// At most this many rows; `None` is all.
    pub limit: Option<u32>,
    /// Skip this many rows; from [`UsageAnswer::next_cursor`].
    pub offset: u32,
}

/// How much was moved over time, one point for each step.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesQuery {
    /// When.
    pub range: TimeRange,
    /// Length of a step in seconds, at least 1.
    pub step_secs: u32,
    /// One series for each value of this field; `None` is one series of everything.
    pub group_by: Option<Field>,
    /// Only rows of which this is true. Without a word about the protocol, `packet` is left out.
    pub filter: Option<Filter>,
    /// At most this many series, the largest ones; the rest is summed into the series *other*.
    pub limit: Option<u32>,
}

/// How much was moved in each day, week or month of a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct CalendarQuery {
    /// When.
    pub range: TimeRange,
    /// The steps.
    pub calendar: Calendar,
    /// One series for each value of this field; `None` is one series of everything.
    pub group_by: Option<Field>,
    /// Only rows of which this is true. Without a word about the protocol, `packet` is left out.
    pub filter: Option<Filter>,
    /// At most this many series, the largest ones; the rest is summed into the series *other*.
    pub limit: Option<u32>,
}

/// The order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Largest first.
    pub descending: bool,
}

/// What rows are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderBy {
    /// Sent and received bytes together.
    TotalBytes,
    /// Sent bytes.
    SentBytes,
    /// Received bytes.
    ReceivedBytes,
    /// A field, which must be one of `group_by`.
    Field(Field),
}

impl Default for Order {
    fn default() -> Self {
        Self {
            by: OrderBy::TotalBytes,
            descending: true,
        }
    }
}

//! What carriers bill: the 95th percentile of rates, and how much a month will come to.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{ByteTotals, Calendar, Filter, OutsideTotal, TimeRange};

/// The rate that a share of all five-minute intervals stayed at or below.
///
/// Method, as carriers bill: time is cut into intervals of five minutes at multiples since 1970 (UTC).
/// What was moved in each, divided by 300 seconds, is its average rate, of each direction by itself; an
/// interval in which nothing was moved counts as 0. Of the `n` rates in ascending order the one at
/// position `⌈n · percent / 100⌉` is the answer: at 95, the highest 5 % of intervals are free. A window
/// counts in the interval that it starts in.
#[derive(Clone, Debug, PartialEq)]
pub struct PercentileQuery {
    /// When; rounded inward to whole intervals of which minutes or windows are left.
    pub range: TimeRange,
    /// 1 to 100; 95 is usual. Others are taken as the nearest.
    pub percent: u8,
    /// Only rows of which this is true. Without a word about the protocol, `packet` is left out.
    pub filter: Option<Filter>,
}

/// The answer to a [`PercentileQuery`].
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PercentileAnswer {
    /// The range used: whole intervals, from the first of which minutes or windows are left (keep
    /// minutes for as long as an invoice takes) to the last that is over.
    #[serde(flatten)]
    pub range: TimeRange,
    /// Share of intervals, in percent.
    pub percent: u8,
    /// Length of an interval in seconds: 300.
    pub interval_secs: u32,
    /// How many there are, those in which nothing was moved included.
    pub intervals: u64,
    /// The rate sent, in bits per second; null without an interval.
    pub sent_bits_per_second: Option<u64>,
    /// The rate received, likewise.
    pub received_bits_per_second: Option<u64>,
    /// The larger of the two, which most carriers bill.
    pub billed_bits_per_second: Option<u64>,
    /// The highest rate sent in an interval, in bits per second.
    pub peak_sent_bits_per_second: Option<u64>,
    /// The highest rate received, likewise.
    pub peak_received_bits_per_second: Option<u64>,
    /// What was moved in all intervals.
    pub total: ByteTotals,
    /// Which rows this was computed from: `minutes`, `windows`, or both.
    pub read_from: Vec<&'static str>,
    /// What is in no interval because the filter tests what was folded away, though it might match.
    pub other: ByteTotals,
    /// What is in no interval because other protocols may count the same bytes; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; null if there is none.
    #[schemars(with = "Option<crate::query::json::Instant>")]
    pub flushed_until: Option<Timestamp>,
}

/// How much the running month, week or day will come to.
///
/// What was moved so far goes on at the average rate of the time it was measured in: that since the
/// beginning of the month, or of the history if it is younger. Times at which nothing ran to measure
/// count as times in which nothing was moved.
#[derive(Clone, Debug, PartialEq)]
pub struct EstimateQuery {
    /// The step of this calendar that `now` is in is the running one.
    pub calendar: Calendar,
    /// The present.
    pub now: Timestamp,
    /// Only rows of which this is true. Without a word about the protocol, `packet` is left out.
    pub filter: Option<Filter>,
}

/// The answer to an [`EstimateQuery`].
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EstimateAnswer {
    /// The running month, week or day.
    #[serde(flatten)]
    pub range: TimeRange,
    /// The part of it that was measured; null if nothing of it was yet.
    pub based_on: Option<TimeRange>,
    /// The part that is over, from 0 to 1.
    pub elapsed_share: f64,
    /// What was moved so far.
    pub used: ByteTotals,
    /// What it will come to at this rate; null if nothing was measured yet.
    pub estimated: Option<ByteTotals>,
    /// What is not in `used` because the filter tests what was folded away, though it might match.
    pub other: ByteTotals,
    /// What is in neither because other protocols may count the same bytes; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; null if there is none.
    #[schemars(with = "Option<crate::query::json::Instant>")]
    pub flushed_until: Option<Timestamp>,
}

//! Answers, in the shape that `report --json` and the HTTP API print.

use jiff::Timestamp;
use jiff::civil::Date;
use nettally_source::pipeline::Protocol;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::{Calendar, CalendarUnit, Field, TimeRange};

/// Sent and received bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ByteTotals {
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

impl ByteTotals {
    /// Adds another; a sum above 2^64 - 1 stays there.
    pub(crate) fn add(
        &mut self,
        Self {
            sent_bytes,
            received_bytes,
        }: Self,
    ) {
        self.sent_bytes = self.sent_bytes.saturating_add(sent_bytes);
        self.received_bytes = self.received_bytes.saturating_add(received_bytes);
    }

    /// Sent and received together.
    pub(crate) fn both(self) -> u128 {
        u128::from(self.sent_bytes) + u128::from(self.received_bytes)
    }
}

/// What no total has, because the filter does not name the protocol: a frame of the link layer may
/// hold what TCP or UDP counts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutsideTotal {
    /// Of which protocol: `packet`.
    pub protocol: Protocol,
    /// What it moved.
    #[serde(flatten)]
    pub bytes: ByteTotals,
}

impl OutsideTotal {
    /// What this protocol moved; none if that is nothing.
    pub(crate) fn of(protocol: Protocol, bytes: ByteTotals) -> Option<Self> {
        (bytes != ByteTotals::default()).then_some(Self { protocol, bytes })
    }
}

/// The answer to a [`UsageQuery`](super::UsageQuery).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageAnswer {
    /// The range used: the one asked for, rounded outward to the windows that are stored.
    #[serde(flatten)]
    pub range: TimeRange,
    /// The fields of each row.
    pub group_by: Vec<Field>,
    /// The rows asked for.
    pub rows: Vec<UsageRow>,
    /// Of everything that matches, not only of `rows`.
    pub total: ByteTotals,
    /// What was folded away in storage: the share of `total` of which a field of `group_by` was (the
    /// remote is `other`, or the port null), and what is not in `total` because the filter tests
    /// such a field, though it might match.
    pub other: ByteTotals,
    /// What is in neither `total` nor `other`, because other protocols may count the same bytes;
    /// absent if that is nothing. It is in `rows` only if these tell their protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; later usage is not stored yet. Null if there is none.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<nettally_source::pipeline::schema::Instant>")
    )]
    pub flushed_until: Option<Timestamp>,
    /// Ask again with this offset for the rows that follow; null at the end.
    pub next_cursor: Option<u32>,
}

/// One group.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    /// A value for each field of `group_by`, in that order; null where unknown.
    pub fields: Vec<(Field, serde_json::Value)>,
    /// What the group moved.
    pub bytes: ByteTotals,
}

impl Serialize for UsageRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            fields,
            bytes:
                ByteTotals {
                    sent_bytes,
                    received_bytes,
                },
        } = self;
        let mut map = serializer.serialize_map(Some(fields.len() + 2))?;
        for (field, value) in fields {
            map.serialize_entry(field.name(), value)?;
        }
        map.serialize_entry("sent_bytes", sent_bytes)?;
        map.serialize_entry("received_bytes", received_bytes)?;
        map.end()
    }
}

/// As it is written: the fields asked for, and the bytes.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for UsageRow {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UsageRow".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut properties: serde_json::Map<_, _> = Field::ALL
            .into_iter()
            .map(|field| (field.name().to_owned(), field.value_schema()))
            .collect();
        let bytes = generator.subschema_for::<u64>();
        for name in ["sent_bytes", "received_bytes"] {
            properties.insert(name.to_owned(), bytes.clone().to_value());
        }
        schemars::json_schema!({
            "description": "One group: the fields asked for with `group_by`, and what it moved.",
            "type": "object",
            "properties": properties,
            "required": ["sent_bytes", "received_bytes"],
        })
    }
}

/// The answer to a [`SeriesQuery`](super::SeriesQuery).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeriesAnswer {
    /// The range used.
    #[serde(flatten)]
    pub range: TimeRange,
    /// Seconds between two points.
    pub step_secs: u32,
    /// The field that tells the series apart.
    pub group_by: Option<Field>,
    /// The series, largest first; *other* last.
    pub series: Vec<Series>,
    /// What is in none of `series`, unless they are of protocols, because other protocols may count
    /// the same bytes; absent if that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<nettally_source::pipeline::schema::Instant>")
    )]
    pub flushed_until: Option<Timestamp>,
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Series {
    /// Value of the `group_by` field; null for unknown, for *other*, and without a field.
    pub key: serde_json::Value,
    /// Whether this sums up what exceeded the limit.
    pub is_other: bool,
    /// Over the whole range.
    pub total: ByteTotals,
    /// One point for each step in which bytes were moved, in order; absent steps moved nothing.
    pub points: Vec<SeriesPoint>,
}

/// What was moved in one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeriesPoint {
    /// Start of the step.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "nettally_source::pipeline::schema::Instant")
    )]
    pub start: Timestamp,
    /// What was moved. A window that straddles steps counts in the one where it starts.
    #[serde(flatten)]
    pub bytes: ByteTotals,
}

/// The answer to a [`CalendarQuery`](super::CalendarQuery).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CalendarAnswer {
    /// The range used: the one asked for, rounded outward to the windows that are stored.
    #[serde(flatten)]
    pub range: TimeRange,
    /// What a step is.
    pub step: CalendarUnit,
    /// IANA name of the time zone; null if this machine's has none.
    pub time_zone: Option<String>,
    /// The field that tells the series apart.
    pub group_by: Option<Field>,
    /// The series, largest first; *other* last.
    pub series: Vec<CalendarSeries>,
    /// The share of which nothing finer is left than days or months of UTC that reach into two steps:
    /// it counts where most of such a day or month is.
    pub uncertain: ByteTotals,
    /// What is in none of `series`, as in [`SeriesAnswer`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_total: Option<OutsideTotal>,
    /// End of the newest window in the database; null if there is none.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<nettally_source::pipeline::schema::Instant>")
    )]
    pub flushed_until: Option<Timestamp>,
}

/// One line of a chart whose steps are those of a calendar.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CalendarSeries {
    /// Value of the `group_by` field; null for unknown, for *other*, and without a field.
    pub key: serde_json::Value,
    /// Whether this sums up what exceeded the limit.
    pub is_other: bool,
    /// Over the whole range, in bytes.
    pub total: ByteTotals,
    /// One point for each step in which bytes were moved, in order; absent steps moved nothing.
    pub points: Vec<CalendarPoint>,
}

/// What was moved in one day, week or month.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CalendarPoint {
    /// The date that the step begins on.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "nettally_source::pipeline::schema::Day")
    )]
    pub date: Date,
    /// Its first instant.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "nettally_source::pipeline::schema::Instant")
    )]
    pub start: Timestamp,
    /// The first instant of the next step.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "nettally_source::pipeline::schema::Instant")
    )]
    pub end: Timestamp,
    /// What was moved. A window that straddles steps counts in the one where it starts.
    #[serde(flatten)]
    pub bytes: ByteTotals,
}

impl CalendarPoint {
    /// Of the step that begins at `start`.
    pub(crate) fn new(calendar: &Calendar, start: Timestamp, bytes: ByteTotals) -> Self {
        let date = calendar.date_of(start);
        Self {
            date,
            start,
            end: calendar.start_of(calendar.next(date)),
            bytes,
        }
    }
}

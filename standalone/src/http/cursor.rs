//! Where one page of rows ends and the next begins.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use nettally_sqlite_sink::TimeRange;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::conditions;
use super::error::ApiError;
use super::params::Params;

/// How many rows to skip, and of which range. The range stays that of the first page: if it moved
/// as usage arrives, rows would change their places, and come twice or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) offset: u32,
    pub(super) range: TimeRange,
}

/// A text that no answer gave as a cursor.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a cursor; give `next_cursor` of the page before as it is")]
pub(super) struct NoCursor(String);

impl Cursor {
    /// Where the page that is asked for begins. `since` and `until` are the first page's.
    pub(super) fn of(params: &Params, now: Timestamp) -> Result<Self, ApiError> {
        let range = conditions::range(params, now)?;
        let given = params.parsed("cursor")?;
        Ok(given.unwrap_or(Self { offset: 0, range }))
    }

    /// What follows an answer about `range` that says at `offset` the next page begins; `None` at
    /// its end.
    pub(super) fn after(
        TimeRange { since, until }: TimeRange,
        offset: Option<u32>,
        flushed_until: Option<Timestamp>,
    ) -> Option<Self> {
        let offset = offset?;
        // What is not stored yet was not in the answer.
        let until = until.min(flushed_until?);
        Some(Self {
            offset,
            range: TimeRange { since, until },
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            offset,
            range: TimeRange { since, until },
        } = self;
        write!(f, "{offset}@{since}/{until}")
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Cursor {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let parsed = || {
            let (offset, range) = text.split_once('@')?;
            let (since, until) = range.split_once('/')?;
            let range = TimeRange {
                since: since.parse().ok()?,
                until: until.parse().ok()?,
            };
            let offset = offset.parse().ok()?;
            (range.since < range.until).then_some(Self { offset, range })
        };
        parsed().ok_or_else(|| NoCursor(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_written() {
        let text = "20@2026-11-23T14:00:00Z/2026-11-23T14:00:00.5Z";
        assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "20",
            "-1@2026-11-23T14:00:00Z/2026-11-23T15:00:00Z",
            "20@2026-11-23T14:00:00Z",
            "20@2026-11-23T14:00:00Z/2026-11-23T14:00:00Z",
            "20@yesterday/today",
        ] {
            let error = text.parse::<Cursor>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}

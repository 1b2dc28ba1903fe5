//! How much was moved over time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Snapshot;
use super::label::{Label, Labels};
use super::scan::{Column, FactKey, Scan, scan};
use super::steps::{Edges, Steps};
use crate::error::StoreError;
use crate::moment::{ceil_ms, floor_ms, from_ms};
use crate::query::{
    ByteTotals, CalendarAnswer, CalendarPoint, CalendarQuery, CalendarSeries, Field, Series,
    SeriesAnswer, SeriesPoint, SeriesQuery,
};

/// What was moved in each step, by the step's start in milliseconds.
#[derive(Debug, Default)]
struct Line {
    key: Value,
    is_other: bool,
    total: ByteTotals,
    steps: BTreeMap<i64, ByteTotals>,
}

impl Line {
    fn add(&mut self, step_ms: i64, bytes: ByteTotals) {
        self.total.add(bytes);
        self.steps.entry(step_ms).or_default().add(bytes);
    }
}

pub(super) fn answer(
    snapshot: &Snapshot<'_>,
    query: &SeriesQuery,
) -> Result<SeriesAnswer, StoreError> {
    let SeriesQuery {
        range,
        step_secs,
        group_by,
        filter,
        limit,
    } = query;
    let step_secs = (*step_secs).max(1);
    let step_ms = i64::from(step_secs) * 1000;
    let fields = group_by.as_slice();
    let Scan {
        range,
        groups,
        outside_total,
        ..
    } = scan(
        snapshot,
        *range,
        fields,
        filter.as_ref(),
        Steps::Each(step_ms),
    )?;

    let lines = lines(snapshot, *group_by, groups, *limit)?;
    let series = lines
        .into_iter()
        .map(
            |Line {
                 key,
                 is_other,
                 total,
                 steps,
             }| Series {
                key,
                is_other,
                total,
                points: steps
                    .into_iter()
                    .map(|(step_ms, bytes)| SeriesPoint {
                        start: from_ms(step_ms),
                        bytes,
                    })
                    .collect(),
            },
        )
        .collect();
    Ok(SeriesAnswer {
        range,
        step_secs,
        group_by: *group_by,
        series,
        outside_total,
        flushed_until: snapshot.flushed_until()?,
    })
}

/// The same in steps of a calendar.
pub(super) fn in_calendar(
    snapshot: &Snapshot<'_>,
    query: &CalendarQuery,
) -> Result<CalendarAnswer, StoreError> {
    let CalendarQuery {
        range,
        calendar,
        group_by,
        filter,
        limit,
    } = query;
    // No step is made for a time of which there is no history.
    let (oldest, newest) = (snapshot.oldest()?, snapshot.flushed_until()?);
    let since = oldest.map_or(range.since, |oldest| range.since.max(oldest));
    let until = newest.map_or(range.since, |newest| range.until.min(newest));
    let edges = Edges::of(calendar, floor_ms(since), ceil_ms(until));
    let Scan {
        range,
        groups,
        uncertain,
        outside_total,
        ..
    } = scan(
        snapshot,
        *range,
        group_by.as_slice(),
        filter.as_ref(),
        Steps::Calendar(&edges),
    )?;
    let lines = lines(snapshot, *group_by, groups, *limit)?;
    let series = lines
        .into_iter()
        .map(
            |Line {
                 key,
                 is_other,
                 total,
                 steps,
             }| CalendarSeries {
                key,
                is_other,
                total,
                points: steps
                    .into_iter()
                    .map(|(step_ms, bytes)| CalendarPoint::new(calendar, from_ms(step_ms), bytes))
                    .collect(),
            },
        )
        .collect();
    Ok(CalendarAnswer {
        range,
        step: calendar.unit(),
        time_zone: calendar.zone_name().map(str::to_owned),
        group_by: *group_by,
        series,
        uncertain,
        outside_total,
        flushed_until: newest,
    })
}

/// The largest lines, and what the others sum up to last.
fn lines(
    snapshot: &Snapshot<'_>,
    group_by: Option<Field>,
    groups: HashMap<FactKey, ByteTotals>,
    limit: Option<u32>,
) -> Result<Vec<Line>, StoreError> {
    let mut lines: HashMap<Label, Line> = HashMap::new();
    let mut labels = Labels::new(&snapshot.transaction);
    for (key, bytes) in groups {
        let label = match group_by {
            Some(field) => snapshot.ask(|_file| labels.of(field, &key))?,
            None => Label::Unknown,
        };
        lines
            .entry(label)
            .or_default()
            .add(key.get(Column::Step), bytes);
    }
    let mut lines: Vec<(Label, Line)> = lines.into_iter().collect();
    lines.sort_by(|(left, left_line), (right, right_line)| {
        let size = |line: &Line| Reverse(line.total.both());
        size(left_line)
            .cmp(&size(right_line))
            .then_with(|| left.cmp(right))
    });
    let kept = limit.map_or(lines.len(), |limit| lines.len().min(limit as usize));
    let rest = lines.split_off(kept);
    let mut lines: Vec<Line> = lines
        .into_iter()
        .map(|(label, line)| Line {
            key: label.into(),
            ..line
        })
        .collect();
    if !rest.is_empty() {
        let mut other = Line {
            is_other: true,
            ..Line::default()
        };
        for (step_ms, bytes) in rest.into_iter().flat_map(|(_label, line)| line.steps) {
            other.add(step_ms, bytes);
        }
        lines.push(other);
    }
    Ok(lines)
}

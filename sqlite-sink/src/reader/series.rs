//! How much was moved over time.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::Snapshot;
use super::label::{Label, Labels};
use super::scan::{Column, FactKey, Groups, Scan, scan};
use super::steps::{Edges, Steps};
use crate::error::StoreError;
use crate::moment::{Span, ceil_ms, floor_ms, from_ms};
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
    /// In no order, and perhaps several of one step, until it is [sorted](Self::sorted).
    steps: Vec<(i64, ByteTotals)>,
}

impl Line {
    fn add(&mut self, step_ms: i64, bytes: ByteTotals) {
        self.total.add(bytes);
        self.steps.push((step_ms, bytes));
    }

    /// With each step once, in order.
    fn sorted(mut self) -> Self {
        self.steps
            .sort_unstable_by_key(|(step_ms, _bytes)| *step_ms);
        self.steps.dedup_by(|(later, more), (step, bytes)| {
            let is_same = later == step;
            if is_same {
                bytes.add(*more);
            }
            is_same
        });
        self
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
    let (since_ms, until_ms) = match snapshot.stored()? {
        Some(Span { start_ms, end_ms }) => (
            floor_ms(range.since).max(start_ms),
            ceil_ms(range.until).min(end_ms),
        ),
        None => (floor_ms(range.since), floor_ms(range.since)),
    };
    let edges = Edges::of(calendar, since_ms, until_ms);
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
        flushed_until: snapshot.flushed_until()?,
    })
}

/// The largest lines, and what the others sum up to last.
fn lines(
    snapshot: &Snapshot<'_>,
    group_by: Option<Field>,
    groups: Groups,
    limit: Option<u32>,
) -> Result<Vec<Line>, StoreError> {
    let mut lines: Vec<(Label, Line)> = Vec::new();
    let mut by_label: HashMap<Label, usize> = HashMap::new();
    let mut by_key: HashMap<FactKey, usize, RandomState> = HashMap::default();
    let mut labels = Labels::new(&snapshot.transaction);
    for (key, bytes) in groups {
        let index = match by_key.entry(key.without_step()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let label = match group_by {
                    Some(field) => snapshot.ask(|_file| labels.of(field, &key))?,
                    None => Label::Unknown,
                };
                let index = *by_label.entry(label).or_insert_with_key(|label| {
                    lines.push((label.clone(), Line::default()));
                    lines.len() - 1
                });
                *vacant.insert(index)
            }
        };
        lines[index].1.add(key.get(Column::Step), bytes);
    }
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
            ..line.sorted()
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
        lines.push(other.sorted());
    }
    Ok(lines)
}

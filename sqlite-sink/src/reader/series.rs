//! How much was moved over time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Snapshot;
use super::label::{Label, Labels};
use super::scan::{Column, Scan, scan};
use super::steps::Steps;
use crate::error::StoreError;
use crate::moment::from_ms;
use crate::query::{ByteTotals, Series, SeriesAnswer, SeriesPoint, SeriesQuery};

/// A line before it is shown: what was moved in each step, by the step's start in milliseconds.
#[derive(Debug, Default)]
struct Line {
    total: ByteTotals,
    steps: BTreeMap<i64, ByteTotals>,
}

impl Line {
    fn add(&mut self, step_ms: i64, bytes: ByteTotals) {
        self.total.add(bytes);
        self.steps.entry(step_ms).or_default().add(bytes);
    }

    fn show(self, key: Value, is_other: bool) -> Series {
        let Self { total, steps } = self;
        Series {
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
        }
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

    let mut lines: HashMap<Label, Line> = HashMap::new();
    let mut labels = Labels::new(&snapshot.transaction);
    for (key, bytes) in groups {
        let label = match group_by {
            Some(field) => snapshot.ask(|_file| labels.of(*field, &key))?,
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

    let mut series: Vec<Series> = lines
        .into_iter()
        .map(|(label, line)| line.show(label.into(), false))
        .collect();
    if !rest.is_empty() {
        let mut other = Line::default();
        for (step_ms, bytes) in rest.into_iter().flat_map(|(_label, line)| line.steps) {
            other.add(step_ms, bytes);
        }
        series.push(other.show(Value::Null, true));
    }
    Ok(SeriesAnswer {
        range,
        step_secs,
        group_by: *group_by,
        series,
        outside_total,
        flushed_until: snapshot.flushed_until()?,
    })
}

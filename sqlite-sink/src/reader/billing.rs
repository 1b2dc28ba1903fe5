//! What carriers bill.

use super::Snapshot;
use super::scan::{Column, Scan, scan};
use super::steps::{Edges, Steps};
use crate::error::StoreError;
use crate::moment::{ceil_ms, floor_ms, from_ms};
use crate::query::{
    ByteTotals, EstimateAnswer, EstimateQuery, PercentileAnswer, PercentileQuery, TimeRange,
};
use crate::tier::{KeptFrom, Rows, Tier};

/// Length of an interval in seconds.
const INTERVAL_SECS: u32 = 300;
const INTERVAL_MS: i64 = INTERVAL_SECS as i64 * 1000;

pub(super) fn percentile(
    snapshot: &Snapshot<'_>,
    query: &PercentileQuery,
) -> Result<PercentileAnswer, StoreError> {
    let PercentileQuery {
        range,
        percent,
        filter,
    } = query;
    let percent = (*percent).clamp(1, 100);
    let flushed_until = snapshot.flushed_until()?;
    let (since_ms, until_ms) = whole_intervals(snapshot, *range)?;
    let range = TimeRange {
        since: from_ms(since_ms),
        until: from_ms(until_ms),
    };
    let Scan {
        groups,
        read,
        undecided,
        outside_total,
        ..
    } = scan(
        snapshot,
        range,
        &[],
        filter.as_ref(),
        Steps::Each(INTERVAL_MS),
    )?;
    let mut total = ByteTotals::default();
    let mut moved = Vec::with_capacity(groups.len());
    for (key, bytes) in groups {
        // A window that began before the range is in none of its intervals.
        if (since_ms..until_ms).contains(&key.get(Column::Step)) {
            total.add(bytes);
            moved.push(bytes);
        }
    }
    let intervals = ((until_ms - since_ms) / INTERVAL_MS).unsigned_abs();
    let rates = |of: fn(&ByteTotals) -> u64, percent| {
        nearest_rank(moved.iter().map(of).collect(), intervals, percent).map(bits_per_second)
    };
    let (sent, received) = (
        rates(|bytes| bytes.sent_bytes, percent),
        rates(|bytes| bytes.received_bytes, percent),
    );
    Ok(PercentileAnswer {
        range,
        percent,
        interval_secs: INTERVAL_SECS,
        intervals,
        sent_bits_per_second: sent,
        received_bits_per_second: received,
        billed_bits_per_second: sent.max(received),
        peak_sent_bits_per_second: rates(|bytes| bytes.sent_bytes, 100),
        peak_received_bits_per_second: rates(|bytes| bytes.received_bytes, 100),
        total,
        read_from: read.into_iter().map(Rows::plural).collect(),
        other: undecided,
        outside_total,
        flushed_until,
    })
}

/// The intervals inside of a range that are over, and of which enough is left to tell them apart.
fn whole_intervals(
    snapshot: &Snapshot<'_>,
    TimeRange { since, until }: TimeRange,
) -> Result<(i64, i64), StoreError> {
    let kept = snapshot.ask(KeptFrom::read)?;
    let told_apart_ms = [Rows::Windows, Rows::Tier(Tier::Minute)]
        .into_iter()
        .map(|rows| kept.of(rows).unwrap_or(i64::MIN))
        .min()
        .unwrap_or(i64::MIN);
    let (Some(oldest), Some(newest)) = (snapshot.oldest()?, snapshot.flushed_until()?) else {
        return Ok((0, 0));
    };
    let since_ms = ceil_ms(since).max(floor_ms(oldest)).max(told_apart_ms);
    let until_ms = floor_ms(until).min(floor_ms(newest));
    let first_ms = since_ms + (-since_ms).rem_euclid(INTERVAL_MS);
    let end_ms = until_ms - until_ms.rem_euclid(INTERVAL_MS);
    Ok((first_ms, end_ms.max(first_ms)))
}

/// The value at position `⌈count · percent / 100⌉` in ascending order, of so many values of which all
/// that are not given are 0.
fn nearest_rank(mut values: Vec<u64>, count: u64, percent: u8) -> Option<u64> {
    if count == 0 {
        return None;
    }
    let rank = (u128::from(count) * u128::from(percent)).div_ceil(100);
    let zeros = u128::from(count).saturating_sub(values.len() as u128);
    values.sort_unstable();
    let position = rank.checked_sub(zeros + 1).map(usize::try_from);
    match position {
        Some(Ok(position)) => values.get(position).copied(),
        Some(Err(_)) | None => Some(0),
    }
}

/// Of what was moved in an interval.
fn bits_per_second(bytes: u64) -> u64 {
    let seconds = u128::from(INTERVAL_SECS);
    let rate = (u128::from(bytes) * 8 + seconds / 2) / seconds;
    u64::try_from(rate).expect("a byte in 300 seconds is less than a bit in one")
}

pub(super) fn estimate(
    snapshot: &Snapshot<'_>,
    query: &EstimateQuery,
) -> Result<EstimateAnswer, StoreError> {
    let EstimateQuery {
        calendar,
        now,
        filter,
    } = query;
    let (since, until) = calendar.step(*now);
    let range = TimeRange { since, until };
    let (since_ms, until_ms) = (floor_ms(since), floor_ms(until));
    let flushed_until = snapshot.flushed_until()?;
    let measured = match (snapshot.oldest()?, flushed_until) {
        (Some(oldest), Some(newest)) => Some((
            floor_ms(oldest).max(since_ms),
            floor_ms(newest).min(floor_ms(*now)).min(until_ms),
        ))
        .filter(|(from_ms, to_ms)| from_ms < to_ms),
        (Some(_), None) | (None, _) => None,
    };
    let edges = Edges::of(calendar, since_ms, until_ms);
    let Scan {
        groups,
        undecided,
        outside_total,
        ..
    } = scan(
        snapshot,
        range,
        &[],
        filter.as_ref(),
        Steps::Calendar(&edges),
    )?;
    let used = groups
        .into_iter()
        .find(|(key, _bytes)| key.get(Column::Step) == since_ms)
        .map(|(_key, bytes)| bytes)
        .unwrap_or_default();
    let estimated = measured.map(|(from_ms, to_ms)| ByteTotals {
        sent_bytes: goes_on(used.sent_bytes, to_ms - from_ms, until_ms - to_ms),
        received_bytes: goes_on(used.received_bytes, to_ms - from_ms, until_ms - to_ms),
    });
    let elapsed_ms = floor_ms(*now) - since_ms;
    Ok(EstimateAnswer {
        range,
        based_on: measured.map(|(first_ms, last_ms)| TimeRange {
            since: from_ms(first_ms),
            until: from_ms(last_ms),
        }),
        elapsed_share: elapsed_ms as f64 / (until_ms - since_ms).max(1) as f64,
        used,
        estimated,
        other: undecided,
        outside_total,
        flushed_until,
    })
}

/// What was moved in a time, and what is in the time that is left at the same rate.
fn goes_on(bytes: u64, measured_ms: i64, left_ms: i64) -> u64 {
    let [measured_ms, left_ms] = [measured_ms, left_ms].map(|ms| u128::from(ms.unsigned_abs()));
    let more = u128::from(bytes) * left_ms / measured_ms.max(1);
    u64::try_from(u128::from(bytes) + more).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_twentieth_of_intervals_is_free() {
        let values: Vec<u64> = (1..=100).rev().collect();
        for (count, percent, value) in [
            (100, 95, Some(95)),
            (100, 100, Some(100)),
            (100, 1, Some(1)),
            // 1900 intervals in which nothing was moved: 5 % of 2000 are free.
            (2000, 95, Some(0)),
            (1999, 96, Some(21)),
            (0, 95, None),
        ] {
            let found = nearest_rank(values.clone(), count, percent);
            assert_eq!(found, value, "{percent} of {count}");
        }
        assert_eq!(nearest_rank(vec![], 10, 95), Some(0));
    }

    #[test]
    fn a_rate_is_rounded_to_the_nearest_bit() {
        for (bytes, rate) in [(0, 0), (18, 0), (19, 1), (37_500_000, 1_000_000)] {
            assert_eq!(bits_per_second(bytes), rate);
        }
        assert_eq!(bits_per_second(u64::MAX), 491913175298921376);
    }

    #[test]
    fn a_third_of_a_month_comes_to_three_times_as_much() {
        assert_eq!(goes_on(100, 10, 20), 300);
        assert_eq!(goes_on(100, 10, 0), 100);
        assert_eq!(goes_on(u64::MAX, 1, 1), u64::MAX);
    }
}

//! Rates over time, from what this screen has seen and what the daemon remembers. Pure.

use std::collections::VecDeque;

use jiff::Timestamp;
use nettally_source::{Protocol, Window};

use super::amount::{Bytes, Rate};
use super::settings::Protocols;

/// Windows that are remembered: an hour, if they have a second.
const REMEMBERED: usize = 3600;

/// All that was moved, window by window, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(VecDeque<Moment>);

#[derive(Clone, Copy, Debug)]
struct Moment {
    window: Window,
    bytes: [Bytes; Protocol::ALL.len()],
}

impl Record {
    /// Adds a window.
    pub(crate) fn push(&mut self, window: Window, usage: &[nettally_source::Usage]) {
        let mut bytes = [Bytes::default(); Protocol::ALL.len()];
        for row in usage {
            bytes[row.protocol as usize] += Bytes {
                sent: row.sent_bytes,
                received: row.received_bytes,
            };
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Moment { window, bytes });
    }

    /// When the oldest window began.
    fn begins(&self) -> Option<Timestamp> {
        self.0.front().map(|moment| moment.window.start)
    }
}

/// How much time the chart shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Span {
    #[default]
    Minute,
    TenMinutes,
    Hour,
}

impl Span {
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Minute => Self::TenMinutes,
            Self::TenMinutes => Self::Hour,
            Self::Hour => Self::Minute,
        }
    }

    pub(crate) const fn seconds(self) -> u32 {
        match self {
            Self::Minute => 60,
            Self::TenMinutes => 600,
            Self::Hour => 3600,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Minute => "last minute",
            Self::TenMinutes => "last 10 minutes",
            Self::Hour => "last hour",
        }
    }
}

/// What the daemon remembers, in steps of the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Past {
    pub(crate) step_secs: f64,
    /// The start of each step in which something was moved, in order.
    pub(crate) points: Vec<(Timestamp, Bytes)>,
}

impl Past {
    /// The rate around `time`.
    fn at(&self, time: Timestamp) -> Rate {
        let next = self.points.partition_point(|(start, _)| *start <= time);
        let found = next.checked_sub(1).map(|index| self.points[index]);
        match found {
            Some((start, bytes)) if seconds_between(start, time) < self.step_secs => {
                Rate::of(bytes, self.step_secs)
            }
            Some(_) | None => Rate::default(),
        }
    }

    /// `columns` rates of the last hour before `end`.
    pub(crate) fn hour(&self, end: Timestamp, columns: usize) -> Vec<Rate> {
        middles(end, f64::from(Span::Hour.seconds()), columns)
            .map(|time| self.at(time))
            .collect()
    }
}

/// `columns` rates of `span`, oldest first: what was seen here where it was, else what the daemon
/// remembers.
pub(crate) fn rates(
    record: &Record,
    past: Option<&Past>,
    protocols: Protocols,
    span: Span,
    columns: usize,
) -> Vec<Rate> {
    let Some(end) = record.0.back().map(|moment| moment.window.end) else {
        return vec![Rate::default(); columns];
    };
    let seconds = f64::from(span.seconds());
    #[expect(clippy::cast_precision_loss, reason = "a few columns")]
    let step = seconds / columns.max(1) as f64;
    let begins = record.begins().unwrap_or(end);
    let mut rates: Vec<Rate> = middles(end, seconds, columns)
        .map(|time| match past {
            Some(past) if time < begins => past.at(time),
            Some(_) | None => Rate::default(),
        })
        .collect();
    // Each window is spread over the columns that it reaches into.
    for Moment { window, bytes } in record.0.iter().rev() {
        let from = seconds - seconds_between(window.start, end);
        let to = seconds - seconds_between(window.end, end);
        if to <= 0.0 {
            break;
        }
        let length = to - from;
        if length <= 0.0 {
            continue;
        }
        let wanted = Protocol::ALL.iter().zip(bytes);
        let moved = wanted.filter(|(protocol, _)| protocols.has(**protocol));
        let moved = moved.fold(Bytes::default(), |mut sum, (_, &bytes)| {
            sum += bytes;
            sum
        });
        let rate = Rate::of(moved, length);
        let mut column = column_of(from, step);
        while let Some(slot) = rates.get_mut(column) {
            #[expect(clippy::cast_precision_loss, reason = "a few columns")]
            let left = column as f64 * step;
            if left >= to {
                break;
            }
            let share = (to.min(left + step) - from.max(left)).max(0.0) / step;
            slot.sent += rate.sent * share;
            slot.received += rate.received * share;
            column += 1;
        }
    }
    rates
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and the cast saturates"
)]
fn column_of(seconds: f64, step: f64) -> usize {
    (seconds.max(0.0) / step) as usize
}

/// The middle of each column.
fn middles(end: Timestamp, seconds: f64, columns: usize) -> impl Iterator<Item = Timestamp> {
    #[expect(clippy::cast_precision_loss, reason = "a few columns")]
    let step = seconds / columns.max(1) as f64;
    (0..columns).map(move |column| {
        #[expect(clippy::cast_precision_loss, reason = "a few columns")]
        let before = seconds - (column as f64 + 0.5) * step;
        let before = jiff::SignedDuration::from_secs_f64(before);
        end.checked_sub(before).unwrap_or(Timestamp::MIN)
    })
}

fn seconds_between(start: Timestamp, end: Timestamp) -> f64 {
    end.duration_since(start).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::{batch, frames, process, tcp, udp};

    fn record(windows: i64) -> Record {
        let curl = process(7, "curl");
        let mut record = Record::default();
        for second in 0..windows {
            let usage = [
                tcp(&curl, "192.0.2.1:443", 100, 0),
                udp(&curl, "192.0.2.1:53", 0, 10),
                frames(&curl, 7, 7),
            ];
            record.push(batch(second, Vec::new()).window, &usage);
        }
        record
    }

    #[test]
    fn a_steady_rate_is_flat_whatever_the_columns() {
        for columns in [1, 7, 60, 200] {
            for rate in rates(&record(100), None, Protocols::All, Span::Minute, columns) {
                assert!((rate.sent - 100.0).abs() < 0.001, "{columns}: {rate:?}");
                assert!((rate.received - 10.0).abs() < 0.001, "{columns}: {rate:?}");
            }
        }
        let udp = rates(&record(100), None, Protocols::Udp, Span::Minute, 3);
        assert!(udp.iter().all(|rate| rate.sent == 0.0));
    }

    #[test]
    fn what_was_before_comes_from_the_daemon() {
        let start = batch(0, Vec::new()).window.start;
        let past = Past {
            step_secs: 30.0,
            points: vec![(
                start - jiff::SignedDuration::from_secs(30),
                Bytes {
                    sent: 0,
                    received: 300,
                },
            )],
        };
        let shown = rates(&record(30), Some(&past), Protocols::All, Span::Minute, 4);
        let received: Vec<f64> = shown.iter().map(|rate| rate.received.round()).collect();
        assert_eq!(received, [10.0, 10.0, 10.0, 10.0]);
        assert_eq!(shown[0].sent, 0.0);
        let alone = rates(&record(30), None, Protocols::All, Span::Minute, 4);
        assert_eq!((alone[1].received, alone[2].received.round()), (0.0, 10.0));
    }

    #[test]
    fn the_record_is_bounded() {
        assert_eq!(record(REMEMBERED as i64 + 5).0.len(), REMEMBERED);
    }
}

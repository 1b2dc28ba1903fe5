//! Sums since the start, for servers that read or are sent counters.
//!
//! There may be as many groups as anyone likes to give names, but there must be few series, and a
//! counter must never go down: a server takes that for a restart. So the largest groups have series
//! of their own, and what the others move goes to the series of the rest. A series that leaves,
//! because larger ones came or because it was silent for too long, is *set aside*: its sum is kept,
//! and it goes on from there when it comes back. That sum must not go to the rest, for then the
//! server would see the same bytes a second time. So what was moved is at all times exactly what the
//! series, the rest, and [what is set aside](Totals::set_aside) have together.
//!
//! Memory has a bound: of groups beyond it, the smallest of those without a series are forgotten,
//! their sums are set aside for good, and one that comes back begins at 0, which servers know as a
//! restart.

use std::cmp::Reverse;
use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use nettally_source::UsageBatch;

use super::OTHER;
use super::groups::{ByProtocol, Group, add, all_groups, both, is_other};
use super::label::{Label, Labels};
use super::options::SeriesConfig;

/// Series if the user wants all.
const ALL: usize = 100_000;

/// Groups that are remembered for each that has a series, and how many of them at least.
const REMEMBERED_FOR_EACH: usize = 20;
const REMEMBERED: usize = 2_000;
const REMEMBERED_AT_MOST: usize = 200_000;

/// Counters, and what is needed to choose them.
#[derive(Debug)]
pub struct Totals {
    labels: Labels,
    top: usize,
    remembered: usize,
    patience: Option<SignedDuration>,
    groups: HashMap<Vec<String>, Known>,
    shown: usize,
    other: Sum,
    forgotten: ByProtocol,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// Bytes since it is remembered, or since it expired.
    rank: u64,
    is_shown: bool,
    sum: Sum,
}

/// What was counted, since when, and when it last grew.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    protocols: ByProtocol,
    since: Timestamp,
    changed: Timestamp,
}

/// A group that has series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// A value for each of [`Labels::of_group`]; [`OTHER`] in each if it stands for the rest.
    pub values: Vec<String>,
    /// What was moved.
    pub protocols: ByProtocol,
    /// When counting began.
    pub since: Timestamp,
    /// End of the last window in which it grew.
    pub changed: Timestamp,
}

impl Totals {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(config: &SeriesConfig) -> Self {
        let top = config.top.unwrap_or(ALL);
        let remembered = top
            .saturating_mul(REMEMBERED_FOR_EACH)
            .clamp(REMEMBERED, REMEMBERED_AT_MOST);
        Self::with_memory(config, top, remembered)
    }

    fn with_memory(config: &SeriesConfig, top: usize, remembered: usize) -> Self {
        Self {
            labels: config.labels(),
            top,
            remembered: remembered.max(top),
            patience: config.patience(),
            groups: HashMap::new(),
            shown: 0,
            other: Sum::default(),
            forgotten: ByProtocol::default(),
        }
    }

    /// What series are told apart by.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Adds what was moved in one window.
    pub fn add(&mut self, batch: &UsageBatch) {
        let UsageBatch {
            window,
            usage,
            losses: _,
        } = batch;
        if self.other.changed == Timestamp::default() {
            (self.other.since, self.other.changed) = (window.start, window.start);
        }
        self.expire(window.end);
        let mut came = all_groups(usage, &self.labels);
        // Whoever comes first has the places that are left: not by chance.
        came.sort_unstable_by(|one, another| {
            let size = |group: &Group<'_>| Reverse(both(&group.protocols));
            (size(one), &one.values).cmp(&(size(another), &another.values))
        });
        for Group { values, protocols } in came {
            let sum = if is_other(&values) {
                &mut self.other
            } else {
                let values = values.into_iter().map(String::from).collect();
                let known = self
                    .groups
                    .entry(values)
                    .or_insert_with(|| Known::new(window.start));
                if !known.is_shown && self.shown < self.top {
                    known.is_shown = true;
                    self.shown += 1;
                }
                known.rank = known.rank.saturating_add(both(&protocols));
                if known.is_shown {
                    &mut known.sum
                } else {
                    &mut self.other
                }
            };
            add(&mut sum.protocols, &protocols);
            sum.changed = window.end;
        }
        self.choose();
    }

    /// All series, in the order of their labels, and the rest as the last.
    #[must_use]
    pub fn told(&self) -> Vec<Total> {
        let mut told: Vec<Total> = self
            .groups
            .iter()
            .filter(|(_, known)| known.is_shown)
            .map(|(values, known)| Total::new(values.clone(), known.sum))
            .collect();
        told.sort_unstable_by(|one, another| one.values.cmp(&another.values));
        let rest = self.labels.of_group().iter();
        let rest = rest.map(|_label| OTHER.to_owned()).collect();
        told.push(Total::new(rest, self.other));
        told
    }

    /// What series moved that are not told any more, or not now.
    #[must_use]
    pub fn set_aside(&self) -> ByProtocol {
        let mut sum = self.forgotten;
        for known in self.groups.values().filter(|known| !known.is_shown) {
            add(&mut sum, &known.sum.protocols);
        }
        sum
    }

    /// Sets aside what is silent for too long.
    fn expire(&mut self, now: Timestamp) {
        let Some(patience) = self.patience else {
            return;
        };
        for known in self.groups.values_mut().filter(|known| known.is_shown) {
            if now.duration_since(known.sum.changed) > patience {
                known.is_shown = false;
                known.rank = 0;
                self.shown -= 1;
            }
        }
    }

    /// Gives series to the largest, and forgets the smallest once there are too many.
    fn choose(&mut self) {
        if self.shown < self.top || self.groups.len() == self.shown {
            return self.forget();
        }
        let shown = self.groups.values().filter(|known| known.is_shown);
        let smallest = shown.map(|known| known.rank).min().unwrap_or_default();
        let larger = |known: &Known| !known.is_shown && known.rank > smallest;
        if self.groups.values().any(larger) {
            let mut ranked: Vec<_> = self.groups.iter_mut().collect();
            ranked.sort_unstable_by(|(values, known), (other_values, other)| {
                let place = |known: &Known| (Reverse(known.rank), !known.is_shown);
                place(known)
                    .cmp(&place(other))
                    .then_with(|| values.cmp(other_values))
            });
            for (place, (_, known)) in ranked.into_iter().enumerate() {
                known.is_shown = place < self.top;
            }
        }
        self.forget();
    }

    fn forget(&mut self) {
        if self.groups.len() <= self.remembered {
            return;
        }
        let mut unseen: Vec<_> = self
            .groups
            .iter()
            .filter(|(_, known)| !known.is_shown)
            .map(|(values, known)| (known.rank, known.sum.changed, values.clone()))
            .collect();
        unseen.sort_unstable();
        // A tenth more than needed, so that this is rare.
        let wanted = (self.remembered - self.remembered / 10).max(self.shown);
        for (_, _, values) in unseen.into_iter().take(self.groups.len() - wanted) {
            if let Some(known) = self.groups.remove(&values) {
                add(&mut self.forgotten, &known.sum.protocols);
            }
        }
    }
}

impl Known {
    fn new(since: Timestamp) -> Self {
        let sum = Sum {
            protocols: ByProtocol::default(),
            since,
            changed: since,
        };
        Self {
            rank: 0,
            is_shown: false,
            sum,
        }
    }
}

impl Total {
    fn new(values: Vec<String>, sum: Sum) -> Self {
        let Sum {
            protocols,
            since,
            changed,
        } = sum;
        Self {
            values,
            protocols,
            since,
            changed,
        }
    }

    /// Its labels with their values; a value of which nothing is known is empty.
    pub fn labels<'s>(&'s self, labels: &'s Labels) -> impl Iterator<Item = (Label, &'s str)> {
        let values = self.values.iter().map(AsRef::as_ref);
        labels.of_group().iter().copied().zip(values)
    }
}

#[cfg(test)]
mod tests;

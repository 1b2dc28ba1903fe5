//! What process names moved since start, as counters for a time-series server.
//!
//! There may be as many names as anyone likes to give, but there must be few counters, and none may
//! ever go down. So the largest names have counters of their own, and the rest has one together. A
//! name that comes among the largest only later begins at 0 there: what it moved before stays in
//! the rest. What a name that is pushed out had moved goes to the rest.

use std::cmp::Reverse;
use std::collections::HashMap;

use nettally_source::Protocol;

use super::moved::Moved;

/// Bytes over each protocol, in the order of [`Protocol::ALL`].
pub type ByProtocol = [Moved; Protocol::ALL.len()];

/// Names with a counter of their own.
const SHOWN: usize = 100;
/// Names whose bytes are remembered, to know which are the largest.
const REMEMBERED: usize = 2_000;

/// What process names moved since start. All together are exactly what was moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NameTotals {
    /// The largest names, in the order of the alphabet.
    pub names: Vec<(String, ByProtocol)>,
    /// What all other names moved, and these before they were among the largest.
    pub other: ByProtocol,
}

/// Counters, and what is needed to choose them.
#[derive(Debug)]
pub(super) struct Names {
    shown: usize,
    remembered: usize,
    names: HashMap<String, Name>,
    other: ByProtocol,
}

#[derive(Debug, Default)]
struct Name {
    /// Bytes since it is remembered.
    rank: u64,
    /// Absent if its bytes go to the rest.
    counter: Option<ByProtocol>,
}

impl Default for Names {
    fn default() -> Self {
        Self::with_limits(SHOWN, REMEMBERED)
    }
}

impl Names {
    fn with_limits(shown: usize, remembered: usize) -> Self {
        Self {
            shown,
            remembered,
            names: HashMap::new(),
            other: ByProtocol::default(),
        }
    }

    /// Adds what processes moved in one window.
    pub(super) fn add<'a>(&mut self, window: impl Iterator<Item = (&'a str, ByProtocol)>) {
        for (text, moved) in window {
            if !self.names.contains_key(text) {
                let has_room = self.names.len() < self.shown;
                let counter = has_room.then(ByProtocol::default);
                self.names
                    .insert(text.to_owned(), Name { rank: 0, counter });
            }
            let Some(name) = self.names.get_mut(text) else {
                continue;
            };
            let bytes: Moved = moved.iter().copied().sum();
            name.rank = name.rank.saturating_add(bytes.both());
            add(name.counter.as_mut().unwrap_or(&mut self.other), &moved);
        }
        self.choose();
    }

    /// Gives counters to the largest, and forgets the smallest once there are too many.
    fn choose(&mut self) {
        if self.names.len() <= self.shown {
            return;
        }
        let mut ranked: Vec<_> = self.names.drain().collect();
        ranked.sort_by(|(text, name), (other_text, other)| {
            let place = |name: &Name| (Reverse(name.rank), name.counter.is_none());
            place(name)
                .cmp(&place(other))
                .then_with(|| text.cmp(other_text))
        });
        for (place, (_, name)) in ranked.iter_mut().enumerate() {
            if place < self.shown {
                name.counter.get_or_insert_default();
            } else if let Some(counter) = name.counter.take() {
                add(&mut self.other, &counter);
            }
        }
        if ranked.len() > self.remembered {
            // A tenth more than needed, so that this is rare.
            ranked.truncate((self.remembered - self.remembered / 10).max(self.shown));
        }
        self.names.extend(ranked);
    }

    pub(super) fn totals(&self) -> NameTotals {
        let mut names: Vec<_> = self
            .names
            .iter()
            .filter_map(|(text, name)| Some((text.clone(), name.counter?)))
            .collect();
        names.sort_unstable_by(|(name, _), (other, _)| name.cmp(other));
        NameTotals {
            names,
            other: self.other,
        }
    }
}

fn add(into: &mut ByProtocol, moved: &ByProtocol) {
    for (sum, part) in into.iter_mut().zip(moved) {
        *sum += *part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(sent_bytes: u64) -> ByProtocol {
        let moved = Moved {
            sent_bytes,
            received_bytes: 0,
        };
        let mut protocols = ByProtocol::default();
        protocols[Protocol::Tcp as usize] = moved;
        protocols
    }

    fn totals(names: &Names) -> (Vec<(String, u64)>, u64) {
        let NameTotals { names, other } = names.totals();
        let names = names
            .into_iter()
            .map(|(name, moved)| (name, moved[0].sent_bytes));
        (names.collect(), other[0].sent_bytes)
    }

    fn named(name: &str, bytes: u64) -> (String, u64) {
        (name.to_owned(), bytes)
    }

    #[test]
    fn a_late_name_begins_at_0_and_the_rest_never_goes_down() {
        let mut names = Names::with_limits(2, 10);
        names.add([("a", tcp(100)), ("b", tcp(10)), ("late", tcp(5))].into_iter());
        assert_eq!(totals(&names), (vec![named("a", 100), named("b", 10)], 5));
        names.add([("late", tcp(20))].into_iter());
        assert_eq!(
            totals(&names),
            (vec![named("a", 100), named("late", 0)], 35)
        );
        names.add([("late", tcp(1)), ("b", tcp(1))].into_iter());
        assert_eq!(
            totals(&names),
            (vec![named("a", 100), named("late", 1)], 36)
        );
    }

    #[test]
    fn of_equals_the_one_that_has_a_counter_keeps_it() {
        let mut names = Names::with_limits(1, 10);
        names.add([("z", tcp(5))].into_iter());
        names.add([("a", tcp(5))].into_iter());
        assert_eq!(totals(&names), (vec![named("z", 5)], 5));
    }

    #[test]
    fn however_many_names_there_are_few_are_kept_and_no_byte_is_missing() {
        let mut names = Names::with_limits(3, 20);
        let mut sum = 0;
        let mut rest = 0;
        for round in 0..500_u64 {
            let (name, bytes) = (format!("n{}", round * 7 % 97), 1 + round * 31 % 89);
            names.add([(&*name, tcp(bytes))].into_iter());
            sum += bytes;
            let (shown, other) = totals(&names);
            assert!(shown.len() <= 3 && names.names.len() <= 20);
            assert!(other >= rest, "round {round}");
            rest = other;
            let of_names: u64 = shown.iter().map(|(_, bytes)| bytes).sum();
            assert_eq!(of_names + other, sum, "round {round}");
        }
    }
}

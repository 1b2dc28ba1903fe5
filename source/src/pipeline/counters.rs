//! What a component tells of its own work, in the words of Vector's component specification.

use serde::{Deserialize, Serialize};

use super::health::LossCount;

/// What a component has done since it was built. Every event carries the bytes of usage that it
/// tells of, so that books can be balanced however a sink puts events together:
/// `received = sent + discarded + held`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ComponentCounters {
    /// Taken in: rows of usage, and the bytes that they tell of. 0 for a source.
    pub received: LossCount,
    /// Passed on for good, in the component's own units (rows, counters, records), and the bytes that
    /// they tell of.
    pub sent: LossCount,
    /// Bytes that this took on the network, before compression; 0 where there is none.
    pub sent_bytes: u64,
    /// What went wrong, whether or not it was made good by another attempt.
    pub errors: u64,
    /// Given up for good.
    pub discarded: LossCount,
}

impl ComponentCounters {
    /// Adds those of another, such as of the same component before it was built anew.
    pub fn add(&mut self, other: &Self) {
        let Self {
            received,
            sent,
            sent_bytes,
            errors,
            discarded,
        } = other;
        self.received.add(*received);
        self.sent.add(*sent);
        self.sent_bytes = self.sent_bytes.saturating_add(*sent_bytes);
        self.errors = self.errors.saturating_add(*errors);
        self.discarded.add(*discarded);
    }

    /// What was taken in and neither passed on nor given up: events in the component's own units are
    /// not comparable, so only bytes are told.
    #[must_use]
    pub fn held(&self) -> LossCount {
        let left = |of: fn(&LossCount) -> u64| {
            of(&self.received)
                .saturating_sub(of(&self.sent))
                .saturating_sub(of(&self.discarded))
        };
        LossCount {
            events: 0,
            sent_bytes: left(|count| count.sent_bytes),
            received_bytes: left(|count| count.received_bytes),
        }
    }
}

/// A component that tells of its work while it runs.
pub trait Telemetry: Send + Sync {
    /// The counters now.
    fn counters(&self) -> ComponentCounters;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_what_came_and_did_not_leave() {
        let count = |sent_bytes, received_bytes| LossCount {
            events: 1,
            sent_bytes,
            received_bytes,
        };
        let counters = ComponentCounters {
            received: count(100, 10),
            sent: count(60, 10),
            discarded: count(30, 0),
            ..ComponentCounters::default()
        };
        let held = counters.held();
        assert_eq!((held.sent_bytes, held.received_bytes), (10, 0));
        let mut twice = counters;
        twice.add(&counters);
        assert_eq!(twice.held().sent_bytes, 20);
    }
}

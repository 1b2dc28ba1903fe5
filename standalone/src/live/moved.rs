//! Sent and received bytes.

use std::ops::AddAssign;

use nettally_source::Protocol;
use serde::Serialize;

/// Bytes that were moved, both ways. Sums saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Moved {
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

impl Moved {
    /// Both ways together.
    #[must_use]
    pub const fn both(self) -> u64 {
        self.sent_bytes.saturating_add(self.received_bytes)
    }

    /// What remains when `part` is taken out.
    #[must_use]
    pub const fn without(self, part: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes.saturating_sub(part.sent_bytes),
            received_bytes: self.received_bytes.saturating_sub(part.received_bytes),
        }
    }
}

/// What was moved over the protocols that `is_meant`; `parts` are in the order of
/// [`Protocol::ALL`].
pub(super) fn over(
    parts: &[Moved; Protocol::ALL.len()],
    is_meant: impl Fn(Protocol) -> bool,
) -> Moved {
    Protocol::ALL
        .into_iter()
        .zip(parts)
        .filter(|(protocol, _)| is_meant(*protocol))
        .map(|(_, moved)| *moved)
        .sum()
}

/// What a total over protocols has.
pub(super) fn in_totals(parts: &[Moved; Protocol::ALL.len()]) -> Moved {
    over(parts, Protocol::is_in_totals)
}

/// What [`in_totals`] leaves out.
pub(super) fn outside_totals(parts: &[Moved; Protocol::ALL.len()]) -> Moved {
    over(parts, |protocol| !protocol.is_in_totals())
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        let Self {
            sent_bytes,
            received_bytes,
        } = other;
        self.sent_bytes = self.sent_bytes.saturating_add(sent_bytes);
        self.received_bytes = self.received_bytes.saturating_add(received_bytes);
    }
}

impl std::iter::Sum for Moved {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}

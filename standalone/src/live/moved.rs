//! Sent and received bytes.

use std::ops::AddAssign;

use serde::Serialize;

/// Bytes that were moved, both ways. Sums saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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

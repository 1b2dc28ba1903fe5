//! Numbers that are known to lie between two bounds.

use serde::Serialize;

/// At least `low`, at most `high`; no upper bound if that is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Lower bound.
    #[serde(rename = "at_least")]
    pub low: u64,
    /// Upper bound.
    #[serde(rename = "at_most")]
    pub high: Option<u64>,
}

impl Span {
    pub(super) const ZERO: Self = Self::exactly(0);

    pub(super) const fn exactly(value: u64) -> Self {
        Self::between(value, value)
    }

    pub(super) const fn between(low: u64, high: u64) -> Self {
        Self {
            low,
            high: Some(high),
        }
    }

    pub(super) const fn at_least(low: u64) -> Self {
        Self { low, high: None }
    }

    /// How much a counter grew that was in `start` before. One that shrank was reset in between, so
    /// that nothing is known.
    pub(super) fn grown_since(self, start: Self) -> Self {
        let Some(start_high) = start.high else {
            return Self {
                low: 0,
                high: self.high.map(|high| high.saturating_sub(start.low)),
            };
        };
        match self.high.map(|high| high.checked_sub(start.low)) {
            Some(None) => Self::at_least(0),
            high => Self {
                low: self.low.saturating_sub(start_high),
                high: high.flatten(),
            },
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let add = |(a, b): (u64, u64)| a.saturating_add(b);
        Self {
            low: self.low.saturating_add(other.low),
            high: self.high.zip(other.high).map(add),
        }
    }

    /// How far `value` is below and above.
    pub(super) fn distance(self, value: u64) -> (u64, u64) {
        let above = self.high.map_or(0, |high| value.saturating_sub(high));
        (self.low.saturating_sub(value), above)
    }
}

/// Bytes in both directions, each between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Accepted from the application.
    pub sent_bytes: Span,
    /// Handed to the application.
    pub received_bytes: Span,
}

impl Moved {
    pub(super) const ZERO: Self = Self {
        sent_bytes: Span::ZERO,
        received_bytes: Span::ZERO,
    };

    pub(super) fn grown_since(self, start: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes.grown_since(start.sent_bytes),
            received_bytes: self.received_bytes.grown_since(start.received_bytes),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            sent_bytes: self.sent_bytes.plus(other.sent_bytes),
            received_bytes: self.received_bytes.plus(other.received_bytes),
        }
    }

    /// From the lower bounds of one to the upper bounds of another; `None` is unknown.
    pub(super) fn from_to(low: Option<Self>, high: Option<Self>) -> Self {
        let span = |of: fn(Self) -> Span| Span {
            low: low.map_or(0, |low| of(low).low),
            high: high.and_then(|high| of(high).high),
        };
        Self {
            sent_bytes: span(|moved| moved.sent_bytes),
            received_bytes: span(|moved| moved.received_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_known_as_well_as_its_ends_are() {
        let grown = |start, end: Span| end.grown_since(start);
        assert_eq!(grown(Span::exactly(3), Span::exactly(10)), Span::exactly(7));
        assert_eq!(
            grown(Span::between(3, 5), Span::between(10, 11)),
            Span::between(5, 8)
        );
        assert_eq!(
            grown(Span::between(3, 5), Span::at_least(10)),
            Span::at_least(5)
        );
        assert_eq!(
            grown(Span::at_least(3), Span::exactly(10)),
            Span::between(0, 7)
        );
        assert_eq!(
            grown(Span::exactly(10), Span::exactly(3)),
            Span::at_least(0),
            "a socket that was disconnected counts anew"
        );
    }

    #[test]
    fn inside_there_is_no_distance() {
        let span = Span::between(5, 8);
        assert_eq!(
            [4, 5, 8, 10].map(|value| span.distance(value)),
            [(1, 0), (0, 0), (0, 0), (0, 2)]
        );
        assert_eq!(Span::at_least(5).distance(1000), (0, 0));
    }
}

//! Instants as stored: whole milliseconds of Unix time.

use jiff::Timestamp;
use nettally_source::pipeline::Window;

/// A window as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

impl Span {
    /// The shortest that has both.
    pub(crate) fn or(self, Self { start_ms, end_ms }: Self) -> Self {
        Self {
            start_ms: self.start_ms.min(start_ms),
            end_ms: self.end_ms.max(end_ms),
        }
    }
}

impl From<Window> for Span {
    /// Both ends round down, so that windows that touch still do. A window lasts a millisecond at
    /// least, even if the clock was set back in it.
    fn from(Window { start, end }: Window) -> Self {
        let start_ms = floor_ms(start);
        Self {
            start_ms,
            end_ms: floor_ms(end).max(start_ms + 1),
        }
    }
}

/// The millisecond that an instant is in.
pub(crate) fn floor_ms(instant: Timestamp) -> i64 {
    let nanoseconds = instant.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(nanoseconds).expect("a timestamp is within years -9999 to 9999")
}

/// The first millisecond that is not before an instant.
pub(crate) fn ceil_ms(instant: Timestamp) -> i64 {
    let floor = floor_ms(instant);
    if instant.as_nanosecond() == i128::from(floor) * 1_000_000 {
        floor
    } else {
        floor + 1
    }
}

/// The instant of a stored time; what no calendar knows becomes the nearest that one does.
pub(crate) fn from_ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(if milliseconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_touch_still_touch_when_stored() {
        let at = |nanosecond: i128| Timestamp::from_nanosecond(nanosecond).unwrap();
        let first = Span::from(Window {
            start: at(0),
            end: at(1_000_700_000),
        });
        let second = Span::from(Window {
            start: at(1_000_700_000),
            end: at(2_000_100_000),
        });
        assert_eq!((first.end_ms, second.start_ms), (1000, 1000));
    }

    #[test]
    fn a_window_of_a_clock_set_back_lasts_a_millisecond() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let span = Span::from(Window {
            start: at(10),
            end: at(5),
        });
        assert_eq!((span.start_ms, span.end_ms), (10_000, 10_001));
    }

    #[test]
    fn rounding_is_outward_before_1970_too() {
        let instant = Timestamp::from_nanosecond(-1).unwrap();
        assert_eq!((floor_ms(instant), ceil_ms(instant)), (-1, 0));
    }
}

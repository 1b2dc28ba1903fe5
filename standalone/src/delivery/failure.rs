//! Why a request was not delivered, and what may be done about it. Pure.

use std::error::Error;
use std::time::Duration;

/// A request that was not delivered, or not for sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// For people.
    pub(crate) message: String,
    /// How long the server asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

/// What is known of a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// There was no connection: nothing arrived.
    Unreachable,
    /// The server does not take it now: nothing was taken.
    Busy,
    /// There was no answer, or one that leaves open what was taken.
    Unanswered,
    /// The server broke off this request, which may be because of what is in it.
    BrokenOff,
    /// The server will not take it, however often it comes.
    Rejected,
}

/// Why events were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DropReason {
    Rejected,
    RetriesExhausted,
    Unconfirmed,
    Shutdown,
    Bug,
}

impl DropReason {
    pub(crate) const ALL: [Self; 5] = [
        Self::Rejected,
        Self::RetriesExhausted,
        Self::Unconfirmed,
        Self::Shutdown,
        Self::Bug,
    ];

    /// The word in the sink's figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::RetriesExhausted => "retries_exhausted",
            Self::Unconfirmed => "unconfirmed",
            Self::Shutdown => "shutdown",
            Self::Bug => "bug",
        }
    }
}

/// When to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Further attempts, if they are counted.
    pub(crate) retries: Option<u32>,
    /// Whether a request that may have arrived is sent again.
    pub(crate) acknowledgements: bool,
}

impl Patience {
    /// Further attempts for a request that is broken off each time: what breaks it may be in it, and
    /// all that waits behind it would wait for ever.
    const BROKEN_OFF: u32 = 5;

    /// Why to give up after `attempts`, of which the last failed so; `None` to try again.
    pub(crate) fn gives_up(
        self,
        kind: FailureKind,
        attempts: u32,
        broken: u32,
    ) -> Option<DropReason> {
        let Self {
            retries,
            acknowledgements,
        } = self;
        let may_have_arrived = match kind {
            FailureKind::Rejected => return Some(DropReason::Rejected),
            FailureKind::Unreachable | FailureKind::Busy => false,
            FailureKind::Unanswered | FailureKind::BrokenOff => true,
        };
        if may_have_arrived && !acknowledgements {
            Some(DropReason::Unconfirmed)
        } else if retries.is_some_and(|retries| attempts > retries) || broken > Self::BROKEN_OFF {
            Some(DropReason::RetriesExhausted)
        } else {
            None
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry_after: None,
        }
    }

    /// A request that came to nothing below the protocol.
    pub(crate) fn of_transport(error: &hyper_util::client::legacy::Error) -> Self {
        let kind = if error.is_connect() {
            FailureKind::Unreachable
        } else if is_reset(error) {
            FailureKind::BrokenOff
        } else {
            FailureKind::Unanswered
        };
        Self::new(kind, with_causes(error))
    }
}

/// Whether the server ended this one request, and not its connection.
pub(crate) fn is_reset(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<h2::Error>())
        .any(|error| {
            error.is_reset()
                && error.is_remote()
                && error.reason() != Some(h2::Reason::REFUSED_STREAM)
        })
}

/// An error and what caused it, on one line.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let words: Vec<String> = causes(error).map(ToString::to_string).collect();
    words.join(": ")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_tried_again_depends_on_what_may_have_arrived() {
        use DropReason::{Rejected, RetriesExhausted, Unconfirmed};
        use FailureKind as Kind;

        let patience = |retries, acknowledgements| Patience {
            retries,
            acknowledgements,
        };
        let forever = patience(None, true);
        let once = patience(None, false);
        let cases = [
            (forever, Kind::Unreachable, 1_000_000, 0, None),
            (forever, Kind::Busy, 1_000_000, 0, None),
            (forever, Kind::Unanswered, 1_000_000, 0, None),
            (forever, Kind::BrokenOff, 5, 5, None),
            (forever, Kind::BrokenOff, 6, 6, Some(RetriesExhausted)),
            (forever, Kind::Rejected, 1, 0, Some(Rejected)),
            (
                patience(Some(0), true),
                Kind::Busy,
                1,
                0,
                Some(RetriesExhausted),
            ),
            (patience(Some(2), true), Kind::Busy, 2, 0, None),
            (
                patience(Some(2), true),
                Kind::Busy,
                3,
                0,
                Some(RetriesExhausted),
            ),
            (once, Kind::Unreachable, 9, 0, None),
            (once, Kind::Busy, 9, 0, None),
            (once, Kind::Unanswered, 1, 0, Some(Unconfirmed)),
            (once, Kind::BrokenOff, 1, 1, Some(Unconfirmed)),
        ];
        for (patience, kind, attempts, broken, expected) in cases {
            let found = patience.gives_up(kind, attempts, broken);
            assert_eq!(found, expected, "{patience:?} {kind:?} {attempts} {broken}");
        }
    }
}

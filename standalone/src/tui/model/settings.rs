//! What the person at the keyboard has chosen.

use nettally_source::Protocol;

use super::chart::Span;
use super::sieve::Sieve;

/// Everything that changes what is shown, not what is counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings {
    pub(crate) grouping: Grouping,
    pub(crate) measure: Measure,
    pub(crate) protocols: Protocols,
    /// Holds on every tab.
    pub(crate) filter: Sieve,
    pub(crate) process_order: Order<ProcessSort>,
    pub(crate) remote_order: Order<RemoteSort>,
    pub(crate) peer_order: Order<PeerSort>,
    pub(crate) span: Span,
    pub(crate) identity: Identity,
}

impl Settings {
    /// Whether a protocol is shown and summed up. A filter that names one decides by itself, frames
    /// included.
    pub(crate) fn wants(&self, protocol: Protocol) -> bool {
        self.protocols.has(protocol)
            || self.protocols == Protocols::All && self.filter.names_protocol()
    }
}

/// Which protocols are shown and summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// All that are in totals.
    #[default]
    All,
    Tcp,
    Udp,
    /// Neither, but in totals.
    Others,
    /// Frames of the link layer, which are in no total.
    Packet,
}

impl Protocols {
    pub(crate) fn has(self, protocol: Protocol) -> bool {
        match self {
            Self::All => protocol.is_in_totals(),
            Self::Tcp => protocol == Protocol::Tcp,
            Self::Udp => protocol == Protocol::Udp,
            Self::Others => {
                protocol.is_in_totals() && !matches!(protocol, Protocol::Tcp | Protocol::Udp)
            }
            Self::Packet => protocol == Protocol::Packet,
        }
    }

    /// What to call them; all have no name.
    pub(crate) const fn name(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Tcp => Some("tcp"),
            Self::Udp => Some("udp"),
            Self::Others => Some("other protocols"),
            Self::Packet => Some("packet"),
        }
    }
}

/// What is one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Grouping {
    #[default]
    Pid,
    App,
    Name,
}

impl Grouping {
    /// What one key press changes it to.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Pid => Self::App,
            Self::App => Self::Name,
            Self::Name => Self::Pid,
        }
    }
}

/// How much of who a row is stands above its remotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Identity {
    /// As much as leaves room for them.
    #[default]
    Brief,
    /// All of it, though none may be left.
    Whole,
}

/// What sorts, and what has the first number columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Bytes per second in the newest window.
    #[default]
    Rate,
    /// Bytes since start.
    Total,
}

/// A column to sort by, and whether against its habit: numbers begin with the largest, text with A.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order<C> {
    pub(crate) column: C,
    pub(crate) reversed: bool,
}

/// Columns that can be sorted: in the order in which they stand on the screen.
pub(crate) trait Columns: Copy + PartialEq + 'static {
    const ALL: &'static [Self];
    fn is_text(self) -> bool;
}

/// Sortable columns of the processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ProcessSort {
    Name,
    Pid,
    User,
    Sent,
    Received,
    /// Both directions; shown as the trend or the share.
    #[default]
    Traffic,
    Remotes,
}

impl Columns for ProcessSort {
    const ALL: &'static [Self] = &[
        Self::Name,
        Self::Pid,
        Self::User,
        Self::Sent,
        Self::Received,
        Self::Traffic,
        Self::Remotes,
    ];

    fn is_text(self) -> bool {
        match self {
            Self::Name | Self::Pid | Self::User => true,
            Self::Sent | Self::Received | Self::Traffic | Self::Remotes => false,
        }
    }
}

/// Sortable columns of the remotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RemoteSort {
    Remote,
    LocalPort,
    Sent,
    Received,
    /// Both directions; shown as the share.
    #[default]
    Traffic,
}

impl Columns for RemoteSort {
    const ALL: &'static [Self] = &[
        Self::Remote,
        Self::LocalPort,
        Self::Sent,
        Self::Received,
        Self::Traffic,
    ];

    fn is_text(self) -> bool {
        match self {
            Self::Remote | Self::LocalPort => true,
            Self::Sent | Self::Received | Self::Traffic => false,
        }
    }
}

/// Sortable columns of all remotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PeerSort {
    Remote,
    Sent,
    Received,
    /// Both directions; shown as the share.
    #[default]
    Traffic,
    Apps,
}

impl Columns for PeerSort {
    const ALL: &'static [Self] = &[
        Self::Remote,
        Self::Sent,
        Self::Received,
        Self::Traffic,
        Self::Apps,
    ];

    fn is_text(self) -> bool {
        match self {
            Self::Remote | Self::Apps => true,
            Self::Sent | Self::Received | Self::Traffic => false,
        }
    }
}

impl<C: Columns> Order<C> {
    /// The column `steps` to the right, around the edge.
    pub(crate) fn moved(self, steps: isize) -> Self {
        let here = C::ALL.iter().position(|&column| column == self.column);
        let here = here.expect("ALL has every column").cast_signed();
        let there = (here + steps).rem_euclid(C::ALL.len().cast_signed());
        Self {
            column: C::ALL[there.cast_unsigned()],
            reversed: false,
        }
    }

    /// Whether the smallest is on top.
    pub(crate) fn ascending(self) -> bool {
        self.column.is_text() != self.reversed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_right_visits_every_column_and_comes_back() {
        let mut order = Order::<ProcessSort>::default();
        for _ in ProcessSort::ALL {
            order = order.moved(1);
        }
        assert_eq!(order, Order::default());
        assert_eq!(order.moved(1).moved(-1), order);
        assert_eq!(order.moved(2).column, ProcessSort::Name);
    }

    #[test]
    fn text_begins_with_a_and_numbers_with_the_largest() {
        let by = |column| Order {
            column,
            reversed: false,
        };
        assert!(by(ProcessSort::Name).ascending());
        assert!(!by(ProcessSort::Sent).ascending());
    }
}

//! A filter after parsing: nothing in it can be wrong.

use nettally_source::pipeline::Protocol;

use crate::address::AddressRange;
use crate::detail::Detail;
use crate::query::Field;

/// A condition on usage rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// All are true; true if there are none.
    All(Vec<Self>),
    /// One is true; false if there are none.
    Any(Vec<Self>),
    /// Is false.
    Not(Box<Self>),
    /// The name, executable or user.
    Text(TextField, TextTest),
    /// The PID or a port.
    Number(NumberField, NumberTest),
    /// The protocol.
    Protocol(Protocol),
    /// The remote address.
    Address(AddressTest),
}

impl Condition {
    pub(super) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// The condition with the outcome that suits it best where what it tests may be folded.
    pub(super) fn at_best(&self) -> Self {
        self.with_folded(true)
    }

    fn with_folded(&self, outcome: bool) -> Self {
        let each = |terms: &[Self]| terms.iter().map(|term| term.with_folded(outcome)).collect();
        match self {
            Self::All(terms) => Self::All(each(terms)),
            Self::Any(terms) => Self::Any(each(terms)),
            Self::Not(inner) => inner.with_folded(!outcome).not(),
            // Whether it is folded is known.
            Self::Address(AddressTest::Other) => self.clone(),
            Self::Number(NumberField::RemotePort | NumberField::LocalPort, _)
            | Self::Address(_) => {
                if outcome {
                    Self::All(vec![])
                } else {
                    Self::Any(vec![])
                }
            }
            Self::Text(..) | Self::Number(NumberField::Pid, _) | Self::Protocol(_) => self.clone(),
        }
    }

    /// Whether it tests the protocol anywhere.
    pub(super) fn names_protocol(&self) -> bool {
        match self {
            Self::All(terms) | Self::Any(terms) => terms.iter().any(Self::names_protocol),
            Self::Not(inner) => inner.names_protocol(),
            Self::Protocol(_) => true,
            Self::Text(..) | Self::Number(..) | Self::Address(_) => false,
        }
    }

    /// What it tests that may be folded.
    pub(super) fn detail(&self) -> Detail {
        match self {
            Self::All(terms) | Self::Any(terms) => terms
                .iter()
                .map(Self::detail)
                .fold(Detail::default(), Detail::or),
            Self::Not(inner) => inner.detail(),
            Self::Number(NumberField::RemotePort | NumberField::LocalPort, _) => {
                Detail::of(Field::RemotePort)
            }
            Self::Address(_) => Detail::of(Field::RemoteIp),
            Self::Text(..) | Self::Number(NumberField::Pid, _) | Self::Protocol(_) => {
                Detail::default()
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextField {
    Process,
    Exe,
    User,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Unknown,
    Equals(String),
    /// In lower case.
    Contains(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberField {
    Pid,
    RemotePort,
    LocalPort,
}

/// Inclusive ends: every comparison of whole numbers is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberTest {
    Unknown,
    Between(i64, i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AddressTest {
    Unresolved,
    /// Folded away, in storage or in the kernel.
    Other,
    NoRemote,
    Inside(AddressRange),
    /// In lower case.
    Contains(String),
}

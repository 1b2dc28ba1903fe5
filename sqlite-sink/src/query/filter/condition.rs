//! A filter after parsing: nothing in it can be wrong.

use nettally_source::pipeline::{Attribution, Protocol};

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
    /// The name, executable, user and so on.
    Text(TextField, TextTest),
    /// Whether the process holds a tunnel.
    Tunnel(bool),
    /// Where what is known of the process comes from.
    Attribution(Attribution),
    /// The PID or a port.
    Number(NumberField, NumberTest),
    /// The protocol.
    Protocol(Protocol),
    /// The remote address.
    Address(AddressTest),
    /// That the row does not tell something.
    Folded(Folded),
}

/// What a row may not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folded {
    Process,
    Remote,
    RemotePort,
    LocalPort,
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
            Self::Address(AddressTest::Other) | Self::Folded(_) => self.clone(),
            Self::Number(NumberField::RemotePort, _) => self.or_folded(Folded::RemotePort, outcome),
            Self::Number(NumberField::LocalPort, _) => self.or_folded(Folded::LocalPort, outcome),
            Self::Address(_) => self.or_folded(Folded::Remote, outcome),
            Self::Number(NumberField::Pid, _) | Self::Text(TextField::CommandLine, _) => {
                self.or_folded(Folded::Process, outcome)
            }
            Self::Text(..) | Self::Tunnel(_) | Self::Attribution(_) | Self::Protocol(_) => {
                self.clone()
            }
        }
    }

    /// This with an outcome where what it tests is folded.
    fn or_folded(&self, folded: Folded, outcome: bool) -> Self {
        if outcome {
            Self::Any(vec![self.clone(), Self::Folded(folded)])
        } else {
            Self::All(vec![self.clone(), Self::Folded(folded).not()])
        }
    }

    /// Whether it tests the protocol anywhere.
    pub(super) fn names_protocol(&self) -> bool {
        match self {
            Self::All(terms) | Self::Any(terms) => terms.iter().any(Self::names_protocol),
            Self::Not(inner) => inner.names_protocol(),
            Self::Protocol(_) => true,
            Self::Text(..)
            | Self::Tunnel(_)
            | Self::Attribution(_)
            | Self::Number(..)
            | Self::Folded(_)
            | Self::Address(_) => false,
        }
    }

    /// The terms that all must be true.
    pub(super) fn terms(&self) -> Vec<&Self> {
        match self {
            Self::All(terms) => terms.iter().flat_map(Self::terms).collect(),
            Self::Any(_)
            | Self::Not(_)
            | Self::Text(..)
            | Self::Tunnel(_)
            | Self::Attribution(_)
            | Self::Number(..)
            | Self::Protocol(_)
            | Self::Address(_)
            | Self::Folded(_) => vec![self],
        }
    }

    /// Whether it is the same for all processes that are alike, whatever else a row tells.
    pub(super) fn is_of_groups(&self) -> bool {
        match self {
            Self::All(terms) | Self::Any(terms) => terms.iter().all(Self::is_of_groups),
            Self::Not(inner) => inner.is_of_groups(),
            Self::Text(field, _) => Detail::of(field.field()) == Detail::NONE,
            Self::Tunnel(_) | Self::Attribution(_) => true,
            Self::Number(..) | Self::Protocol(_) | Self::Address(_) | Self::Folded(_) => false,
        }
    }

    /// What it tests that may be folded.
    pub(super) fn detail(&self) -> Detail {
        match self {
            Self::All(terms) | Self::Any(terms) => terms
                .iter()
                .map(Self::detail)
                .fold(Detail::NONE, Detail::or),
            Self::Not(inner) => inner.detail(),
            Self::Number(field, _) => Detail::of(field.field()),
            Self::Address(_) => Detail::of(Field::RemoteIp),
            Self::Text(field, _) => Detail::of(field.field()),
            Self::Tunnel(_) | Self::Attribution(_) | Self::Protocol(_) | Self::Folded(_) => {
                Detail::NONE
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextField {
    Process,
    App,
    Exe,
    CommandLine,
    User,
    Unit,
    Container,
    Pod,
    Package,
}

impl TextField {
    pub(super) const fn field(self) -> Field {
        match self {
            Self::Process => Field::Process,
            Self::App => Field::App,
            Self::Exe => Field::Exe,
            Self::CommandLine => Field::CommandLine,
            Self::User => Field::User,
            Self::Unit => Field::Unit,
            Self::Container => Field::Container,
            Self::Pod => Field::Pod,
            Self::Package => Field::Package,
        }
    }

    /// What a process may have none of, which is no text that it may have.
    pub(super) const fn may_be_none(self) -> bool {
        match self {
            Self::Unit | Self::Container | Self::Pod | Self::Package => true,
            Self::Process | Self::App | Self::Exe | Self::CommandLine | Self::User => false,
        }
    }
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

impl NumberField {
    const fn field(self) -> Field {
        match self {
            Self::Pid => Field::Pid,
            Self::RemotePort => Field::RemotePort,
            Self::LocalPort => Field::LocalPort,
        }
    }
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

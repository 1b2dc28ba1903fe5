//! A filter after parsing: nothing in it can be wrong.

use nettally_source::pipeline::Protocol;

use crate::address::AddressRange;

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
    Inside(AddressRange),
    /// In lower case.
    Contains(String),
}

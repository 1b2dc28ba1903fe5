//! Conditions on what is measured right now: the same answers as SQL gives of the history.

use nettally_source::pipeline::{Process, Protocol, Remote};

use super::Filter;
use super::condition::{
    AddressTest, Condition, Folded, NumberField, NumberTest, TextField, TextTest,
};
use crate::address::stored;

/// A flow that a filter may let through.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'a> {
    /// Who.
    pub process: &'a Process,
    /// Over what.
    pub protocol: Protocol,
    /// Port on this machine, where [`Remote::has_local_port`].
    pub local_port: u16,
    /// The other end.
    pub remote: Remote,
}

impl Filter {
    /// Whether this is true of `flow`.
    #[must_use]
    pub fn matches(&self, flow: &Flow<'_>) -> bool {
        self.0.holds(flow)
    }

    /// Whether the answer depends on nothing but the process and the protocol.
    #[must_use]
    pub fn is_of_processes(&self) -> bool {
        self.0.is_of_processes()
    }
}

impl Condition {
    fn holds(&self, flow: &Flow<'_>) -> bool {
        let Flow {
            process,
            protocol,
            local_port: _,
            remote,
        } = flow;
        match self {
            Self::All(terms) => terms.iter().all(|term| term.holds(flow)),
            Self::Any(terms) => terms.iter().any(|term| term.holds(flow)),
            Self::Not(inner) => !inner.holds(flow),
            Self::Text(field, test) => test.holds(text(*field, process).as_deref()),
            Self::Tunnel(tunnel) => process.tunnel == *tunnel,
            Self::Attribution(attribution) => process.attribution == *attribution,
            Self::Number(field, test) => test.holds(number(*field, flow)),
            Self::Protocol(wanted) => protocol == wanted,
            Self::Address(test) => test.holds(*remote),
            Self::Folded(folded) => match folded {
                Folded::Process => false,
                Folded::Remote | Folded::RemotePort | Folded::LocalPort => *remote == Remote::Other,
            },
        }
    }

    fn is_of_processes(&self) -> bool {
        match self {
            Self::All(terms) | Self::Any(terms) => terms.iter().all(Self::is_of_processes),
            Self::Not(inner) => inner.is_of_processes(),
            Self::Text(..)
            | Self::Tunnel(_)
            | Self::Attribution(_)
            | Self::Protocol(_)
            | Self::Number(NumberField::Pid, _) => true,
            Self::Number(NumberField::RemotePort | NumberField::LocalPort, _)
            | Self::Address(_)
            | Self::Folded(_) => false,
        }
    }
}

fn text(field: TextField, process: &Process) -> Option<String> {
    match field {
        TextField::Process => Some(process.name.clone()),
        TextField::App => Some(if process.app.is_empty() {
            process.name.clone()
        } else {
            process.app.clone()
        }),
        TextField::Exe => process.exe.clone(),
        TextField::CommandLine => process.command_line.clone(),
        TextField::User => {
            let number = || process.uid.map(|uid| uid.to_string());
            process.user.clone().or_else(number)
        }
        TextField::Unit => process.unit.clone(),
        TextField::Container => process.container_text(),
        TextField::Pod => process.pod.clone(),
        TextField::Package => process.package.clone(),
    }
}

/// A number that a test may be about.
enum Number {
    Is(i64),
    /// There is none.
    None,
    /// Those of many share a row.
    Folded,
}

fn number(field: NumberField, flow: &Flow<'_>) -> Number {
    match (field, flow.remote) {
        (NumberField::Pid, _) => Number::Is(flow.process.id.pid.into()),
        (NumberField::RemotePort, Remote::Address { ip: _, port }) => Number::Is(port.into()),
        (NumberField::RemotePort, Remote::Unresolved | Remote::None)
        | (NumberField::LocalPort, Remote::None) => Number::None,
        (NumberField::LocalPort, Remote::Address { .. } | Remote::Unresolved) => {
            Number::Is(flow.local_port.into())
        }
        (NumberField::RemotePort | NumberField::LocalPort, Remote::Other) => Number::Folded,
    }
}

impl TextTest {
    fn holds(&self, text: Option<&str>) -> bool {
        match self {
            Self::Unknown => text.is_none(),
            Self::Equals(wanted) => text == Some(wanted),
            Self::Contains(part) => text.is_some_and(|text| text.to_lowercase().contains(part)),
        }
    }
}

impl NumberTest {
    fn holds(self, number: Number) -> bool {
        match (self, number) {
            (Self::Unknown, Number::None) => true,
            (Self::Between(first, last), Number::Is(number)) => (first..=last).contains(&number),
            (Self::Unknown, Number::Is(_) | Number::Folded)
            | (Self::Between(..), Number::None | Number::Folded) => false,
        }
    }
}

impl AddressTest {
    fn holds(&self, remote: Remote) -> bool {
        match self {
            Self::Unresolved => remote == Remote::Unresolved,
            Self::Other => remote == Remote::Other,
            Self::NoRemote => remote == Remote::None,
            Self::Inside(range) => match remote {
                Remote::Address { ip, port: _ } => (range.first..=range.last).contains(&stored(ip)),
                Remote::Unresolved | Remote::Other | Remote::None => false,
            },
            Self::Contains(part) => remote.ip_text().contains(part),
        }
    }
}

//! What rows are told apart by, as numbers.

use super::table::Table;
use crate::query::Field;
use crate::writer::{FOLDED_PORT, OTHER};

/// What a row of facts is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Column {
    /// Start of the step in milliseconds; one step of everything if there are none.
    Step,
    Process,
    Protocol,
    LocalPort,
    Remote,
    RemotePort,
}

impl Column {
    const COUNT: usize = 6;

    pub(in super::super) const fn of(field: Field) -> Self {
        match field {
            Field::Process
            | Field::Pid
            | Field::Exe
            | Field::User
            | Field::App
            | Field::Unit
            | Field::Container
            | Field::Pod
            | Field::Package
            | Field::Tunnel
            | Field::Attribution
            | Field::CommandLine => Self::Process,
            Field::Protocol => Self::Protocol,
            Field::RemoteIp => Self::Remote,
            Field::RemotePort => Self::RemotePort,
            Field::LocalPort => Self::LocalPort,
        }
    }

    /// How a row tells it.
    pub(super) const fn select(self, table: Table) -> &'static str {
        match (self, table) {
            (Self::Step, Table::Windows) => "w.start_ms",
            (Self::Step, Table::Flows(_) | Table::Sums { .. }) => "f.bucket",
            (
                Self::Process,
                Table::Sums {
                    of_groups: true, ..
                },
            ) => "f.group_id",
            (Self::Process, _) => "f.process_id",
            (Self::Protocol, _) => "f.protocol_id",
            (Self::LocalPort, _) => "f.local_port",
            (Self::Remote, _) => "f.remote_id",
            (Self::RemotePort, _) => "f.remote_port",
        }
    }
}

/// What tells groups apart, before names: zero in the columns that nobody asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct FactKey(pub(super) [i64; Column::COUNT]);

impl FactKey {
    /// Whether the value of a field was folded away.
    pub(in super::super) fn is_folded(&self, field: Field) -> bool {
        match field {
            Field::RemoteIp => self.get(Column::Remote) == OTHER,
            Field::RemotePort => self.get(Column::RemotePort) == FOLDED_PORT,
            Field::LocalPort => self.get(Column::LocalPort) == FOLDED_PORT,
            // One that stands for others that are alike.
            Field::Pid | Field::CommandLine => self.get(Column::Process) < 0,
            Field::Process
            | Field::Exe
            | Field::User
            | Field::App
            | Field::Unit
            | Field::Container
            | Field::Pod
            | Field::Package
            | Field::Tunnel
            | Field::Attribution
            | Field::Protocol => false,
        }
    }

    /// The same in whatever step.
    pub(in super::super) const fn without_step(mut self) -> Self {
        self.0[Column::Step as usize] = 0;
        self
    }

    pub(in super::super) const fn get(&self, column: Column) -> i64 {
        self.0[column as usize]
    }
}

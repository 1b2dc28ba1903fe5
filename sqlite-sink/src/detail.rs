//! What rows may fold: coarse ones, remotes beyond the largest of their bucket, ephemeral ports and
//! processes that are alike; those of windows, all remotes and ports that the kernel had no room for.

use crate::query::Field;

/// Some, all or nothing of it: what a bucket has folded, or what a question tells apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) remotes: bool,
    pub(crate) ports: bool,
    pub(crate) processes: bool,
}

impl Detail {
    /// Nothing.
    pub(crate) const NONE: Self = Self {
        remotes: false,
        ports: false,
        processes: false,
    };

    /// What the kernel folds when it has no room.
    pub(crate) const FLOWS: Self = Self {
        remotes: true,
        ports: true,
        processes: false,
    };

    /// What a bucket folds in which processes that are alike are one.
    pub(crate) const PROCESSES: Self = Self {
        processes: true,
        ..Self::NONE
    };

    /// What telling a field apart needs.
    pub(crate) const fn of(field: Field) -> Self {
        match field {
            Field::RemoteIp => Self {
                remotes: true,
                ..Self::NONE
            },
            Field::RemotePort | Field::LocalPort => Self {
                ports: true,
                ..Self::NONE
            },
            Field::Pid | Field::CommandLine => Self::PROCESSES,
            Field::Process
            | Field::App
            | Field::Exe
            | Field::User
            | Field::Unit
            | Field::Container
            | Field::Pod
            | Field::Package
            | Field::Tunnel
            | Field::Attribution
            | Field::Protocol => Self::NONE,
        }
    }

    /// What either has.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            remotes: self.remotes || other.remotes,
            ports: self.ports || other.ports,
            processes: self.processes || other.processes,
        }
    }

    /// As stored: 1 for remotes, 2 for ports, 4 for processes.
    pub(crate) const fn bits(self) -> i64 {
        self.remotes as i64 + 2 * self.ports as i64 + 4 * self.processes as i64
    }
}

//! What rows may fold: coarse ones, remotes beyond the largest of their bucket and ephemeral ports;
//! those of windows, all remotes and ports that the kernel had no room for.

use crate::query::Field;

/// Remotes, ports, both or neither: what a bucket has folded, or what a question tells apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) remotes: bool,
    pub(crate) ports: bool,
}

impl Detail {
    /// Both.
    pub(crate) const ALL: Self = Self {
        remotes: true,
        ports: true,
    };

    /// What telling a field apart needs.
    pub(crate) const fn of(field: Field) -> Self {
        match field {
            Field::RemoteIp => Self {
                remotes: true,
                ports: false,
            },
            Field::RemotePort | Field::LocalPort => Self {
                remotes: false,
                ports: true,
            },
            Field::Process | Field::Pid | Field::Exe | Field::User | Field::Protocol => Self {
                remotes: false,
                ports: false,
            },
        }
    }

    /// What either has.
    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            remotes: self.remotes || other.remotes,
            ports: self.ports || other.ports,
        }
    }

    /// As stored: 1 for remotes, 2 for ports.
    pub(crate) const fn bits(self) -> i64 {
        self.remotes as i64 + 2 * self.ports as i64
    }
}

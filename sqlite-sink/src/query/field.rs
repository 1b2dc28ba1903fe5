//! What can be grouped and filtered by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A field of a usage row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Name of the process.
    Process,
    /// Its number.
    Pid,
    /// Path of its executable.
    Exe,
    /// Name of its user.
    User,
    /// `tcp`, `udp`, `udplite`, `icmp`, `raw`, `sctp`, `packet`.
    Protocol,
    /// Address of the other end, or `unresolved`, `other` (folded away), `none`.
    RemoteIp,
    /// Port of the other end.
    RemotePort,
    /// Port on this machine.
    LocalPort,
}

impl Field {
    /// All, in the order they are documented.
    pub const ALL: [Self; 8] = [
        Self::Process,
        Self::Pid,
        Self::Exe,
        Self::User,
        Self::Protocol,
        Self::RemoteIp,
        Self::RemotePort,
        Self::LocalPort,
    ];

    /// The word used in JSON, SQL, HTTP and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Pid => "pid",
            Self::Exe => "exe",
            Self::User => "user",
            Self::Protocol => "protocol",
            Self::RemoteIp => "remote_ip",
            Self::RemotePort => "remote_port",
            Self::LocalPort => "local_port",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown field `{found}`; allowed: {}", Field::ALL.map(Field::name).join(", "))]
pub struct UnknownField {
    /// The word.
    pub found: String,
}

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(text: &str) -> Result<Self, UnknownField> {
        Self::ALL
            .into_iter()
            .find(|field| field.name() == text)
            .ok_or_else(|| UnknownField {
                found: text.to_owned(),
            })
    }
}

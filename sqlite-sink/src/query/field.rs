//! What can be grouped and filtered by.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A field of a usage row.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Name of the process.
    Process,
    /// Its number; null in days and months of which nothing finer is left.
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
    /// Application: the same however often it is started.
    App,
    /// Innermost systemd unit that is not a slice; null for none.
    Unit,
    /// Container, such as `docker:3f2a9c1b7d55`; null for none.
    Container,
    /// Kubernetes pod uid; null for none.
    Pod,
    /// Sandboxed package, such as `flatpak:org.mozilla.firefox`; null for none.
    Package,
    /// Whether the process holds a tun or tap device, and so sends once more what others send.
    Tunnel,
    /// Where what is known of the process comes from: `kernel`, `proc`, `name`, `unknown`.
    Attribution,
    /// Arguments of the process; null where not known or not wanted, and as `pid`.
    CommandLine,
}

impl Field {
    /// All, in the order they are documented.
    pub const ALL: [Self; 16] = [
        Self::Process,
        Self::Pid,
        Self::Exe,
        Self::User,
        Self::Protocol,
        Self::RemoteIp,
        Self::RemotePort,
        Self::LocalPort,
        Self::App,
        Self::Unit,
        Self::Container,
        Self::Pod,
        Self::Package,
        Self::Tunnel,
        Self::Attribution,
        Self::CommandLine,
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
            Self::App => "app",
            Self::Unit => "unit",
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Package => "package",
            Self::Tunnel => "tunnel",
            Self::Attribution => "attribution",
            Self::CommandLine => "command_line",
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

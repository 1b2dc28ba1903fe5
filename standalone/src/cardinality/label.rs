//! What series are told apart by.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use nettally_source::{Process, Remote, Usage};
use serde::{Deserialize, Serialize};

use super::options::{RemoteDetail, RemotesConfig};

/// One thing that series are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Name of the process.
    Process,
    /// Application.
    App,
    /// Number of the process. Every process that starts is a new series.
    Pid,
    /// Path of the executable.
    Exe,
    /// Name of the user, or the number of one without a name.
    User,
    /// systemd unit.
    Unit,
    /// Container, such as `docker:3f2a9c1b7d55`.
    Container,
    /// Port on this machine. Clients have a new one for every connection.
    LocalPort,
    /// Address of the other end, or the network that it is in.
    Remote,
    /// Port of the other end.
    RemotePort,
    /// Transport protocol. Without it, what `packet` holds is left out, as other protocols count it
    /// too.
    Protocol,
}

impl Label {
    /// The word in configurations and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::App => "app",
            Self::Pid => "pid",
            Self::Exe => "exe",
            Self::User => "user",
            Self::Unit => "unit",
            Self::Container => "container",
            Self::LocalPort => "local_port",
            Self::Remote => "remote",
            Self::RemotePort => "remote_port",
            Self::Protocol => "protocol",
        }
    }
}

/// The labels of all series of one output, in a fixed order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// Without the protocol: this is what the largest are chosen by.
    group: Vec<Label>,
    has_protocol: bool,
    remotes: RemotesConfig,
}

impl Labels {
    pub(super) fn new(wanted: &[Label], remotes: RemotesConfig) -> Self {
        let is_told = |label: Label| match label {
            Label::Protocol => false,
            Label::Remote => remotes.detail != RemoteDetail::None,
            Label::Process
            | Label::App
            | Label::Pid
            | Label::Exe
            | Label::User
            | Label::Unit
            | Label::Container
            | Label::LocalPort
            | Label::RemotePort => true,
        };
        let mut group: Vec<Label> = wanted
            .iter()
            .copied()
            .filter(|&label| is_told(label))
            .collect();
        group.sort_unstable();
        group.dedup();
        Self {
            group,
            has_protocol: wanted.contains(&Label::Protocol),
            remotes,
        }
    }

    /// Those but for the protocol, in the order of a group's values.
    #[must_use]
    pub fn of_group(&self) -> &[Label] {
        &self.group
    }

    /// Whether the protocol is one of them.
    #[must_use]
    pub const fn has_protocol(&self) -> bool {
        self.has_protocol
    }

    /// What the flow has for each label of a group: empty if that is not known or does not apply.
    pub(super) fn values<'a>(&self, usage: &'a Usage, values: &mut Vec<Cow<'a, str>>) {
        values.clear();
        values.extend(self.group.iter().map(|&label| self.value(usage, label)));
    }

    fn value<'a>(&self, usage: &'a Usage, label: Label) -> Cow<'a, str> {
        let Usage {
            process,
            protocol,
            local_port,
            remote,
            sent_bytes: _,
            received_bytes: _,
            first_activity: _,
            last_activity: _,
        } = usage;
        let known = |text: &'a Option<String>| Cow::from(text.as_deref().unwrap_or_default());
        match label {
            Label::Process => Cow::from(process.name.as_str()),
            Label::App => Cow::from(process.app.as_str()),
            Label::Pid => Cow::from(process.id.pid.to_string()),
            Label::Exe => known(&process.exe),
            Label::User => user(process),
            Label::Unit => known(&process.unit),
            Label::Container => Cow::from(process.container_text().unwrap_or_default()),
            Label::LocalPort if remote.has_local_port() => Cow::from(local_port.to_string()),
            Label::LocalPort => Cow::default(),
            Label::Remote => self.remote(*remote),
            Label::RemotePort => Cow::from(
                remote
                    .port()
                    .map_or_else(String::new, |port| port.to_string()),
            ),
            Label::Protocol => Cow::from(protocol.name()),
        }
    }

    fn remote(&self, remote: Remote) -> Cow<'static, str> {
        let RemotesConfig {
            detail,
            ipv4_prefix_bits,
            ipv6_prefix_bits,
        } = self.remotes;
        let Remote::Address { ip, port: _ } = remote else {
            return Cow::from(remote.ip_text());
        };
        let bits = match (detail, ip) {
            (RemoteDetail::None, _) => return Cow::default(),
            (RemoteDetail::Address, _) => return Cow::from(ip.to_string()),
            (RemoteDetail::Prefix, IpAddr::V4(_)) => ipv4_prefix_bits,
            (RemoteDetail::Prefix, IpAddr::V6(_)) => ipv6_prefix_bits,
        };
        // More bits than an address has were refused with the configuration; the address is exact.
        let network = IpNet::new(ip, bits).map(|network| network.trunc());
        Cow::from(network.map_or_else(|_too_many| ip.to_string(), |network| network.to_string()))
    }
}

fn user(process: &Process) -> Cow<'_, str> {
    match (&process.user, process.uid) {
        (Some(name), _) => Cow::from(name.as_str()),
        (None, Some(uid)) => Cow::from(uid.to_string()),
        (None, None) => Cow::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::flow;

    #[test]
    fn a_remote_is_told_as_its_address_or_its_network_or_not_at_all() {
        let cases = [
            (RemoteDetail::Address, "192.0.2.77", Some("192.0.2.77")),
            (RemoteDetail::Prefix, "192.0.2.77", Some("192.0.2.0/24")),
            (
                RemoteDetail::Prefix,
                "2001:db8:1:2::9",
                Some("2001:db8:1::/48"),
            ),
            (RemoteDetail::None, "192.0.2.77", None),
        ];
        for (detail, address, expected) in cases {
            let remotes = RemotesConfig {
                detail,
                ..RemotesConfig::default()
            };
            let usage = flow("curl", 1, address, 1, 1);
            let mut values = Vec::new();
            Labels::new(&[Label::Remote], remotes).values(&usage, &mut values);
            assert_eq!(values.first().map(AsRef::as_ref), expected, "{detail:?}");
        }
    }

    #[test]
    fn the_widths_of_networks_can_be_chosen() {
        let remotes = RemotesConfig {
            detail: RemoteDetail::Prefix,
            ipv4_prefix_bits: 8,
            ipv6_prefix_bits: 32,
        };
        let labels = Labels::new(&[Label::Remote], remotes);
        for (address, expected) in [
            ("10.1.2.3", "10.0.0.0/8"),
            ("2001:db8:1::1", "2001:db8::/32"),
        ] {
            let remote = Remote::Address {
                ip: address.parse().unwrap(),
                port: 1,
            };
            assert_eq!(labels.remote(remote), expected);
        }
        for remote in [Remote::Unresolved, Remote::Other, Remote::None] {
            assert_eq!(labels.remote(remote), remote.ip_text());
        }
    }

    #[test]
    fn labels_have_one_order_and_no_doubles() {
        let wanted = [Label::Protocol, Label::User, Label::Process, Label::User];
        let labels = Labels::new(&wanted, RemotesConfig::default());
        assert_eq!(labels.of_group(), [Label::Process, Label::User]);
        assert!(labels.has_protocol());
    }

    #[test]
    fn the_name_is_the_word_in_the_configuration() {
        for label in [
            Label::LocalPort,
            Label::RemotePort,
            Label::Exe,
            Label::Protocol,
        ] {
            assert_eq!(serde_json::to_value(label).unwrap(), label.name());
        }
    }
}

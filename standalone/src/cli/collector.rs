//! `--collector`: whose numbers are shown, those of a daemon that runs or of a collector of our own.

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::{output, rights};
use crate::client::{Absence, Daemon};
use crate::config::ApiConfig;

/// The option.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct CollectorOption {
    /// Where the numbers come from: `daemon` is one that runs already, asked through its Unix socket,
    /// so that nothing is attached to the kernel twice and users of the socket's group need no other
    /// right; `own` measures by itself; `auto` takes the daemon if there is one.
    #[arg(long, value_enum, default_value_t)]
    collector: Collector,
}

/// Whose numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Collector {
    #[default]
    Auto,
    Daemon,
    Own,
}

/// What it came to.
#[derive(Debug)]
pub(super) enum Chosen {
    Daemon(Daemon),
    Own,
}

impl CollectorOption {
    /// Looks for a daemon if one is wanted, and at our rights if not. `needs_own` is an option that
    /// only a collector of our own can follow.
    ///
    /// # Errors
    /// What is wanted cannot be had; the text has everything that would help.
    pub(super) async fn choose(
        self,
        api: ApiConfig,
        needs_own: Option<&str>,
    ) -> anyhow::Result<Chosen> {
        let socket = api.socket.filter(|_| api.enabled);
        let find = || Daemon::find(socket.as_deref());
        match (self.collector, needs_own) {
            (Collector::Daemon, Some(option)) => bail!(
                "{option} cannot be had of a daemon, which measures as its configuration says; \
                 leave it out, or use --collector own"
            ),
            (Collector::Daemon, None) => match find().await {
                Ok(daemon) => Ok(Chosen::Daemon(daemon)),
                Err(absence) => bail!("{absence}; {}", remedy(&absence, socket.as_deref())),
            },
            (Collector::Own, _) | (Collector::Auto, Some(_)) => {
                rights::require()?;
                Ok(Chosen::Own)
            }
            (Collector::Auto, None) => match find().await {
                Ok(daemon) => Ok(Chosen::Daemon(daemon)),
                Err(absence) => {
                    rights::require().with_context(|| {
                        let remedy = remedy(&absence, socket.as_deref());
                        format!("{absence} ({remedy}), and nothing can be measured without one")
                    })?;
                    if let Absence::Failed(..) = absence {
                        output::note(&format!("{absence}; measuring without the daemon"));
                    }
                    Ok(Chosen::Own)
                }
            },
        }
    }
}

/// What would make it possible to ask a daemon.
fn remedy(absence: &Absence, socket: Option<&Path>) -> String {
    match absence {
        Absence::NotConfigured => "set one, and start `sudo nettally run`".to_owned(),
        Absence::Nobody(_) => "start one with `sudo nettally run`".to_owned(),
        Absence::Denied(_) => match socket.and_then(group_of) {
            Some(group) => format!("ask for membership in the group with number {group}"),
            None => "ask whoever runs it for access".to_owned(),
        },
        Absence::Failed(..) => "is it the socket of a daemon that runs?".to_owned(),
    }
}

/// Number of the group whose members may open it, if that is not root's.
fn group_of(socket: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let group = std::fs::metadata(socket).ok()?.gid();
    (group != 0).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(collector: Collector, socket: &str, option: Option<&str>) -> anyhow::Result<Chosen> {
        let api = ApiConfig {
            socket: Some(socket.into()),
            ..ApiConfig::default()
        };
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(CollectorOption { collector }.choose(api, option))
    }

    #[test]
    fn a_daemon_that_listens_is_taken_unless_an_option_asks_for_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nettally.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let path = path.to_str().unwrap();
        for collector in [Collector::Auto, Collector::Daemon] {
            let chosen = choose(collector, path, None).unwrap();
            assert!(matches!(chosen, Chosen::Daemon(_)), "{chosen:?}");
        }
        let refused = choose(Collector::Daemon, path, Some("--backend")).unwrap_err();
        assert!(refused.to_string().contains("--collector own"), "{refused}");
    }

    #[test]
    fn without_a_daemon_it_is_said_how_to_get_one() {
        let refused = choose(Collector::Daemon, "/nonexistent/nettally.sock", None).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("no daemon listens on /nonexistent/nettally.sock"),
            "{text}"
        );
        assert!(text.contains("sudo nettally run"), "{text}");
    }
}

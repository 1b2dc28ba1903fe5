//! `nettally` without a command: what to do next, as things are on this machine.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::{ConfigFile, rights};
use crate::client::{Absence, Daemon};
use crate::config::{Config, Overrides};

/// What matters for the next step.
#[derive(Debug)]
struct Situation {
    daemon: Result<PathBuf, Absence>,
    may_measure: bool,
    page: Option<std::net::SocketAddr>,
    database: Option<(PathBuf, Access)>,
}

/// Whether the history can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Readable,
    Denied,
    Missing,
}

/// Prints what to do next.
pub(super) fn execute(file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let config = file.load(&Overrides::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let text = words(&runtime.block_on(situation(&config)));
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

async fn situation(config: &Config) -> Situation {
    let socket = config.api.socket.as_deref().filter(|_| config.api.enabled);
    let daemon = Daemon::find(socket).await;
    let database = config.databases().next();
    Situation {
        daemon: daemon.map(|daemon| daemon.socket().to_owned()),
        may_measure: rights::require().is_ok(),
        page: config.api.enabled.then_some(config.api.address),
        database: database.map(|(_, path)| (path.to_owned(), access(path))),
    }
}

fn access(path: &Path) -> Access {
    match std::fs::File::open(path) {
        Ok(_file) => Access::Readable,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Access::Denied,
        Err(_not_there) => Access::Missing,
    }
}

fn words(situation: &Situation) -> String {
    let Situation {
        daemon,
        may_measure,
        page,
        database,
    } = situation;
    let sudo = if *may_measure { "" } else { "sudo " };
    let mut text = "nettally counts which process talks to whom, and how much.\n\n".to_owned();
    match daemon {
        Ok(socket) => text.push_str(&format!(
            "A daemon runs and answers on {}.\n",
            socket.display()
        )),
        Err(Absence::Denied(socket)) => text.push_str(&format!(
            "A daemon has its socket at {}; to use it, take sudo, or be in the socket's group.\n",
            socket.display()
        )),
        Err(Absence::NotConfigured | Absence::Nobody(_) | Absence::Failed(..)) => {
            text.push_str("No daemon runs.\n");
        }
    }
    if !may_measure {
        text.push_str("This user may not measure; root may.\n");
    }
    match database {
        Some((path, Access::Readable)) => {
            text.push_str(&format!("There is a history in {}.\n", path.display()));
        }
        Some((path, Access::Denied)) => text.push_str(&format!(
            "The history in {} is not this user's to read.\n",
            path.display()
        )),
        Some((_, Access::Missing)) => text.push_str("There is no history yet.\n"),
        None => {}
    }
    text.push('\n');
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut step = |command: String, what: &str| steps.push((command, what.to_owned()));
    let attached = if daemon.is_ok() { "" } else { sudo };
    if daemon.is_err() {
        let what = match page {
            Some(page) => format!("measure, keep history, serve the page at http://{page}/"),
            None => "measure and keep history".to_owned(),
        };
        step(format!("{sudo}nettally run"), &what);
    }
    step(
        format!("{attached}nettally top"),
        "who moves how much right now, in this terminal",
    );
    match database {
        Some((_, Access::Readable)) => {
            step(
                "nettally report".to_owned(),
                "who moved how much, from the history",
            );
        }
        Some((_, Access::Denied)) => step(
            "sudo nettally report".to_owned(),
            "who moved how much, from the history",
        ),
        Some((_, Access::Missing)) | None => {}
    }
    step(
        format!("{sudo}nettally doctor"),
        "what this kernel allows, and what would help",
    );
    step(
        "nettally generate".to_owned(),
        "a configuration file to start from",
    );
    step("nettally --help".to_owned(), "all commands and options");
    let width = steps.iter().map(|(command, _)| command.len()).max();
    for (command, what) in &steps {
        text.push_str(&format!("  {command:0$}   {what}\n", width.unwrap_or(0)));
    }
    if let (Ok(_), Some(page)) = (daemon, page) {
        text.push_str(&format!("\nThe page is at http://{page}/\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation(daemon: Result<PathBuf, Absence>, may_measure: bool, access: Access) -> Situation {
        Situation {
            daemon,
            may_measure,
            page: Some("127.0.0.1:9797".parse().unwrap()),
            database: Some(("/var/lib/nettally/nettally.db".into(), access)),
        }
    }

    #[test]
    fn the_first_step_is_one_that_works_here() {
        let socket = || PathBuf::from("/run/x.sock");
        let first = |situation: &Situation| {
            let text = words(situation);
            let step = text.lines().find(|line| line.starts_with("  "));
            let step = step.unwrap_or_default().split("   ").next();
            step.unwrap_or_default().trim().to_owned()
        };
        let nobody = || Err(Absence::Nobody(socket()));
        let cases = [
            (situation(nobody(), true, Access::Missing), "nettally run"),
            (
                situation(nobody(), false, Access::Missing),
                "sudo nettally run",
            ),
            (
                situation(Ok(socket()), false, Access::Denied),
                "nettally top",
            ),
        ];
        for (situation, expected) in cases {
            assert_eq!(first(&situation), expected, "{situation:?}");
        }
    }

    #[test]
    fn a_report_is_proposed_where_there_is_a_history() {
        let nobody = || Err(Absence::Nobody("/run/x.sock".into()));
        for (access, expected) in [
            (Access::Readable, Some("  nettally report ")),
            (Access::Denied, Some("sudo nettally report ")),
            (Access::Missing, None),
        ] {
            let text = words(&situation(nobody(), false, access));
            match expected {
                Some(line) => assert!(text.contains(line), "{text}"),
                None => assert!(!text.contains("nettally report"), "{text}"),
            }
        }
    }
}

//! From facts to what is told of a process: pure.

use super::app::{AppRules, Known};
use super::arguments::Redaction;
use super::cgroup::{Placement, placement};
use super::facts::Snapshot;
use super::proc::without_deleted;
use crate::config::ProcessNetworkConfig;
use crate::pipeline::{Error, Process};

/// What the user set on naming, compiled.
#[derive(Debug, Default)]
pub(crate) struct Naming {
    apps: AppRules,
    redaction: Redaction,
}

impl Naming {
    /// # Errors
    /// Names the pattern that cannot be read; a configuration that was validated has none.
    pub(crate) fn new(config: &ProcessNetworkConfig) -> Result<Self, Error> {
        Ok(Self {
            apps: AppRules::new(&config.apps)?,
            redaction: Redaction::new(config.command_lines, &config.redact)?,
        })
    }

    /// What the facts say. Name, owner and attribution are not among them; `app` is empty if it is to
    /// be the name.
    pub(super) fn told(&self, snapshot: Snapshot) -> Process {
        let Snapshot {
            key: _,
            exe,
            is_exe_cut,
            arguments,
            are_arguments_cut,
            directory,
            cgroup,
            parents,
            network_namespace,
        } = snapshot;
        let exe = exe.map(|exe| {
            let exe = without_deleted(&exe);
            let cut = if is_exe_cut { "…" } else { "" };
            format!("{cut}{exe}")
        });
        let placement = cgroup.as_deref().map(placement);
        let arguments = arguments
            .filter(|arguments| !arguments.is_empty())
            .map(|arguments| self.redaction.redacted(&arguments, are_arguments_cut));
        let line = arguments
            .as_ref()
            .map(|arguments| self.redaction.line(arguments, are_arguments_cut));
        let app = self.apps.app(&Known {
            exe: exe.as_deref(),
            arguments: arguments.as_deref().unwrap_or_default(),
            command_line: line.as_deref(),
            directory: directory.as_deref(),
            placement: placement.as_ref(),
        });
        let Placement {
            unit,
            escaped_unit: _,
            container,
            pod,
            package,
        } = placement.unwrap_or_default();
        Process {
            app: app.unwrap_or_default(),
            exe,
            command_line: line.and_then(|line| self.redaction.told(line)),
            parents,
            unit,
            container,
            pod,
            package,
            cgroup,
            network_namespace,
            ..Process::default()
        }
    }
}

/// How a thread of the kernel is called: without what tells apart those that do the same on several
/// processors.
pub(super) fn kernel_thread(comm: &str) -> String {
    let name = match comm.split_once('/') {
        Some(("kworker", _)) => "kworker",
        Some((name, cpu)) if cpu.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => comm,
    };
    format!("[kernel: {name}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CommandLines;

    fn snapshot() -> Snapshot {
        let text = |text: &str| Some(text.to_owned());
        Snapshot {
            exe: text("/usr/bin/python3.11 (deleted)"),
            arguments: Some(vec![
                "python3".to_owned(),
                "crawl.py".to_owned(),
                "--token=x".to_owned(),
            ]),
            directory: text("/srv"),
            cgroup: text("/user.slice/user-1000.slice/session-2.scope"),
            network_namespace: Some(7),
            ..Snapshot::default()
        }
    }

    #[test]
    fn facts_become_what_is_told() {
        let told = Naming::default().told(snapshot());
        let text = |text: &str| Some(text.to_owned());
        let expected = Process {
            app: "/srv/crawl.py".to_owned(),
            exe: text("/usr/bin/python3.11"),
            command_line: text("python3 crawl.py --token=***"),
            unit: text("session-2.scope"),
            cgroup: text("/user.slice/user-1000.slice/session-2.scope"),
            network_namespace: Some(7),
            ..Process::default()
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn without_command_lines_a_script_still_names_its_application() {
        let config = ProcessNetworkConfig {
            command_lines: CommandLines::Off,
            ..ProcessNetworkConfig::default()
        };
        let told = Naming::new(&config).unwrap().told(snapshot());
        assert_eq!((&*told.app, told.command_line), ("/srv/crawl.py", None));
    }

    #[test]
    fn nothing_known_is_nothing_told() {
        assert_eq!(
            Naming::default().told(Snapshot::default()),
            Process::default()
        );
    }

    #[test]
    fn an_executable_without_its_beginning_says_so() {
        let told = Naming::default().told(Snapshot {
            exe: Some("deep/down/tool".to_owned()),
            is_exe_cut: true,
            ..Snapshot::default()
        });
        assert_eq!(told.exe.as_deref(), Some("…deep/down/tool"));
    }

    #[test]
    fn kernel_threads_that_do_the_same_have_one_name() {
        for (comm, expected) in [
            ("kworker/u8:2-ev", "[kernel: kworker]"),
            ("kworker/0:1H", "[kernel: kworker]"),
            ("ksoftirqd/0", "[kernel: ksoftirqd]"),
            ("rcuop/31", "[kernel: rcuop]"),
            ("nfsd", "[kernel: nfsd]"),
            ("irq/27-eth0", "[kernel: irq/27-eth0]"),
            ("jbd2/sda1-8", "[kernel: jbd2/sda1-8]"),
        ] {
            assert_eq!(kernel_thread(comm), expected);
        }
    }
}

//! `nettally doctor`.
//!
//! This file asks the kernel and the machine; `running` asks the nettally that runs already.

mod running;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use nettally_source::kernel::{Fact, FactState};
use nettally_source::{Degradation, KernelReport, examine};
use serde::Serialize;

use super::backend::BackendOption;
use super::{ConfigFile, output};
use crate::config::Config;
use crate::http::Token;
use running::Running;

/// Columns of a line, and those before the names of hooks.
const LINE: usize = 100;
const MARGIN: usize = 9;

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(super) backend: BackendOption,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Findings {
    /// Whether `run` can measure here.
    usable: bool,
    config: String,
    #[serde(flatten)]
    kernel: KernelReport,
    /// Of the machine, not of the kernel.
    surroundings: Vec<Fact>,
    /// Where a running nettally would answer; none if the API is off.
    address: Option<SocketAddr>,
    /// The one that does.
    running: Option<Running>,
    /// Why nothing is known of the one that listens there.
    unclear: Option<String>,
}

/// Prints what this kernel and machine allow. Succeeds if something can be measured.
pub(super) fn execute(options: Options, file: &ConfigFile) -> anyhow::Result<ExitCode> {
    let Options { json, backend } = options;
    let config = file.load(&backend.overrides())?;
    let source = config.sources.values().next().cloned().unwrap_or_default();
    let kernel = examine(&source);
    let address = config.api.enabled.then_some(config.api.address);
    let token = config
        .api
        .needed_token(&config.data_dir)
        .and_then(|path| Token::read(&path).ok());
    let asked = address.map(|address| running::ask(address, token.as_ref()));
    let (running, unclear) = match asked.transpose() {
        Ok(answer) => (answer.flatten(), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    let findings = Findings {
        usable: kernel.backend.is_some(),
        surroundings: surroundings(&config, running.is_some()),
        config: config.origin,
        kernel,
        address,
        running,
        unclear,
    };
    if json {
        output::print_json(&findings)?;
    } else {
        io::stdout().lock().write_all(text(&findings).as_bytes())?;
    }
    Ok(if findings.usable {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn surroundings(config: &Config, is_running: bool) -> Vec<Fact> {
    let mut facts: Vec<Fact> = config
        .databases()
        .map(|(_, path)| {
            let folder = path.parent().unwrap_or(Path::new("/"));
            fact(
                format!("database folder {}", folder.display()),
                folder_state(folder),
            )
        })
        .collect();
    if config.api.enabled {
        let address = config.api.address;
        facts.push(fact(
            format!("page address {address}"),
            if is_running {
                (FactState::No, "nettally itself listens there".to_owned())
            } else {
                address_state(address)
            },
        ));
    }
    facts
}

fn fact(name: String, (state, detail): (FactState, String)) -> Fact {
    Fact {
        name,
        state,
        detail,
    }
}

/// Whether files can be made in `folder`, or it can be made itself.
fn folder_state(folder: &Path) -> (FactState, String) {
    let existing = folder.ancestors().find(|ancestor| ancestor.is_dir());
    let Some(existing) = existing else {
        return (FactState::No, "it does not exist".to_owned());
    };
    let made = if existing == folder {
        ""
    } else {
        "it will be made"
    };
    match tempfile::tempfile_in(existing) {
        Ok(_deleted_when_closed) => (FactState::Yes, made.to_owned()),
        Err(error) => (
            FactState::No,
            format!("{error}; `run` needs to write there, usually as root"),
        ),
    }
}

/// Whether the page can listen.
fn address_state(address: SocketAddr) -> (FactState, String) {
    match TcpListener::bind(address) {
        Ok(_closed_again) => (FactState::Yes, String::new()),
        Err(error) => (
            FactState::No,
            format!("{error}; `run --listen` takes another"),
        ),
    }
}

fn text(findings: &Findings) -> String {
    let Findings {
        usable: _,
        config,
        kernel:
            KernelReport {
                kernel,
                facts,
                backend,
                hooks,
                degradations,
                blockers,
            },
        surroundings,
        address,
        running,
        unclear,
    } = findings;
    let mut text = format!("kernel   {kernel}\nconfig   {config}\n\n");
    let width = facts
        .iter()
        .chain(surroundings)
        .map(|fact| fact.name.chars().count())
        .max()
        .unwrap_or_default();
    for Fact {
        name,
        state,
        detail,
    } in facts.iter().chain(surroundings)
    {
        let state = match state {
            FactState::Yes => "yes",
            FactState::No => "no",
            FactState::Unknown => "unknown",
        };
        let line = format!("{name:width$}  {state:7}  {detail}");
        add(&mut text, line.trim_end());
    }
    add(&mut text, "");
    match backend {
        Some(backend) => {
            add(&mut text, &format!("backend  {backend}"));
            add(&mut text, &format!("hooks    {}", listed(hooks)));
        }
        None => add(&mut text, "backend  none: nothing can be measured here"),
    }
    section(&mut text, "In the way", blockers);
    section(&mut text, "Degraded", degradations);
    add(&mut text, "");
    match (address, running, unclear) {
        (Some(address), Some(running), _) => running.tell(&mut text, *address, degradations),
        (Some(address), None, Some(unclear)) => {
            add(
                &mut text,
                &format!("running  unclear: at {address}, {unclear}"),
            );
        }
        (Some(address), None, None) => add(&mut text, &format!("running  none at {address}")),
        (None, _, _) => add(&mut text, "running  not asked: the API is off"),
    }
    text
}

/// Names in lines of a readable length, below one another.
fn listed(names: &[String]) -> String {
    let mut text = String::new();
    let mut length = MARGIN;
    for (index, name) in names.iter().enumerate() {
        let is_last = index + 1 == names.len();
        let word = format!("{name}{}", if is_last { "" } else { "," });
        if index > 0 && length + 1 + word.len() > LINE {
            text.push_str(&format!("\n{:MARGIN$}", ""));
            length = MARGIN;
        } else if index > 0 {
            text.push(' ');
            length += 1;
        }
        text.push_str(&word);
        length += word.len();
    }
    text
}

fn section(text: &mut String, title: &str, entries: &[Degradation]) {
    if entries.is_empty() {
        return;
    }
    add(text, &format!("\n{title}:"));
    for Degradation {
        code,
        summary,
        remedy,
    } in entries
    {
        add(text, &format!("  {summary} ({code})"));
        if !remedy.is_empty() {
            add(text, &format!("    what helps: {remedy}"));
        }
    }
}

fn add(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(name: &str, state: FactState, detail: &str) -> Fact {
        super::fact(name.to_owned(), (state, detail.to_owned()))
    }

    #[test]
    fn facts_backend_and_remedies_are_shown() {
        let missing = Degradation {
            code: "x".to_owned(),
            summary: "splice is not seen".to_owned(),
            remedy: "kernel 6.9".to_owned(),
        };
        let findings = Findings {
            usable: true,
            config: "built-in defaults".to_owned(),
            kernel: KernelReport {
                kernel: "6.18".to_owned(),
                facts: vec![fact("BTF", FactState::Yes, "")],
                backend: Some("tracepoint".to_owned()),
                hooks: vec!["a".to_owned(), "b".to_owned()],
                degradations: vec![missing],
                blockers: Vec::new(),
            },
            surroundings: vec![fact("page address", FactState::No, "in use")],
            address: None,
            running: None,
            unclear: None,
        };
        let expected = "\
kernel   6.18
config   built-in defaults

BTF           yes
page address  no       in use

backend  tracepoint
hooks    a, b

Degraded:
  splice is not seen (x)
    what helps: kernel 6.9

running  not asked: the API is off
";
        assert_eq!(text(&findings), expected);
    }

    #[test]
    fn many_hooks_are_several_lines() {
        let hooks: Vec<String> = (0..30).map(|n| format!("inet_hook_{n}")).collect();
        let text = listed(&hooks);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 3 && lines.iter().all(|line| line.len() <= LINE));
        assert!(lines[1].starts_with("         inet_hook_"), "{text}");
        assert_eq!(text.matches("inet_hook_").count(), 30);
    }

    #[test]
    fn an_address_in_use_and_a_folder_to_be_made_are_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (state, detail) = address_state(listener.local_addr().unwrap());
        assert_eq!(state, FactState::No);
        assert!(detail.contains("in use"), "{detail}");

        let folder = tempfile::tempdir().unwrap();
        let below = folder_state(&folder.path().join("a/b"));
        assert_eq!(below, (FactState::Yes, "it will be made".to_owned()));
        assert_eq!(folder_state(folder.path()).0, FactState::Yes);
        assert_eq!(folder_state(Path::new("/proc")).0, FactState::No);
    }
}

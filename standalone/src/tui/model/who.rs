//! Who a row of the process table is: what is known of its process, or of all its processes. Pure.

use nettally_source::Process;

use super::ledger::Ledger;
use super::processes::RowKey;
use super::remotes::accounts;
use crate::identity::{app, known_from, user};

/// Process numbers that are listed of a group.
const PIDS_SHOWN: usize = 12;

/// One thing that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    pub(crate) shape: Shape,
}

/// How much room a fact wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A word or two, which may stand beside others.
    Short,
    /// Lines of its own.
    Long,
}

/// What is known of the live processes of `key`, the most telling first. Empty if they have ended.
pub(crate) fn facts(ledger: &Ledger, key: &RowKey) -> Vec<Fact> {
    let mut processes: Vec<&Process> = accounts(ledger, key)
        .map(|account| &*account.process)
        .collect();
    processes.sort_unstable_by_key(|process| process.id);
    if processes.is_empty() {
        return Vec::new();
    }
    type Of = fn(&Process) -> Option<String>;
    let told: [(&'static str, Shape, Of); 13] = [
        ("command", Shape::Long, |p| p.command_line.clone()),
        ("exe", Shape::Long, |p| p.exe.clone()),
        ("parents", Shape::Long, parents),
        ("app", Shape::Short, |p| Some(app(p).to_owned())),
        ("user", Shape::Short, user_and_group),
        ("unit", Shape::Short, |p| p.unit.clone()),
        ("container", Shape::Short, Process::container_text),
        ("pod", Shape::Short, |p| p.pod.clone()),
        ("package", Shape::Short, |p| p.package.clone()),
        ("namespace", Shape::Short, |p| {
            p.network_namespace.map(|inode| inode.to_string())
        }),
        ("cgroup", Shape::Long, |p| p.cgroup.clone()),
        ("tunnel", Shape::Long, |p| {
            p.tunnel
                .then(|| "what others send through it, it sends once more".to_owned())
        }),
        ("known from", Shape::Long, |p| {
            Some(known_from(p.attribution).to_owned())
        }),
    ];
    let mut facts: Vec<Fact> = told
        .into_iter()
        .filter_map(|(label, shape, of)| {
            let text = in_common(&processes, of)?;
            // The title says the name already.
            let is_news = label != "app" || processes.iter().any(|p| p.name != text);
            is_news.then_some(Fact { label, text, shape })
        })
        .collect();
    if processes.len() > 1 {
        facts.insert(
            0,
            Fact {
                label: "processes",
                text: numbers(&processes),
                shape: Shape::Long,
            },
        );
    }
    facts
}

/// What all of them share, or in how many ways they differ.
fn in_common(processes: &[&Process], of: fn(&Process) -> Option<String>) -> Option<String> {
    let mut texts: Vec<Option<String>> = processes.iter().map(|process| of(process)).collect();
    texts.sort_unstable();
    texts.dedup();
    let known: Vec<String> = texts.iter().flatten().cloned().collect();
    match (&known[..], texts.len()) {
        ([], _) => None,
        ([text], 1) => Some(text.clone()),
        ([text], _) => Some(format!("{text} (not all)")),
        ([first, ..], _) => Some(format!("{} different, one is {first}", known.len())),
    }
}

fn numbers(processes: &[&Process]) -> String {
    let shown: Vec<String> = processes
        .iter()
        .take(PIDS_SHOWN)
        .map(|process| process.id.pid.to_string())
        .collect();
    let more = if processes.len() > PIDS_SHOWN {
        ", …"
    } else {
        ""
    };
    format!("{}: {}{more}", processes.len(), shown.join(", "))
}

/// `systemd (1) › sshd (812)`: whoever started it stands at the end.
fn parents(process: &Process) -> Option<String> {
    let named = process.parents.iter().rev();
    let named: Vec<String> = named
        .map(|parent| format!("{} ({})", parent.name, parent.pid))
        .collect();
    (!named.is_empty()).then(|| named.join(" › "))
}

fn user_and_group(process: &Process) -> Option<String> {
    let user = user(process)?;
    Some(match (process.uid, process.gid) {
        (Some(uid), Some(gid)) => format!("{user} ({uid}:{gid})"),
        (Some(_) | None, _) => user,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nettally_source::Parent;

    use super::*;
    use crate::tui::testing::{batch, process, tcp};

    fn of(processes: &[Process], key: &RowKey) -> Vec<(&'static str, String)> {
        let mut ledger = Ledger::default();
        let usage = processes.iter().cloned().map(Arc::new);
        let usage = usage.map(|process| tcp(&process, "192.0.2.1:443", 1, 1));
        ledger.read(&batch(0, usage.collect()), 1);
        let facts = facts(&ledger, key).into_iter();
        facts.map(|fact| (fact.label, fact.text)).collect()
    }

    #[test]
    fn the_nearest_parent_stands_at_the_end() {
        let parents = [(812, "sshd"), (1, "systemd")].map(|(pid, name)| Parent {
            pid,
            name: name.to_owned(),
        });
        let bash = Process {
            parents: parents.to_vec(),
            gid: Some(100),
            ..(*process(7, "bash")).clone()
        };
        let facts = of(std::slice::from_ref(&bash), &RowKey::Process(bash.id));
        let expected = [
            ("exe", "/usr/bin/bash"),
            ("parents", "systemd (1) › sshd (812)"),
            ("user", "alice (1000:100)"),
            ("known from", "nothing but the kernel's count"),
        ];
        assert_eq!(
            facts,
            expected.map(|(label, text)| (label, text.to_owned()))
        );
    }

    #[test]
    fn a_group_says_what_its_members_share_and_that_they_differ() {
        let member = |pid, command_line: &str| Process {
            command_line: Some(command_line.to_owned()),
            unit: (pid == 1).then(|| "a.service".to_owned()),
            ..(*process(pid, "python3")).clone()
        };
        let members = [member(1, "python3 a.py"), member(2, "python3 b.py")];
        let facts = of(&members, &RowKey::App("python3".to_owned()));
        let told = |label| {
            let found = facts.iter().find(|(name, _)| *name == label);
            found.map(|(_, text)| text.as_str())
        };
        assert_eq!(told("processes"), Some("2: 1, 2"));
        assert_eq!(told("command"), Some("2 different, one is python3 a.py"));
        assert_eq!(told("unit"), Some("a.service (not all)"));
        assert_eq!(told("user"), Some("alice"));
    }

    #[test]
    fn of_those_that_ended_nothing_is_told() {
        assert_eq!(of(&[], &RowKey::Name("curl".to_owned())), []);
    }
}

//! Numbers of the facts to the values that people know.

use std::collections::HashMap;
use std::sync::Arc;

use nettally_source::pipeline::Remote;
use rusqlite::Connection;
use serde_json::Value;

use super::scan::{Column, FactKey};
use crate::address::{Address, shown};
use crate::query::Field;
use crate::writer::{FOLDED_PORT, NO_PORT, NO_REMOTE, OTHER};

/// A value of a field, in the order that rows may be sorted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Label {
    Unknown,
    Number(i64),
    Text(Arc<str>),
    Unresolved,
    Other,
    NoRemote,
    Address(Address),
}

impl From<Label> for Value {
    fn from(label: Label) -> Self {
        match label {
            Label::Unknown => Self::Null,
            Label::Number(number) => Self::from(number),
            Label::Text(text) => Self::from(&*text),
            Label::Unresolved => Self::from(Remote::UNRESOLVED),
            Label::Other => Self::from(Remote::OTHER),
            Label::NoRemote => Self::from(Remote::NONE),
            Label::Address(address) => Self::from(shown(address).to_string()),
        }
    }
}

/// What is known about a process.
#[derive(Clone, Debug)]
struct ProcessLabels {
    name: Label,
    pid: Label,
    exe: Label,
    user: Label,
}

/// Looks labels up, each once.
#[derive(Debug)]
pub(super) struct Labels<'f> {
    file: &'f Connection,
    processes: HashMap<i64, ProcessLabels>,
    protocols: HashMap<i64, Label>,
    remotes: HashMap<i64, Label>,
}

impl<'f> Labels<'f> {
    pub(super) fn new(file: &'f Connection) -> Self {
        Self {
            file,
            processes: HashMap::new(),
            protocols: HashMap::new(),
            remotes: HashMap::new(),
        }
    }

    /// The value of a field in a group.
    pub(super) fn of(&mut self, field: Field, key: &FactKey) -> rusqlite::Result<Label> {
        Ok(match field {
            Field::Process => self.process(key.get(Column::Process))?.name.clone(),
            Field::Pid => self.process(key.get(Column::Process))?.pid.clone(),
            Field::Exe => self.process(key.get(Column::Process))?.exe.clone(),
            Field::User => self.process(key.get(Column::Process))?.user.clone(),
            Field::Protocol => self.protocol(key.get(Column::Protocol))?,
            Field::RemoteIp => self.remote(key.get(Column::Remote))?,
            Field::RemotePort => port(key.get(Column::RemotePort)),
            Field::LocalPort => port(key.get(Column::LocalPort)),
        })
    }

    fn process(&mut self, id: i64) -> rusqlite::Result<&ProcessLabels> {
        if !self.processes.contains_key(&id) {
            let labels = self
                .file
                .prepare_cached(
                    "SELECT g.name, p.pid, g.exe, coalesce(a.name, CAST(a.uid AS TEXT))
                       FROM process p
                       JOIN program g ON g.id = p.program_id
                       JOIN account a ON a.id = p.account_id
                      WHERE p.id = ?",
                )?
                .query_row([id], |row| {
                    Ok(ProcessLabels {
                        name: text(row.get(0)?),
                        pid: Label::Number(row.get(1)?),
                        exe: text(row.get(2)?),
                        user: text(row.get(3)?),
                    })
                })?;
            self.processes.insert(id, labels);
        }
        Ok(&self.processes[&id])
    }

    fn protocol(&mut self, id: i64) -> rusqlite::Result<Label> {
        if let Some(label) = self.protocols.get(&id) {
            return Ok(label.clone());
        }
        let label = self
            .file
            .prepare_cached("SELECT name FROM protocol WHERE id = ?")?
            .query_row([id], |row| row.get(0).map(text))?;
        self.protocols.insert(id, label.clone());
        Ok(label)
    }

    fn remote(&mut self, id: i64) -> rusqlite::Result<Label> {
        match id {
            OTHER => return Ok(Label::Other),
            NO_REMOTE => return Ok(Label::NoRemote),
            _ => {}
        }
        if let Some(label) = self.remotes.get(&id) {
            return Ok(label.clone());
        }
        let address: Option<Address> = self
            .file
            .prepare_cached("SELECT address FROM remote WHERE id = ?")?
            .query_row([id], |row| row.get(0))?;
        let label = address.map_or(Label::Unresolved, Label::Address);
        self.remotes.insert(id, label.clone());
        Ok(label)
    }
}

fn port(number: i64) -> Label {
    match number {
        NO_PORT | FOLDED_PORT => Label::Unknown,
        number => Label::Number(number),
    }
}

fn text(text: Option<String>) -> Label {
    text.map_or(Label::Unknown, |text| Label::Text(text.into()))
}

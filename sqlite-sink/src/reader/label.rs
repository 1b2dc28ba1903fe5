//! Numbers of the facts to the values that people know.

use std::collections::HashMap;
use std::sync::Arc;

use nettally_source::pipeline::{Attribution, Remote};
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
    Truth(bool),
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
            Label::Truth(truth) => Self::from(truth),
            Label::Number(number) => Self::from(number),
            Label::Text(text) => Self::from(&*text),
            Label::Unresolved => Self::from(Remote::UNRESOLVED),
            Label::Other => Self::from(Remote::OTHER),
            Label::NoRemote => Self::from(Remote::NONE),
            Label::Address(address) => Self::from(shown(address).to_string()),
        }
    }
}

/// What a process is, most of it as numbers.
#[derive(Clone, Copy, Debug)]
struct Identity {
    pid: Option<i64>,
    program: i64,
    app: i64,
    account: i64,
    place: i64,
    tunnel: bool,
    attribution: Attribution,
    command_line: Option<i64>,
}

/// Looks labels up, each once.
#[derive(Debug)]
pub(super) struct Labels<'f> {
    file: &'f Connection,
    processes: HashMap<i64, Identity>,
    texts: HashMap<(&'static str, i64), Label>,
    remotes: HashMap<i64, Label>,
}

impl<'f> Labels<'f> {
    pub(super) fn new(file: &'f Connection) -> Self {
        Self {
            file,
            processes: HashMap::new(),
            texts: HashMap::new(),
            remotes: HashMap::new(),
        }
    }

    /// The value of a field in a group.
    pub(super) fn of(&mut self, field: Field, key: &FactKey) -> rusqlite::Result<Label> {
        match field {
            Field::Protocol => self.text(
                "SELECT name FROM protocol WHERE id = ?",
                key.get(Column::Protocol),
            ),
            Field::RemoteIp => self.remote(key.get(Column::Remote)),
            Field::RemotePort => Ok(port(key.get(Column::RemotePort))),
            Field::LocalPort => Ok(port(key.get(Column::LocalPort))),
            Field::Process
            | Field::Pid
            | Field::Exe
            | Field::User
            | Field::App
            | Field::Unit
            | Field::Container
            | Field::Pod
            | Field::Package
            | Field::Tunnel
            | Field::Attribution
            | Field::CommandLine => self.of_process(field, key.get(Column::Process)),
        }
    }

    /// The value of a field that a process decides; others have none.
    fn of_process(&mut self, field: Field, id: i64) -> rusqlite::Result<Label> {
        let Identity {
            pid,
            program,
            app,
            account,
            place,
            tunnel,
            attribution,
            command_line,
        } = self.identity(id)?;
        let (sql, id) = match field {
            Field::Pid => return Ok(pid.map_or(Label::Unknown, Label::Number)),
            Field::Tunnel => return Ok(Label::Truth(tunnel)),
            Field::Attribution => return Ok(Label::Text(attribution.name().into())),
            Field::Protocol | Field::RemoteIp | Field::RemotePort | Field::LocalPort => {
                return Ok(Label::Unknown);
            }
            Field::CommandLine => match command_line {
                Some(id) => ("SELECT text FROM command_line WHERE id = ?", id),
                None => return Ok(Label::Unknown),
            },
            Field::Process => ("SELECT name FROM program WHERE id = ?", program),
            Field::Exe => ("SELECT exe FROM program WHERE id = ?", program),
            Field::App => ("SELECT name FROM app WHERE id = ?", app),
            Field::User => (
                "SELECT coalesce(name, CAST(uid AS TEXT)) FROM account WHERE id = ?",
                account,
            ),
            Field::Unit => ("SELECT unit FROM place WHERE id = ?", place),
            Field::Container => ("SELECT container FROM place WHERE id = ?", place),
            Field::Pod => ("SELECT pod FROM place WHERE id = ?", place),
            Field::Package => ("SELECT package FROM place WHERE id = ?", place),
        };
        self.text(sql, id)
    }

    fn identity(&mut self, id: i64) -> rusqlite::Result<Identity> {
        if let Some(identity) = self.processes.get(&id) {
            return Ok(*identity);
        }
        let identity = self
            .file
            .prepare_cached(
                "SELECT pid, program_id, app_id, account_id, place_id, tunnel, attribution,
                        command_line_id
                   FROM process WHERE id = ?",
            )?
            .query_row([id], |row| {
                let attribution: String = row.get(6)?;
                Ok(Identity {
                    pid: row.get(0)?,
                    program: row.get(1)?,
                    app: row.get(2)?,
                    account: row.get(3)?,
                    place: row.get(4)?,
                    tunnel: row.get(5)?,
                    // Nobody writes another word.
                    attribution: attribution.parse().unwrap_or_default(),
                    command_line: row.get(7)?,
                })
            })?;
        self.processes.insert(id, identity);
        Ok(identity)
    }

    /// What a statement says of a row by its number; each is asked once.
    fn text(&mut self, sql: &'static str, id: i64) -> rusqlite::Result<Label> {
        if let Some(label) = self.texts.get(&(sql, id)) {
            return Ok(label.clone());
        }
        let label = self
            .file
            .prepare_cached(sql)?
            .query_row([id], |row| row.get(0).map(text))?;
        self.texts.insert((sql, id), label.clone());
        Ok(label)
    }

    /// The address of a remote, or what it is instead.
    pub(super) fn remote(&mut self, id: i64) -> rusqlite::Result<Label> {
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

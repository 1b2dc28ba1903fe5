//! Names to the numbers that facts hold.

use std::collections::HashMap;

use nettally_source::pipeline::{Process, Protocol, Remote, Usage};
use rusqlite::{Connection, OptionalExtension as _, Params, Result, named_params};

use crate::address::{Address, stored};

/// The number of the remote that is not known.
pub(crate) const UNRESOLVED: i64 = 0;

/// The port of a remote that is not known.
pub(crate) const NO_PORT: i64 = -1;

/// The number of the remotes that a bucket, or a window, does not tell apart.
pub(crate) const OTHER: i64 = -1;

/// The number of the remote that does not exist.
pub(crate) const NO_REMOTE: i64 = -2;

/// A port that a bucket, or a window, does not tell.
pub(crate) const FOLDED_PORT: i64 = -2;

/// More names than this are forgotten, to be looked up again in the file.
const MAX_REMEMBERED: usize = 65_536;

/// Numbers already looked up. They hold only while the transaction that made them was committed:
/// [`Dimensions::forget`] after one that was not.
#[derive(Debug)]
pub(crate) struct Dimensions {
    boot_id: String,
    boot: Option<i64>,
    processes: HashMap<Process, i64>,
    protocols: HashMap<Protocol, i64>,
    remotes: HashMap<Address, i64>,
}

impl Dimensions {
    /// For processes of the boot named `boot_id`.
    pub(crate) fn new(boot_id: String) -> Self {
        Self {
            boot_id,
            boot: None,
            processes: HashMap::new(),
            protocols: HashMap::new(),
            remotes: HashMap::new(),
        }
    }

    /// Looks everything up again.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(std::mem::take(&mut self.boot_id));
    }

    /// Keeps memory bounded on a machine with many short processes or remotes.
    pub(crate) fn forget_if_many(&mut self) {
        if self.processes.len().max(self.remotes.len()) > MAX_REMEMBERED {
            self.forget();
        }
    }

    /// The number of a process under its present name, executable and user.
    pub(crate) fn process(&mut self, file: &Connection, process: &Process) -> Result<i64> {
        if let Some(&id) = self.processes.get(process) {
            return Ok(id);
        }
        let boot = match self.boot {
            Some(boot) => boot,
            None => boot(file, &self.boot_id)?,
        };
        self.boot = Some(boot);
        let id = find_or_insert_process(file, boot, process)?;
        self.processes.insert(process.clone(), id);
        Ok(id)
    }

    /// The number of a protocol.
    pub(crate) fn protocol(&mut self, file: &Connection, protocol: Protocol) -> Result<i64> {
        if let Some(&id) = self.protocols.get(&protocol) {
            return Ok(id);
        }
        let id = find_or_insert(
            file,
            "SELECT id FROM protocol WHERE name = :name",
            "INSERT INTO protocol (name) VALUES (:name)",
            named_params! { ":name": protocol.name() },
        )?;
        self.protocols.insert(protocol, id);
        Ok(id)
    }

    /// The number of a remote's address, and its port.
    pub(crate) fn remote(&mut self, file: &Connection, remote: Remote) -> Result<(i64, i64)> {
        let (ip, port) = match remote {
            Remote::Address { ip, port } => (ip, port),
            Remote::Unresolved => return Ok((UNRESOLVED, NO_PORT)),
            Remote::Other => return Ok((OTHER, FOLDED_PORT)),
            Remote::None => return Ok((NO_REMOTE, NO_PORT)),
        };
        let port = i64::from(port);
        let address = stored(ip);
        if let Some(&id) = self.remotes.get(&address) {
            return Ok((id, port));
        }
        let id = match file
            .prepare_cached("SELECT id FROM remote WHERE address = :address")?
            .query_row(named_params! { ":address": address }, |row| row.get(0))
            .optional()?
        {
            Some(id) => id,
            None => insert(
                file,
                "INSERT INTO remote (address, text) VALUES (:address, :text)",
                named_params! { ":address": address, ":text": ip.to_canonical().to_string() },
            )?,
        };
        self.remotes.insert(address, id);
        Ok((id, port))
    }
}

/// The port on this machine, where the remote says that there is one.
pub(crate) fn local_port(usage: &Usage) -> i64 {
    match usage.remote {
        Remote::Address { .. } | Remote::Unresolved => i64::from(usage.local_port),
        Remote::Other => FOLDED_PORT,
        Remote::None => NO_PORT,
    }
}

fn boot(file: &Connection, boot_id: &str) -> Result<i64> {
    find_or_insert(
        file,
        "SELECT id FROM boot WHERE boot_id = :boot_id",
        "INSERT INTO boot (boot_id) VALUES (:boot_id)",
        named_params! { ":boot_id": boot_id },
    )
}

fn find_or_insert_process(file: &Connection, boot: i64, process: &Process) -> Result<i64> {
    let Process {
        id,
        name,
        exe,
        uid,
        user,
        ..
    } = process;
    let program = find_or_insert(
        file,
        "SELECT id FROM program WHERE name = :name AND exe IS :exe",
        "INSERT INTO program (name, exe) VALUES (:name, :exe)",
        named_params! { ":name": name, ":exe": exe },
    )?;
    let account = find_or_insert(
        file,
        "SELECT id FROM account WHERE uid IS :uid AND name IS :name",
        "INSERT INTO account (uid, name) VALUES (:uid, :name)",
        named_params! { ":uid": uid, ":name": user },
    )?;
    find_or_insert(
        file,
        "SELECT id FROM process
          WHERE pid = :pid AND start_boottime_ns = :start AND boot_id = :boot
            AND program_id = :program AND account_id = :account",
        "INSERT INTO process (boot_id, pid, start_boottime_ns, program_id, account_id)
         VALUES (:boot, :pid, :start, :program, :account)",
        named_params! {
            ":boot": boot,
            ":pid": id.pid,
            ":start": id.start_boottime_ns.cast_signed(),
            ":program": program,
            ":account": account,
        },
    )
}

fn find_or_insert(
    file: &Connection,
    find: &str,
    insert_sql: &str,
    values: impl Params + Copy,
) -> Result<i64> {
    let found = file
        .prepare_cached(find)?
        .query_row(values, |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => insert(file, insert_sql, values),
    }
}

fn insert(file: &Connection, sql: &str, values: impl Params) -> Result<i64> {
    file.prepare_cached(sql)?.insert(values)
}

//! Names to the numbers that facts hold.

use std::collections::HashMap;
use std::sync::Arc;

use nettally_source::pipeline::{Process, Protocol, Remote, Usage};
use rusqlite::{Connection, OptionalExtension as _, Params, Result, named_params};

use super::identity;
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
    processes: HashMap<Arc<Process>, Seen>,
    protocols: HashMap<Protocol, i64>,
    remotes: HashMap<Address, Seen>,
}

/// A number, and the last day of UTC on which the file says that it was seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    id: i64,
    day: i64,
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

    /// The number of a process as it is at present, in a window that starts on `day`.
    pub(crate) fn process(
        &mut self,
        file: &Connection,
        process: &Arc<Process>,
        day: i64,
    ) -> Result<i64> {
        if let Some(&seen) = self.processes.get(process)
            && seen.day >= day
        {
            return Ok(seen.id);
        }
        let boot = match self.boot {
            Some(boot) => boot,
            None => identity::boot(file, &self.boot_id)?,
        };
        self.boot = Some(boot);
        let id = identity::process(file, boot, process)?;
        file.prepare_cached(
            "UPDATE process SET seen_day = :day WHERE id = :id AND seen_day < :day",
        )?
        .execute(named_params! { ":id": id, ":day": day })?;
        self.processes.insert(Arc::clone(process), Seen { id, day });
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
            named_params! { ":name": protocol.name() },
        )?;
        self.protocols.insert(protocol, id);
        Ok(id)
    }

    /// The number of a remote's address, and its port, in a window that starts on `day`.
    pub(crate) fn remote(
        &mut self,
        file: &Connection,
        remote: Remote,
        day: i64,
    ) -> Result<(i64, i64)> {
        let (ip, port) = match remote {
            Remote::Address { ip, port } => (ip, port),
            Remote::Unresolved => return Ok((UNRESOLVED, NO_PORT)),
            Remote::Other => return Ok((OTHER, FOLDED_PORT)),
            Remote::None => return Ok((NO_REMOTE, NO_PORT)),
        };
        let port = i64::from(port);
        let address = stored(ip);
        if let Some(&seen) = self.remotes.get(&address)
            && seen.day >= day
        {
            return Ok((seen.id, port));
        }
        let id = find_or_insert(
            file,
            "SELECT id FROM remote WHERE address = :address",
            "INSERT INTO remote (address, text) VALUES (:address, :text)",
            named_params! { ":address": address },
            named_params! { ":address": address, ":text": ip.to_canonical().to_string() },
        )?;
        file.prepare_cached(
            "UPDATE remote SET seen_day = :day WHERE id = :id AND seen_day < :day",
        )?
        .execute(named_params! { ":id": id, ":day": day })?;
        self.remotes.insert(address, Seen { id, day });
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

/// The number of the row that `find` finds by `key`; of a new one with `values` if there is none.
pub(super) fn find_or_insert(
    file: &Connection,
    find: &str,
    insert: &str,
    key: impl Params,
    values: impl Params,
) -> Result<i64> {
    let found = file
        .prepare_cached(find)?
        .query_row(key, |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => file.prepare_cached(insert)?.insert(values),
    }
}

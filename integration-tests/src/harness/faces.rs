//! The faces of the daemon that answer who moved what: one row type for all of them.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::daemon::Daemon;
use crate::traffic::{Moved, Protocol};

/// A place where usage can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// `nettally report --json`
    Report,
    /// `/api/v1/usage`
    Api,
    /// The view `usage` of the database file.
    Sqlite,
}

impl Face {
    /// All.
    pub const ALL: [Self; 3] = [Self::Report, Self::Api, Self::Sqlite];

    /// Everything it has, summed over time and local ports.
    ///
    /// # Errors
    /// It does not answer, or not in the agreed form.
    pub fn read(self, daemon: &Daemon) -> Result<Vec<Moved>, String> {
        const FIELDS: &str = "process,pid,protocol,remote_ip,remote_port";
        match self {
            Self::Report => {
                let text = daemon.report(&["--json", "--since", "-1h", "--group-by", FIELDS])?;
                let answer = serde_json::from_str(&text)
                    .map_err(|error| format!("report --json: {error}: {text}"))?;
                rows(&answer)
            }
            Self::Api => paged(daemon, &format!("since=-1h&group_by={FIELDS}")),
            Self::Sqlite => database(&daemon.database()),
        }
    }
}

/// All pages of an answer.
fn paged(daemon: &Daemon, query: &str) -> Result<Vec<Moved>, String> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let answer = daemon.get(&format!("/api/v1/usage?{query}{page}"))?;
        all.extend(rows(&answer)?);
        cursor = answer["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

fn rows(answer: &Value) -> Result<Vec<Moved>, String> {
    answer["rows"]
        .as_array()
        .ok_or_else(|| format!("no rows in {answer}"))?
        .iter()
        .map(|row| moved(row).ok_or_else(|| format!("cannot read the row {row}")))
        .collect()
}

fn moved(row: &Value) -> Option<Moved> {
    let port = row["remote_port"].as_u64().map(|port| port as u16);
    Some(Moved {
        process: row["process"].as_str()?.to_owned(),
        pid: u32::try_from(row["pid"].as_u64()?).ok()?,
        protocol: protocol(row["protocol"].as_str()?)?,
        remote: remote(row["remote_ip"].as_str(), port)?,
        sent_bytes: row["sent_bytes"].as_u64()?,
        received_bytes: row["received_bytes"].as_u64()?,
    })
}

/// The rows of a database, summed.
///
/// # Errors
/// The file cannot be read, or has no view `usage` of the agreed form.
pub fn database(file: &Path) -> Result<Vec<Moved>, String> {
    read_database(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn read_database(file: &Path) -> rusqlite::Result<Vec<Moved>> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let mut statement = connection.prepare(
        "SELECT process, pid, protocol, remote_ip, remote_port,
                sum(sent_bytes), sum(received_bytes)
         FROM usage
         GROUP BY process, pid, protocol, remote_ip, remote_port",
    )?;
    let rows = statement.query_map([], |row| {
        let protocol_name: String = row.get(2)?;
        let ip: Option<String> = row.get(3)?;
        let sent: i64 = row.get(5)?;
        let received: i64 = row.get(6)?;
        Ok(Moved {
            process: row.get(0)?,
            pid: row.get(1)?,
            protocol: protocol(&protocol_name)
                .ok_or_else(|| rusqlite::Error::InvalidParameterName(protocol_name))?,
            remote: remote(ip.as_deref(), row.get(4)?)
                .ok_or_else(|| rusqlite::Error::InvalidParameterName(format!("{ip:?}")))?,
            sent_bytes: sent.cast_unsigned(),
            received_bytes: received.cast_unsigned(),
        })
    })?;
    rows.collect()
}

fn protocol(name: &str) -> Option<Protocol> {
    Protocol::ALL
        .into_iter()
        .find(|protocol| protocol.name() == name)
}

/// `Some(None)` is a remote that is said not to be known, not told apart, or not there.
fn remote(ip: Option<&str>, port: Option<u16>) -> Option<Option<SocketAddr>> {
    match ip {
        None | Some("unresolved" | "other" | "none") => Some(None),
        Some(ip) => {
            let ip: IpAddr = ip.parse().ok()?;
            Some(Some(SocketAddr::new(ip, port?)))
        }
    }
}

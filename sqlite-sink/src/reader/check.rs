//! Whether a file is sound: its pages, its references, and what its tiers must have in common.

mod processes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Result as Sqlite, named_params};
use serde::Serialize;

use super::{Reader, Snapshot};
use crate::error::StoreError;
use crate::moment::from_ms;
use crate::tier::{KeptFrom, RolledUntil, Rows, Tier};

/// More findings of one kind are not listed.
const MAX_LISTED: usize = 10;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", content = "what", rename_all = "snake_case")]
pub enum Finding {
    /// Pages, indices or values are damaged.
    Damage(String),
    /// A row refers to one that is not there.
    Reference(String),
    /// Rows contradict one another.
    Contradiction(String),
}

impl Finding {
    /// What was found.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Damage(text) | Self::Reference(text) | Self::Contradiction(text) => text,
        }
    }
}

/// How far a check is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckProgress {
    /// What is being checked now.
    pub doing: String,
    /// Steps that are done.
    pub done: u64,
    /// All steps.
    pub of: u64,
}

impl Reader {
    /// Checks the file as it is at one moment, beside its writer; everything is read. If pages are
    /// damaged, nothing else is looked at.
    ///
    /// # Errors
    /// The database could not be read for another reason than what is looked for.
    pub fn check(
        &self,
        progress: &mut dyn FnMut(CheckProgress),
    ) -> Result<Vec<Finding>, StoreError> {
        let snapshot = self.snapshot()?;
        let mut steps = Steps {
            progress,
            done: 0,
            of: 3 + Tier::ALL.len() as u64,
        };
        steps.begin("pages and indices");
        match pages(&snapshot) {
            Ok(findings) if findings.is_empty() => {}
            Ok(findings) => return Ok(findings),
            Err(StoreError::Damaged { source, .. }) => {
                return Ok(vec![Finding::Damage(source.to_string())]);
            }
            Err(other) => return Err(other),
        }
        steps.begin("references");
        let mut findings = snapshot.ask(references)?;
        steps.begin("windows");
        findings.extend(snapshot.ask(windows)?);
        for tier in Tier::ALL {
            let name: String = snapshot.ask(|file| name(file, Rows::Tier(tier)))?;
            steps.begin(&format!("{name}s"));
            findings.extend(snapshot.ask(|file| well_formed(file, tier, &name))?);
            findings.extend(snapshot.ask(|file| sums(file, tier, &name))?);
            findings.extend(snapshot.ask(|file| processes::sums(file, tier, &name))?);
        }
        steps.end();
        Ok(findings)
    }
}

struct Steps<'p> {
    progress: &'p mut dyn FnMut(CheckProgress),
    done: u64,
    of: u64,
}

impl Steps<'_> {
    fn begin(&mut self, doing: &str) {
        (self.progress)(CheckProgress {
            doing: doing.to_owned(),
            done: self.done,
            of: self.of,
        });
        self.done += 1;
    }

    fn end(&mut self) {
        (self.progress)(CheckProgress {
            doing: "done".to_owned(),
            done: self.of,
            of: self.of,
        });
    }
}

fn name(file: &Connection, rows: Rows) -> Sqlite<String> {
    file.query_row("SELECT name FROM tier WHERE id = ?", [rows.id()], |row| {
        row.get(0)
    })
}

fn pages(snapshot: &Snapshot<'_>) -> Result<Vec<Finding>, StoreError> {
    let lines: Vec<String> = snapshot.ask(|file| {
        let mut statement = file.prepare(&format!("PRAGMA integrity_check({MAX_LISTED})"))?;
        statement.query_map([], |row| row.get(0))?.collect()
    })?;
    Ok(lines
        .into_iter()
        .filter(|line| line != "ok")
        .map(Finding::Damage)
        .collect())
}

fn references(file: &Connection) -> Sqlite<Vec<Finding>> {
    let mut statement = file.prepare(
        "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2",
    )?;
    statement
        .query_map([], |row| {
            let (table, parent): (String, String) = (row.get(0)?, row.get(1)?);
            let rows: i64 = row.get(2)?;
            Ok(Finding::Reference(format!(
                "{rows} rows of {table} refer to rows of {parent} that are not there"
            )))
        })?
        .collect()
}

/// A question whose answer is how many rows are wrong, and what that means.
fn none(file: &Connection, sql: &str, meaning: &str) -> Sqlite<Option<Finding>> {
    let wrong: i64 = file.query_row(sql, [], |row| row.get(0))?;
    Ok((wrong != 0).then(|| Finding::Contradiction(format!("{wrong} {meaning}"))))
}

/// No amount below zero, no port that does not exist.
fn amounts(file: &Connection, table: &str) -> Sqlite<Option<Finding>> {
    let sql = format!(
        "SELECT count(*) FROM {table}
          WHERE sent_bytes < 0 OR received_bytes < 0
             OR local_port NOT BETWEEN -2 AND 65535 OR remote_port NOT BETWEEN -2 AND 65535"
    );
    none(
        file,
        &sql,
        &format!("rows of {table} have impossible bytes or ports"),
    )
}

fn windows(file: &Connection) -> Sqlite<Vec<Finding>> {
    let counted = none(
        file,
        "SELECT abs((SELECT count(*) FROM flow_usage) - usage_rows) FROM progress",
        "rows of windows more or less are there than the file says",
    )?;
    Ok([amounts(file, "flow_usage")?, counted]
        .into_iter()
        .flatten()
        .collect())
}

/// Rows are in a bucket that is known, which reaches over windows that start in it.
fn well_formed(file: &Connection, tier: Tier, name: &str) -> Sqlite<Vec<Finding>> {
    let table = tier.table();
    let orphans = none(
        file,
        &format!(
            "SELECT count(*) FROM (SELECT DISTINCT bucket FROM {table}) f
              WHERE NOT EXISTS (SELECT 1 FROM tier_bucket b
                                 WHERE b.tier_id = {} AND b.bucket = f.bucket)",
            tier.id()
        ),
        &format!("{name}s have rows, but no extent"),
    )?;
    let mut findings: Vec<Finding> = [amounts(file, table)?, orphans]
        .into_iter()
        .flatten()
        .collect();
    let mut statement =
        file.prepare("SELECT bucket, first_ms, last_ms FROM tier_bucket WHERE tier_id = ?")?;
    let mut rows = statement.query([tier.id()])?;
    let mut wrong = 0_u64;
    while let Some(row) = rows.next()? {
        let (bucket, first_ms, last_ms): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        wrong += u64::from(tier.bucket(first_ms) != bucket || first_ms >= last_ms);
    }
    if wrong > 0 {
        findings.push(Finding::Contradiction(format!(
            "{wrong} {name}s reach over a time that is not theirs"
        )));
    }
    Ok(findings)
}

/// Bytes sent and received.
type Sum = (i128, i128);

/// Where a tier and what it was made from are both there, they have moved the same bytes.
fn sums(file: &Connection, tier: Tier, name: &str) -> Sqlite<Vec<Finding>> {
    let finer = tier.finer().map_or(Rows::Windows, Rows::Tier);
    let kept = KeptFrom::read(file)?;
    let Some(until_ms) = RolledUntil::read(file)?.of(tier) else {
        return Ok(Vec::new());
    };
    let own = Rows::Tier(tier);
    let since_ms = kept.of(finer).max(kept.of(own)).unwrap_or(i64::MIN);
    let mut left: BTreeMap<i64, Sum> = BTreeMap::new();
    let mut inexact = BTreeSet::new();
    for (rows, sign) in [(own, 1), (finer, -1)] {
        let sql = match rows {
            Rows::Windows => "SELECT w.start_ms, f.sent_bytes, f.received_bytes
                                FROM time_window w CROSS JOIN flow_usage f ON f.window_id = w.id
                               WHERE :tier = 0 AND w.start_ms >= :from AND w.start_ms < :until"
                .to_owned(),
            Rows::Tier(tier) => format!(
                "SELECT b.first_ms, f.sent_bytes, f.received_bytes
                   FROM tier_bucket b CROSS JOIN {} f ON f.bucket = b.bucket
                  WHERE b.tier_id = :tier AND b.first_ms >= :from AND b.first_ms < :until",
                tier.table()
            ),
        };
        let mut statement = file.prepare(&sql)?;
        let mut found = statement.query(named_params! {
            ":tier": rows.id(),
            ":from": since_ms,
            ":until": until_ms,
        })?;
        while let Some(row) = found.next()? {
            let (start_ms, sent, received): (i64, i64, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            // A sum that the file cannot hold was stored as the largest number, and counted.
            let bucket = tier.bucket(start_ms);
            if sent == i64::MAX || received == i64::MAX {
                inexact.insert(bucket);
            }
            let (sent_left, received_left) = left.entry(bucket).or_default();
            *sent_left += sign * i128::from(sent);
            *received_left += sign * i128::from(received);
        }
    }
    left.retain(|bucket, sum| *sum != (0, 0) && !inexact.contains(bucket));
    let finer = self::name(file, finer)?;
    let mut findings = Vec::new();
    for (bucket, (sent, received)) in left.iter().take(MAX_LISTED) {
        let first_ms: Option<i64> = file.query_row(
            "SELECT min(first_ms) FROM tier_bucket WHERE tier_id = :tier AND bucket = :bucket",
            named_params! { ":tier": tier.id(), ":bucket": bucket },
            |row| row.get(0),
        )?;
        let when = first_ms.map_or(format!("number {bucket}"), |ms| {
            format!("of {}", from_ms(tier.floor(ms)))
        });
        findings.push(Finding::Contradiction(format!(
            "the {name} {when} has {sent:+} bytes sent and {received:+} received, compared with its \
             {finer}s"
        )));
    }
    if left.len() > MAX_LISTED {
        findings.push(Finding::Contradiction(format!(
            "{} more {name}s differ from their {finer}s",
            left.len() - MAX_LISTED
        )));
    }
    Ok(findings)
}

//! Whether what processes moved in a bucket is what their rows moved, and groups are theirs.

use std::collections::HashMap;

use rusqlite::{Connection, Result, named_params};

use super::{Finding, MAX_LISTED, Sum, none};
use crate::moment::from_ms;
use crate::tier::Tier;

/// What a process moved by a protocol.
type Sums = HashMap<(i64, i64), Sum>;

/// Compares bucket by bucket.
pub(super) fn sums(file: &Connection, tier: Tier, name: &str) -> Result<Vec<Finding>> {
    let Some(table) = tier.sum_table() else {
        return Ok(Vec::new());
    };
    let buckets: Vec<i64> = file
        .prepare(&format!(
            "SELECT bucket FROM tier_bucket WHERE tier_id = :tier
              UNION SELECT DISTINCT bucket FROM {table}"
        ))?
        .query_map(named_params! { ":tier": tier.id() }, |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut findings = Vec::new();
    let mut different = 0;
    for bucket in buckets {
        if of_bucket(file, tier.table(), bucket)? == of_bucket(file, table, bucket)? {
            continue;
        }
        different += 1;
        if different <= MAX_LISTED {
            findings.push(Finding::Contradiction(format!(
                "the sums of the {name} of {} are not those of its rows",
                from_ms(tier.start_ms(bucket))
            )));
        }
    }
    if different > MAX_LISTED {
        findings.push(Finding::Contradiction(format!(
            "the sums of {} more {name}s are not those of their rows",
            different - MAX_LISTED
        )));
    }
    findings.extend(none(
        file,
        &format!(
            "SELECT count(*)
               FROM {table} s
               JOIN process p ON p.id = s.process_id
               JOIN process g ON g.id = s.group_id
              WHERE s.group_id >= 0 OR g.program_id <> p.program_id OR g.app_id <> p.app_id
                 OR g.account_id <> p.account_id OR g.place_id <> p.place_id
                 OR g.tunnel <> p.tunnel OR g.attribution <> p.attribution"
        ),
        &format!("sums of {name}s are of a group that is not that of their process"),
    )?);
    Ok(findings)
}

fn of_bucket(file: &Connection, table: &str, bucket: i64) -> Result<Sums> {
    let mut statement = file.prepare_cached(&format!(
        "SELECT process_id, protocol_id, sent_bytes, received_bytes FROM {table} WHERE bucket = ?"
    ))?;
    let mut rows = statement.query([bucket])?;
    let mut sums = Sums::new();
    while let Some(row) = rows.next()? {
        let (sent, received) = sums.entry((row.get(0)?, row.get(1)?)).or_default();
        // What is too large stays at the largest number.
        let largest = i128::from(i64::MAX);
        *sent = (*sent + i128::from(row.get::<_, i64>(2)?)).min(largest);
        *received = (*received + i128::from(row.get::<_, i64>(3)?)).min(largest);
    }
    Ok(sums)
}

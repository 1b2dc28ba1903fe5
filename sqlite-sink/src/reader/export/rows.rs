//! The rows of one tier, as the views show them.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result as Sqlite, Row, named_params, params_from_iter};
use serde_json::Value;

use super::{Segment, shown, tier_name};
use crate::error::StoreError;
use crate::query::{Filter, Sql};
use crate::reader::{READING, Snapshot};
use crate::tier::{Rows, Tier};

/// Hands over the rows of a segment in the order of time, with the columns of the view.
pub(super) fn rows<E: From<StoreError>>(
    snapshot: &Snapshot<'_>,
    columns: &[String],
    segment: Segment,
    filter: Option<&Filter>,
    each: &mut impl FnMut(&[Value]) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| StoreError::statement(snapshot.path, READING, source);
    let sql = snapshot.ask(|file| statement(file, columns, segment, filter))?;
    let file = &snapshot.transaction;
    let mut statement = file.prepare(&sql.text).map_err(failed)?;
    let mut rows = statement
        .query(params_from_iter(&sql.values))
        .map_err(failed)?;
    let mut values = Vec::with_capacity(columns.len());
    let mut extent: Option<Extent> = None;
    while let Some(row) = rows.next().map_err(failed)? {
        read(row, columns.len(), &mut values).map_err(failed)?;
        if let Rows::Tier(tier) = segment.rows {
            let bucket = row.get(0).map_err(failed)?;
            let known = extent.take().filter(|extent| extent.bucket == bucket);
            let extent = extent.insert(match known {
                Some(known) => known,
                None => Extent::read(file, tier, bucket).map_err(failed)?,
            });
            extent.put(columns, &mut values);
        }
        each(&values)?;
    }
    Ok(())
}

/// The rows of a view, as its own definition says, of a segment: a view does not show the numbers
/// by which a segment and a filter find them.
fn statement(
    file: &Connection,
    columns: &[String],
    segment: Segment,
    filter: Option<&Filter>,
) -> Sqlite<Sql> {
    let (view, key) = match segment.rows {
        Rows::Windows => ("usage_detail".to_owned(), "w.start_ms"),
        Rows::Tier(_) => (
            format!("usage_by_{}", tier_name(file, segment.rows)?),
            "f.bucket",
        ),
    };
    let definition: String = file.query_row(
        "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?",
        [&view],
        |row| row.get(0),
    )?;
    let select = definition
        .split_once("\nSELECT ")
        .map_or(definition.as_str(), |(_name_and_comment, select)| select);
    let quoted: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{}\"", column.replace('"', "\"\"")))
        .collect();
    let mut sql = Sql {
        text: format!(
            "SELECT position, {} FROM (SELECT {key} AS position, {select} WHERE ",
            quoted.join(", ")
        ),
        ..Sql::default()
    };
    segment.condition(&mut sql);
    if let Some(filter) = filter {
        sql.push(" AND ");
        filter.compile(&mut sql);
    }
    sql.push(") ORDER BY position");
    Ok(sql)
}

fn read(row: &Row<'_>, columns: usize, values: &mut Vec<Value>) -> Sqlite<()> {
    values.clear();
    for column in 1..=columns {
        values.push(match row.get_ref(column)? {
            ValueRef::Integer(number) => Value::from(number),
            ValueRef::Real(number) => Value::from(number),
            ValueRef::Text(text) => Value::from(String::from_utf8_lossy(text)),
            ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        });
    }
    Ok(())
}

/// From the first to the last window of a bucket, as text.
struct Extent {
    bucket: i64,
    start: String,
    end: String,
}

impl Extent {
    fn read(file: &Connection, tier: Tier, bucket: i64) -> Sqlite<Self> {
        file.prepare_cached(
            "SELECT first_ms, last_ms FROM tier_bucket WHERE tier_id = :tier AND bucket = :bucket",
        )?
        .query_row(
            named_params! { ":tier": tier.id(), ":bucket": bucket },
            |row| {
                Ok(Self {
                    bucket,
                    start: shown(row.get(0)?),
                    end: shown(row.get(1)?),
                })
            },
        )
    }

    fn put(&self, columns: &[String], values: &mut [Value]) {
        for (column, value) in columns.iter().zip(values) {
            match column.as_str() {
                "window_start" => *value = Value::from(self.start.as_str()),
                "window_end" => *value = Value::from(self.end.as_str()),
                _ => {}
            }
        }
    }
}

//! Which processes a filter means, as far as processes that are alike are all meant or none is.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Result, params_from_iter, types::Value};

use crate::query::{Filter, Sql};

/// The rows of more groups are not looked for one by one: walking all is as fast then.
const MAX_GROUPS: usize = 64;

/// Tests processes, each once.
#[derive(Debug)]
pub(super) struct Members {
    test: Sql,
    known: HashMap<i64, bool>,
}

impl Members {
    pub(super) fn new(filter: &Filter) -> Self {
        let mut test = Sql::default();
        test.push("SELECT 1 FROM (SELECT ");
        // The process, in each test.
        test.bind(Value::Null).push(" AS process_id) f WHERE ");
        filter.compile_for_few(&mut test);
        Self {
            test,
            known: HashMap::new(),
        }
    }

    /// Whether a process, or the one that stands for it, is meant.
    pub(super) fn has(&mut self, file: &Connection, process_id: i64) -> Result<bool> {
        if let Some(known) = self.known.get(&process_id) {
            return Ok(*known);
        }
        let Self { test, known } = self;
        if let Some(first) = test.values.first_mut() {
            *first = Value::Integer(process_id);
        }
        let found: Option<i64> = file
            .prepare_cached(&test.text)?
            .query_row(params_from_iter(&test.values), |row| row.get(0))
            .optional()?;
        known.insert(process_id, found.is_some());
        Ok(found.is_some())
    }

    /// The groups that are meant, unless they are many.
    pub(super) fn groups(file: &Connection, filter: &Filter) -> Result<Option<Vec<i64>>> {
        let mut sql = Sql::default();
        sql.push(
            "SELECT f.process_id FROM (SELECT id AS process_id FROM process WHERE id < 0) f WHERE ",
        );
        filter.compile_for_few(&mut sql);
        sql.push(" LIMIT ").bind(MAX_GROUPS as i64 + 1);
        let groups: Vec<i64> = file
            .prepare(&sql.text)?
            .query_map(params_from_iter(&sql.values), |row| row.get(0))?
            .collect::<Result<_>>()?;
        Ok((groups.len() <= MAX_GROUPS).then_some(groups))
    }
}

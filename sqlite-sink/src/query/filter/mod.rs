//! The filter language: `protocol=udp and remote_ip in 10.0.0.0/8 and process~fire`.
//!
//! A filter is tests joined by `and`, `or`, `not` and parentheses; `and` binds tighter than `or`.
//! A test is a [`Field`], an operator and a value:
//!
//! | operator | meaning | fields |
//! |---|---|---|
//! | `=` `!=` | is, is not | all |
//! | `~` `!~` | contains, without regard to case | `process`, `app`, `exe`, `command_line`, `user`, `unit`, `container`, `pod`, `package`, `remote_ip` |
//! | `<` `<=` `>` `>=` | number | `pid`, `remote_port`, `local_port` |
//! | `in (a, b)` `not in (a, b)` | is one of | all |
//! | `in 10.0.0.0/8` | is inside a network | `remote_ip`, in lists too |
//!
//! A value is a bare word, or text in `'` or `"`, in which a backslash or doubling escapes a quote.
//! The bare word `null` stands for unknown: `exe=null`, `user=null`, `remote_port=null`,
//! `local_port=null`, and for `remote_ip` it is `unresolved`; `remote_ip=other` is what was folded
//! away, `remote_ip=none` what has no remote. Likewise `unit=none`, `container=none`, `pod=none` and
//! `package=none` are what has none, as `=null` is, which answers show. `tunnel` is `true` or `false`,
//! `attribution` is `kernel`, `proc`, `name` or `unknown`. Networks of IPv6 such as `::/0` hold no IPv4 address.
//!
//! `token` cuts text into words, `parse` joins what `test` makes of them, `sql` compiles that
//! for the history, `matches` answers of what is measured now.

mod condition;
mod matches;
mod parse;
mod sql;
mod test;
mod token;

#[cfg(test)]
mod tests;

use std::str::FromStr;

use super::Field;
use crate::detail::Detail;
use condition::Condition;
pub use matches::Flow;
pub(crate) use sql::{CONTAINS, Sql};

/// A condition on usage rows, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Condition);

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the filter at character {}: {message}", .position + 1)]
pub struct FilterError {
    /// Characters before the problem.
    pub position: usize,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Filter {
    /// True where all of `filters` are; everywhere if there are none.
    #[must_use]
    pub fn all(filters: Vec<Self>) -> Self {
        Self(Condition::All(
            filters
                .into_iter()
                .map(|Self(condition)| condition)
                .collect(),
        ))
    }

    /// True where `field` is `value`, as `field=value` would be with the value in quotes; but
    /// `unresolved`, `other` and `none` are values of `remote_ip`.
    ///
    /// # Errors
    /// The field cannot have that value.
    pub fn equals(field: Field, value: &str) -> Result<Self, FilterError> {
        test::is(field, &test::Value::Text(value.to_owned()))
            .map(Self)
            .map_err(|message| FilterError {
                position: 0,
                message,
            })
    }

    /// True where this would be if what is folded were as it suits.
    pub(crate) fn at_best(&self) -> Self {
        Self(self.0.at_best())
    }

    /// What of it is the same for all processes that are alike, and the rest: it is true where both
    /// are.
    pub(crate) fn split(&self) -> (Option<Self>, Option<Self>) {
        let (of_groups, rest): (Vec<&Condition>, Vec<&Condition>) = self
            .0
            .terms()
            .into_iter()
            .partition(|term| term.is_of_groups());
        let all = |terms: Vec<&Condition>| {
            (!terms.is_empty()).then(|| Self(Condition::All(terms.into_iter().cloned().collect())))
        };
        (all(of_groups), all(rest))
    }

    /// Whether it tests the protocol anywhere: then it decides about
    /// [`Protocol::Packet`](nettally_source::pipeline::Protocol::Packet) too, which is outside
    /// totals otherwise.
    #[must_use]
    pub fn names_protocol(&self) -> bool {
        self.0.names_protocol()
    }

    /// What it tests that may be folded.
    pub(crate) fn detail(&self) -> Detail {
        self.0.detail()
    }

    /// The condition for a `WHERE` clause on `flow_usage f`.
    pub(crate) fn compile(&self, sql: &mut Sql) {
        sql.condition(&self.0);
    }

    /// The same, where few processes `f.process_id` are tested: each is looked up.
    pub(crate) fn compile_for_few(&self, sql: &mut Sql) {
        sql.looks_up = true;
        sql.condition(&self.0);
        sql.looks_up = false;
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(Self)
    }
}

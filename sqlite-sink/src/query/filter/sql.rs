//! Conditions to SQL. No value is ever part of the text: each is a parameter.

use rusqlite::types::Value;

use super::condition::{
    AddressTest, Condition, Folded, NumberField, NumberTest, TextField, TextTest,
};
use crate::writer::{FOLDED_PORT, NO_PORT, NO_REMOTE, OTHER, UNRESOLVED};

/// The SQL function that [`TextTest::Contains`] needs: whether its first argument contains the
/// second, which is in lower case.
pub(crate) const CONTAINS: &str = "contains_folded";

/// SQL text under construction, with its parameters in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
    /// Whether a process is looked up when it is tested; else all that fit are listed first.
    pub(crate) looks_up: bool,
}

impl Sql {
    /// Appends constant text.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a parameter.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.text.push('?');
        self.values.push(value.into());
        self
    }

    /// Appends a condition on `flow_usage f`. The columns of `f` are never null, so true and false
    /// are all there is, and `NOT` means what people mean.
    pub(super) fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::All(terms) => self.joined(terms, "1", " AND "),
            Condition::Any(terms) => self.joined(terms, "0", " OR "),
            Condition::Not(inner) => {
                self.push("NOT ");
                self.condition(inner);
            }
            Condition::Text(field, test) => self.text_test(*field, test),
            // Few do, and they have an index.
            Condition::Tunnel(tunnel) => {
                self.push("(+f.process_id ")
                    .push(if *tunnel { "IN" } else { "NOT IN" })
                    .push(" (SELECT p.id FROM process p WHERE ")
                    .looking_up()
                    .push("tunnel = 1))");
            }
            Condition::Attribution(attribution) => {
                self.push("(+f.process_id IN (SELECT p.id FROM process p WHERE ")
                    .looking_up()
                    .push("attribution = ")
                    .bind(attribution.name().to_owned())
                    .push("))");
            }
            Condition::Number(field, test) => self.number_test(*field, *test),
            Condition::Protocol(protocol) => {
                self.push("(f.protocol_id = (SELECT id FROM protocol WHERE name = ")
                    .bind(protocol.name().to_owned())
                    .push(") IS TRUE)");
            }
            Condition::Address(test) => self.address_test(test),
            Condition::Folded(folded) => {
                match folded {
                    // One that stands for others.
                    Folded::Process => self.push("(f.process_id < ").bind(0),
                    Folded::Remote => self.push("(f.remote_id = ").bind(OTHER),
                    Folded::RemotePort => self.push("(f.remote_port = ").bind(FOLDED_PORT),
                    Folded::LocalPort => self.push("(f.local_port = ").bind(FOLDED_PORT),
                }
                .push(")");
            }
        }
    }

    /// Continues a condition on a process `p` that is to be that of the row.
    fn looking_up(&mut self) -> &mut Self {
        if self.looks_up {
            self.push("p.id = f.process_id AND ")
        } else {
            self
        }
    }

    /// Joined in halves: SQLite bounds the depth of an expression, and a row of terms is as deep as
    /// it is long.
    fn joined(&mut self, terms: &[Condition], none: &'static str, join: &'static str) {
        match terms {
            [] => {
                self.push(none);
            }
            [term] => self.condition(term),
            _ => {
                let (first, second) = terms.split_at(terms.len() / 2);
                self.push("(");
                self.joined(first, none, join);
                self.push(join);
                self.joined(second, none, join);
                self.push(")");
            }
        }
    }

    /// The plus keeps SQLite from seeking each of many processes in each window; it walks instead.
    fn text_test(&mut self, field: TextField, test: &TextTest) {
        let (table, column) = match field {
            TextField::Process => ("JOIN program d ON d.id = p.program_id", "d.name"),
            TextField::App => ("JOIN app d ON d.id = p.app_id", "d.name"),
            TextField::Exe => ("JOIN program d ON d.id = p.program_id", "d.exe"),
            // Of those that stand for others it is not known whether they had one.
            TextField::CommandLine => (
                "LEFT JOIN command_line d ON d.id = p.command_line_id",
                "iif(p.id > 0, d.text, '')",
            ),
            TextField::User => (
                "JOIN account d ON d.id = p.account_id",
                "coalesce(d.name, CAST(d.uid AS TEXT))",
            ),
            TextField::Unit => ("JOIN place d ON d.id = p.place_id", "d.unit"),
            TextField::Container => ("JOIN place d ON d.id = p.place_id", "d.container"),
            TextField::Pod => ("JOIN place d ON d.id = p.place_id", "d.pod"),
            TextField::Package => ("JOIN place d ON d.id = p.place_id", "d.package"),
        };
        self.push("(+f.process_id IN (SELECT p.id FROM process p ")
            .push(table)
            .push(" WHERE ")
            .looking_up();
        match test {
            TextTest::Unknown => self.push(column).push(" IS NULL"),
            TextTest::Equals(text) => self.push(column).push(" = ").bind(text.clone()),
            TextTest::Contains(text) => self.contains(column, text),
        };
        self.push("))");
    }

    fn number_test(&mut self, field: NumberField, test: NumberTest) {
        let (first, last) = match test {
            NumberTest::Unknown => (NO_PORT, NO_PORT),
            NumberTest::Between(first, last) => (first, last),
        };
        let (before, after) = match field {
            NumberField::Pid => ("(+f.process_id IN (SELECT id FROM process WHERE pid", "))"),
            NumberField::RemotePort => ("(f.remote_port", ")"),
            NumberField::LocalPort => ("(f.local_port", ")"),
        };
        self.push(before)
            .push(" BETWEEN ")
            .bind(first)
            .push(" AND ")
            .bind(last)
            .push(after);
    }

    fn address_test(&mut self, test: &AddressTest) {
        match test {
            AddressTest::Unresolved => self.push("(f.remote_id = ").bind(UNRESOLVED).push(")"),
            AddressTest::Other => self.push("(f.remote_id = ").bind(OTHER).push(")"),
            AddressTest::NoRemote => self.push("(f.remote_id = ").bind(NO_REMOTE).push(")"),
            AddressTest::Inside(range) => self
                .push("(+f.remote_id IN (SELECT id FROM remote WHERE address BETWEEN ")
                .bind(range.first.to_vec())
                .push(" AND ")
                .bind(range.last.to_vec())
                .push("))"),
            AddressTest::Contains(text) => self
                .push("(+f.remote_id IN (SELECT id FROM remote WHERE ")
                .contains("text", text)
                .push("))"),
        };
    }

    fn contains(&mut self, column: &'static str, text: &str) -> &mut Self {
        self.push(CONTAINS)
            .push("(")
            .push(column)
            .push(", ")
            .bind(text.to_owned())
            .push(")")
    }
}

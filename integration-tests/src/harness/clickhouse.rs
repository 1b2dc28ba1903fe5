//! ClickHouse's engine of our own, behind its HTTP interface.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

const SERVER: &str = include_str!("clickhouse_server.py");

/// A running engine. Dropping it kills it.
#[derive(Debug)]
pub struct Clickhouse {
    child: Child,
    /// Where its tables are.
    _directory: TempDir,
    /// Host and port of its HTTP interface.
    pub address: String,
}

impl Clickhouse {
    /// Starts one without tables.
    ///
    /// # Panics
    /// It is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let python = python();
        assert!(
            python.is_file(),
            "no {}; `cargo xtask setup --tests` installs ClickHouse's engine there",
            python.display()
        );
        let directory = TempDir::new().expect("a directory for the test");
        let mut child = Command::new(python)
            .args(["-c", SERVER])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut printed = BufReader::new(child.stdout.take().expect("piped"));
        let mut port = String::new();
        printed.read_line(&mut port).expect("it prints");
        let port = port.trim();
        assert!(!port.is_empty(), "it has ended");
        Self {
            child,
            _directory: directory,
            address: format!("127.0.0.1:{port}"),
        }
    }

    /// Runs every statement of a file.
    ///
    /// # Panics
    /// One is refused.
    #[track_caller]
    pub fn run(&self, file: &str) {
        for statement in statements(file) {
            self.ask(&statement)
                .unwrap_or_else(|error| panic!("{statement}\n{error}"));
        }
    }

    /// Rows of an answer.
    ///
    /// # Errors
    /// The statement is refused.
    pub fn ask(&self, statement: &str) -> Result<Vec<Value>, String> {
        let text = self.post("", statement)?;
        text.lines()
            .map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}")))
            .collect()
    }

    /// The one number of an answer.
    ///
    /// # Errors
    /// The statement is refused, or answers something else.
    pub fn number(&self, statement: &str) -> Result<u64, String> {
        let rows = self.ask(statement)?;
        let value = match &rows[..] {
            [Value::Object(row)] if row.len() == 1 => row.values().next(),
            _ => None,
        };
        // Large numbers are texts in some versions.
        let number = value.and_then(|value| {
            value
                .as_u64()
                .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        });
        number.ok_or_else(|| format!("{statement}: {rows:?}"))
    }

    /// A request with these parameters, as a client of ClickHouse makes it.
    ///
    /// # Errors
    /// It is refused.
    pub fn post(&self, parameters: &str, body: &str) -> Result<String, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        let answer = agent
            .post(format!("http://{}/?{parameters}", self.address))
            .send(body);
        let mut answer = answer.map_err(|error| error.to_string())?;
        let text = answer.body_mut().read_to_string();
        let text = text.map_err(|error| error.to_string())?;
        if answer.status().is_success() {
            Ok(text)
        } else {
            Err(text)
        }
    }
}

impl Drop for Clickhouse {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The statements of a file, without comments. None of ours has a semicolon elsewhere.
#[must_use]
pub fn statements(file: &str) -> Vec<String> {
    let lines = file.lines().filter(|line| !line.trim().starts_with("--"));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.split(';')
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

fn python() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/clickhouse/bin/python")
}

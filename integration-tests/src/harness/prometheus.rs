//! A Prometheus of our own, that scrapes and answers questions.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::free_address;
use super::wait;

/// A running Prometheus. Dropping it kills it.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    directory: TempDir,
    address: SocketAddr,
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its labels, its name among them.
    pub labels: BTreeMap<String, String>,
    /// Its value now, as Prometheus writes it.
    pub value: String,
}

impl Prometheus {
    /// Starts one with these files, of which `prometheus.yml` is its configuration, and waits until
    /// it answers.
    ///
    /// # Panics
    /// It is not installed or does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(files: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().expect("a directory for the test");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("our own directory");
        }
        let address = free_address();
        let log = File::create(directory.path().join("log")).expect("our own directory");
        let child = Command::new("prometheus")
            .arg(option(
                "config.file",
                &directory.path().join("prometheus.yml"),
            ))
            .arg(option("storage.tsdb.path", &directory.path().join("data")))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("`prometheus` is installed; `cargo xtask setup` does it");
        let prometheus = Self {
            child,
            directory,
            address,
        };
        wait::until(Duration::from_secs(30), || {
            let log = || std::fs::read_to_string(prometheus.directory.path().join("log"));
            prometheus
                .query("vector(1)")
                .map_err(|error| format!("{error}: {:?}", log()))
        });
        prometheus
    }

    /// What an expression of PromQL is now.
    ///
    /// # Errors
    /// It cannot be parsed or evaluated.
    pub fn query(&self, expression: &str) -> Result<Vec<Series>, String> {
        let data = self.get("query", &[("query", expression)])?;
        let result = data["result"].as_array().cloned().unwrap_or_default();
        result
            .iter()
            .map(|series| read(series).ok_or_else(|| format!("cannot read {series}")))
            .collect()
    }

    /// Data of an answer of its API.
    ///
    /// # Errors
    /// It refuses.
    pub fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let mut request = agent.get(format!("http://{}/api/v1/{path}", self.address));
        for (name, value) in parameters {
            request = request.query(*name, *value);
        }
        let answer = request
            .call()
            .and_then(|mut answer| answer.body_mut().read_to_string());
        let text = answer.map_err(|error| format!("{path}: {error}"))?;
        let answer: Value =
            serde_json::from_str(&text).map_err(|error| format!("{path}: {error}: {text}"))?;
        if answer["status"] == "success" {
            Ok(answer["data"].clone())
        } else {
            Err(format!("{path} {parameters:?}: {}", answer["error"]))
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What `promtool` says, given this to read.
///
/// # Errors
/// It complains, if only by a warning.
///
/// # Panics
/// It is not installed.
pub fn promtool(arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`promtool` is installed; `cargo xtask setup` does it");
    let mut stdin = child.stdin.take().expect("piped");
    // It may have seen enough before the end; what it says of that is what counts.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().expect("our own child");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && complaints.trim().is_empty() {
        Ok(printed)
    } else {
        Err(format!("{}: {printed}{complaints}", output.status))
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

fn read(series: &Value) -> Option<Series> {
    let labels = series["metric"].as_object()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(Series {
        labels: labels
            .iter()
            .map(|(label, value)| Some((label.clone(), text(value)?)))
            .collect::<Option<_>>()?,
        value: text(&series["value"][1])?,
    })
}

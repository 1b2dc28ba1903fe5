//! A receiver of OpenTelemetry's protocol by others, which prints each point that it takes.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::daemon::free_address;
use super::wait;

/// Where the xtask installs it.
const FOLDER: &str = "../target/open-telemetry/lib";

/// One that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Collector {
    /// Where it takes OTLP by HTTP.
    pub address: SocketAddr,
    child: Child,
    directory: TempDir,
}

/// A point of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Name of the metric.
    pub metric: String,
    /// `AGGREGATION_TEMPORALITY_DELTA` or `..._CUMULATIVE`; empty: it is no sum.
    pub temporality: String,
    /// By their names.
    pub attributes: BTreeMap<String, String>,
    /// As it is printed.
    pub value: String,
}

impl Collector {
    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// It is not installed, or does not come up.
    #[must_use]
    pub fn start() -> Self {
        let directory = TempDir::new().expect("a directory for the test");
        let address = free_address();
        let said = File::create(directory.path().join("said")).expect("our own directory");
        let child = Command::new(program())
            .arg("start")
            .args(["--otlp-http-endpoint", &address.to_string()])
            .args(["--otlp-grpc-endpoint", &free_address().to_string()])
            .args(["--exporter", "blackhole"])
            .args([
                "--debug-log",
                "metrics",
                "--debug-log-verbosity",
                "detailed",
            ])
            .args(["--pid-file", "pid", "--log-file", "log"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(said)
            .spawn()
            .expect("it starts");
        let collector = Self {
            address,
            child,
            directory,
        };
        wait::until(wait::PATIENCE, || {
            let connected = TcpStream::connect(address).map_err(|error| error.to_string());
            connected.map(drop)
        });
        collector
    }

    /// What it has taken, in its order.
    ///
    /// # Panics
    /// What it printed is gone.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let said = std::fs::read(self.directory.path().join("said")).expect("made at start");
        points(&String::from_utf8_lossy(&said))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program is in a folder that is named for the version of Python.
fn program() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let versions = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    versions
        .map(|version| version.path().join("site-packages/rotel/rotel-agent"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("no rotel in {FOLDER}; `cargo xtask setup` installs it"))
}

fn points(said: &str) -> Vec<Point> {
    let mut points = Vec::new();
    let mut point = Point::default();
    for line in said.lines() {
        if line.starts_with("NumberDataPoints #") {
            point.attributes.clear();
        }
        let (key, value) = line.split_once(": ").unwrap_or((line, ""));
        match key {
            "     -> Name" => {
                point = Point {
                    metric: value.to_owned(),
                    ..Point::default()
                };
            }
            "     -> AggregationTemporality" => value.clone_into(&mut point.temporality),
            "Value" => {
                value.clone_into(&mut point.value);
                points.push(point.clone());
            }
            _ => {
                let key = key.strip_prefix("     -> ");
                let text = value.strip_prefix("Str(").and_then(|v| v.strip_suffix(')'));
                if let (Some(key), Some(text)) = (key, text) {
                    point.attributes.insert(key.to_owned(), text.to_owned());
                }
            }
        }
    }
    points
}

//! A running `nettally`.

use std::fmt::Write as _;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{programs, require_root, wait};

/// How the daemon is set up; intervals are short so that tests need not wait.
#[derive(Debug)]
pub struct Setup {
    /// A command that runs the daemon, such as `setpriv` with its options; empty: none.
    pub through: Vec<String>,
    /// Lines of the source's configuration beyond its type and interval, such as
    /// `loopback: false`.
    pub source: Vec<String>,
    /// Lines of the configuration of the API, such as `requests_per_second: null`.
    pub api: Vec<String>,
    /// Lines of the configuration of the history beyond its type and interval, such as `path: x.db`.
    pub history: Vec<String>,
    /// Where StatsD datagrams go.
    pub statsd: Option<SocketAddr>,
    /// Lines of the configuration of one more sink, [`Setup::SINK`]; empty: none.
    pub sink: Vec<String>,
    /// Seconds between two readings of the kernel's counters.
    pub scrape_interval_secs: f64,
    /// Seconds between two transactions.
    pub flush_interval_secs: f64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            through: Vec::new(),
            source: Vec::new(),
            api: Vec::new(),
            history: Vec::new(),
            statsd: None,
            sink: Vec::new(),
            scrape_interval_secs: 0.2,
            flush_interval_secs: 0.2,
        }
    }
}

impl Setup {
    /// Name of the sink that a test sets up.
    pub const SINK: &str = "under-test";

    fn yaml(&self, data_dir: &Path, api: SocketAddr) -> String {
        let Self {
            through: _,
            source,
            api: api_lines,
            history,
            statsd,
            sink,
            scrape_interval_secs,
            flush_interval_secs,
        } = self;
        let mut yaml = format!(
            "data_dir: {}\n\
             api:\n  enabled: true\n  address: {api}\n",
            data_dir.display(),
        );
        for line in api_lines {
            writeln!(yaml, "  {line}").expect("a string takes it");
        }
        write!(
            yaml,
            "sources:\n  network:\n    type: process_network\n    \
             scrape_interval_secs: {scrape_interval_secs}\n"
        )
        .expect("a string takes it");
        for line in source {
            writeln!(yaml, "    {line}").expect("a string takes it");
        }
        write!(
            yaml,
            "sinks:\n  history:\n    type: sqlite\n    inputs: [network]\n    \
             flush_interval_secs: {flush_interval_secs}\n"
        )
        .expect("a string takes it");
        for line in history {
            writeln!(yaml, "    {line}").expect("a string takes it");
        }
        if let Some(address) = statsd {
            write!(
                yaml,
                "  metrics:\n    type: statsd\n    inputs: [network]\n    \
                 address: {address}\n    prefix: nettally\n"
            )
            .expect("a string takes it");
        }
        if !sink.is_empty() {
            writeln!(yaml, "  {}:\n    inputs: [network]", Self::SINK).expect("a string takes it");
        }
        for line in sink {
            writeln!(yaml, "    {line}").expect("a string takes it");
        }
        yaml
    }
}

/// A daemon of our own, with a directory of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    through: Vec<String>,
    directory: TempDir,
    /// Where the API is.
    pub api: SocketAddr,
}

impl Daemon {
    /// Starts it and waits until it measures.
    ///
    /// # Panics
    /// Not root, or it does not come up; the message has what it printed.
    #[must_use]
    #[track_caller]
    pub fn start(setup: &Setup) -> Self {
        Self::try_start(setup).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// As [`Daemon::start`], where the kernel may refuse what is asked.
    ///
    /// # Errors
    /// It does not come up; the text is what it printed.
    ///
    /// # Panics
    /// Not root.
    pub fn try_start(setup: &Setup) -> Result<Self, String> {
        require_root();
        let directory = TempDir::new().expect("a directory for the test");
        let api = free_address();
        let config = directory.path().join("config.yaml");
        std::fs::write(&config, setup.yaml(&directory.path().join("data"), api))
            .expect("our own directory");
        let through = setup.through.clone();
        let child = spawn(&through, directory.path());
        let mut daemon = Self {
            child,
            through,
            directory,
            api,
        };
        daemon.wait_until_it_measures()?;
        Ok(daemon)
    }

    /// Starts it again, after its end, with the configuration and the database that it had.
    ///
    /// # Errors
    /// It does not come up; the text is what it printed.
    pub fn restart(&mut self) -> Result<(), String> {
        self.child = spawn(&self.through, self.directory.path());
        self.wait_until_it_measures()
    }

    fn wait_until_it_measures(&mut self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            if let Some(ended) = self.child.try_wait().expect("our own child") {
                return Err(format!("the daemon has ended: {ended}\n{}", self.log()));
            }
            let health = self.get("/api/v1/health");
            let windows = |health: &Value| find(health, "windows").and_then(Value::as_u64);
            if health.as_ref().ok().and_then(windows) > Some(0) {
                return Ok(());
            }
            if start.elapsed() > START {
                return Err(format!(
                    "no windows in {START:?}: {health:?}; {}",
                    self.log()
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it printed.
    ///
    /// # Panics
    /// The log is gone.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).expect("made at start")
    }

    /// Its process number, also where it is a child of the command that it runs through.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let started = self.child.id();
        if self.through.is_empty() {
            return started;
        }
        // It has no children itself.
        std::iter::successors(Some(started), |&pid| child_of(pid))
            .last()
            .unwrap_or(started)
    }

    /// Its configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("config.yaml")
    }

    /// Its database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.directory.path().join("data/nettally.db")
    }

    /// The answer of its API.
    ///
    /// # Errors
    /// It does not answer, or not with success.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        let text = self.get_text(path)?;
        serde_json::from_str(&text).map_err(|error| format!("{path}: {error}: {text}"))
    }

    /// The answer of its HTTP server as text.
    ///
    /// # Errors
    /// It does not answer, or not with success.
    pub fn get_text(&self, path: &str) -> Result<String, String> {
        ureq::get(format!("http://{}{path}", self.api))
            .call()
            .and_then(|mut answer| {
                answer
                    .body_mut()
                    .with_config()
                    .limit(256 << 20)
                    .read_to_string()
            })
            .map_err(|error| format!("{path}: {error}"))
    }

    /// Output of `nettally report` with its configuration.
    ///
    /// # Errors
    /// The command fails; the text is what it printed.
    pub fn report(&self, options: &[&str]) -> Result<String, String> {
        let output = Command::new(programs::nettally())
            .arg("report")
            .arg("-c")
            .arg(self.config())
            .args(options)
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// It is gone.
    pub fn signal(&self, signal: i32) {
        // SAFETY: no memory is involved; the child is not waited for yet, so the number is its own.
        let result = unsafe { libc::kill(self.pid().cast_signed(), signal) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }

    /// Waits until it ends.
    ///
    /// # Panics
    /// It does not within 20 seconds.
    pub fn wait(&mut self) -> ExitStatus {
        wait::until(wait::PATIENCE, || {
            self.child
                .try_wait()
                .expect("our own child")
                .ok_or_else(|| format!("the daemon is still running\n{}", self.log()))
        })
    }

    /// Ends it as an operator would, and expects success.
    ///
    /// # Panics
    /// It fails; the message has what it printed.
    pub fn stop(&mut self) {
        self.signal(libc::SIGTERM);
        let status = self.wait();
        assert!(status.success(), "{status}\n{}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How long a start may take, on an emulated processor too.
const START: Duration = Duration::from_secs(60);

/// A child of the process.
fn child_of(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// The program, with what is in the directory.
fn spawn(through: &[String], directory: &Path) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .expect("our own directory");
    let program = programs::nettally();
    let mut command = through.split_first().map_or_else(
        || Command::new(&program),
        |(first, options)| {
            let mut command = Command::new(first);
            command.args(options).arg(&program);
            command
        },
    );
    command
        .arg("run")
        .arg("-c")
        .arg(directory.join("config.yaml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a descriptor is left"))
        .stderr(log)
        .spawn()
        .expect("the program starts")
}

/// An address on which nobody listens.
///
/// # Panics
/// No ports are left.
#[must_use]
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port is left")
}

/// The first value of `key`, at any depth.
#[must_use]
pub fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map
            .get(key)
            .or_else(|| map.values().find_map(|value| find(value, key))),
        Value::Array(values) => values.iter().find_map(|value| find(value, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

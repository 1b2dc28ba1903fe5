//! A running `nettally stream`: every row as it comes, with all that is known of the process.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::{programs, require_root, wait};

/// A line about what moved.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Row {
    /// The window it is of.
    pub window_start: String,
    /// Name of the process.
    pub process: String,
    /// Its number.
    pub pid: u32,
    /// What to group it by.
    pub app: String,
    /// Its program.
    pub exe: Option<String>,
    /// Its arguments.
    pub command_line: Option<String>,
    /// Number of its user.
    pub uid: Option<u32>,
    /// Number of its group.
    pub gid: Option<u32>,
    /// Name of its user.
    pub user: Option<String>,
    /// Its ancestors, the nearest first.
    pub parents: Vec<Parent>,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// Its container, as shown.
    pub container: Option<String>,
    /// Its container, as the runtime names it.
    pub container_id: Option<String>,
    /// What runs the container.
    pub container_runtime: Option<String>,
    /// Its Kubernetes pod.
    pub pod: Option<String>,
    /// Its sandboxed package.
    pub package: Option<String>,
    /// Its control group.
    pub cgroup: Option<String>,
    /// Its network namespace.
    pub network_namespace: Option<u32>,
    /// Whether it holds a tunnel.
    pub tunnel: bool,
    /// Where this comes from.
    pub attribution: String,
    /// Over what.
    pub protocol: String,
    /// Its port on this side; 0 where there is none.
    pub local_port: u16,
    /// The port on the other side; 0 where there is none.
    pub remote_port: u16,
    /// Payload.
    pub sent_bytes: u64,
    /// Payload.
    pub received_bytes: u64,
}

/// An ancestor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Parent {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// A line about something that was lost.
#[derive(Clone, Debug, Deserialize)]
pub struct Loss {
    /// What.
    pub reason: String,
    /// How often.
    pub events: u64,
}

/// Everything that came.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Usage.
    pub rows: Vec<Row>,
    /// Losses.
    pub losses: Vec<Loss>,
    /// As it was printed.
    pub text: String,
}

impl Told {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let kind = value["type"].as_str().map(str::to_owned);
        match kind.as_deref() {
            Some("usage") => self.rows.push(read(value, line)),
            Some("loss") => self.losses.push(read(value, line)),
            _ => {}
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value, line: &str) -> T {
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Dropping it kills it.
#[derive(Debug)]
pub struct Stream {
    child: Child,
    told: Arc<Mutex<Told>>,
    reader: Option<JoinHandle<()>>,
    directory: TempDir,
}

impl Stream {
    /// Starts one with a window of that many seconds and lines of the source's configuration, and
    /// waits until it measures.
    ///
    /// # Panics
    /// Not root, or it does not come up; the message has what it printed.
    #[must_use]
    #[track_caller]
    pub fn start(scrape_interval_secs: f64, source: &[&str]) -> Self {
        require_root();
        let directory = TempDir::new().expect("a directory for the test");
        let config = directory.path().join("config.yaml");
        std::fs::write(
            &config,
            yaml(directory.path(), scrape_interval_secs, source),
        )
        .expect("our own directory");
        let log = File::create(directory.path().join("log")).expect("our own directory");
        let mut child = Command::new(programs::nettally())
            .args(["stream", "--format", "json", "-c"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let told = Arc::<Mutex<Told>>::default();
        let printed = BufReader::new(child.stdout.take().expect("piped"));
        let reader = std::thread::spawn({
            let told = Arc::clone(&told);
            move || {
                for line in printed.lines().map_while(Result::ok) {
                    told.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .line(&line);
                }
            }
        });
        let mut stream = Self {
            child,
            told,
            reader: Some(reader),
            directory,
        };
        stream.wait_until_it_measures();
        stream
    }

    /// It measures when it has told of bytes of ours.
    #[track_caller]
    fn wait_until_it_measures(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is left");
        let own = std::process::id();
        let start = Instant::now();
        while !self.told(|told| told.rows.iter().any(|row| row.pid == own)) {
            let ended = self.child.try_wait().expect("our own child");
            assert!(
                ended.is_none() && start.elapsed() < START,
                "no rows in {:?}, {ended:?}: {}",
                start.elapsed(),
                self.log()
            );
            // Nobody listens there.
            drop(socket.send_to(b"x", "127.0.0.1:9"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it printed to standard error.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Looks at what came so far.
    pub fn told<T>(&self, look: impl FnOnce(&Told) -> T) -> T {
        look(&self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until what came is as it should be.
    ///
    /// # Panics
    /// It never is; the message is the last failure.
    #[track_caller]
    pub fn until<T>(&self, mut attempt: impl FnMut(&Told) -> Result<T, String>) -> T {
        wait::until(Duration::from_secs(60), || self.told(&mut attempt))
    }

    /// Ends it as an operator would, and returns everything it told.
    ///
    /// # Panics
    /// It fails.
    #[track_caller]
    pub fn finish(mut self) -> Told {
        // SAFETY: no memory is involved; the child is not waited for yet, so the number is its own.
        unsafe { libc::kill(self.child.id().cast_signed(), libc::SIGTERM) };
        let status = wait::until(wait::PATIENCE, || {
            let ended = self.child.try_wait().expect("our own child");
            ended.ok_or_else(|| "it is still running".to_owned())
        });
        assert!(status.success(), "{status}: {}", self.log());
        let reader = self.reader.take().expect("taken here alone");
        assert!(reader.join().is_ok(), "a line could not be read");
        self.told(Told::clone)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Both fail if it has ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How long a start may take, on an emulated processor too.
const START: Duration = Duration::from_secs(180);

fn yaml(directory: &Path, scrape_interval_secs: f64, source: &[&str]) -> String {
    let mut yaml = format!(
        "data_dir: {}\nsources:\n  network:\n    type: process_network\n    \
         scrape_interval_secs: {scrape_interval_secs}\n",
        directory.join("data").display(),
    );
    for line in source {
        writeln!(yaml, "    {line}").expect("a string takes it");
    }
    yaml
}

//! Servers for metrics, and the run that they are held against.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{Daemon, Setup, find, free_address};
use super::statsd::word;
use super::{generator, wait};

/// Sent and received bytes.
pub type Bytes = [u64; 2];

/// Counters by their names.
pub type Counters = BTreeMap<String, u64>;

/// How long a server may take until it holds what it was sent.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is moved: by several processes, over several protocols, and over many windows.
const CASES: [&str; 5] = ["tcp-v4", "tcp-v6", "udp-v4", "udp-con-v6", "tcp-drip"];

/// What a run has moved, and how its sink is doing.
#[derive(Debug)]
pub struct Measured {
    /// What `nettally report` says of the whole run.
    pub report: Report,
    /// The sink's own figures, before the end of the run.
    pub sent: Sent,
}

/// Bytes of all processes on the machine, by name and protocol.
#[derive(Debug)]
pub struct Report(BTreeMap<(String, String), Bytes>);

/// What `/api/v1/health` says of a sink.
#[derive(Debug)]
pub struct Sent(Value);

/// Measures traffic with a daemon that has a sink of these options, ends it, and reads the report.
///
/// Nothing is left out: datagrams to a server on this machine are traffic as well, up to the last
/// window, which is told after the counting has ended.
///
/// # Panics
/// The daemon or the traffic fails.
#[must_use]
#[track_caller]
pub fn measured(sink: &[&str]) -> Measured {
    let mut daemon = Daemon::start(&Setup {
        sink: sink.iter().map(|&line| line.to_owned()).collect(),
        ..Setup::default()
    });
    let arguments: Vec<&str> = ["cases"].into_iter().chain(CASES).collect();
    let truth = generator::run(&arguments);
    assert!(!truth.is_empty(), "no traffic");
    let health = daemon
        .get("/api/v1/health")
        .unwrap_or_else(|error| panic!("{error}"));
    let sinks = health["sinks"].as_array().cloned().unwrap_or_default();
    let sent = sinks.into_iter().find(|sink| sink["name"] == Setup::SINK);
    daemon.stop();
    let options = ["--since", "-1h", "--group-by", "process,protocol", "--json"];
    let report = daemon
        .report(&options)
        .unwrap_or_else(|error| panic!("{error}"));
    let report = Report::read(&report);
    for row in &truth {
        let reported = report
            .0
            .get(&(row.process.clone(), row.protocol.name().to_owned()));
        assert!(reported.is_some(), "the report has nothing of {row:?}");
    }
    Measured {
        report,
        sent: Sent(sent.unwrap_or_else(|| panic!("no such sink: {health}"))),
    }
}

impl Report {
    fn read(json: &str) -> Self {
        let json: Value =
            serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
        let mut rows = BTreeMap::<_, Bytes>::new();
        for row in json["rows"].as_array().expect("rows") {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            let bytes = |field: &str| row[field].as_u64().expect("a whole number");
            let sum = rows.entry((text("process"), text("protocol"))).or_default();
            sum[0] += bytes("sent_bytes");
            sum[1] += bytes("received_bytes");
        }
        Self(rows)
    }

    /// As the counters of a StatsD server without tags, without what is 0.
    #[must_use]
    pub fn by_name_and_protocol(&self) -> Counters {
        let mut counters = Counters::new();
        for ((process, protocol), bytes) in &self.0 {
            for (direction, bytes) in ["sent_bytes", "received_bytes"].into_iter().zip(*bytes) {
                let name = format!("process.{}.{protocol}.{direction}", word(process));
                *counters.entry(name).or_default() += bytes;
            }
        }
        counters.retain(|_, bytes| *bytes > 0);
        counters
    }

    /// Sent and received bytes by name of the process and protocol.
    #[must_use]
    pub fn rows(&self) -> &BTreeMap<(String, String), Bytes> {
        &self.0
    }

    /// Of all processes and protocols, `packet` included.
    #[must_use]
    pub fn sums(&self) -> Bytes {
        let mut sums = Bytes::default();
        for bytes in self.0.values() {
            sums[0] += bytes[0];
            sums[1] += bytes[1];
        }
        sums
    }
}

impl Sent {
    /// Nothing was lost on the way to the socket.
    ///
    /// # Panics
    /// Something was, or nothing was sent.
    #[track_caller]
    pub fn expect_no_failures(&self) {
        let Self(status) = self;
        let figure = |name: &str| find(status, name).and_then(Value::as_u64);
        assert!(figure("datagrams") > Some(0), "{status}");
        assert_eq!(figure("failed_datagrams"), Some(0), "{status}");
        assert_eq!(figure("dropped_windows"), Some(0), "{status}");
    }
}

/// The server `statsd` of npm, which the xtask installs.
#[derive(Debug)]
pub struct OriginalStatsd {
    /// Where datagrams go.
    pub address: SocketAddr,
    management: SocketAddr,
    child: Child,
    _directory: TempDir,
}

impl OriginalStatsd {
    /// Starts it.
    ///
    /// # Panics
    /// It is not installed, or does not come up.
    #[must_use]
    pub fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../target/statsd/node_modules/statsd/stats.js");
        assert!(
            program.is_file(),
            "{} is not there; `cargo xtask setup` installs it",
            program.display()
        );
        let directory = TempDir::new().expect("a directory for the test");
        let (address, management) = (free_udp_address(), free_address());
        let config = directory.path().join("config.js");
        // It counts from one flush to the next; within the test there is none.
        let text = format!(
            "{{ backends: [\"./backends/console\"], flushInterval: 3600000,\n\
             servers: [{{ server: \"./servers/udp\", address: \"127.0.0.1\", port: {} }}],\n\
             mgmt_address: \"127.0.0.1\", mgmt_port: {} }}\n",
            address.port(),
            management.port(),
        );
        std::fs::write(&config, text).expect("our own directory");
        let child = Command::new("node")
            .arg(program)
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("`node` is installed; `cargo xtask setup` does it");
        let server = Self {
            address,
            management,
            child,
            _directory: directory,
        };
        wait::until(PATIENCE, || server.asked("health").map(drop));
        server
    }

    fn asked(&self, command: &str) -> Result<Vec<String>, String> {
        let said = || -> std::io::Result<Vec<String>> {
            let mut stream = TcpStream::connect(self.management)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            writeln!(stream, "{command}")?;
            let mut lines = Vec::new();
            for line in BufReader::new(stream).lines() {
                let line = line?;
                if line == "END" || line.starts_with("health:") {
                    break;
                }
                lines.push(line);
            }
            Ok(lines)
        };
        said().map_err(|error| format!("{command}: {error}"))
    }

    /// What it has counted under names that begin so, without that beginning.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn counters(&self, begin: &str) -> Counters {
        let lines = self
            .asked("counters")
            .unwrap_or_else(|error| panic!("{error}"));
        let counter = |line: &String| {
            let (name, value) = line
                .trim()
                .trim_end_matches([',', '}', ' '])
                .rsplit_once(": ")?;
            let name = name.trim_start_matches(['{', ' ']).trim_matches('\'');
            Some((name.strip_prefix(begin)?.to_owned(), value.parse().ok()?))
        };
        lines.iter().filter_map(counter).collect()
    }

    /// Waits until it holds just these.
    ///
    /// # Panics
    /// It does not in time.
    #[track_caller]
    pub fn expect(&self, prefix: &str, expected: &Counters) {
        wait::until(PATIENCE, || {
            differences(expected, &self.counters(&format!("{prefix}.")))
        });
        let bad = self.counters("statsd.").remove("bad_lines_seen");
        assert_eq!(bad, Some(0), "lines that it could not read");
    }

    /// Waits until all of its counters have together just these.
    ///
    /// # Panics
    /// They do not in time.
    #[track_caller]
    pub fn expect_sums(&self, prefix: &str, expected: Bytes) {
        wait::until(PATIENCE, || {
            let held = self.counters(&format!("{prefix}."));
            let sum = |direction: &str| -> u64 {
                let of_direction = held.iter().filter(|(name, _)| name.ends_with(direction));
                of_direction.map(|(_, bytes)| bytes).sum()
            };
            let found = [sum(".sent_bytes"), sum(".received_bytes")];
            if found == expected {
                Ok(())
            } else {
                Err(format!("expected {expected:?}, found {found:?}"))
            }
        });
    }
}

impl Drop for OriginalStatsd {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// collectd, which writes what it holds into files.
#[derive(Debug)]
pub struct Collectd {
    /// Where datagrams go.
    pub address: SocketAddr,
    child: Child,
    directory: TempDir,
}

impl Collectd {
    const HOST: &'static str = "test";

    /// Starts it.
    ///
    /// # Panics
    /// It is not installed, or does not come up.
    #[must_use]
    pub fn start() -> Self {
        // It makes no files in a directory whose name begins with a dot.
        let directory = TempDir::with_prefix("nettally-").expect("a directory for the test");
        let address = free_udp_address();
        let path = directory.path().display();
        let config = format!(
            "Hostname \"{}\"\nFQDNLookup false\nInterval 1\nBaseDir \"{path}\"\n\
             PIDFile \"{path}/pid\"\nLoadPlugin statsd\nLoadPlugin csv\n\
             <Plugin statsd>\n  Host \"127.0.0.1\"\n  Port \"{}\"\n</Plugin>\n\
             <Plugin csv>\n  DataDir \"{path}/csv\"\n  StoreRates false\n</Plugin>\n",
            Self::HOST,
            address.port(),
        );
        let file = directory.path().join("collectd.conf");
        std::fs::write(&file, config).expect("our own directory");
        let child = Command::new("/usr/sbin/collectd")
            .arg("-f")
            .arg("-C")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("collectd is installed; `cargo xtask setup` does it");
        let server = Self {
            address,
            child,
            directory,
        };
        // A counter of our own shows that it listens.
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is left");
        wait::until(PATIENCE, || {
            // A refusal of the datagram before is no news.
            drop(socket.send_to(b"alive:1|c", server.address));
            if server.counters("alive").is_empty() {
                Err("it has counted nothing".to_owned())
            } else {
                Ok(())
            }
        });
        server
    }

    /// What it has counted under names that begin so, without that beginning.
    #[must_use]
    pub fn counters(&self, begin: &str) -> Counters {
        let folder = self
            .directory
            .path()
            .join("csv")
            .join(Self::HOST)
            .join("statsd");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut counters = Counters::new();
        for file in files.map(|file| file.path()) {
            let Some((name, value)) = counted(&file) else {
                continue;
            };
            if let Some(rest) = name.strip_prefix(begin) {
                // A file for each day: sums only grow.
                let counter = counters.entry(rest.to_owned()).or_default();
                *counter = value.max(*counter);
            }
        }
        counters
    }

    /// Waits until it holds just these.
    ///
    /// # Panics
    /// It does not in time.
    #[track_caller]
    pub fn expect(&self, prefix: &str, expected: &Counters) {
        wait::until(PATIENCE, || {
            differences(expected, &self.counters(&format!("{prefix}.")))
        });
    }
}

impl Drop for Collectd {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// The counter of a file such as `derive-NAME-2026-11-23`, and its last value.
fn counted(file: &Path) -> Option<(String, u64)> {
    let name = file.file_name()?.to_str()?.strip_prefix("derive-")?;
    let name = &name[..name.len().checked_sub("-2026-11-23".len())?];
    let text = std::fs::read_to_string(file).ok()?;
    let (_, value) = text.lines().last()?.rsplit_once(',')?;
    Some((name.to_owned(), value.parse().ok()?))
}

fn differences(expected: &Counters, held: &Counters) -> Result<(), String> {
    let mut text = String::new();
    let names = expected.keys().chain(held.keys());
    let names: std::collections::BTreeSet<_> = names.collect();
    for name in names {
        let (wanted, found) = (expected.get(name), held.get(name));
        if wanted != found {
            writeln!(text, "{name}: reported {wanted:?}, held {found:?}")
                .expect("a string takes it");
        }
    }
    if text.is_empty() { Ok(()) } else { Err(text) }
}

/// An address at which nobody takes datagrams.
fn free_udp_address() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port is left")
}

fn end(child: &mut Child) {
    // Both fail if it has ended already, which is as well.
    drop(child.kill());
    drop(child.wait());
}

//! Made-up traffic of one busy host: the same for the same seed.
//!
//! - 150 applications; the n-th is chosen with weight 1/n. Of the flows that begin, one in twenty
//!   belongs to a process that lives as long as the flow; the others to the application's only
//!   long-lived process.
//! - 20 000 remotes; the n-th is chosen with weight n^-0.9, so the first hundred have a third of
//!   all flows and thousands are seen now and then. One in eight has an IPv6 address.
//! - Flows last 30 seconds on average, or a window if that is longer, and move something in each
//!   window that they last.
//! - Local ports are ephemeral; remote ports are 443 (three in four), 80, 53 over UDP, and 22.
//! - Flows move 100 B to 100 MB a window, the logarithm spread evenly; one in five sends more than
//!   it receives.
//! - By day there is four times as much traffic as by night, in a sine between 03:00 and 15:00 UTC.

use std::f64::consts::TAU;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use jiff::Timestamp;
use nettally_source::pipeline::{
    Losses, Process, ProcessId, Protocol, Remote, Usage, UsageBatch, Window,
};

/// When the made-up history begins, in Unix seconds: midnight of 2025-01-01.
pub(crate) const BEGIN: i64 = 1_735_689_600;

const DAY_SECS: f64 = 86_400.0;
const APPLICATIONS: usize = 150;
const REMOTES: usize = 20_000;
const MEAN_FLOW_SECS: f64 = 30.0;

/// The stream of windows.
pub(crate) struct Traffic {
    chance: Chance,
    applications: Vec<Arc<Process>>,
    application_weights: Weights,
    remotes: Vec<IpAddr>,
    remote_weights: Weights,
    flows: Vec<Flow>,
    next_pid: u32,
    short_processes: Option<u32>,
    /// Flows of a process of their own so far.
    short_begun: u64,
    begin: i64,
    /// Rows of a window at the average time of day.
    rows_per_window: f64,
    /// How much more than that it is by day, and less by night.
    swing: f64,
    window_secs: i64,
    next_start: i64,
}

#[derive(Clone)]
struct Flow {
    process: Arc<Process>,
    protocol: Protocol,
    local_port: u16,
    remote: Remote,
}

impl Traffic {
    /// From a time on, in Unix seconds.
    /// With so many processes a day that live for one flow; without, one of twenty flows has its own.
    pub(crate) fn new(
        begin: i64,
        rows_per_window: f64,
        window_secs: i64,
        short_processes: Option<u32>,
    ) -> Self {
        Self {
            chance: Chance(0x9e37_79b9_7f4a_7c15),
            applications: (1..).take(APPLICATIONS).map(application).collect(),
            application_weights: Weights::of((1..=APPLICATIONS).map(|n| 1.0 / n as f64)),
            remotes: (0..).take(REMOTES).map(remote).collect(),
            remote_weights: Weights::of((1..=REMOTES).map(|n| (n as f64).powf(-0.9))),
            flows: Vec::new(),
            next_pid: 10_000,
            short_processes,
            short_begun: 0,
            begin,
            rows_per_window,
            swing: 0.6,
            window_secs,
            next_start: begin,
        }
    }

    /// From now on windows of another length, with as many rows by day and night.
    pub(crate) fn keep_to(&mut self, rows_per_window: f64, window_secs: i64) {
        self.rows_per_window = rows_per_window;
        self.window_secs = window_secs;
        self.swing = 0.0;
    }

    /// Start of the next window, in Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.next_start
    }

    /// The next window.
    pub(crate) fn next_batch(&mut self) -> UsageBatch {
        let start = self.next_start;
        self.next_start += self.window_secs;
        // Whole days do not matter to a sine.
        let time_of_day = (start - BEGIN) as f64 / DAY_SECS;
        let daylight = 1.0 - self.swing * (TAU * (time_of_day + 0.125)).sin();
        let wanted = self.rows_per_window * daylight;
        // The fraction decides by chance, so that quiet hosts get the right average too.
        let wanted = wanted as usize + usize::from(self.chance.unit() < wanted.fract());
        let mut index = 0;
        while index < self.flows.len() {
            if self.chance.unit() * MEAN_FLOW_SECS < self.window_secs as f64 {
                self.flows.swap_remove(index);
            } else {
                index += 1;
            }
        }
        self.flows.truncate(wanted);
        while self.flows.len() < wanted {
            let flow = self.begin_flow();
            self.flows.push(flow);
        }
        let window = Window {
            start: at(start),
            end: at(self.next_start),
        };
        let mut usage = Vec::with_capacity(wanted);
        for flow in &self.flows {
            let bytes = 10_f64.powf(2.0 + 6.0 * self.chance.unit()) as u64;
            let (sent_bytes, received_bytes) = if self.chance.below(5) == 0 {
                (bytes, bytes / 20)
            } else {
                (bytes / 20, bytes)
            };
            usage.push(Usage {
                process: Arc::clone(&flow.process),
                protocol: flow.protocol,
                local_port: flow.local_port,
                remote: flow.remote,
                sent_bytes,
                received_bytes,
                first_activity: window.start,
                last_activity: window.end,
            });
        }
        UsageBatch {
            window,
            usage,
            losses: Losses::default(),
        }
    }

    fn begin_flow(&mut self) -> Flow {
        let application = &self.applications[self.application_weights.choose(&mut self.chance)];
        let is_short = match self.short_processes {
            None => self.chance.below(20) == 0,
            // As many as are due by now.
            Some(a_day) => {
                let due = (self.next_start - self.begin) as f64 / DAY_SECS * f64::from(a_day);
                (self.short_begun as f64) < due
            }
        };
        let process = if is_short {
            self.short_begun += 1;
            self.next_pid += 1;
            Arc::new(Process {
                id: ProcessId {
                    pid: self.next_pid % 4_000_000,
                    start_boottime_ns: u64::from(self.next_pid) * 1_000_003,
                    ..application.id
                },
                ..application.as_ref().clone()
            })
        } else {
            Arc::clone(application)
        };
        let (protocol, port) = match self.chance.below(20) {
            0..=14 => (Protocol::Tcp, 443),
            15..=16 => (Protocol::Tcp, 80),
            17..=18 => (Protocol::Udp, 53),
            _ => (Protocol::Tcp, 22),
        };
        Flow {
            process,
            protocol,
            local_port: u16::try_from(32_768 + self.chance.below(28_232)).unwrap_or(u16::MAX),
            remote: Remote::Address {
                ip: self.remotes[self.remote_weights.choose(&mut self.chance)],
                port,
            },
        }
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

fn application(number: u32) -> Arc<Process> {
    let name = format!("application-{number}");
    Arc::new(Process {
        exe: Some(format!("/usr/lib/{name}/bin/{name}")),
        uid: Some(1000 + number % 4),
        user: Some(format!("user-{}", number % 4)),
        ..Process::named(
            ProcessId {
                pid: 1000 + number,
                start_boottime_ns: u64::from(number) * 1_000_000,
                ..ProcessId::default()
            },
            name,
        )
    })
}

fn remote(number: u32) -> IpAddr {
    // Neighbours in rank are not neighbours in address.
    let scattered = number.wrapping_mul(2_654_435_761);
    if number % 8 == 7 {
        let network = 0x2001_0db8_u128 << 96;
        IpAddr::V6(Ipv6Addr::from(
            network | u128::from(scattered) << 40 | u128::from(number),
        ))
    } else {
        IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | scattered >> 8))
    }
}

/// Splitmix64: small, fast, and good enough for traffic.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }
}

/// Sums of weights, to choose by.
struct Weights(Vec<f64>);

impl Weights {
    fn of(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        Self(
            weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        )
    }

    fn choose(&self, chance: &mut Chance) -> usize {
        let Self(sums) = self;
        let point = chance.unit() * sums.last().copied().unwrap_or(0.0);
        sums.partition_point(|sum| *sum <= point)
            .min(sums.len() - 1)
    }
}

//! `nettally audit`: does what nettally attributed add up to what the kernel itself counted?
//!
//! # Method
//! A [collector](collector) of our own attaches its own programs and counts for the period; a daemon
//! that runs beside it is not touched, and not asked. Against it stand the counts that the kernel
//! keeps of each TCP socket ([`diag`], [`message`]), whoever owns it, in every network namespace that
//! can be reached ([`namespaces`]). Sockets are listed right before and right after the instant at
//! which our count begins, and again around its end; those that end in between are told by the
//! kernel's own messages. [`sockets`] makes of that what each moved: exactly, or between two bounds
//! where traffic was moving in the instants of start and end. [`compare`] holds both against each
//! other, connection by connection.
//!
//! # What each figure includes
//! - *Kernel*: payload that applications handed over or were handed, by sequence numbers; no headers,
//!   no retransmissions, no SYN or FIN, nothing that lies in a receive queue. Whether the peer of a
//!   closed connection sent a FIN is not told: one byte of doubt.
//! - *Attributed*: nettally's rows of TCP. What the configuration leaves out (a protocol, a remote, a
//!   process) is in no row, so it is *unattributed* here. What was spliced out of a socket is in a row
//!   when nettally sees the socket next: until then it is unattributed too.
//! - *Lost*: what nettally itself knows to be in no row, by reason.
//! - *Not compared*: bytes on sockets whose counts are not those of the application (kernel TLS,
//!   MPTCP), are forgotten by the kernel (aborted, or closed but kept open), or are not seen.
//!
//! Other protocols have no count for each socket in any kernel. For them the kernel's [`figures`] are
//! printed beside ours, without a verdict: datagrams without bytes, and bytes with all headers.

mod collector;
mod compare;
mod diag;
mod figures;
mod message;
mod namespaces;
mod sockets;
mod span;
mod text;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use nettally_source::{
    Degradation, Event, HealthReport, LossCount, LossReason, ProcessNetworkConfig, Protocol,
};
use serde::Serialize;

use collector::Collector;
use compare::{Attributed, Compared, compare};
use namespaces::Namespaces;
use sockets::{Listing, Sockets};

pub use compare::{Balance, Bytes, Differing, NotCompared};
pub use figures::Figures;
pub use span::{Moved, Span};

/// Seconds between two drains.
const INTERVAL_SECS: f64 = 0.5;

/// How long before an expected drain sockets are listed; longer at each try, on a machine that has
/// many sockets or little time.
const AHEAD_MS: [u64; 12] = [50, 100, 150, 200, 250, 300, 350, 400, 450, 450, 450, 450];

/// Between two looks at the messages of ended sockets.
const LOOK: Duration = Duration::from_millis(20);

/// How long after the start nobody is told of it: of a socket that is not listed at the start, and
/// ends less than a look after it, the kernel does not tell whether it was born before.
const UNTOLD: Duration = Duration::from_millis(300);

/// Between two looks for new namespaces.
const NEW_NAMESPACES: Duration = Duration::from_secs(1);

/// How long the last messages are waited for: at least, and at most if some are missing.
const LAST_MESSAGES: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(2));

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// When counting began.
    pub since: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// Name of the set of hooks.
    pub backend: String,
    /// Release of the running kernel.
    pub kernel: String,
    /// Whether the difference is within the tolerance.
    pub agrees: bool,
    /// As it was asked for.
    pub tolerance_percent: f64,
    /// TCP, with a verdict.
    pub tcp: Balance,
    /// What nettally says it lost, by reason; remotes that were not resolved and the like too.
    pub losses: BTreeMap<LossReason, LossCount>,
    /// Of it, what is in no row.
    pub lost: Bytes,
    /// What was attributed over other protocols, without a verdict.
    pub other_protocols: BTreeMap<Protocol, Bytes>,
    /// What the kernel counts of them all.
    pub figures: Figures,
    /// Network namespaces that were read.
    pub namespaces: u64,
    /// Network namespaces that were found after the start, when sockets of theirs may have ended.
    pub namespaces_found_late: u64,
    /// Network namespaces that we may not enter.
    pub namespaces_refused: u64,
    /// Whether there are processes whose namespace we may not even see.
    pub has_hidden_processes: bool,
    /// How often the kernel had no room for messages of ended sockets.
    pub messages_overflowed: u64,
    /// What nettally does not see on this kernel.
    pub degradations: Vec<Degradation>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// How long.
    pub period: Duration,
    /// Difference that still agrees.
    pub tolerance_percent: f64,
}

/// Counts for a while, or until `stop`, and compares; says when it has `started` to count.
///
/// # Errors
/// The collector or the kernel's list of sockets fails.
pub async fn run(
    mut source: ProcessNetworkConfig,
    request: Request,
    started: impl FnOnce(),
    stop: impl Future<Output = ()>,
    now: fn() -> Timestamp,
) -> anyhow::Result<Report> {
    source.scrape_interval_secs = INTERVAL_SECS;
    let mut audit = Audit {
        namespaces: Namespaces::open()?,
        sockets: Sockets::default(),
        attributed: Attributed::default(),
        health: None,
        overflows: 0,
        epoch: Instant::now(),
        looked: Duration::ZERO,
    };
    let mut collector = Collector::start(&source).await?;
    let since = audit.start(&mut collector, now).await?;
    audit
        .watch(&mut collector, UNTOLD, std::future::pending())
        .await?;
    started();
    audit.watch(&mut collector, request.period, stop).await?;
    audit.finish(collector, request, since).await
}

struct Audit {
    namespaces: Namespaces,
    sockets: Sockets,
    attributed: Attributed,
    health: Option<HealthReport>,
    overflows: u64,
    epoch: Instant,
    /// When the messages were looked at last.
    looked: Duration,
}

impl Audit {
    /// Lists sockets around a drain. What was counted until then does not count.
    async fn start(
        &mut self,
        collector: &mut Collector,
        now: fn() -> Timestamp,
    ) -> anyhow::Result<Timestamp> {
        self.window(collector).await?;
        for ahead in AHEAD_MS {
            let wait = Duration::from_secs_f64(INTERVAL_SECS);
            tokio::time::sleep(wait.saturating_sub(Duration::from_millis(ahead))).await;
            self.list(Listing::BeforeStart)?;
            let listed = now();
            let drained = self.window(collector).await?;
            if listed <= drained {
                self.list(Listing::AfterStart)?;
                self.namespaces.start_figures()?;
                self.attributed = Attributed::default();
                self.overflows = 0;
                return Ok(drained);
            }
        }
        bail!("listing all TCP sockets takes longer than the {INTERVAL_SECS} s between two drains")
    }

    /// Waits for the next window; returns when the drain began.
    async fn window(&mut self, collector: &mut Collector) -> anyhow::Result<Timestamp> {
        loop {
            if let Some(end) = self.take(collector.next().await?) {
                return Ok(end);
            }
        }
    }

    /// Keeps what comes, for as long as was asked for.
    async fn watch(
        &mut self,
        collector: &mut Collector,
        period: Duration,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let end = tokio::time::sleep(period);
        let mut looks = tokio::time::interval(LOOK);
        let mut searches = tokio::time::interval(NEW_NAMESPACES);
        tokio::pin!(stop, end);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = &mut end => return Ok(()),
                event = collector.next() => {
                    self.take(event?);
                }
                _time = looks.tick() => self.look()?,
                _time = searches.tick() => self.namespaces.find(),
            }
        }
    }

    async fn finish(
        mut self,
        collector: Collector,
        request: Request,
        since: Timestamp,
    ) -> anyhow::Result<Report> {
        let Request {
            period: _,
            tolerance_percent,
        } = request;
        self.namespaces.find();
        self.list(Listing::BeforeEnd)?;
        let mut until = since;
        for event in collector.finish().await? {
            until = self.take(event).unwrap_or(until);
        }
        self.list(Listing::AfterEnd)?;
        let figures = self.namespaces.figures()?;
        let (at_least, at_most) = LAST_MESSAGES;
        let ended = Instant::now();
        while ended.elapsed() < at_least
            || (ended.elapsed() < at_most && !self.sockets.all_ends_are_known())
        {
            tokio::time::sleep(LOOK).await;
            self.look()?;
        }

        let may_miss_sockets = self.namespaces.are_incomplete() || self.overflows > 0;
        let Compared {
            balance,
            lost,
            lost_bytes,
            other_protocols,
        } = compare(self.sockets.moved(), self.attributed, may_miss_sockets);
        let HealthReport {
            backend,
            kernel,
            degradations,
            ..
        } = self
            .health
            .context("the collector said nothing of itself")?;
        let Namespaces {
            open,
            refused,
            hidden,
            late,
            ..
        } = &self.namespaces;
        Ok(Report {
            since,
            until,
            backend,
            kernel,
            agrees: balance.difference_percent <= tolerance_percent,
            tolerance_percent,
            tcp: balance,
            losses: lost,
            lost: lost_bytes,
            other_protocols,
            figures,
            namespaces: open.len() as u64,
            namespaces_found_late: *late,
            namespaces_refused: refused.len() as u64,
            has_hidden_processes: *hidden,
            messages_overflowed: self.overflows,
            degradations,
        })
    }

    /// Takes an event; returns when the drain of a window began.
    fn take(&mut self, event: Event) -> Option<Timestamp> {
        match event {
            Event::Usage(batch) => {
                self.attributed.add(&batch);
                Some(batch.window.end)
            }
            Event::Health(report) => {
                self.health = Some((*report).clone());
                None
            }
        }
    }

    fn list(&mut self, listing: Listing) -> anyhow::Result<()> {
        self.look()?;
        let began = self.epoch.elapsed();
        let readings = self.namespaces.sockets()?;
        self.sockets
            .list(listing, readings, began, self.epoch.elapsed());
        self.look()
    }

    /// Takes the messages of sockets that have ended.
    fn look(&mut self) -> anyhow::Result<()> {
        let last = std::mem::replace(&mut self.looked, self.epoch.elapsed());
        for namespace in &self.namespaces.open {
            let (readings, overflows) = namespace
                .diag
                .destroyed()
                .context("cannot read the messages of ended TCP sockets")?;
            self.overflows += overflows;
            let written = (last, self.epoch.elapsed());
            for reading in readings {
                self.sockets.end(namespace.inode, reading, written);
            }
        }
        Ok(())
    }
}

impl Report {
    /// The report for people, with the largest `rows` differences.
    #[must_use]
    pub fn text(&self, rows: usize) -> String {
        text::text(self, rows)
    }
}

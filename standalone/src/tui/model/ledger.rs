//! Everything counted since start, by process and flow. A byte that comes in stays in exactly one
//! place: a live process, or *exited*; so the parts always sum up to the total.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use nettally_source::{Process, ProcessId, Protocol, Remote, UsageBatch, Window};

use super::amount::{Bytes, Tally};
use super::chart::Record;
use super::settings::Protocols;

/// Windows for which a process that has ended stays on the list, dimmed.
pub(crate) const FADING_WINDOWS: u64 = 5;

/// Remotes of one process that are kept apart. Beyond it, the half that was silent longest is
/// folded into one row.
pub(crate) const FLOWS_KEPT: usize = 2048;

/// A long-idle process is looked up in `/proc` every so many windows.
const PRESENCE_EVERY: u64 = 8;

/// Everything counted since start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// The live ones, and those that ended a moment ago.
    pub(crate) processes: HashMap<ProcessId, Account>,
    /// Those that left the list.
    pub(crate) exited: Exited,
    /// All of it.
    pub(crate) total: BTreeMap<Protocol, Tally>,
    /// When it was moved.
    pub(crate) record: Record,
    /// Windows read.
    pub(crate) windows: u64,
    /// Windows that lost their border because the screen was late.
    pub(crate) merged_windows: u64,
    /// From the start of the first window to the end of the newest.
    pub(crate) span: Option<Window>,
    /// Seconds in the newest window.
    pub(crate) window_secs: f64,
    /// Whether the next gap between two windows is one in which nobody measured, and not a clock that
    /// was set.
    interrupted: bool,
    /// All such gaps.
    unmeasured: SignedDuration,
}

/// What processes moved that are no longer on the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exited {
    /// How many, by the protocols that they used; so that one that used two is still one.
    processes: BTreeMap<Vec<Protocol>, u64>,
    pub(crate) bytes: BTreeMap<Protocol, Bytes>,
}

/// One process.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) process: Arc<Process>,
    pub(crate) by_protocol: BTreeMap<Protocol, Tally>,
    pub(crate) flows: HashMap<FlowKey, Flow>,
    pub(crate) folded: Folded,
    /// Windows since the last byte.
    pub(crate) idle_windows: u64,
    /// Windows since it was found to have ended.
    pub(crate) gone_windows: Option<u64>,
}

/// What tells the flows of one process apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FlowKey {
    pub(crate) remote: Remote,
    pub(crate) protocol: Protocol,
    pub(crate) local_port: u16,
}

impl FlowKey {
    /// None where flows were folded, and for frames.
    pub(crate) fn local_port(self) -> Option<u16> {
        self.remote.has_local_port().then_some(self.local_port)
    }
}

/// One flow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    pub(crate) total: Bytes,
    /// Bytes of the window in which it last moved any.
    pub(crate) last: Bytes,
    /// Number of that window.
    pub(crate) last_window: u64,
}

/// Flows that are no longer kept apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folded {
    pub(crate) flows: BTreeMap<Protocol, u64>,
    pub(crate) bytes: BTreeMap<Protocol, Bytes>,
}

impl Ledger {
    /// Reads one batch, in which `windows` windows were merged.
    pub(crate) fn read(&mut self, batch: &UsageBatch, windows: u64) {
        self.windows += windows;
        self.merged_windows += windows.saturating_sub(1);
        let Window { start, end } = batch.window;
        self.window_secs = end.duration_since(start).as_secs_f64();
        if let Some(before) = self.span
            && self.interrupted
            && start > before.end
        {
            self.unmeasured += start.duration_since(before.end);
            self.interrupted = false;
        }
        self.span = Some(Window {
            start: self.started().unwrap_or(start),
            end,
        });
        self.record.push(batch.window, &batch.usage);
        for usage in &batch.usage {
            let bytes = Bytes {
                sent: usage.sent_bytes,
                received: usage.received_bytes,
            };
            self.total.entry(usage.protocol).or_default().add(bytes);
            let account = self
                .processes
                .entry(usage.process.id)
                .or_insert_with(|| Account::new(usage.process.clone()));
            account.process = usage.process.clone();
            account
                .by_protocol
                .entry(usage.protocol)
                .or_default()
                .add(bytes);
            let flow = account
                .flows
                .entry(FlowKey {
                    remote: usage.remote,
                    protocol: usage.protocol,
                    local_port: usage.local_port,
                })
                .or_default();
            flow.total += bytes;
            if flow.last_window != self.windows {
                flow.last = Bytes::default();
                flow.last_window = self.windows;
            }
            flow.last += bytes;
        }
        self.close_window();
    }

    fn close_window(&mut self) {
        let seconds = self.window_secs;
        for tally in self.total.values_mut() {
            tally.close_window(seconds);
        }
        for account in self.processes.values_mut() {
            account.close_window(seconds);
        }
        let exited = &mut self.exited;
        self.processes.retain(|_, account| {
            let faded = account.gone_windows.is_some_and(|n| n > FADING_WINDOWS);
            if faded {
                exited.take_over(account);
            }
            !faded
        });
    }

    /// The daemon has ended; the windows of the next begin later.
    pub(crate) fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Whole seconds since the first window in which nobody measured, as between the end of a daemon
    /// and its next start.
    pub(crate) fn unmeasured_secs(&self) -> i64 {
        self.unmeasured.as_secs()
    }

    /// When the first window began.
    pub(crate) fn started(&self) -> Option<Timestamp> {
        self.span.map(|Window { start, end: _ }| start)
    }

    /// Those without traffic that should be looked up now: at once when they fall silent, later
    /// now and then.
    pub(crate) fn to_look_up(&self) -> Vec<ProcessId> {
        self.processes
            .iter()
            .filter(|(id, account)| {
                let turn =
                    account.idle_windows % PRESENCE_EVERY == u64::from(id.pid) % PRESENCE_EVERY;
                account.gone_windows.is_none()
                    && (account.idle_windows == 1 || account.idle_windows > 1 && turn)
            })
            .map(|(&id, _)| id)
            .collect()
    }

    /// These processes have ended. They fade, then leave.
    pub(crate) fn mark_gone(&mut self, ids: &[ProcessId]) {
        for id in ids {
            if let Some(account) = self.processes.get_mut(id) {
                account.gone_windows.get_or_insert(0);
            }
        }
    }
}

impl Account {
    fn new(process: Arc<Process>) -> Self {
        Self {
            process,
            by_protocol: BTreeMap::new(),
            flows: HashMap::new(),
            folded: Folded::default(),
            idle_windows: 0,
            gone_windows: None,
        }
    }

    fn close_window(&mut self, seconds: f64) {
        let mut active = false;
        for tally in self.by_protocol.values_mut() {
            active |= tally.close_window(seconds);
        }
        if active {
            // Whoever moves bytes is alive, or was when its last ones were counted.
            self.idle_windows = 0;
            self.gone_windows = None;
        } else {
            self.idle_windows += 1;
            self.gone_windows = self.gone_windows.map(|windows| windows + 1);
        }
        if self.flows.len() > FLOWS_KEPT {
            self.fold();
        }
    }

    fn fold(&mut self) {
        let mut oldest: Vec<(u64, FlowKey)> = self
            .flows
            .iter()
            .map(|(&key, flow)| (flow.last_window, key))
            .collect();
        oldest.sort_unstable();
        oldest.truncate(self.flows.len() - FLOWS_KEPT / 2);
        for (_, key) in oldest {
            if let Some(flow) = self.flows.remove(&key) {
                *self.folded.flows.entry(key.protocol).or_default() += 1;
                *self.folded.bytes.entry(key.protocol).or_default() += flow.total;
            }
        }
    }
}

impl Exited {
    fn take_over(&mut self, account: &Account) {
        let used = account.by_protocol.keys().copied().collect();
        *self.processes.entry(used).or_default() += 1;
        for (&protocol, tally) in &account.by_protocol {
            *self.bytes.entry(protocol).or_default() += tally.total;
        }
    }

    /// How many used one of these protocols.
    pub(crate) fn count(&self, protocols: Protocols) -> u64 {
        let used = |set: &[Protocol]| set.iter().any(|&protocol| protocols.has(protocol));
        let matching = self.processes.iter().filter(|(set, _)| used(set));
        matching.map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::{batch, process, tcp};

    fn read(ledger: &mut Ledger, second: i64, usage: Vec<nettally_source::Usage>) {
        ledger.read(&batch(second, usage), 1);
    }

    #[test]
    fn an_ended_process_fades_then_its_bytes_are_with_the_exited() {
        let curl = process(7, "curl");
        let mut ledger = Ledger::default();
        read(&mut ledger, 0, vec![tcp(&curl, "192.0.2.1:443", 10, 5)]);
        read(&mut ledger, 1, vec![]);
        assert_eq!(ledger.to_look_up(), [curl.id]);
        ledger.mark_gone(&[curl.id]);
        for second in 0..FADING_WINDOWS {
            read(&mut ledger, 2 + second.cast_signed(), vec![]);
            assert!(ledger.processes.contains_key(&curl.id), "{second}");
        }
        read(&mut ledger, 20, vec![]);
        assert!(ledger.processes.is_empty());
        assert_eq!(ledger.exited.count(Protocols::All), 1);
        assert_eq!(ledger.exited.count(Protocols::Others), 0);
        let bytes = Bytes {
            sent: 10,
            received: 5,
        };
        assert_eq!(ledger.exited.bytes[&Protocol::Tcp], bytes);
        assert_eq!(ledger.total[&Protocol::Tcp].total, bytes);
    }

    #[test]
    fn a_process_taken_for_gone_comes_back_with_its_next_byte() {
        let curl = process(7, "curl");
        let mut ledger = Ledger::default();
        read(&mut ledger, 0, vec![tcp(&curl, "192.0.2.1:443", 10, 5)]);
        read(&mut ledger, 1, vec![]);
        ledger.mark_gone(&[curl.id]);
        read(&mut ledger, 2, vec![tcp(&curl, "192.0.2.1:443", 1, 0)]);
        assert_eq!(ledger.processes[&curl.id].gone_windows, None);
        assert_eq!(ledger.processes[&curl.id].idle_windows, 0);
    }

    #[test]
    fn only_the_gap_between_two_daemons_is_time_in_which_nobody_measured() {
        let mut ledger = Ledger::default();
        read(&mut ledger, 0, vec![]);
        // The clock was set.
        read(&mut ledger, 3600, vec![]);
        assert_eq!(ledger.unmeasured_secs(), 0);
        ledger.interrupt();
        // The last window of the first.
        read(&mut ledger, 3601, vec![]);
        assert_eq!(ledger.unmeasured_secs(), 0);
        read(&mut ledger, 3612, vec![]);
        read(&mut ledger, 3620, vec![]);
        assert_eq!(ledger.unmeasured_secs(), 10);
    }

    #[test]
    fn a_silent_process_is_looked_up_once_every_eight_windows() {
        let curl = process(7, "curl");
        let mut ledger = Ledger::default();
        read(&mut ledger, 0, vec![tcp(&curl, "192.0.2.1:443", 10, 5)]);
        let looked_up: Vec<i64> = (1..25)
            .filter(|&second| {
                read(&mut ledger, second, vec![]);
                !ledger.to_look_up().is_empty()
            })
            .collect();
        assert_eq!(looked_up, [1, 7, 15, 23]);
    }

    #[test]
    fn many_remotes_are_folded_and_none_of_their_bytes_is_lost() {
        let scanner = process(7, "scanner");
        let mut ledger = Ledger::default();
        let remotes = 5000;
        for second in 0..remotes {
            let remote = format!("10.0.{}.{}:80", second / 250, second % 250);
            read(&mut ledger, second, vec![tcp(&scanner, &remote, 3, 1)]);
        }
        let account = &ledger.processes[&scanner.id];
        assert!(account.flows.len() <= FLOWS_KEPT);
        let folded = account.folded.flows[&Protocol::Tcp];
        assert_eq!(folded + account.flows.len() as u64, remotes as u64);
        let kept: u64 = account.flows.values().map(|flow| flow.total.both()).sum();
        let folded = account.folded.bytes[&Protocol::Tcp].both();
        assert_eq!(kept + folded, 4 * remotes as u64);
        let newest = format!("10.0.{}.{}:80", (remotes - 1) / 250, (remotes - 1) % 250);
        let usage = tcp(&scanner, &newest, 0, 0);
        assert!(account.flows.keys().any(|key| key.remote == usage.remote));
    }
}

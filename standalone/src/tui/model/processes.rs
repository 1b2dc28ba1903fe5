//! The ledger as rows of processes: grouped, filtered, sorted. Pure.

use std::cmp::Ordering;
use std::collections::HashMap;

use nettally_source::{Process, ProcessId, Protocol, Remote};

use super::amount::{Bytes, Rate, Tally};
use super::ledger::{Account, Exited, Flow, FlowKey, Ledger};
use super::settings::{Grouping, Measure, Order, ProcessSort, Protocols, Settings};
use crate::identity::{app, app_title, user};

/// What a row stands for; stays the same while numbers change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RowKey {
    Process(ProcessId),
    App(String),
    Name(String),
}

impl RowKey {
    /// The row that a process belongs to.
    fn of(process: &Process, grouping: Grouping) -> Self {
        match grouping {
            Grouping::Pid => Self::Process(process.id),
            Grouping::App => Self::App(app(process).to_owned()),
            Grouping::Name => Self::Name(process.name.clone()),
        }
    }

    /// Whether a process belongs to this row.
    pub(crate) fn has(&self, process: &Process) -> bool {
        match self {
            Self::Process(id) => process.id == *id,
            Self::App(name) => app(process) == name,
            Self::Name(name) => process.name == *name,
        }
    }
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct ProcessRow {
    pub(crate) key: RowKey,
    pub(crate) name: String,
    pub(crate) pids: Vec<u32>,
    pub(crate) user: Option<String>,
    pub(crate) exe: Option<String>,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) tally: Tally,
    pub(crate) remotes: u64,
    /// The remote with the most traffic now, or since start.
    pub(crate) busiest: Option<Remote>,
    /// All of it has ended.
    pub(crate) gone: bool,
}

/// The rows, and what is in none of them. Rows, `hidden` and `exited` sum up to `total`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessTable {
    pub(crate) rows: Vec<ProcessRow>,
    /// What the text filter keeps out.
    pub(crate) hidden: Aside,
    /// What ended.
    pub(crate) exited: Aside,
    pub(crate) total: Tally,
    /// What is beside all of this, because other protocols may count the same bytes.
    pub(crate) outside: Aside,
}

/// A number of rows that are not shown one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside {
    pub(crate) count: u64,
    pub(crate) tally: Tally,
}

/// The ledger as rows.
pub(crate) fn processes(ledger: &Ledger, settings: &Settings) -> ProcessTable {
    let wanted = |protocol: Protocol| settings.wants(protocol);
    let mut table = ProcessTable::default();
    for (_, tally) in ledger.total.iter().filter(|(p, _)| wanted(**p)) {
        table.total.overlay(tally);
    }
    table.exited = exited(&ledger.exited, settings);
    if settings.protocols == Protocols::All && !settings.filter.names_protocol() {
        table.outside = outside(ledger);
    }
    let mut groups: HashMap<RowKey, Group<'_>> = HashMap::new();
    for account in ledger.processes.values() {
        if !account.by_protocol.keys().any(|&p| wanted(p)) {
            continue;
        }
        let Sifted {
            member,
            hidden,
            hides,
        } = sifted(account, ledger, settings);
        if hides {
            table.hidden.tally.overlay(&hidden);
        }
        if let Some(member) = member {
            let key = RowKey::of(&account.process, settings.grouping);
            groups.entry(key).or_default().members.push(member);
        } else {
            table.hidden.count += 1;
        }
    }
    table.rows = groups
        .into_iter()
        .map(|(key, group)| group.row(key, ledger.windows, settings))
        .collect();
    let Settings {
        process_order,
        measure,
        ..
    } = settings;
    table
        .rows
        .sort_by(|a, b| compare(a, b, *process_order, *measure));
    table
}

fn exited(exited: &Exited, settings: &Settings) -> Aside {
    let mut aside = Aside {
        count: exited.count(settings.protocols),
        tally: Tally::default(),
    };
    for (&protocol, &bytes) in &exited.bytes {
        if settings.wants(protocol) {
            aside.tally.total += bytes;
        }
    }
    aside
}

/// What is in no total, and how many processes moved it.
fn outside(ledger: &Ledger) -> Aside {
    let mut outside = Aside {
        count: ledger.exited.count(Protocols::Packet),
        tally: Tally::default(),
    };
    let is_outside = |protocol: &Protocol| !protocol.is_in_totals();
    for (_, tally) in ledger.total.iter().filter(|(p, _)| is_outside(p)) {
        outside.tally.overlay(tally);
    }
    let moved = |account: &&Account| account.by_protocol.keys().any(is_outside);
    outside.count += ledger.processes.values().filter(moved).count() as u64;
    outside
}

/// What a filter lets through of one process.
struct Member<'a> {
    account: &'a Account,
    tally: Tally,
    protocols: Vec<Protocol>,
    flows: Vec<(&'a FlowKey, &'a Flow)>,
    /// Flows that are no longer kept apart.
    folded: u64,
}

struct Sifted<'a> {
    /// `None` if nothing of it is let through.
    member: Option<Member<'a>>,
    /// The rest.
    hidden: Tally,
    /// Whether there is a rest.
    hides: bool,
}

fn sifted<'a>(account: &'a Account, ledger: &Ledger, settings: &Settings) -> Sifted<'a> {
    let wanted = |protocol: Protocol| settings.wants(protocol);
    let by_flow = settings.filter.is_of_flows();
    let mut member = Member {
        account,
        tally: Tally::default(),
        protocols: Vec::new(),
        flows: Vec::new(),
        folded: 0,
    };
    let (mut hidden, mut hides) = (Tally::default(), false);
    let flows = account.flows.iter().filter(|(f, _)| wanted(f.protocol));
    if by_flow {
        let (mut shown, mut aside) = ((Bytes::default(), Bytes::default()), Bytes::default());
        let mut aside_now = Bytes::default();
        for (key, flow) in flows {
            let now = if flow.last_window == ledger.windows {
                flow.last
            } else {
                Bytes::default()
            };
            if settings.filter.has_flow(&account.process, *key) {
                shown.0 += flow.total;
                shown.1 += now;
                member.protocols.push(key.protocol);
                member.flows.push((key, flow));
            } else {
                hides = true;
                aside += flow.total;
                aside_now += now;
            }
        }
        // Of what is folded, the remotes are not known.
        for (_, &bytes) in account.folded.bytes.iter().filter(|(p, _)| wanted(**p)) {
            hides = true;
            aside += bytes;
        }
        let rate = |bytes| Rate::of(bytes, ledger.window_secs);
        member.tally = Tally::of(shown.0, rate(shown.1));
        hidden = Tally::of(aside, rate(aside_now));
    } else {
        let lets = |protocol| settings.filter.has_process(&account.process, protocol);
        for (&protocol, tally) in account.by_protocol.iter().filter(|(p, _)| wanted(**p)) {
            if lets(protocol) {
                member.tally.overlay(tally);
                member.protocols.push(protocol);
                member.folded += account.folded.flows.get(&protocol).copied().unwrap_or(0);
            } else {
                hides = true;
                hidden.overlay(tally);
            }
        }
        member.flows = flows.filter(|(key, _)| lets(key.protocol)).collect();
    }
    Sifted {
        member: (!member.protocols.is_empty()).then_some(member),
        hidden,
        hides,
    }
}

#[derive(Default)]
struct Group<'a> {
    members: Vec<Member<'a>>,
}

impl Group<'_> {
    fn row(mut self, key: RowKey, window: u64, settings: &Settings) -> ProcessRow {
        self.members
            .sort_unstable_by_key(|member| member.account.process.id);
        let mut tally = Tally::default();
        let mut protocols = Vec::new();
        let mut remotes = Vec::new();
        let mut folded = 0;
        for member in &self.members {
            tally.overlay(&member.tally);
            protocols.extend_from_slice(&member.protocols);
            folded += member.folded;
            for (flow, bytes) in &member.flows {
                let weight = match settings.measure {
                    Measure::Rate if bytes.last_window == window => bytes.last.both(),
                    Measure::Rate => 0,
                    Measure::Total => bytes.total.both(),
                };
                remotes.push((flow.remote, weight));
            }
        }
        protocols.sort_unstable();
        protocols.dedup();
        remotes.sort_unstable();
        let busiest = remotes.iter().max_by_key(|(_, weight)| weight);
        let busiest = busiest.map(|&(remote, _)| remote);
        remotes.dedup_by_key(|&mut (remote, _)| remote);
        remotes.retain(|&(remote, _)| remote != Remote::None);
        let first = self.members.first().expect("a group has a member");
        let first = &first.account.process;
        let name = match &key {
            RowKey::Process(_) => first.name.clone(),
            RowKey::App(app) => app_title(app).to_owned(),
            RowKey::Name(name) => name.clone(),
        };
        ProcessRow {
            key,
            name,
            pids: self
                .members
                .iter()
                .map(|member| member.account.process.id.pid)
                .collect(),
            user: self.common(user),
            exe: self.common(|process| process.exe.clone()),
            protocols,
            tally,
            remotes: folded + remotes.len() as u64,
            busiest,
            gone: self
                .members
                .iter()
                .all(|member| member.account.gone_windows.is_some()),
        }
    }

    /// What all members share.
    fn common(&self, of: impl Fn(&Process) -> Option<String>) -> Option<String> {
        let members = self.members.iter();
        let mut values = members.map(|member| of(&member.account.process));
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)?
    }
}

fn compare(
    a: &ProcessRow,
    b: &ProcessRow,
    order: Order<ProcessSort>,
    measure: Measure,
) -> Ordering {
    let sent = |row: &ProcessRow| (row.tally.course.now().sent, row.tally.total.sent);
    let received = |row: &ProcessRow| (row.tally.course.now().received, row.tally.total.received);
    let both = |row: &ProcessRow| (row.tally.course.now().both(), row.tally.total.both());
    let first = match order.column {
        ProcessSort::Name => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
        ProcessSort::Pid => a.pids.cmp(&b.pids),
        ProcessSort::User => a.user.cmp(&b.user),
        ProcessSort::Sent => by_measure(measure, sent(a), sent(b)),
        ProcessSort::Received => by_measure(measure, received(a), received(b)),
        ProcessSort::Traffic => by_measure(measure, both(a), both(b)),
        ProcessSort::Remotes => a.remotes.cmp(&b.remotes),
    };
    let first = if order.ascending() {
        first
    } else {
        first.reverse()
    };
    // Equal rows must not dance.
    first.then_with(|| a.key.cmp(&b.key))
}

/// By rate, then by total; or by total alone.
pub(super) fn by_measure(measure: Measure, a: (f64, u64), b: (f64, u64)) -> Ordering {
    match measure {
        Measure::Rate => a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)),
        Measure::Total => a.1.cmp(&b.1),
    }
}

impl ProcessTable {
    /// What the rows and the two asides sum up to; always the total.
    #[cfg(test)]
    pub(crate) fn sum_of_parts(&self) -> Bytes {
        let mut sum = self.hidden.tally.total;
        sum += self.exited.tally.total;
        for row in &self.rows {
            sum += row.tally.total;
        }
        sum
    }
}

#[cfg(test)]
mod tests;

//! All remotes, whoever talks to them: filtered, sorted. Pure.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use nettally_source::{ProcessId, Protocol, Remote};

use super::amount::{Bytes, Rate};
use super::ledger::Ledger;
use super::processes::by_measure;
use super::remotes::Part;
use super::settings::{Measure, Order, PeerSort, Settings};
use crate::identity::{app, app_title};

/// What tells rows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PeerKey {
    pub(crate) remote: Remote,
    pub(crate) protocol: Protocol,
}

/// One remote over one protocol.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PeerRow {
    pub(crate) key: PeerKey,
    pub(crate) rate: Rate,
    pub(crate) total: Bytes,
    /// Who talks to it, whoever moved most first.
    pub(crate) apps: Vec<String>,
    pub(crate) processes: usize,
}

/// All of them. Rows, `hidden`, `folded` and `exited` sum up to `total`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PeerTable {
    pub(crate) rows: Vec<PeerRow>,
    /// Flows that the filter keeps out.
    pub(crate) hidden: Part,
    /// Earlier flows that are no longer kept apart.
    pub(crate) folded: Part,
    /// Of processes that have ended.
    pub(crate) exited: Part,
    pub(crate) total: Part,
}

#[derive(Default)]
struct Gathered {
    last: Bytes,
    total: Bytes,
    apps: BTreeMap<String, u64>,
    processes: Vec<ProcessId>,
}

/// The ledger as rows of remotes.
pub(crate) fn peers(ledger: &Ledger, settings: &Settings) -> PeerTable {
    let wanted = |protocol: Protocol| settings.wants(protocol);
    let mut table = PeerTable::default();
    let mut gathered: HashMap<PeerKey, Gathered> = HashMap::new();
    for account in ledger.processes.values() {
        for (&flow, bytes) in account.flows.iter().filter(|(f, _)| wanted(f.protocol)) {
            let last = if bytes.last_window == ledger.windows {
                bytes.last
            } else {
                Bytes::default()
            };
            if !settings.filter.has_flow(&account.process, flow) {
                let rate = Rate::of(last, ledger.window_secs);
                table.hidden.add(1, rate, bytes.total);
                continue;
            }
            let key = PeerKey {
                remote: flow.remote,
                protocol: flow.protocol,
            };
            let row = gathered.entry(key).or_default();
            row.last += last;
            row.total += bytes.total;
            let title = app_title(app(&account.process)).to_owned();
            *row.apps.entry(title).or_default() += bytes.total.both();
            row.processes.push(account.process.id);
        }
        for (&protocol, &bytes) in &account.folded.bytes {
            if wanted(protocol) {
                let count = account.folded.flows.get(&protocol).copied().unwrap_or(0);
                table.folded.add(count, Rate::default(), bytes);
            }
        }
    }
    for (&protocol, &bytes) in &ledger.exited.bytes {
        if wanted(protocol) {
            table.exited.add(0, Rate::default(), bytes);
        }
    }
    table.exited.count = ledger.exited.count(settings.protocols);
    table.rows = gathered
        .into_iter()
        .map(|(key, row)| finished(key, row, ledger.window_secs))
        .collect();
    let Settings {
        peer_order,
        measure,
        ..
    } = settings;
    table
        .rows
        .sort_by(|a, b| compare(a, b, *peer_order, *measure));
    let mut total = Part::default();
    for row in &table.rows {
        total.add(1, row.rate, row.total);
    }
    for part in [table.hidden, table.folded, table.exited] {
        total.add(part.count, part.rate, part.total);
    }
    table.total = total;
    table
}

fn finished(key: PeerKey, gathered: Gathered, window_secs: f64) -> PeerRow {
    let Gathered {
        last,
        total,
        apps,
        mut processes,
    } = gathered;
    processes.sort_unstable();
    processes.dedup();
    let mut apps: Vec<(String, u64)> = apps.into_iter().collect();
    apps.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    PeerRow {
        key,
        rate: Rate::of(last, window_secs),
        total,
        apps: apps.into_iter().map(|(app, _)| app).collect(),
        processes: processes.len(),
    }
}

fn compare(a: &PeerRow, b: &PeerRow, order: Order<PeerSort>, measure: Measure) -> Ordering {
    let first = match order.column {
        PeerSort::Remote => a.key.remote.cmp(&b.key.remote),
        PeerSort::Sent => by_measure(
            measure,
            (a.rate.sent, a.total.sent),
            (b.rate.sent, b.total.sent),
        ),
        PeerSort::Received => by_measure(
            measure,
            (a.rate.received, a.total.received),
            (b.rate.received, b.total.received),
        ),
        PeerSort::Traffic => by_measure(
            measure,
            (a.rate.both(), a.total.both()),
            (b.rate.both(), b.total.both()),
        ),
        PeerSort::Apps => a.apps.cmp(&b.apps),
    };
    let first = if order.ascending() {
        first
    } else {
        first.reverse()
    };
    first.then_with(|| a.key.cmp(&b.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::model::sieve::Sieve;
    use crate::tui::testing::{batch, process, tcp, udp};

    #[test]
    fn a_remote_has_one_row_whoever_talks_to_it_and_no_byte_is_missing() {
        let (one, two) = (process(1, "curl"), process(2, "rsync"));
        let mut ledger = Ledger::default();
        let usage = vec![
            tcp(&one, "192.0.2.1:443", 10, 0),
            tcp(&two, "192.0.2.1:443", 20, 1),
            udp(&two, "192.0.2.1:443", 5, 0),
            tcp(&two, "[2001:db8::1]:22", 0, 7),
        ];
        ledger.read(&batch(0, usage), 1);
        let table = peers(&ledger, &Settings::default());
        let shown: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.total.both(), row.apps.join("+"), row.processes))
            .collect();
        let expected = [
            (31, "rsync+curl".to_owned(), 2),
            (7, "rsync".to_owned(), 1),
            (5, "rsync".to_owned(), 1),
        ];
        assert_eq!(shown, expected);
        for (filter, rows) in [
            ("", 3),
            ("remote_port=443 and process=curl", 1),
            ("2001", 1),
        ] {
            let settings = Settings {
                filter: Sieve::of(filter),
                ..Settings::default()
            };
            let table = peers(&ledger, &settings);
            assert_eq!(table.rows.len(), rows, "{filter}");
            assert_eq!(table.total.total.both(), 43, "{filter}");
        }
    }
}

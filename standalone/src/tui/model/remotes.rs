//! The remotes of one row of the process table: filtered, sorted. Pure.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::SocketAddr;

use nettally_source::{Protocol, Remote};

use super::amount::{Bytes, Rate};
use super::ledger::{Account, FlowKey, Ledger};
use super::processes::{RowKey, by_measure};
use super::settings::{Measure, Order, RemoteSort, Settings};

/// One remote, reached over one protocol and local port.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RemoteRow {
    pub(crate) flow: FlowKey,
    pub(crate) rate: Rate,
    pub(crate) total: Bytes,
}

/// The remotes of one process or group. Rows, `hidden` and `folded` sum up to `total`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RemoteTable {
    pub(crate) rows: Vec<RemoteRow>,
    /// What the text filter keeps out.
    pub(crate) hidden: Part,
    /// Earlier flows that are no longer kept apart.
    pub(crate) folded: Part,
    pub(crate) total: Part,
}

/// A number of flows together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) count: u64,
    pub(crate) rate: Rate,
    pub(crate) total: Bytes,
}

impl Part {
    pub(super) fn add(&mut self, count: u64, rate: Rate, total: Bytes) {
        self.count += count;
        self.rate = self.rate + rate;
        self.total += total;
    }
}

/// The live accounts behind a row of the process table.
pub(crate) fn accounts<'a>(
    ledger: &'a Ledger,
    key: &'a RowKey,
) -> impl Iterator<Item = &'a Account> {
    let all = ledger.processes.values();
    all.filter(move |account| key.has(&account.process))
}

/// The remotes of `key`.
pub(crate) fn remotes(ledger: &Ledger, key: &RowKey, settings: &Settings) -> RemoteTable {
    let wanted = |protocol: Protocol| settings.wants(protocol);
    let mut table = RemoteTable::default();
    let mut flows: HashMap<(FlowKey, bool), (Bytes, Bytes)> = HashMap::new();
    for account in accounts(ledger, key) {
        for (&flow, bytes) in account.flows.iter().filter(|(f, _)| wanted(f.protocol)) {
            let is_shown = settings.filter.has_flow(&account.process, flow);
            let (last, total) = flows.entry((flow, is_shown)).or_default();
            *total += bytes.total;
            if bytes.last_window == ledger.windows {
                *last += bytes.last;
            }
        }
        for (&protocol, &bytes) in &account.folded.bytes {
            if wanted(protocol) {
                let count = account.folded.flows.get(&protocol).copied().unwrap_or(0);
                table.folded.add(count, Rate::default(), bytes);
                table.total.add(count, Rate::default(), bytes);
            }
        }
    }
    for ((flow, is_shown), (last, total)) in flows {
        let rate = Rate::of(last, ledger.window_secs);
        table.total.add(1, rate, total);
        if is_shown {
            table.rows.push(RemoteRow { flow, rate, total });
        } else {
            table.hidden.add(1, rate, total);
        }
    }
    let (order, measure) = (settings.remote_order, settings.measure);
    table.rows.sort_by(|a, b| compare(a, b, order, measure));
    table
}

/// `192.0.2.1:443`, `[2001:db8::1]:443` or a word.
pub(crate) fn endpoint(remote: Remote) -> String {
    match remote {
        Remote::Address { ip, port } => SocketAddr::new(ip, port).to_string(),
        Remote::Unresolved | Remote::Other | Remote::None => remote.ip_text(),
    }
}

fn compare(a: &RemoteRow, b: &RemoteRow, order: Order<RemoteSort>, measure: Measure) -> Ordering {
    let first = match order.column {
        RemoteSort::Remote => a.flow.remote.cmp(&b.flow.remote),
        RemoteSort::LocalPort => a.flow.local_port.cmp(&b.flow.local_port),
        RemoteSort::Sent => by_measure(
            measure,
            (a.rate.sent, a.total.sent),
            (b.rate.sent, b.total.sent),
        ),
        RemoteSort::Received => by_measure(
            measure,
            (a.rate.received, a.total.received),
            (b.rate.received, b.total.received),
        ),
        RemoteSort::Traffic => by_measure(
            measure,
            (a.rate.both(), a.total.both()),
            (b.rate.both(), b.total.both()),
        ),
    };
    let first = if order.ascending() {
        first
    } else {
        first.reverse()
    };
    first.then_with(|| a.flow.cmp(&b.flow))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::{batch, process, tcp, udp};

    #[test]
    fn a_group_shows_the_remotes_of_all_its_members_and_hides_none_in_silence() {
        let (one, two) = (process(1, "curl"), process(2, "curl"));
        let mut ledger = Ledger::default();
        ledger.read(
            &batch(
                0,
                vec![
                    tcp(&one, "192.0.2.1:443", 10, 0),
                    tcp(&two, "192.0.2.1:443", 20, 0),
                    udp(&two, "[2001:db8::1]:53", 0, 7),
                ],
            ),
            1,
        );
        let settings = Settings {
            filter: crate::tui::model::sieve::Sieve::of("2001"),
            ..Settings::default()
        };
        let table = remotes(&ledger, &RowKey::Name("curl".to_owned()), &settings);
        let shown: Vec<_> = table
            .rows
            .iter()
            .map(|row| endpoint(row.flow.remote))
            .collect();
        assert_eq!(shown, ["[2001:db8::1]:53"]);
        assert_eq!((table.hidden.count, table.hidden.total.sent), (1, 30));
        assert_eq!((table.total.count, table.total.total.both()), (2, 37));
    }
}

//! What coarse buckets do not tell apart: remotes beyond the largest, ephemeral ports, and processes
//! that are alike: in hours those beyond the largest, in days and months all.
//!
//! Bytes stay with their program and protocol, so folding changes no total.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::bucket::{FlowKey, Moved};
use super::{FOLDED_PORT, NO_REMOTE, OTHER, UNRESOLVED};
use crate::detail::Detail;
use crate::tier::Tier;

/// Ports from here on are handed out to clients: the default of Linux's `ip_local_port_range`.
const FIRST_EPHEMERAL_PORT: i64 = 32_768;

/// How much buckets tell apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// How many remotes, those that moved most; without, all.
    pub(crate) top_remotes: Option<u32>,
    /// How many processes an hour tells from those that are like them, those that moved most; without,
    /// all.
    pub(crate) top_processes: Option<u32>,
}

/// Rows of a bucket, folded, and what was. `groups` has the process that stands for each where a tier
/// may not tell them apart.
pub(super) fn fold(
    sums: HashMap<FlowKey, Moved>,
    tier: Tier,
    Told {
        top_remotes,
        top_processes,
    }: Told,
    groups: &HashMap<i64, i64>,
) -> (HashMap<FlowKey, Moved>, Detail) {
    let kept = top_remotes.map(|count| largest_remotes(&sums, count as usize));
    let alone = match tier {
        Tier::Minute => None,
        Tier::Hour => top_processes.map(|count| told_processes(&sums, count as usize, groups)),
        Tier::Day | Tier::Month => Some(HashSet::new()),
    };
    let mut folded = Detail::NONE;
    let mut rows: HashMap<FlowKey, Moved> = HashMap::with_capacity(sums.len());
    for (mut key, moved) in sums {
        if kept
            .as_ref()
            .is_some_and(|kept| !kept.contains(&key.remote_id))
        {
            key.remote_id = OTHER;
        }
        // Minutes keep the ports of the remotes that they keep.
        if key.remote_id == OTHER || tier > Tier::Minute {
            for port in [&mut key.local_port, &mut key.remote_port] {
                if *port >= FIRST_EPHEMERAL_PORT {
                    *port = FOLDED_PORT;
                }
            }
        }
        if alone
            .as_ref()
            .is_some_and(|alone| !alone.contains(&key.process_id))
            && let Some(&group_id) = groups.get(&key.process_id)
        {
            key.process_id = group_id;
        }
        folded.processes |= key.process_id < 0;
        folded.remotes |= key.remote_id == OTHER;
        folded.ports |= key.local_port == FOLDED_PORT || key.remote_port == FOLDED_PORT;
        // Sums that are too large were counted when the flows were summed up.
        let _saturated = rows.entry(key).or_default().add(moved);
    }
    (rows, folded)
}

/// The processes that moved most, and each that is the only one of its group beside them: nothing is
/// won by not telling it.
fn told_processes(
    sums: &HashMap<FlowKey, Moved>,
    count: usize,
    groups: &HashMap<i64, i64>,
) -> HashSet<i64> {
    let mut processes = by_bytes(sums, |key| key.process_id);
    let small = processes.split_off(count.min(processes.len()));
    let group_of = |id: i64| groups.get(&id).copied().unwrap_or(id);
    let mut of_group: HashMap<i64, usize> = HashMap::new();
    for id in &small {
        *of_group.entry(group_of(*id)).or_default() += 1;
    }
    let only_ones = small.into_iter().filter(|id| of_group[&group_of(*id)] == 1);
    processes.into_iter().chain(only_ones).collect()
}

/// The remotes that moved most, and those that are none: not known or not there.
fn largest_remotes(sums: &HashMap<FlowKey, Moved>, count: usize) -> HashSet<i64> {
    by_bytes(sums, |key| key.remote_id)
        .into_iter()
        .filter(|id| ![UNRESOLVED, NO_REMOTE, OTHER].contains(id))
        .take(count)
        .chain([UNRESOLVED, NO_REMOTE])
        .collect()
}

/// The processes or remotes, those first that moved most.
fn by_bytes(sums: &HashMap<FlowKey, Moved>, id: fn(&FlowKey) -> i64) -> Vec<i64> {
    let mut bytes: HashMap<i64, i128> = HashMap::new();
    for (key, moved) in sums {
        *bytes.entry(id(key)).or_default() +=
            i128::from(moved.sent_bytes) + i128::from(moved.received_bytes);
    }
    let mut ids: Vec<(i64, i128)> = bytes.into_iter().collect();
    ids.sort_unstable_by_key(|(id, bytes)| (Reverse(*bytes), *id));
    ids.into_iter().map(|(id, _bytes)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(remote_id: i64, local_port: i64, remote_port: i64, bytes: i64) -> (FlowKey, Moved) {
        let key = FlowKey {
            process_id: 1,
            protocol_id: 1,
            local_port,
            remote_id,
            remote_port,
        };
        let moved = Moved {
            sent_bytes: bytes,
            received_bytes: 1,
        };
        (key, moved)
    }

    fn folded(
        rows: impl IntoIterator<Item = (FlowKey, Moved)>,
        tier: Tier,
        top_remotes: Option<u32>,
    ) -> (Vec<(i64, i64, i64, i64)>, Detail) {
        let (rows, folded) = fold(
            rows.into_iter().collect(),
            tier,
            Told {
                top_remotes,
                top_processes: None,
            },
            &HashMap::new(),
        );
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|(key, moved)| {
                (
                    key.remote_id,
                    key.local_port,
                    key.remote_port,
                    moved.sent_bytes,
                )
            })
            .collect();
        rows.sort_unstable();
        (rows, folded)
    }

    #[test]
    fn small_remotes_become_other_and_service_ports_stay() {
        let rows = [
            row(5, 40_000, 443, 100),
            row(6, 40_001, 443, 10),
            row(7, 40_002, 443, 20),
            row(8, 22, 50_000, 30),
            row(UNRESOLVED, 53, -1, 1),
            row(NO_REMOTE, -1, -1, 1),
        ];
        assert_eq!(
            folded(rows, Tier::Minute, Some(1)),
            (
                vec![
                    (NO_REMOTE, -1, -1, 1),
                    (OTHER, FOLDED_PORT, 443, 30),
                    (OTHER, 22, FOLDED_PORT, 30),
                    (UNRESOLVED, 53, -1, 1),
                    (5, 40_000, 443, 100),
                ],
                Detail::FLOWS
            )
        );
    }

    #[test]
    fn hours_keep_no_ephemeral_port_and_minutes_do() {
        let rows = [row(5, 40_000, 443, 1), row(5, 40_001, 443, 2)];
        assert_eq!(
            folded(rows, Tier::Minute, Some(200)),
            (vec![(5, 40_000, 443, 1), (5, 40_001, 443, 2)], Detail::NONE)
        );
        let ports = Detail {
            ports: true,
            ..Detail::NONE
        };
        for tier in [Tier::Hour, Tier::Day] {
            assert_eq!(
                folded(rows, tier, None),
                (vec![(5, FOLDED_PORT, 443, 3)], ports)
            );
        }
    }

    #[test]
    fn what_is_folded_is_not_ranked_again() {
        let rows = [
            row(OTHER, 22, 443, 1000),
            row(5, 22, 443, 2),
            row(6, 22, 443, 1),
        ];
        let (rows, _folded) = folded(rows, Tier::Day, Some(1));
        assert_eq!(rows, [(OTHER, 22, 443, 1001), (5, 22, 443, 2)]);
    }

    #[test]
    fn processes_that_are_alike_are_one_and_others_are_not() {
        let of = |process_id, bytes| {
            let (key, moved) = row(5, 22, 443, bytes);
            (FlowKey { process_id, ..key }, moved)
        };
        let rows = [of(1, 10), of(2, 20), of(3, 40)].into_iter().collect();
        let alike = HashMap::from([(1, -1), (2, -1), (3, -2)]);
        let (rows, folded) = fold(rows, Tier::Day, Told::default(), &alike);
        let mut sent: Vec<_> = rows
            .into_iter()
            .map(|(key, moved)| (key.process_id, moved.sent_bytes))
            .collect();
        sent.sort_unstable();
        assert_eq!(
            (sent, folded),
            (vec![(-2, 40), (-1, 30)], Detail::PROCESSES)
        );
    }

    #[test]
    fn an_hour_tells_the_largest_processes_and_those_that_are_like_no_other() {
        let of = |process_id, bytes| {
            let (key, moved) = row(5, 22, 443, bytes);
            (FlowKey { process_id, ..key }, moved)
        };
        let groups = HashMap::from([(1, -1), (2, -1), (3, -1), (4, -1), (5, -2)]);
        let told = Told {
            top_remotes: None,
            top_processes: Some(1),
        };
        for (tier, processes, expected) in [
            (
                Tier::Minute,
                false,
                vec![(1, 50), (2, 40), (3, 2), (4, 1), (5, 3)],
            ),
            (Tier::Hour, true, vec![(-1, 43), (1, 50), (5, 3)]),
            (Tier::Day, true, vec![(-2, 3), (-1, 93)]),
        ] {
            let rows = [of(1, 50), of(2, 40), of(3, 2), of(4, 1), of(5, 3)];
            let (rows, folded) = fold(rows.into_iter().collect(), tier, told, &groups);
            let mut sent: Vec<_> = rows
                .into_iter()
                .map(|(key, moved)| (key.process_id, moved.sent_bytes))
                .collect();
            sent.sort_unstable();
            assert_eq!((sent, folded.processes), (expected, processes), "{tier:?}");
        }
    }
}

//! The flows of one window, put together by their labels.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

use nettally_source::{Protocol, Usage};

use super::OTHER;
use super::label::{Label, Labels};
use super::options::SeriesConfig;
use crate::live::Moved;

/// Bytes over each protocol, in the order of [`Protocol::ALL`].
pub type ByProtocol = [Moved; Protocol::ALL.len()];

/// What all flows with the same labels moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// A value for each of [`Labels::of_group`]; [`OTHER`] in each if it stands for the rest.
    pub values: Vec<Cow<'a, str>>,
    /// What was moved.
    pub protocols: ByProtocol,
}

/// What a series tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Absent if protocols are not told apart.
    pub protocol: Option<Protocol>,
    /// What was moved.
    pub moved: Moved,
}

/// The groups of a window, in the order of their values, and the rest as the last.
#[must_use]
pub fn groups<'a>(usage: &'a [Usage], config: &SeriesConfig, labels: &Labels) -> Vec<Group<'a>> {
    let mut groups = all_groups(usage, labels);
    let rest = config.top.and_then(|top| rest_of(&mut groups, top));
    groups.sort_unstable_by(|one, another| one.values.cmp(&another.values));
    let Some(rest) = rest else { return groups };
    // One that is called as the rest is part of it.
    let called_other = groups.iter().position(|group| is_other(&group.values));
    let mut last = called_other.map_or_else(|| Group::other(labels), |at| groups.remove(at));
    add(&mut last.protocols, &rest);
    groups.push(last);
    groups
}

/// Groups without a limit, in no order.
pub(super) fn all_groups<'a>(usage: &'a [Usage], labels: &Labels) -> Vec<Group<'a>> {
    let mut places = HashMap::<Vec<Cow<'a, str>>, usize>::new();
    let mut protocols = Vec::<ByProtocol>::new();
    let mut values = Vec::new();
    for flow in usage {
        labels.values(flow, &mut values);
        let place = match places.get(&values) {
            Some(&place) => place,
            None => {
                places.insert(values.clone(), protocols.len());
                protocols.push(ByProtocol::default());
                protocols.len() - 1
            }
        };
        protocols[place][flow.protocol as usize] += Moved {
            sent_bytes: flow.sent_bytes,
            received_bytes: flow.received_bytes,
        };
    }
    places
        .into_iter()
        .map(|(values, place)| Group {
            values,
            protocols: protocols[place],
        })
        .collect()
}

/// Takes out all but the largest; what those moved.
fn rest_of(groups: &mut Vec<Group<'_>>, top: usize) -> Option<ByProtocol> {
    if groups.len() <= top {
        return None;
    }
    groups.sort_unstable_by(|one, another| {
        let rank = |group: &Group<'_>| Reverse(both(&group.protocols));
        rank(one)
            .cmp(&rank(another))
            .then_with(|| one.values.cmp(&another.values))
    });
    let mut rest = ByProtocol::default();
    for group in groups.drain(top..) {
        add(&mut rest, &group.protocols);
    }
    Some(rest)
}

impl Group<'_> {
    fn other(labels: &Labels) -> Self {
        Self {
            values: labels
                .of_group()
                .iter()
                .map(|_label| Cow::from(OTHER))
                .collect(),
            protocols: ByProtocol::default(),
        }
    }

    /// Its labels with their values, without those of which nothing is known.
    pub fn labels<'s>(&'s self, labels: &'s Labels) -> impl Iterator<Item = (Label, &'s str)> {
        let values = self.values.iter().map(AsRef::as_ref);
        labels
            .of_group()
            .iter()
            .copied()
            .zip(values)
            .filter(|(_, value)| !value.is_empty())
    }
}

impl Labels {
    /// What the series of a group tell; those that moved nothing are left out.
    pub fn rows(&self, protocols: &ByProtocol) -> impl Iterator<Item = Row> + use<> {
        let has_protocol = self.has_protocol();
        let all = has_protocol.then_some(*protocols).into_iter().flatten();
        let apart = all.zip(Protocol::ALL).map(|(moved, protocol)| Row {
            protocol: Some(protocol),
            moved,
        });
        let in_totals = protocols
            .iter()
            .zip(Protocol::ALL)
            .filter(|(_, protocol)| protocol.is_in_totals());
        let together = Row {
            protocol: None,
            moved: in_totals.map(|(moved, _)| *moved).sum(),
        };
        apart
            .chain((!has_protocol).then_some(together))
            .filter(|row| row.moved.both() > 0)
    }
}

/// Whether these are the values of the rest.
pub(super) fn is_other<S: AsRef<str>>(values: &[S]) -> bool {
    values.iter().all(|value| value.as_ref() == OTHER)
}

pub(super) fn both(protocols: &ByProtocol) -> u64 {
    protocols.iter().copied().sum::<Moved>().both()
}

pub(super) fn add(into: &mut ByProtocol, protocols: &ByProtocol) {
    for (sum, part) in into.iter_mut().zip(protocols) {
        *sum += *part;
    }
}

#[cfg(test)]
mod tests;

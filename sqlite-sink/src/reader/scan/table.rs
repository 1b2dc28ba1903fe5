//! Where the rows of a walk are.

use crate::detail::Detail;
use crate::tier::{Rows, Tier};

/// A table, and what of it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Table {
    /// The flows of windows.
    Windows,
    /// The flows of buckets.
    Flows(Tier),
    /// What processes moved in buckets, whatever the remotes and ports.
    Sums {
        /// Whose buckets.
        tier: Tier,
        /// Its name.
        name: &'static str,
        /// Whether processes that are alike need not be told apart.
        of_groups: bool,
    },
}

impl Table {
    /// The smallest that tells what is asked for.
    pub(super) fn telling(rows: Rows, detail: Detail) -> Self {
        match rows {
            Rows::Windows => Self::Windows,
            Rows::Tier(tier) => match tier.sum_table() {
                Some(name) if !detail.remotes && !detail.ports => Self::Sums {
                    tier,
                    name,
                    of_groups: !detail.processes,
                },
                Some(_) | None => Self::Flows(tier),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_answer_what_is_about_neither_remotes_nor_ports() {
        let remotes = Detail {
            remotes: true,
            ..Detail::NONE
        };
        for (rows, detail, table) in [
            (Rows::Windows, Detail::NONE, "windows"),
            (Rows::Tier(Tier::Minute), Detail::NONE, "flows"),
            (Rows::Tier(Tier::Hour), Detail::NONE, "groups"),
            (Rows::Tier(Tier::Hour), Detail::PROCESSES, "processes"),
            (Rows::Tier(Tier::Month), Detail::NONE, "groups"),
            (Rows::Tier(Tier::Day), remotes, "flows"),
            (Rows::Tier(Tier::Hour), Detail::FLOWS, "flows"),
        ] {
            let found = match Table::telling(rows, detail) {
                Table::Windows => "windows",
                Table::Flows(_) => "flows",
                Table::Sums {
                    of_groups: true, ..
                } => "groups",
                Table::Sums { .. } => "processes",
            };
            assert_eq!(found, table, "{rows:?} {detail:?}");
        }
    }
}

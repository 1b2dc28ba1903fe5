//! What answers over time are cut into.

use crate::tier::Tier;

/// Steps, each told by its start in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steps<'e> {
    /// One of everything.
    One,
    /// Of so many milliseconds each, beginning at multiples of it since 1970.
    Each(i64),
    /// Beginning at these instants, which are in order; what is before the first belongs to it.
    Edges(&'e [i64]),
}

impl Steps<'_> {
    /// Start of the step that an instant is in; 0 if there is only one.
    pub(super) fn start_of(self, ms: i64) -> i64 {
        match self {
            Self::One => 0,
            Self::Each(length_ms) => ms - ms.rem_euclid(length_ms),
            Self::Edges(edges) => {
                let after = edges.partition_point(|edge| *edge <= ms);
                edges
                    .get(after.saturating_sub(1))
                    .copied()
                    .unwrap_or_default()
            }
        }
    }

    /// The longest runs of whole buckets in `[from_ms, until_ms)`, in order, of which each bucket is
    /// within one step.
    pub(super) fn runs(self, tier: Tier, from_ms: i64, until_ms: i64) -> Vec<(i64, i64)> {
        let run = |from_ms: i64, until_ms: i64| (tier.ceil(from_ms), tier.floor(until_ms));
        let mut runs = match self {
            Self::One => vec![run(from_ms, until_ms)],
            Self::Each(length_ms) if tier.divides(length_ms) => vec![run(from_ms, until_ms)],
            Self::Each(_) => vec![],
            Self::Edges(edges) => {
                let mut runs: Vec<(i64, i64)> = Vec::new();
                let mut begin = from_ms;
                let inside = edges
                    .iter()
                    .copied()
                    .filter(|edge| *edge > from_ms && *edge < until_ms);
                for end in inside.chain([until_ms]) {
                    let (from_ms, until_ms) = run(begin, end);
                    match runs.last_mut() {
                        Some(last) if last.1 == from_ms && from_ms < until_ms => last.1 = until_ms,
                        _ => runs.push((from_ms, until_ms)),
                    }
                    begin = end;
                }
                runs
            }
        };
        runs.retain(|(from_ms, until_ms)| from_ms < until_ms);
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    #[test]
    fn an_instant_is_in_the_step_that_began_last() {
        let edges = [10, 20, 30];
        for (ms, start) in [(9, 10), (10, 10), (19, 10), (20, 20), (99, 30)] {
            assert_eq!(Steps::Edges(&edges).start_of(ms), start, "{ms}");
        }
        for (ms, start) in [(-1, -10), (0, 0), (9, 0), (10, 10)] {
            assert_eq!(Steps::Each(10).start_of(ms), start, "{ms}");
        }
        assert_eq!(Steps::One.start_of(7), 0);
    }

    #[test]
    fn a_bucket_that_an_edge_cuts_is_in_no_run() {
        let edges = [0, DAY + HOUR, 3 * DAY];
        let steps = Steps::Edges(&edges);
        assert_eq!(
            steps.runs(Tier::Day, HOUR, 4 * DAY + 1),
            [(2 * DAY, 4 * DAY)]
        );
        assert_eq!(
            steps.runs(Tier::Hour, HOUR, 2 * DAY),
            [(HOUR, 2 * DAY)],
            "runs that meet are one"
        );
        assert_eq!(steps.runs(Tier::Month, 0, 4 * DAY), []);
    }
}

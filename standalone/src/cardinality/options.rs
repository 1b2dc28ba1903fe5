//! What a user may set on any output that has metrics.

use jiff::SignedDuration;
use nettally_source::Problem;
use serde::{Deserialize, Deserializer, Serialize};

use super::label::{Label, Labels};

/// Which series there are. The defaults are those of increments: a series for each process name and
/// protocol, all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesConfig {
    /// What series are told apart by. Default `[process, protocol]`.
    pub labels: Vec<Label>,
    /// How many groups of equal labels (but for the protocol) have series of their own, 1 to 100000:
    /// those that move most, in each window or, where sums since the start are told, since the start.
    /// The rest is `other`. null: all. Default null.
    pub top: Option<usize>,
    /// How the label `remote` is told.
    pub remotes: RemotesConfig,
    /// Seconds after which a series that is silent is not told any more, 1 to 31536000; it goes on
    /// where it was when it comes back. Only where sums since the start are told. null: never.
    /// Default null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_secs: Option<f64>,
}

/// How the label `remote` is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RemotesConfig {
    /// As what. Default `address`.
    #[serde(rename = "as")]
    pub detail: RemoteDetail,
    /// Bits of an IPv4 address that make a prefix, 0 to 32. Default 24.
    pub ipv4_prefix_bits: u8,
    /// Bits of an IPv6 address that make a prefix, 0 to 128. Default 48.
    pub ipv6_prefix_bits: u8,
}

/// As what a remote is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteDetail {
    /// Its address.
    Address,
    /// The network that it is in.
    Prefix,
    /// Not at all, even where the label is wanted.
    None,
}

impl Default for SeriesConfig {
    fn default() -> Self {
        Self {
            labels: vec![Label::Process, Label::Protocol],
            top: None,
            remotes: RemotesConfig::default(),
            expire_secs: None,
        }
    }
}

impl Default for RemotesConfig {
    fn default() -> Self {
        Self {
            detail: RemoteDetail::Address,
            ipv4_prefix_bits: 24,
            ipv6_prefix_bits: 48,
        }
    }
}

/// Whether an output remembers series from one window to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Sums since the start: series are kept.
    Sums,
    /// What each window adds: nothing is kept, so that nothing can expire.
    Increments,
}

impl SeriesConfig {
    /// Of `/metrics`: the hundred largest names.
    #[must_use]
    pub fn of_metrics() -> Self {
        Self {
            top: Some(100),
            ..Self::default()
        }
    }

    /// Of OTLP: what its conventions have a name for, of the thousand largest.
    #[must_use]
    pub fn of_otlp() -> Self {
        Self {
            labels: vec![
                Label::Process,
                Label::Pid,
                Label::Exe,
                Label::User,
                Label::Container,
                Label::Protocol,
            ],
            top: Some(1_000),
            ..Self::default()
        }
    }

    /// The labels, in their order.
    #[must_use]
    pub fn labels(&self) -> Labels {
        Labels::new(&self.labels, self.remotes)
    }

    /// How long a series may be silent.
    pub(super) fn patience(&self) -> Option<SignedDuration> {
        self.expire_secs.map(SignedDuration::from_secs_f64)
    }

    /// What is wrong; `path` is where this is in the options of its owner.
    pub(crate) fn problems(&self, path: &str, told: Told) -> Vec<Problem> {
        let Self {
            labels,
            top,
            remotes:
                RemotesConfig {
                    detail: _,
                    ipv4_prefix_bits,
                    ipv6_prefix_bits,
                },
            expire_secs,
        } = self;
        let mut problems = Vec::new();
        let mut report = |option: &str, message: String| {
            problems.push(Problem::new(format!("{path}.{option}"), message));
        };
        for (index, label) in labels.iter().enumerate() {
            if labels[..index].contains(label) {
                let message = format!("{:?} is given twice", label.name());
                report(&format!("labels[{index}]"), message);
            }
        }
        if let Some(top) = top
            && !(1..=100_000).contains(top)
        {
            report("top", format!("found {top}, expected 1 to 100000, or null"));
        }
        for (option, bits, most) in [
            ("remotes.ipv4_prefix_bits", *ipv4_prefix_bits, 32),
            ("remotes.ipv6_prefix_bits", *ipv6_prefix_bits, 128),
        ] {
            if bits > most {
                report(option, format!("found {bits}, expected 0 to {most}"));
            }
        }
        match (expire_secs, told) {
            (Some(_), Told::Increments) => report(
                "expire_secs",
                "is of no use here: increments are told, and a series that is silent has none"
                    .to_owned(),
            ),
            // NaN is in no range.
            (Some(seconds), Told::Sums) if !(1.0..=31_536_000.0).contains(seconds) => report(
                "expire_secs",
                format!("found {seconds}, expected 1 to 31536000, or null"),
            ),
            (Some(_) | None, _) => {}
        }
        problems
    }
}

/// What was given, to be laid over the defaults of an output.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Given {
    labels: Option<Vec<Label>>,
    /// `null` is something that was given.
    #[serde(deserialize_with = "some")]
    top: Option<Option<usize>>,
    remotes: RemotesConfig,
    expire_secs: Option<f64>,
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<usize>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Given {
    fn over(self, default: SeriesConfig) -> SeriesConfig {
        let Self {
            labels,
            top,
            remotes,
            expire_secs,
        } = self;
        SeriesConfig {
            labels: labels.unwrap_or(default.labels),
            top: top.unwrap_or(default.top),
            remotes,
            expire_secs,
        }
    }
}

/// Reads those of `/metrics`.
pub(crate) fn metrics_series<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SeriesConfig, D::Error> {
    Given::deserialize(deserializer).map(|given| given.over(SeriesConfig::of_metrics()))
}

/// Reads those of OTLP.
pub(crate) fn otlp_series<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SeriesConfig, D::Error> {
    Given::deserialize(deserializer).map(|given| given.over(SeriesConfig::of_otlp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_as_the_output_has_it() {
        let read = |json: serde_json::Value| metrics_series(json).unwrap();
        assert_eq!(read(serde_json::json!({})), SeriesConfig::of_metrics());
        let all = read(serde_json::json!({ "labels": ["app"], "top": null }));
        assert_eq!((all.labels, all.top), (vec![Label::App], None));
        let few = otlp_series(serde_json::json!({ "top": 7 })).unwrap();
        assert_eq!(few.labels, SeriesConfig::of_otlp().labels);
        assert_eq!(few.top, Some(7));
    }

    #[test]
    fn every_problem_is_named_with_its_option() {
        let config = SeriesConfig {
            labels: vec![Label::App, Label::App],
            top: Some(0),
            remotes: RemotesConfig {
                ipv4_prefix_bits: 33,
                ipv6_prefix_bits: 129,
                ..RemotesConfig::default()
            },
            expire_secs: Some(f64::NAN),
        };
        let paths = |told| -> Vec<String> {
            let problems = config.problems("series", told);
            problems.into_iter().map(|problem| problem.path).collect()
        };
        let expected = [
            "series.labels[1]",
            "series.top",
            "series.remotes.ipv4_prefix_bits",
            "series.remotes.ipv6_prefix_bits",
            "series.expire_secs",
        ];
        assert_eq!(paths(Told::Sums), expected);
        assert_eq!(paths(Told::Increments), expected);
        let plain = SeriesConfig::default();
        assert!(plain.problems("series", Told::Increments).is_empty());
    }
}

//! What a user may set on how processes are named.

use std::fmt;

use globset::Glob;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::pipeline::Problem;

/// Gives a name to processes that belong together. All patterns that are given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppRule {
    /// What the application is called. Needed.
    pub name: String,
    /// Glob on the absolute path of the executable, such as `/opt/crawler/*`. Default none.
    pub exe: Option<String>,
    /// Glob on the whole command line as it is shown: quoted, without secrets, cut after 1024
    /// bytes, such as `*/crawler.py *`. Default none.
    pub command_line: Option<String>,
    /// Glob on the systemd unit, such as `crawler@*.service`. Default none.
    pub unit: Option<String>,
}

/// What is told of the arguments of processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandLines {
    /// All of them; only what `redact` names is hidden.
    Full,
    /// All but what looks like a secret, or is named by `redact`.
    #[default]
    Redacted,
    /// None. Scripts and user rules still name applications: the path of a script is told, what
    /// rules match is not.
    Off,
}

impl CommandLines {
    /// All, in the order they are shown.
    pub const ALL: [Self; 3] = [Self::Full, Self::Redacted, Self::Off];

    /// As users write it: `full`, `redacted`, `off`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Redacted => "redacted",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for CommandLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is wrong with rules and patterns.
pub(super) fn problems(apps: &[AppRule], redact: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, rule) in apps.iter().enumerate() {
        let AppRule {
            name,
            exe,
            command_line,
            unit,
        } = rule;
        if name.trim().is_empty() {
            problems.push(Problem::new(
                format!("apps[{index}].name"),
                "empty; allowed: any text, which is what these processes are called",
            ));
        }
        let patterns = [("exe", exe), ("command_line", command_line), ("unit", unit)];
        if patterns.iter().all(|(_, pattern)| pattern.is_none()) {
            problems.push(Problem::new(
                format!("apps[{index}]"),
                "nothing to match; needed: at least one of exe, command_line, unit",
            ));
        }
        for (key, pattern) in patterns {
            if let Some(Err(error)) = pattern.as_deref().map(Glob::new) {
                let place = format!("apps[{index}].{key}");
                problems.push(Problem::new(place, error.to_string()));
            }
        }
    }
    for (index, pattern) in redact.iter().enumerate() {
        if let Err(error) = Regex::new(pattern) {
            let place = format!("redact[{index}]");
            problems.push(Problem::new(place, one_line(&error.to_string())));
        }
    }
    problems
}

/// The last line of what `regex` says; the others point at the place in the pattern.
fn one_line(error: &str) -> String {
    let last = error.lines().last().unwrap_or(error);
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str) -> AppRule {
        AppRule {
            name: name.to_owned(),
            ..AppRule::default()
        }
    }

    #[test]
    fn every_problem_has_its_place() {
        let text = |text: &str| Some(text.to_owned());
        let apps = [
            AppRule {
                exe: text("/opt/*"),
                ..rule("good")
            },
            rule("matches nothing"),
            AppRule {
                exe: text("[a"),
                unit: text("{b"),
                ..rule(" ")
            },
        ];
        let redact = ["good".to_owned(), "(bad".to_owned()];
        let found: Vec<_> = problems(&apps, &redact)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "apps[1]: nothing to match; needed: at least one of exe, command_line, unit",
                "apps[2].name: empty; allowed: any text, which is what these processes are called",
                "apps[2].exe: error parsing glob '[a': unclosed character class; missing ']'",
                "apps[2].unit: error parsing glob '{b': unclosed alternate group; missing '}' \
                 (maybe escape '{' with '[{]'?)",
                "redact[1]: unclosed group",
            ]
        );
    }

    #[test]
    fn a_choice_is_written_as_it_is_read() {
        for choice in CommandLines::ALL {
            assert_eq!(serde_json::to_value(choice).unwrap(), choice.name());
        }
    }
}

//! What an application is called, so that it is the same however often it is started.
//!
//! The first rule that says something is taken:
//!
//! | # | what is known | the application is | example |
//! |---|---|---|---|
//! | 1 | a rule in `apps` matches | its `name` | `crawler` |
//! | 2 | it runs in a Kubernetes pod | the pod | `pod:6a1c5f3e-9d2b-4c7a-8e1f-0b2d4c6e8a10` |
//! | 3 | it runs in a container | the container | `docker:3f2a9c1b7d55`, `lxc:web` |
//! | 4 | it is a Flatpak or a snap | the package | `flatpak:org.mozilla.firefox` |
//! | 5 | it runs in a systemd service that is one application | the unit, or the application it starts | `nginx.service`, `org.gnome.Maps` |
//! | 6 | an interpreter runs a script | the script's absolute path, or the module or class | `/srv/crawl.py`, `python -m http.server` |
//! | 7 | the executable | its absolute path | `/usr/lib/firefox/firefox` |
//! | 8 | the name | the name | `curl` |
//!
//! On 2 and 3: a container gets another id whenever it is made anew, and its image is not known to the
//! kernel. A pod outlives its containers, but not its next release. A rule with `exe` or
//! `command_line` gives either a name that lasts.
//! On 5: not the services under which people and timers start anything (logins, cron, the user's
//! systemd, message buses), nor those whose name is made up for one run (`run-u42.service`); what is
//! random in a name is left out. A `.scope` never names an application.
//! On 6: scripts of one name in two folders are two applications; modules and classes of one name are
//! one.
//! On 8: a thread of the kernel has nothing but its name.

mod interpreter;
mod service;

use globset::{Glob, GlobMatcher};

use super::cgroup::Placement;
use crate::config::AppRule;

/// What the rules look at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known<'a> {
    pub(crate) exe: Option<&'a str>,
    /// Without secrets.
    pub(crate) arguments: &'a [String],
    /// Without secrets, as it is shown.
    pub(crate) command_line: Option<&'a str>,
    pub(crate) directory: Option<&'a str>,
    pub(crate) placement: Option<&'a Placement>,
}

/// The user's rules.
#[derive(Debug, Default)]
pub(crate) struct AppRules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    name: String,
    exe: Option<GlobMatcher>,
    command_line: Option<GlobMatcher>,
    unit: Option<GlobMatcher>,
}

impl AppRules {
    /// # Errors
    /// Names the glob that cannot be read.
    pub(crate) fn new(rules: &[AppRule]) -> Result<Self, globset::Error> {
        rules
            .iter()
            .map(Rule::new)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The application, unless all that is left is the name of the process.
    pub(crate) fn app(&self, known: &Known<'_>) -> Option<String> {
        let Known {
            exe,
            arguments,
            command_line: _,
            directory,
            placement,
        } = *known;
        let by_placement = || {
            let Placement {
                unit: _,
                escaped_unit,
                container,
                pod,
                package,
            } = placement?;
            let pod = pod.as_ref().map(|uid| format!("pod:{uid}"));
            pod.or_else(|| container.as_ref().map(ToString::to_string))
                .or_else(|| package.clone())
                .or_else(|| service::app(escaped_unit.as_deref()?))
        };
        self.by_user(known)
            .or_else(by_placement)
            .or_else(|| interpreter::app(exe, arguments, directory))
            .or_else(|| exe.map(str::to_owned))
    }

    fn by_user(&self, known: &Known<'_>) -> Option<String> {
        let Self(rules) = self;
        let rule = rules.iter().find(|rule| rule.matches(known))?;
        Some(rule.name.clone())
    }
}

impl Rule {
    fn new(rule: &AppRule) -> Result<Self, globset::Error> {
        let AppRule {
            name,
            exe,
            command_line,
            unit,
        } = rule;
        let compiled = |pattern: &Option<String>| {
            let glob = pattern.as_deref().map(Glob::new).transpose()?;
            Ok(glob.map(|glob| glob.compile_matcher()))
        };
        Ok(Self {
            name: name.trim().to_owned(),
            exe: compiled(exe)?,
            command_line: compiled(command_line)?,
            unit: compiled(unit)?,
        })
    }

    fn matches(&self, known: &Known<'_>) -> bool {
        let Self {
            name: _,
            exe,
            command_line,
            unit,
        } = self;
        let found_unit = known
            .placement
            .and_then(|placement| placement.unit.as_deref());
        [
            (exe, known.exe),
            (command_line, known.command_line),
            (unit, found_unit),
        ]
        .into_iter()
        .all(|(glob, text)| match glob {
            Some(glob) => text.is_some_and(|text| glob.is_match(text)),
            None => true,
        })
    }
}

#[cfg(test)]
mod tests;

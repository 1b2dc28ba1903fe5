//! Who a process is, as the faces tell it: in JSON, in words, and as what a search looks through.

use nettally_source::{Attribution, Parent, Process};
use serde::Serialize;

/// What does not change while a process moves bytes, beside its name, executable and user. What is
/// not known is absent.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Identity<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    command_line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gid: Option<u32>,
    /// The nearest first.
    #[serde(skip_serializing_if = "<[Parent]>::is_empty")]
    parents: &'a [Parent],
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_namespace: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tunnel: bool,
    attribution: Attribution,
}

impl<'a> Identity<'a> {
    pub(crate) fn of(process: &'a Process) -> Self {
        let Process {
            id: _,
            name: _,
            app: _,
            exe: _,
            command_line,
            uid: _,
            user: _,
            gid,
            parents,
            unit,
            container: _,
            pod,
            package,
            cgroup,
            network_namespace,
            tunnel,
            attribution,
        } = process;
        Self {
            command_line: command_line.as_deref(),
            gid: *gid,
            parents,
            unit: unit.as_deref(),
            container: process.container_text(),
            pod: pod.as_deref(),
            package: package.as_deref(),
            cgroup: cgroup.as_deref(),
            network_namespace: *network_namespace,
            tunnel: *tunnel,
            attribution: *attribution,
        }
    }
}

/// What to group a process by; its name if no more is known.
pub(crate) fn app(process: &Process) -> &str {
    if process.app.is_empty() {
        &process.name
    } else {
        &process.app
    }
}

/// An app as a row is headed by it: of a path, what comes last.
pub(crate) fn app_title(app: &str) -> &str {
    match app.rsplit_once('/') {
        Some((_folders, last)) if app.starts_with('/') && !last.is_empty() => last,
        Some(_) | None => app,
    }
}

/// Name of the user, or else its number.
pub(crate) fn user(process: &Process) -> Option<String> {
    let number = || process.uid.map(|uid| uid.to_string());
    process.user.clone().or_else(number)
}

/// Whether a process has the text in what a person would look for. `needle` is in lower case.
pub(crate) fn matches(process: &Process, needle: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(needle);
    let texts = [
        &process.exe,
        &process.command_line,
        &process.unit,
        &process.pod,
        &process.package,
    ];
    needle.is_empty()
        || has(&process.name)
        || has(&process.app)
        || process.id.pid.to_string().contains(needle)
        || texts.into_iter().flatten().any(|text| has(text))
        || process.container_text().is_some_and(|text| has(&text))
        || user(process).is_some_and(|user| has(&user))
}

/// How well a process is known, as the end of the sentence *Known from ...*.
pub(crate) const fn known_from(attribution: Attribution) -> &'static str {
    match attribution {
        Attribution::Kernel => "the kernel's record at its first bytes: complete",
        Attribution::Proc => "/proc, read while it lived",
        Attribution::Name => "its name and user alone: it ended before it could be looked at",
        Attribution::Unknown => "nothing but the kernel's count",
    }
}

#[cfg(test)]
mod tests {
    use nettally_source::{Container, ProcessId, Runtime};
    use serde_json::json;

    use super::*;

    fn known() -> Process {
        Process {
            app: "firefox".to_owned(),
            exe: Some("/usr/lib/firefox/firefox-bin".to_owned()),
            command_line: Some("firefox --new-window".to_owned()),
            uid: Some(1000),
            gid: Some(100),
            parents: vec![Parent {
                pid: 1,
                name: "systemd".to_owned(),
            }],
            unit: Some("app-firefox.scope".to_owned()),
            container: Some(Container {
                runtime: Runtime::Docker,
                id: "web".to_owned(),
            }),
            network_namespace: Some(4_026_531_840),
            tunnel: true,
            attribution: Attribution::Kernel,
            ..Process::named(ProcessId::default(), "Web Content")
        }
    }

    #[test]
    fn what_is_unknown_is_absent() {
        let of = |process| serde_json::to_value(Identity::of(&process)).unwrap();
        let unknown = Process::named(ProcessId::default(), "curl");
        assert_eq!(of(unknown), json!({ "attribution": "unknown" }));
        let expected = json!({
            "command_line": "firefox --new-window",
            "gid": 100,
            "parents": [{ "pid": 1, "name": "systemd" }],
            "unit": "app-firefox.scope",
            "container": "docker:web",
            "network_namespace": 4_026_531_840_u32,
            "tunnel": true,
            "attribution": "kernel",
        });
        assert_eq!(of(known()), expected);
    }

    #[test]
    fn an_app_that_is_a_path_is_headed_by_its_end() {
        let cases = [
            ("/usr/lib/chromium/chromium", "chromium"),
            ("nginx.service", "nginx.service"),
            ("docker:group/image", "docker:group/image"),
            ("/", "/"),
            ("/srv/", "/srv/"),
        ];
        for (app, title) in cases {
            assert_eq!(app_title(app), title);
        }
    }

    #[test]
    fn a_search_looks_at_all_that_a_person_would_type() {
        for needle in [
            "",
            "content",
            "firefox",
            "new-window",
            "-bin",
            "scope",
            "docker:web",
            "1000",
            "0",
        ] {
            assert!(matches(&known(), needle), "{needle}");
        }
        assert!(!matches(&known(), "systemd"));
    }
}

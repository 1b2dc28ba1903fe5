use super::*;
use crate::process::cgroup::placement;

fn rule(name: &str, patterns: [Option<&str>; 3]) -> AppRule {
    let [exe, command_line, unit] = patterns.map(|pattern| pattern.map(str::to_owned));
    AppRule {
        name: name.to_owned(),
        exe,
        command_line,
        unit,
    }
}

fn app(rules: &[AppRule], exe: Option<&str>, line: &str, cgroup: &str) -> Option<String> {
    let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    let placement = placement(cgroup);
    AppRules::new(rules).unwrap().app(&Known {
        exe,
        arguments: &arguments,
        command_line: (!line.is_empty()).then_some(line),
        directory: Some("/srv"),
        placement: Some(&placement),
    })
}

const APP_SLICE: &str = "/user.slice/user-1000.slice/user@1000.service/app.slice";
const SESSION: &str = "/user.slice/user-1000.slice/session-2.scope";

#[test]
fn the_first_rule_that_says_something_is_taken() {
    let hash = "3f2a9c1b7d55".to_owned() + &"0".repeat(52);
    let uid = "6a1c5f3e-9d2b-4c7a-8e1f-0b2d4c6e8a10";
    let python = Some("/usr/bin/python3.11");
    let firefox = Some("/usr/lib/firefox/firefox");
    for (exe, line, cgroup, expected) in [
        (
            python,
            "python3 a.py",
            format!("/kubepods/pod{uid}/{hash}"),
            Some(format!("pod:{uid}")),
        ),
        (
            python,
            "python3 a.py",
            format!("/docker/{hash}"),
            Some("docker:3f2a9c1b7d55".to_owned()),
        ),
        (
            python,
            "python3 a.py",
            "/lxc/web/system.slice/x.service".to_owned(),
            Some("lxc:web".to_owned()),
        ),
        (
            firefox,
            "firefox",
            format!("{APP_SLICE}/app-flatpak-org.mozilla.firefox-7.scope"),
            Some("flatpak:org.mozilla.firefox".to_owned()),
        ),
        (
            firefox,
            "firefox",
            format!("{APP_SLICE}/snap.firefox.firefox-7.scope"),
            Some("snap:firefox".to_owned()),
        ),
        (
            python,
            "python3 a.py",
            "/system.slice/crawl.service".to_owned(),
            Some("crawl.service".to_owned()),
        ),
        (
            python,
            "python3 a.py",
            "/system.slice/cron.service".to_owned(),
            Some("/srv/a.py".to_owned()),
        ),
        (
            python,
            "python3 a.py",
            SESSION.to_owned(),
            Some("/srv/a.py".to_owned()),
        ),
        (
            python,
            "python3 b.py",
            SESSION.to_owned(),
            Some("/srv/b.py".to_owned()),
        ),
        (
            python,
            "python3 -c x",
            SESSION.to_owned(),
            Some("/usr/bin/python3.11".to_owned()),
        ),
        (
            firefox,
            "firefox",
            SESSION.to_owned(),
            Some("/usr/lib/firefox/firefox".to_owned()),
        ),
        (
            firefox,
            "firefox -contentproc -childID 1",
            SESSION.to_owned(),
            Some("/usr/lib/firefox/firefox".to_owned()),
        ),
        (None, "", SESSION.to_owned(), None),
    ] {
        assert_eq!(app(&[], exe, line, &cgroup), expected, "{line} in {cgroup}");
    }
}

#[test]
fn the_users_rules_come_before_all_others() {
    let rules = [
        rule(
            "both",
            [Some("/usr/bin/python*"), Some("*/crawl.py *"), None],
        ),
        rule("units", [None, None, Some("crawl@*.service")]),
        rule(" python ", [Some("*/python3*"), None, None]),
        rule("never", [Some("/usr/**"), None, None]),
    ];
    let python = Some("/usr/bin/python3.11");
    for (exe, line, cgroup, expected) in [
        (python, "python3 /srv/crawl.py --x", "/docker/x", "both"),
        (python, "python3 /srv/other.py --x", "/", "python"),
        (
            python,
            "python3 /srv/other.py",
            "/system.slice/crawl@7.service",
            "units",
        ),
        (
            None,
            "python3 /srv/crawl.py --x",
            "/system.slice/x.service",
            "x.service",
        ),
    ] {
        assert_eq!(app(&rules, exe, line, cgroup).as_deref(), Some(expected));
    }
    assert!(AppRules::new(&[rule("x", [Some("[a"), None, None])]).is_err());
}

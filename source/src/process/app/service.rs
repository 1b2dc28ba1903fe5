//! The application behind a systemd service.

use crate::process::cgroup::unescaped;

/// Services under which anybody starts anything: what runs there is named by what it is.
const GENERIC: [&str; 19] = [
    "anacron",
    "atd",
    "console-getty",
    "cron",
    "crond",
    "cronie",
    "dbus",
    "dbus-broker",
    "display-manager",
    "emergency",
    "gdm",
    "gnome-terminal-server",
    "lightdm",
    "rescue",
    "sddm",
    "ssh",
    "sshd",
    "supervisor",
    "supervisord",
];

/// The same, with an instance.
const GENERIC_TEMPLATES: [&str; 8] = [
    "autovt",
    "container-getty",
    "getty",
    "serial-getty",
    "ssh",
    "sshd",
    "user",
    "user-runtime-dir",
];

/// What a unit says of the application, as systemd writes its name; nothing if it is no service, or
/// one that runs applications of all kinds.
pub(super) fn app(unit: &str) -> Option<String> {
    let name = unit.strip_suffix(".service")?;
    if let Some(rest) = name.strip_prefix("app-") {
        return desktop(rest);
    }
    // `dbus-:1.2-org.foo@0.service`: the bus and its connection, the name that was asked for.
    if let Some(rest) = name.strip_prefix("dbus-:") {
        let (_connection, rest) = rest.split_once('-')?;
        return Some(unescaped(without_instance(rest)));
    }
    // Made up by `systemd-run`.
    if is_transient(name) {
        return None;
    }
    match name.split_once('@') {
        None => (!GENERIC.contains(&name)).then(|| unescaped(unit)),
        Some((template, _)) if GENERIC_TEMPLATES.contains(&template) => None,
        // One instance for each connection to a socket.
        Some((template, instance)) if is_connection(instance) => {
            Some(format!("{}@.service", unescaped(template)))
        }
        Some(_) => Some(unescaped(unit)),
    }
}

/// What follows `app-` in the units of desktops: `[LAUNCHER-]ID[-RANDOM]`, `[LAUNCHER-]ID[@RANDOM]`. A
/// hyphen within one of these is escaped.
fn desktop(rest: &str) -> Option<String> {
    let mut parts: Vec<&str> = without_instance(rest).split('-').collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| is_random(last)) {
        parts.pop();
    }
    let id = parts.pop().filter(|id| !id.is_empty())?;
    Some(unescaped(id))
}

fn without_instance(name: &str) -> &str {
    name.split_once('@')
        .map_or(name, |(before, _instance)| before)
}

/// `run-u42`, `run-rb1c2..`, `run-p12-i34`.
fn is_transient(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("run-") else {
        return false;
    };
    let Some((kind, number)) = rest.split_at_checked(1) else {
        return false;
    };
    match kind {
        "u" => is_number(number),
        "r" => number.len() >= 16 && is_random(number),
        "p" => number
            .split_once("-i")
            .is_some_and(|(pid, id)| is_number(pid) && is_number(id)),
        _ => false,
    }
}

/// `7-192.0.2.1:22-192.0.2.9:5555` of an internet socket, `7-1234-0` of a local one.
fn is_connection(instance: &str) -> bool {
    let mut parts = instance.split('-');
    let is_counted = parts.next().is_some_and(is_number);
    let ends: Vec<&str> = parts.collect();
    let is_end = |end: &&str| is_number(end) || end.contains(':');
    is_counted && ends.len() >= 2 && ends.iter().all(is_end)
}

fn is_random(text: &str) -> bool {
    is_number(text) || text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_service_is_an_application_unless_it_runs_all_kinds_of_them() {
        for (unit, expected) in [
            ("nginx.service", "nginx.service"),
            ("postgresql@16-main.service", "postgresql@16-main.service"),
            ("foo@bar.service", "foo@bar.service"),
            (
                "openvpn-client@to\\x2dwork.service",
                "openvpn-client@to-work.service",
            ),
            ("systemd-resolved.service", "systemd-resolved.service"),
            ("run-tests.service", "run-tests.service"),
            ("unattended-upgrades.service", "unattended-upgrades.service"),
            // What is random is left out.
            (
                "app-gnome-org.mozilla.firefox-1234.service",
                "org.mozilla.firefox",
            ),
            ("app-org.kde.konsole@4f3e2d1c.service", "org.kde.konsole"),
            ("app-KDE-org.kde.okular@12345.service", "org.kde.okular"),
            ("app-org.kde.amarok.service", "org.kde.amarok"),
            (
                "app-gnome\\x2dkeyring\\x2dssh@autostart.service",
                "gnome-keyring-ssh",
            ),
            ("dbus-:1.2-org.foo@0.service", "org.foo"),
            ("dbus-:1.15-org.gnome.Maps@1.service", "org.gnome.Maps"),
            (
                "backup@7-192.0.2.1:22-192.0.2.9:5555.service",
                "backup@.service",
            ),
            ("backup@7-1234-0.service", "backup@.service"),
            (
                "backup@3-[2001:db8::1]:22-[2001:db8::2]:5.service",
                "backup@.service",
            ),
            // Not an application.
            ("user@1000.service", ""),
            ("user-runtime-dir@1000.service", ""),
            ("getty@tty1.service", ""),
            ("ssh.service", ""),
            ("sshd@7-192.0.2.1:22-192.0.2.9:5555.service", ""),
            ("cron.service", ""),
            ("dbus-broker.service", ""),
            ("run-u42.service", ""),
            ("run-r0123456789abcdef0123456789abcdef.service", ""),
            ("run-p4711-i4712.service", ""),
            ("app-.service", ""),
            ("session-2.scope", ""),
            ("app-gnome-firefox-4711.scope", ""),
            ("init.scope", ""),
            ("docker.socket", ""),
        ] {
            assert_eq!(app(unit).unwrap_or_default(), expected, "{unit}");
        }
    }

    proptest! {
        #[test]
        fn any_unit_is_no_panic(start in "(app|run|dbus)?[-:@é]?", rest in any::<String>()) {
            app(&format!("{start}{rest}.service"));
        }
    }
}

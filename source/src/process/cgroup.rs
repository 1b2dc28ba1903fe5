//! Where a process runs, read off the path of its control group: unit, container, pod, package.
//!
//! Pure: no file is read. Nothing is guessed either: a path of a shape that is not known gives
//! nothing, and the path itself stays with the process.

use crate::pipeline::{Container, Runtime};

/// What the path of a control group says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Innermost systemd unit that is not a slice, with `\xNN` resolved.
    pub(crate) unit: Option<String>,
    /// That unit as systemd writes it.
    pub(crate) escaped_unit: Option<String>,
    /// Innermost container. The outer ones can be seen in the path.
    pub(crate) container: Option<Container>,
    /// Kubernetes pod uid.
    pub(crate) pod: Option<String>,
    /// `flatpak:ID` or `snap:NAME`.
    pub(crate) package: Option<String>,
}

/// Reads a path, absolute or relative to another control group (`/../..`).
pub(crate) fn placement(path: &str) -> Placement {
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "." | ".."))
        .collect();
    let mut placement = Placement::default();
    for (index, &segment) in segments.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| segments[index]);
        let after = segments.get(index + 1).copied();
        if let Some(pod) = pod(segment) {
            placement.pod = Some(pod);
        }
        let is_in_pod = placement.pod.is_some();
        if let Some(container) = container(before, segment, after, index, is_in_pod) {
            placement.container = Some(container);
        }
        if is_unit(segment) {
            placement.unit = Some(unescaped(segment));
            placement.escaped_unit = Some(segment.to_owned());
            placement.package = package(segment);
        }
    }
    placement
}

/// Ends of the names of units that can hold processes. Slices only hold other units.
const UNIT_ENDS: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

fn is_unit(segment: &str) -> bool {
    UNIT_ENDS
        .iter()
        .any(|end| segment.len() > end.len() && segment.ends_with(end))
}

/// `pod<uid>` of the driver `cgroupfs`, `kubepods-burstable-pod<uid>.slice` of the driver `systemd`,
/// which writes `_` for `-`.
fn pod(segment: &str) -> Option<String> {
    // A runtime that is given a path of the other driver: `NAME.slice:cri-containerd:ID`.
    let segment = segment.split(':').next().unwrap_or(segment);
    let uid = match segment.strip_suffix(".slice") {
        Some(slice) => {
            slice
                .contains("kubepods")
                .then_some(slice)?
                .rsplit_once("-pod")?
                .1
        }
        None => segment.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    // Pods that are files on the node have a hash for a uid.
    (is_uuid(&uid) || is_hex(&uid, 32)).then_some(uid)
}

/// What starts the name of a scope, or of a group, that is a container: what follows is its id.
const PREFIXES: [(&str, Runtime); 7] = [
    ("docker-", Runtime::Docker),
    ("cri-containerd-", Runtime::Containerd),
    ("nerdctl-", Runtime::Containerd),
    ("crio-", Runtime::Crio),
    // Of `podman run --cgroups=split`, inside the unit that ran it.
    ("libpod-payload-", Runtime::Podman),
    ("libpod-", Runtime::Podman),
    ("containerd-", Runtime::Containerd),
];

fn container(
    before: Option<&str>,
    segment: &str,
    after: Option<&str>,
    index: usize,
    is_in_pod: bool,
) -> Option<Container> {
    let of = |runtime, id: &str| {
        let id = id.to_owned();
        Some(Container { runtime, id })
    };
    // `crio-conmon-ID.scope` and `libpod-conmon-ID.scope` hold what watches a container from outside:
    // `conmon-ID` is no hash.
    let scope = segment.strip_suffix(".scope").unwrap_or(segment);
    for (prefix, runtime) in PREFIXES {
        if let Some(id) = scope.strip_prefix(prefix)
            && is_hash(id)
        {
            return of(runtime, id);
        }
    }
    let mut parts = segment.rsplitn(3, ':');
    if let (Some(id), Some(name), Some(_slice)) = (parts.next(), parts.next(), parts.next())
        && is_hash(id)
    {
        let runtime = PREFIXES
            .iter()
            .find(|(prefix, _)| prefix.strip_suffix('-') == Some(name))
            .map(|&(_, runtime)| runtime)?;
        return of(runtime, id);
    }
    if is_hash(segment) {
        let runtime = match before {
            Some("default" | "k8s.io" | "nerdctl" | "containerd") => Runtime::Containerd,
            // `docker.service` and `/docker`, and whatever `--cgroup-parent` names.
            _ if is_in_pod => Runtime::Containerd,
            Some("libpod_parent") => Runtime::Podman,
            _ => Runtime::Docker,
        };
        return of(runtime, segment);
    }
    // `ctr run`: containerd's namespace `default`, and any name.
    if index == 1 && before == Some("default") && !is_unit(segment) {
        return of(Runtime::Containerd, segment);
    }
    let (runtime, id) = nspawn(segment, after).or_else(|| lxc(before, segment))?;
    (!id.is_empty()).then_some(Container { runtime, id })
}

/// `systemd-nspawn@NAME.service`, and `machine-NAME.scope` when run by hand. libvirt makes scopes of
/// the latter kind too: `qemu` in them is no container, `lxc` is one.
fn nspawn(segment: &str, after: Option<&str>) -> Option<(Runtime, String)> {
    // What runs the container is beside it.
    if after == Some("supervisor") {
        return None;
    }
    if let Some(name) = segment
        .strip_prefix("systemd-nspawn@")
        .and_then(|rest| rest.strip_suffix(".service"))
    {
        return Some((Runtime::Nspawn, unescaped(name)));
    }
    let name = unescaped(segment.strip_prefix("machine-")?.strip_suffix(".scope")?);
    // `qemu-1-NAME`, `lxc-1234-NAME`.
    let by_libvirt = |driver: &str| {
        let (number, name) = name.strip_prefix(driver)?.split_once('-')?;
        is_number(number).then(|| name.to_owned())
    };
    match (by_libvirt("qemu-"), by_libvirt("lxc-")) {
        (Some(_machine), _) => None,
        (None, Some(name)) => Some((Runtime::Lxc, name)),
        (None, None) => Some((Runtime::Nspawn, name)),
    }
}

/// `lxc.payload.NAME` or, older, `lxc/NAME`. `lxc.monitor.NAME` holds what runs the container.
fn lxc(before: Option<&str>, segment: &str) -> Option<(Runtime, String)> {
    let name = match before {
        Some("lxc" | "lxc.payload") => Some(segment),
        _ => segment.strip_prefix("lxc.payload."),
    }?;
    Some((Runtime::Lxc, unescaped(name)))
}

/// `app-flatpak-ID-PID.scope` (or `@PID.service`) and `snap.NAME.APP....scope` (or `.service`).
fn package(unit: &str) -> Option<String> {
    if let Some(rest) = unit.strip_prefix("app-flatpak-") {
        let (id, _instance) = match rest.strip_suffix(".scope") {
            Some(scope) => scope.rsplit_once('-')?,
            None => rest.strip_suffix(".service")?.split_once('@')?,
        };
        let id = unescaped(id);
        return is_made_of(&id, |byte| matches!(byte, b'A'..=b'Z' | b'.'))
            .then(|| format!("flatpak:{id}"));
    }
    let mut parts = unit.strip_prefix("snap.")?.split('.');
    let name = parts.next()?;
    // `_KEY` follows a name where a snap is installed several times. At least the application and
    // the kind of unit follow.
    (is_made_of(name, |_| false) && parts.count() >= 2).then(|| format!("snap:{name}"))
}

/// Whether a name is of small letters, digits, `-`, `_` and what else is allowed.
fn is_made_of(name: &str, is_allowed: impl Fn(u8) -> bool) -> bool {
    let is_usual = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    !name.is_empty() && name.bytes().all(|byte| is_usual(byte) || is_allowed(byte))
}

/// Resolves `\xNN`, as systemd writes what may not stand in the name of a unit.
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'\\', b'x', high, low, after @ ..] => digit(*high)
                .zip(digit(*low))
                .map(|(high, low)| (high * 16 + low, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

fn is_hash(text: &str) -> bool {
    is_hex(text, 64)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 5
        && parts
            .into_iter()
            .zip([8, 4, 4, 4, 12])
            .all(|(part, length)| is_hex(part, length))
}

#[cfg(test)]
mod tests;

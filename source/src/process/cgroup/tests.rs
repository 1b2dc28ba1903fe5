use proptest::prelude::*;

use super::*;

/// Stands for an id of 64 digits in the table.
const ID: &str = "3f2a9c1b7d55e0c4a8b96d1f20e37a5c4b8d9e6f1a2b3c4d5e6f708192a3b4c5";
/// Another.
const ID2: &str = "b7e1d2c3f4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f";
const UID: &str = "6a1c5f3e-9d2b-4c7a-8e1f-0b2d4c6e8a10";
const UID_: &str = "6a1c5f3e_9d2b_4c7a_8e1f_0b2d4c6e8a10";
const HASH_UID: &str = "8f1b5a2cd3e4f5061728394a5b6c7d8e";

/// Unit, container, pod and package of each path. `ID` and the others stand for what they name.
const PATHS: &[(&str, [&str; 4])] = &[
    // Nothing to be seen.
    ("/", ["", "", "", ""]),
    ("", ["", "", "", ""]),
    ("/user.slice", ["", "", "", ""]),
    ("/../..", ["", "", "", ""]),
    ("/somebody/made/this", ["", "", "", ""]),
    // Units.
    ("/init.scope", ["init.scope", "", "", ""]),
    ("/system.slice/nginx.service", ["nginx.service", "", "", ""]),
    (
        "/../../system.slice/nginx.service",
        ["nginx.service", "", "", ""],
    ),
    (
        "/system.slice/system-getty.slice/getty@tty1.service",
        ["getty@tty1.service", "", "", ""],
    ),
    (
        "/system.slice/postgresql.service/workers/7",
        ["postgresql.service", "", "", ""],
    ),
    (
        "/system.slice/systemd-fsck@dev-disk-by\\x2duuid-1.service",
        ["systemd-fsck@dev-disk-by-uuid-1.service", "", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/session-2.scope",
        ["session-2.scope", "", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/init.scope",
        ["init.scope", "", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service",
        ["user@1000.service", "", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
        ["syncthing.service", "", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4711.scope",
        ["app-gnome-firefox-4711.scope", "", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Evolution\\x2dalarm@autostart.service",
        [
            "app-org.gnome.Evolution-alarm@autostart.service",
            "",
            "",
            "",
        ],
    ),
    (
        "/system.slice/docker.service",
        ["docker.service", "", "", ""],
    ),
    ("/system.slice/docker.socket", ["docker.socket", "", "", ""]),
    ("/system.slice/snapd.service", ["snapd.service", "", "", ""]),
    (
        "/machine.slice/systemd-nspawn@.service/payload",
        ["systemd-nspawn@.service", "", "", ""],
    ),
    ("/.service", ["", "", "", ""]),
    // Docker.
    ("/docker/ID", ["", "docker:ID", "", ""]),
    (
        "/system.slice/docker-ID.scope",
        ["docker-ID.scope", "docker:ID", "", ""],
    ),
    (
        "/../docker-ID.scope",
        ["docker-ID.scope", "docker:ID", "", ""],
    ),
    (
        "/docker/ID/system.slice/ssh.service",
        ["ssh.service", "docker:ID", "", ""],
    ),
    ("/docker/ID/docker/ID2", ["", "docker:ID2", "", ""]),
    (
        "/system.slice/docker-ID.scope/docker/ID2/init",
        ["docker-ID.scope", "docker:ID2", "", ""],
    ),
    ("/actions_job/ID", ["", "docker:ID", "", ""]),
    (
        "/ecs/0123456789abcdef0123456789abcdef/ID",
        ["", "docker:ID", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
        ["docker-ID.scope", "docker:ID", "", ""],
    ),
    ("/system.slice:docker:ID", ["", "docker:ID", "", ""]),
    (
        "/system.slice/docker-tooshort.scope",
        ["docker-tooshort.scope", "", "", ""],
    ),
    // containerd.
    (
        "/system.slice/containerd.service",
        ["containerd.service", "", "", ""],
    ),
    (
        "/system.slice/nerdctl-ID.scope",
        ["nerdctl-ID.scope", "containerd:ID", "", ""],
    ),
    ("/default/ID", ["", "containerd:ID", "", ""]),
    ("/default/web-1", ["", "containerd:web-1", "", ""]),
    ("/k8s.io/ID", ["", "containerd:ID", "", ""]),
    // Kubernetes.
    (
        "/kubepods/burstable/podUID/ID",
        ["", "containerd:ID", "UID", ""],
    ),
    (
        "/kubepods/besteffort/podUID/ID",
        ["", "containerd:ID", "UID", ""],
    ),
    ("/kubepods/podUID/ID", ["", "containerd:ID", "UID", ""]),
    (
        "/kubepods/burstable/podHASH/ID",
        ["", "containerd:ID", "HASH", ""],
    ),
    ("/kubepods/burstable/podUID", ["", "", "UID", ""]),
    (
        "/kubepods/burstable/podUID/ID/docker/ID2",
        ["", "containerd:ID2", "UID", ""],
    ),
    (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/cri-containerd-ID.scope",
        ["cri-containerd-ID.scope", "containerd:ID", "UID", ""],
    ),
    (
        "/kubepods.slice/kubepods-podUID_.slice/cri-containerd-ID.scope",
        ["cri-containerd-ID.scope", "containerd:ID", "UID", ""],
    ),
    (
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/crio-ID.scope",
        ["crio-ID.scope", "crio:ID", "UID", ""],
    ),
    (
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/crio-ID.scope/container",
        ["crio-ID.scope", "crio:ID", "UID", ""],
    ),
    (
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/crio-conmon-ID.scope",
        ["crio-conmon-ID.scope", "", "UID", ""],
    ),
    (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/docker-ID.scope",
        ["docker-ID.scope", "docker:ID", "UID", ""],
    ),
    (
        "/docker/ID/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-podUID_.slice/cri-containerd-ID2.scope",
        ["cri-containerd-ID2.scope", "containerd:ID2", "UID", ""],
    ),
    (
        "/system.slice/docker-ID.scope/kubelet/kubepods/burstable/podUID/ID2",
        ["docker-ID.scope", "containerd:ID2", "UID", ""],
    ),
    (
        "/system.slice/containerd.service/kubepods-burstable-podUID_.slice:cri-containerd:ID",
        ["containerd.service", "containerd:ID", "UID", ""],
    ),
    (
        "/system.slice/kubelet.service",
        ["kubelet.service", "", "", ""],
    ),
    // Podman.
    (
        "/machine.slice/libpod-ID.scope",
        ["libpod-ID.scope", "podman:ID", "", ""],
    ),
    (
        "/machine.slice/libpod-ID.scope/container",
        ["libpod-ID.scope", "podman:ID", "", ""],
    ),
    (
        "/machine.slice/libpod-conmon-ID.scope",
        ["libpod-conmon-ID.scope", "", "", ""],
    ),
    (
        "/machine.slice/machine-libpod_pod_ID.slice/libpod-ID2.scope",
        ["libpod-ID2.scope", "podman:ID2", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
        ["libpod-ID.scope", "podman:ID", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_ID.slice/libpod-ID2.scope",
        ["libpod-ID2.scope", "podman:ID2", "", ""],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/user.slice/podman-4711.scope",
        ["podman-4711.scope", "", "", ""],
    ),
    ("/libpod_parent/libpod-ID", ["", "podman:ID", "", ""]),
    ("/libpod_parent/conmon", ["", "", "", ""]),
    (
        "/system.slice/web.service/libpod-payload-ID",
        ["web.service", "podman:ID", "", ""],
    ),
    // systemd-nspawn, libvirt.
    (
        "/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
        ["nginx.service", "nspawn:web", "", ""],
    ),
    (
        "/machine.slice/systemd-nspawn@my\\x2dweb.service/payload",
        ["systemd-nspawn@my-web.service", "nspawn:my-web", "", ""],
    ),
    (
        "/machine.slice/systemd-nspawn@web.service/supervisor",
        ["systemd-nspawn@web.service", "", "", ""],
    ),
    (
        "/machine.slice/machine-debian\\x2dtree.scope/payload/init.scope",
        ["init.scope", "nspawn:debian-tree", "", ""],
    ),
    (
        "/machine.slice/machine-qemu\\x2d1\\x2dbuilder.scope/libvirt/vcpu0",
        ["machine-qemu-1-builder.scope", "", "", ""],
    ),
    (
        "/machine.slice/machine-lxc\\x2d4711\\x2dweb.scope",
        ["machine-lxc-4711-web.scope", "lxc:web", "", ""],
    ),
    // LXC, LXD, Incus.
    ("/lxc/web", ["", "lxc:web", "", ""]),
    (
        "/lxc/101/ns/system.slice/nginx.service",
        ["nginx.service", "lxc:101", "", ""],
    ),
    (
        "/lxc.payload.web/system.slice/nginx.service",
        ["nginx.service", "lxc:web", "", ""],
    ),
    ("/lxc.payload/web", ["", "lxc:web", "", ""]),
    ("/lxc.payload.web/.lxc", ["", "lxc:web", "", ""]),
    (
        "/lxc.payload.project_web/docker/ID",
        ["", "docker:ID", "", ""],
    ),
    ("/lxc.monitor.web", ["", "", "", ""]),
    ("/lxc.monitor/web", ["", "", "", ""]),
    // Packages.
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.mozilla.firefox-3021.scope",
        [
            "app-flatpak-org.mozilla.firefox-3021.scope",
            "",
            "",
            "flatpak:org.mozilla.firefox",
        ],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-com.spotify.Client\\x2dx-1.scope",
        [
            "app-flatpak-com.spotify.Client-x-1.scope",
            "",
            "",
            "flatpak:com.spotify.Client-x",
        ],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.telegram.desktop@3021.service",
        [
            "app-flatpak-org.telegram.desktop@3021.service",
            "",
            "",
            "flatpak:org.telegram.desktop",
        ],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/snap.firefox.firefox.0d5ab2f4-6a1c-4f3e-9d2b-4c7a8e1f0b2d.scope",
        [
            "snap.firefox.firefox.0d5ab2f4-6a1c-4f3e-9d2b-4c7a8e1f0b2d.scope",
            "",
            "",
            "snap:firefox",
        ],
    ),
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/snap.spotify.spotify-0d5ab2f4-6a1c-4f3e-9d2b-4c7a8e1f0b2d.scope",
        [
            "snap.spotify.spotify-0d5ab2f4-6a1c-4f3e-9d2b-4c7a8e1f0b2d.scope",
            "",
            "",
            "snap:spotify",
        ],
    ),
    (
        "/system.slice/snap.lxd.daemon.service",
        ["snap.lxd.daemon.service", "", "", "snap:lxd"],
    ),
    (
        "/system.slice/snap.canonical-livepatch.canonical-livepatchd.service",
        [
            "snap.canonical-livepatch.canonical-livepatchd.service",
            "",
            "",
            "snap:canonical-livepatch",
        ],
    ),
    (
        "/system.slice/snap.hello_second.hello.service",
        [
            "snap.hello_second.hello.service",
            "",
            "",
            "snap:hello_second",
        ],
    ),
    (
        "/system.slice/snap.:.hello.service",
        ["snap.:.hello.service", "", "", ""],
    ),
    (
        "/user.slice/app.slice/app-flatpak-:-1.scope",
        ["app-flatpak-:-1.scope", "", "", ""],
    ),
];

fn filled(text: &str) -> String {
    text.replace("UID_", UID_)
        .replace("podUID", &format!("pod{UID}"))
        .replace("podHASH", &format!("pod{HASH_UID}"))
        .replace("ID2", ID2)
        .replace("-ID", &format!("-{ID}"))
        .replace("/ID", &format!("/{ID}"))
        .replace("_ID", &format!("_{ID}"))
        .replace(":ID", &format!(":{ID}"))
}

#[test]
fn a_path_says_where_a_process_runs() {
    let mut wrong = Vec::new();
    for (path, [unit, container, pod, package]) in PATHS {
        let Placement {
            unit: found_unit,
            escaped_unit: _,
            container: found_container,
            pod: found_pod,
            package: found_package,
        } = placement(&filled(path));
        let shown = found_container.map(|Container { runtime, id }| format!("{runtime}:{id}"));
        let pod = pod.replace("UID", UID).replace("HASH", HASH_UID);
        let found = [found_unit, shown, found_pod, found_package].map(Option::unwrap_or_default);
        let expected = [filled(unit), filled(container), pod, (*package).to_owned()];
        if found != expected {
            wrong.push(format!("{path}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_escape_that_is_none_stays() {
    for (escaped, expected) in [
        ("a\\x2db", "a-b"),
        ("caf\\xc3\\xa9", "café"),
        ("\\xff", "\u{fffd}"),
        ("\\x2", "\\x2"),
        ("\\xzz\\", "\\xzz\\"),
        ("\\\\x2d", "\\-"),
    ] {
        assert_eq!(unescaped(escaped), expected);
    }
}

proptest! {
    #[test]
    fn any_text_is_no_panic(path in any::<String>()) {
        placement(&path);
    }

    #[test]
    fn any_order_of_known_parts_is_no_panic(
        parts in proptest::collection::vec(
            prop::sample::select(vec![
                "/", "docker", "default", "lxc", "lxc.payload.", "-", ":", "@", "_", ".scope",
                ".service", ".slice", "kubepods", "pod", "machine-", "systemd-nspawn@", "qemu",
                "\\x2d", "\\x", "snap.", "app-flatpak-", "é", "..", ID, UID, "libpod-", "1",
            ]),
            0..24,
        ),
    ) {
        let path = parts.concat();
        let Placement { unit, escaped_unit, container, pod: _, package } = placement(&path);
        // No part of a name is empty.
        prop_assert!(container.is_none_or(|container| !container.id.is_empty()));
        prop_assert!(unit.as_ref().is_none_or(|unit| !unit.is_empty()));
        prop_assert_eq!(unit.is_some(), escaped_unit.is_some());
        prop_assert!(package.is_none_or(|package| !package.ends_with(':')));
    }
}

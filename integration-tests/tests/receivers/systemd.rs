//! The unit for systemd: sound, and with rights that suffice.

use std::process::Command;

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup, find};
use nettally_integration_tests::harness::{generator, programs};
use serde_json::Value;
use tempfile::TempDir;

const UNIT: &str = include_str!("../../../config-examples/systemd/nettally.service");

/// The value of a setting.
fn setting(name: &str) -> &'static str {
    let value = |line: &'static str| line.strip_prefix(name)?.strip_prefix('=');
    let mut values = UNIT.lines().filter_map(value);
    values.next().unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn systemd_has_no_complaints() {
    let directory = TempDir::new().expect("a directory for the test");
    let program = programs::nettally().display().to_string();
    let verify = |unit: &str| {
        let file = directory.path().join("nettally.service");
        std::fs::write(&file, unit).expect("our own directory");
        let output = Command::new("systemd-analyze")
            .arg("verify")
            .arg(&file)
            .output()
            .expect("`systemd-analyze` is installed; `cargo xtask setup` does it");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Units of the machine itself may have faults of their own.
        said.lines()
            .filter(|line| line.contains("nettally"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let ours = UNIT.replace("/usr/bin/nettally", &program);
    assert_eq!(verify(&ours), Vec::<String>::new());
    let wrong = ours.replace("StateDirectory=", "StateDirektory=");
    assert_ne!(verify(&wrong), Vec::<String>::new());
}

/// What the daemon says that it does not see, without what depends on the machine's load.
fn degradations(daemon: &Daemon) -> (Value, Value) {
    let health = daemon.get("/api/v1/health").expect("it answers");
    let of = |key| find(&health, key).cloned().unwrap_or_default();
    (of("backend"), of("degradations"))
}

#[test]
fn the_capabilities_of_the_unit_are_all_that_root_needs() {
    let bounding: String = setting("CapabilityBoundingSet")
        .split(' ')
        .map(|capability| capability.strip_prefix("CAP_").expect("a capability"))
        .map(|capability| format!(",+{}", capability.to_lowercase()))
        .collect();
    let root = Daemon::start(&Setup::default());
    let expected = degradations(&root);
    drop(root);
    let mut confined = Daemon::start(&Setup {
        through: [
            "setpriv",
            "--no-new-privs",
            "--inh-caps=-all",
            &format!("--bounding-set=-all{bounding}"),
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Setup::default()
    });
    assert_eq!(degradations(&confined), expected);
    let truth = generator::run(&["cases", "tcp-v4", "udp-v4"]);
    expect_exactly(&mut confined, &truth);
}

/// Delivery goes on for 50 seconds at the end.
#[test]
fn systemd_waits_longer_than_delivery_may_take() {
    let seconds: u32 = setting("TimeoutStopSec").parse().expect("seconds");
    assert!(seconds > 60, "{seconds}");
}

#[test]
fn where_the_unit_keeps_files_is_where_the_program_does() {
    assert_eq!(setting("StateDirectory"), "nettally");
    assert_eq!(setting("ConfigurationDirectory"), "nettally");
    let generated = Command::new(programs::nettally())
        .arg("generate")
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&generated.stdout).into_owned();
    assert!(text.contains("data_dir: /var/lib/nettally\n"), "{text}");
    assert!(text.contains("/etc/nettally/nettally.yaml"), "{text}");
}

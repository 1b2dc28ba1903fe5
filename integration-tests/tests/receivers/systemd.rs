//! The unit for systemd: sound, and with rights that suffice.

use std::process::Command;
use std::time::Duration;

use nettally_integration_tests::harness::compare::expect_exactly;
use nettally_integration_tests::harness::daemon::{Daemon, Setup, find};
use nettally_integration_tests::harness::{generator, programs, wait};
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
    for (right, wrong) in [
        ("StateDirectory=", "StateDirektory="),
        ("ExecReload=/bin/kill", "ExecReload=/bin/kyll"),
    ] {
        let wrong = ours.replace(right, wrong);
        assert_ne!(verify(&wrong), Vec::<String>::new(), "{right}");
    }
}

/// `systemctl reload` does what the unit says, and the daemon takes the configuration that it finds.
#[test]
fn the_reload_of_the_unit_has_the_configuration_read_again() {
    let mut daemon = Daemon::start(&Setup::default());
    let command = setting("ExecReload").replace("$MAINPID", &daemon.pid().to_string());
    let reload = |result: &str| {
        let mut words = command.split(' ');
        let program = words.next().expect("a program");
        let status = Command::new(program).args(words).status();
        assert!(status.expect("the program starts").success(), "{command}");
        wait::until(Duration::from_secs(60), || {
            let health = daemon.get("/api/v1/health")?;
            let last = &health["reload"]["last"];
            (last["result"] == result)
                .then_some(())
                .ok_or_else(|| format!("{last:#}\n{}", daemon.log()))
        });
    };
    reload("applied");
    let good = std::fs::read_to_string(daemon.config()).expect("our own file");
    std::fs::write(daemon.config(), format!("{good}\nsiinks: {{}}\n")).expect("our own file");
    reload("refused");
    // The other commands read it too, and refuse it.
    std::fs::write(daemon.config(), good).expect("our own file");
    let truth = generator::run(&["cases", "tcp-v4", "udp-v4"]);
    expect_exactly(&mut daemon, &truth);
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

/// The deadline of 10 seconds, 30 more for a slow disk, and some for who hangs.
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

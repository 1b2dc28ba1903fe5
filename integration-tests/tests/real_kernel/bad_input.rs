//! What a user gets for a mistake: one clear sentence with the remedy, and a status that is not 0.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nettally_integration_tests::harness::daemon::free_address;
use nettally_integration_tests::harness::{programs, require_root, wait};
use tempfile::TempDir;

/// Runs a command that must end by itself, and returns what it printed to standard error.
#[track_caller]
fn refused(command: &mut Command) -> String {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let pid = child.id();
    let ended = wait_or_kill(&mut child);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("our own child");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert!(ended, "{command:?} ({pid}) went on\n{stdout}{stderr}");
    let code = status.code();
    assert!(
        code.is_some_and(|code| code != 0),
        "{command:?}: {status}\n{stdout}{stderr}"
    );
    assert!(
        !stderr.contains("panicked") && !stderr.contains("stack backtrace"),
        "{stderr}"
    );
    stderr.into_owned()
}

fn wait_or_kill(child: &mut std::process::Child) -> bool {
    let start = std::time::Instant::now();
    while start.elapsed() < wait::PATIENCE {
        if child.try_wait().expect("our own child").is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(child.kill());
    false
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

fn run(config: &Path) -> Command {
    let mut command = Command::new(programs::nettally());
    command.arg("run").arg("-c").arg(config);
    command
}

/// A directory with a configuration that has these lines before ours.
fn configured(text: &str) -> (TempDir, std::path::PathBuf) {
    let directory = TempDir::new().expect("a directory for the test");
    let file = directory.path().join("config.yaml");
    let text = text.replace("DIRECTORY", &directory.path().display().to_string());
    std::fs::write(&file, text).expect("our own directory");
    (directory, file)
}

#[test]
fn a_wrong_configuration_names_file_path_and_what_is_allowed() {
    // The configuration, and what must be said about it.
    let table: [(&str, &[&str]); 9] = [
        (
            "sources: { network: { type: process_network, scrape_intervall_secs: 1 } }",
            &[
                "sources.network.scrape_intervall_secs",
                "scrape_interval_secs",
            ],
        ),
        (
            "sources: { network: { type: process_network, scrape_interval_secs: often } }",
            &["sources.network.scrape_interval_secs", "often"],
        ),
        (
            "sources: { network: { type: process_network, scrape_interval_secs: 0 } }",
            &["sources.network.scrape_interval_secs", "0.1", "3600"],
        ),
        (
            "sources: { network: { type: process_network, protocols: [tcp, quic] } }",
            &["sources.network.protocols", "quic", "tcp", "udp"],
        ),
        (
            "sources: { network: { type: process_network, remotes: { exclude: [10.0.0.0/40] } } }",
            &["sources.network.remotes.exclude", "10.0.0.0/40"],
        ),
        (
            "api: { enabled: yes please }\nsinks: { history: { type: sqlight } }",
            // Both problems at once.
            &["api.enabled", "sinks.history.type", "sqlight", "sqlite"],
        ),
        (
            "sinks: { history: { type: sqlite, inputs: [netwrok] } }",
            &["sinks.history.inputs", "netwrok", "network"],
        ),
        ("dta_dir: /tmp", &["dta_dir", "data_dir"]),
        ("data_dir: /tmp\nsources: [", &["config.yaml:2:", "["]),
    ];
    for (yaml, parts) in table {
        let (_directory, config) = configured(yaml);
        for command in ["run", "validate"] {
            let text = refused(
                Command::new(programs::nettally())
                    .arg(command)
                    .arg("-c")
                    .arg(&config),
            );
            assert_says(&text, &[&config.display().to_string()]);
            assert_says(&text, parts);
        }
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    assert_says(
        &refused(&mut run(Path::new("/nonexistent/nettally.yaml"))),
        &["/nonexistent/nettally.yaml", "No such file"],
    );
    let directory = TempDir::new().expect("a directory for the test");
    let text = refused(&mut run(directory.path()));
    assert_says(&text, &[&directory.path().display().to_string()]);
}

#[test]
fn a_port_in_use_is_named() {
    require_root();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is left");
    let address = taken.local_addr().expect("it is bound").to_string();
    let (_directory, config) = configured(&format!(
        "data_dir: DIRECTORY/data\napi: {{ address: \"{address}\" }}"
    ));
    assert_says(
        &refused(&mut run(&config)),
        &[&address, "in use", "api.address"],
    );
}

#[test]
fn a_database_that_cannot_be_written_is_named() {
    require_root();
    let api = free_address();
    let (_directory, config) = configured(&format!(
        "data_dir: DIRECTORY/data\napi: {{ address: \"{api}\" }}\n\
         sinks: {{ history: {{ type: sqlite, path: /proc/nettally/nettally.db }} }}"
    ));
    assert_says(&refused(&mut run(&config)), &["/proc/nettally"]);

    let (directory, config) = configured(&format!(
        "data_dir: DIRECTORY/config.yaml\napi: {{ address: \"{api}\" }}"
    ));
    let file = directory.path().join("config.yaml").display().to_string();
    assert_says(&refused(&mut run(&config)), &[&file]);

    let (directory, config) = configured(&format!(
        "data_dir: DIRECTORY\napi: {{ address: \"{api}\" }}"
    ));
    let file = directory.path().join("nettally.db");
    std::fs::write(
        &file,
        "this is a diary and no database, and long enough".repeat(30),
    )
    .expect("our own directory");
    assert_says(
        &refused(&mut run(&config)),
        &[&file.display().to_string(), "database"],
    );
}

#[test]
fn a_user_who_is_not_root_is_told_what_is_missing() {
    require_root();
    let (directory, config) = configured(&format!(
        "data_dir: DIRECTORY/data\napi: {{ address: \"{}\" }}",
        free_address()
    ));
    let everyone = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(directory.path(), everyone(0o777)).expect("our own directory");
    // The build directory may be out of reach for others.
    let program = directory.path().join("nettally");
    std::fs::copy(programs::nettally(), &program).expect("our own directory");
    std::fs::set_permissions(&program, everyone(0o755)).expect("our own file");
    let text = refused(
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .arg("run")
            .arg("-c")
            .arg(&config),
    );
    assert_says(&text, &["sudo", "CAP_BPF", "CAP_PERFMON"]);
}

#[test]
fn root_without_capabilities_is_told_which() {
    require_root();
    let (_directory, config) = configured(&format!(
        "data_dir: DIRECTORY/data\napi: {{ address: \"{}\" }}",
        free_address()
    ));
    let text = refused(
        Command::new("setpriv")
            .args(["--bounding-set=-all", "--inh-caps=-all"])
            .arg(programs::nettally())
            .arg("run")
            .arg("-c")
            .arg(&config),
    );
    assert_says(&text, &["CAP_BPF"]);
}

#[test]
fn a_report_without_history_says_how_to_get_one() {
    let (_directory, config) = configured("data_dir: DIRECTORY/data");
    let text = refused(
        Command::new(programs::nettally())
            .arg("report")
            .arg("-c")
            .arg(&config),
    );
    assert_says(&text, &["nettally run"]);
}

#[test]
fn a_daemon_that_was_refused_leaves_the_port_free() {
    require_root();
    // The next start must not trip over what a refused one has left.
    let api = free_address();
    let (_directory, config) = configured(&format!(
        "data_dir: /proc/nettally\napi: {{ address: \"{api}\" }}"
    ));
    refused(&mut run(&config));
    wait::until(wait::PATIENCE, || {
        TcpListener::bind(api).map_err(|error| error.to_string())
    });
}

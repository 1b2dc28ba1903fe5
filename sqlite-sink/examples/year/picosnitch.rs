//! The schema of picosnitch, as its package on PyPI has it.

use std::error::Error;
use std::path::Path;
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The version whose source is read.
pub(crate) const VERSION: &str = "2.2.1";

/// Reads the statements that make its database from the source in a package.
const READ_STATEMENTS: &str = include_str!("picosnitch.py");

/// Its tables and indices, and a view `traffic` of what the questions are about. It has no PID.
///
/// # Errors
/// There is no pip, no package index, or the source is not as it was.
pub(crate) fn tables(folder: &Path) -> Result<String> {
    let folder = folder.join(format!("picosnitch-{VERSION}"));
    std::fs::create_dir_all(&folder)?;
    // It is read, not installed: any interpreter does.
    run(Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
        ])
        .args(["--python-version", "3.14", "--dest"])
        .arg(&folder)
        .arg(format!("picosnitch=={VERSION}")))?;
    let package = std::fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or("pip has left no package")?;
    run(Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .arg(&package)
        .arg(&folder))?;
    let statements = run(Command::new("python3")
        .args(["-c", READ_STATEMENTS])
        .arg(&folder))?;
    let statements: Vec<String> = serde_json::from_str(&statements)?;
    if statements.len() < 8 {
        return Err("its source has no tables and indices where they were".into());
    }
    Ok(format!(
        "{};
         CREATE VIEW traffic AS
         SELECT contime AS time, name AS process, 0 AS pid, protocol, addr AS remote,
                send AS sent, recv AS received
           FROM connections
           JOIN executables ON executables.id = exe_id
           JOIN addresses ON addresses.id = raddr_id;",
        statements.join(";\n")
    ))
}

fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?} failed: {}", said.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

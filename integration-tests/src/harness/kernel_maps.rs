//! What is in the kernel maps of a process, read by `bpftool`.

use std::process::Command;

use serde_json::Value;

/// Names and numbers of the maps that a process holds.
///
/// # Panics
/// The process is gone, or `bpftool` is not installed.
#[must_use]
pub fn of_process(pid: u32) -> Vec<(String, u64)> {
    let directory = format!("/proc/{pid}/fdinfo");
    let files = std::fs::read_dir(&directory).expect("the process lives");
    files
        .filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok())
        .filter_map(|text| {
            let id: u64 = text
                .lines()
                .find_map(|line| line.strip_prefix("map_id:"))?
                .trim()
                .parse()
                .ok()?;
            let shown = bpftool(&["map", "show", "id", &id.to_string()])?;
            Some((shown["name"].as_str()?.to_owned(), id))
        })
        .collect()
}

/// The entries of a map, as `bpftool map dump -j` prints them.
///
/// # Errors
/// The map cannot be read.
pub fn entries(id: u64) -> Result<Vec<Value>, String> {
    match bpftool(&["map", "dump", "id", &id.to_string()]) {
        Some(Value::Array(entries)) => Ok(entries),
        other => Err(format!("map {id}: {other:?}")),
    }
}

/// The bytes of a key or value, which `bpftool` prints as a list of hexadecimal numbers.
#[must_use]
pub fn bytes(value: &Value) -> Vec<u8> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(|byte| {
            let text = byte.as_str()?.strip_prefix("0x")?;
            u8::from_str_radix(text, 16).ok()
        })
        .collect()
}

fn bpftool(arguments: &[&str]) -> Option<Value> {
    let output = Command::new("bpftool")
        .arg("-j")
        .args(arguments)
        .output()
        .expect("`bpftool` is installed; `cargo xtask setup` does it");
    serde_json::from_slice(&output.stdout).ok()
}

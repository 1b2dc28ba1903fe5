//! The compiler's options for the kernel side.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::toolchain::Toolchain;
use crate::shell::{cargo_home, find_program, run, workspace};

const TARGET: &str = "bpfel-unknown-none";
const BINARY: &str = "nettally-kernel";

/// Builds and returns the path of the object.
pub(super) fn build(toolchain: &Toolchain) -> Result<PathBuf> {
    let mut command = toolchain.command(&toolchain.cargo);
    arguments(&mut command, toolchain, "build");
    run(&mut command)?;
    let built = target_directory().join(TARGET).join("release").join(BINARY);
    strip(&built)?;
    Ok(built)
}

/// Removes the compiler's debug information, four fifths of the object. BTF, which the kernel reads,
/// stays.
fn strip(object: &Path) -> Result<()> {
    let tool = ["llvm-objcopy-22", "llvm-objcopy"]
        .into_iter()
        .find_map(find_program)
        .context("llvm-objcopy is not installed; it comes with LLVM (Debian: llvm-22)")?;
    run(Command::new(tool).arg("--strip-debug").arg(object))
}

/// Lints, every warning an error.
pub(super) fn clippy(toolchain: &Toolchain) -> Result<()> {
    let (directory, name) = (toolchain.cargo.parent(), "cargo-clippy");
    let clippy = directory
        .map(|directory| directory.join(name))
        .filter(|program| program.is_file())
        .context("the eBPF toolchain has no clippy; on Debian install rust-web-clippy")?;
    // Called by its path: `cargo clippy` would take the first one in PATH, which is rustup's.
    let mut command = toolchain.command(&clippy);
    command.env("CARGO", &toolchain.cargo);
    arguments(&mut command, toolchain, "clippy");
    run(command.args(["--", "-D", "warnings"]))
}

/// Its own, so that two toolchains do not undo each other's work.
fn target_directory() -> PathBuf {
    workspace().join("target/ebpf")
}

fn arguments(command: &mut Command, toolchain: &Toolchain, subcommand: &str) {
    command
        .arg(subcommand)
        .args(["--package", "nettally-ebpf", "--bin", BINARY])
        .args(["--no-default-features", "--features", "kernel"])
        .args(["--target", TARGET, "-Z", "build-std=core", "--release"])
        .arg("--target-dir")
        .arg(target_directory())
        // The workspace's release profile is for user space. The kernel side needs its debug
        // information, from which bpf-linker makes BTF, and bpf-linker does its own optimisation
        // over everything.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain).join("\u{1f}"));
}

fn flags(toolchain: &Toolchain) -> Vec<String> {
    let mut flags = vec![
        format!("--cfg=bpf_target_arch=\"{}\"", std::env::consts::ARCH),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        format!("-Clinker={}", toolchain.linker.display()),
        // Names of the builder's directories do not belong into a published object.
        format!("--remap-path-prefix={}=.", workspace().display()),
    ];
    if let Some(home) = cargo_home() {
        flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
    }
    flags
}

/// The version of a dependency, as locked.
pub(super) fn locked_version(package: &str) -> Result<String> {
    let lock = std::fs::read_to_string(workspace().join("Cargo.lock"))
        .context("cannot read Cargo.lock")?;
    let start = format!("name = \"{package}\"\nversion = \"");
    lock.split_once(&start)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(version, _)| version.to_owned())
        .with_context(|| format!("Cargo.lock has no package {package}"))
}

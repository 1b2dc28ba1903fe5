//! `cargo xtask setup`: what the chores need from the system. Packages of Debian only, bpf-linker
//! from crates.io, ClickHouse's engine from PyPI, a StatsD server from npm, components of the Rust
//! toolchain from rustup.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::shell::{clean_command, find_program, output, run, workspace};
use crate::{python, statsd};

/// To build the kernel side.
const EBPF: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-clippy",
    "llvm-22-dev",
    "libpolly-22-dev",
    "libzstd-dev",
    "g++",
];

/// To run the tests.
const TESTS: &[&str] = &[
    "gcc",
    "libc6-dev",
    "chromium",
    "chromium-driver",
    "collectd-core",
    "curl",
    "python3",
    "python3-venv",
    "prometheus",
    "systemd",
    "iproute2",
    "nftables",
    "bpftool",
    "util-linux",
    "tzdata",
    "tmux",
];

/// To run a server in JavaScript: programs with the packages that have them. Node.js from elsewhere
/// brings its own npm, which Debian's would displace.
const JAVASCRIPT: &[(&str, &str)] = &[("node", "nodejs"), ("npm", "npm")];

/// To boot other kernels, and to get them.
const VM: &[&str] = &[
    "qemu-system-x86",
    "busybox-static",
    "binutils",
    "xz-utils",
    "kmod",
    "debian-archive-keyring",
];

const LINKER: &str = "bpf-linker";
const LINKER_VERSION: &str = "0.13.0";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only what builds the kernel side.
    #[arg(long)]
    ebpf: bool,
    /// Only what the tests need.
    #[arg(long)]
    tests: bool,
}

impl Arguments {
    /// All that any chore needs.
    pub(crate) const EVERYTHING: Self = Self {
        ebpf: false,
        tests: false,
    };
}

pub(crate) fn setup(arguments: &Arguments) -> Result<()> {
    let Arguments { ebpf, tests } = *arguments;
    let (ebpf, tests) = if ebpf == tests {
        (true, true)
    } else {
        (ebpf, tests)
    };
    let mut wanted = Vec::new();
    if ebpf {
        wanted.extend_from_slice(EBPF);
    }
    if tests {
        wanted.extend_from_slice(TESTS);
        wanted.extend_from_slice(VM);
        let absent = JAVASCRIPT
            .iter()
            .filter(|(program, _)| find_program(program).is_none());
        wanted.extend(absent.map(|(_, package)| package));
    }
    install_packages(&wanted)?;
    if ebpf {
        install_linker()?;
    }
    if tests {
        install_component("fmt", "rustfmt")?;
        install_component("clippy", "clippy")?;
        python::install()?;
        statsd::install()?;
    }
    println!("everything needed is installed");
    Ok(())
}

/// What makes requests at a steady rate.
pub(crate) fn load_generator() -> Result<()> {
    install_packages(&["hey"])
}

fn install_packages(wanted: &[&str]) -> Result<()> {
    if find_program("apt-get").is_none() {
        bail!("this system has no apt-get; install by hand what these packages have: {wanted:?}");
    }
    let missing: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if output(Command::new("id").arg("--user"))? != "0" {
        bail!(
            "these packages are missing, and only root can install them: \
             sudo apt-get install {}",
            missing.join(" ")
        );
    }
    println!("installing {}", missing.join(" "));
    let apt = |arguments: &[&str]| {
        run(Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["--quiet", "--yes"])
            .args(arguments))
    };
    apt(&["update"])?;
    apt(&[&["install", "--no-install-recommends"], missing.as_slice()].concat())
        .context("not every package can be had; the project needs Debian 12 or newer")
}

fn is_installed(package: &str) -> bool {
    let status = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output();
    status.is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

const SCHEMATHESIS_VERSION: &str = "4.32.5";

/// The program that makes requests of the document of the HTTP API, from Python's package index, in a
/// folder of its own under `target`.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    let folder = workspace().join(format!("target/schemathesis-{SCHEMATHESIS_VERSION}"));
    let program = folder.join("bin/schemathesis");
    let works = clean_command(&program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if works.is_ok_and(|status| status.success()) {
        return Ok(program);
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder))
    .context("schemathesis needs an environment of Python (package python3-venv)")?;
    run(clean_command(folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg(format!("schemathesis=={SCHEMATHESIS_VERSION}")))?;
    Ok(program)
}

fn install_linker() -> Result<()> {
    if let Some(linker) = find_program(LINKER) {
        let found = output(clean_command(&linker).arg("--version"))?;
        if found.ends_with(LINKER_VERSION) {
            return Ok(());
        }
        println!(
            "{} is {found}, wanted is {LINKER_VERSION}",
            linker.display()
        );
    }
    let prefix = output(Command::new("llvm-config-22").arg("--prefix"))?;
    run(clean_command("cargo")
        .env("LLVM_PREFIX", prefix)
        .args(["install", LINKER, "--version", LINKER_VERSION, "--force"])
        .args(["--no-default-features", "--features", "llvm-22"])
        // Away from our own configuration and lock file.
        .current_dir(Path::new("/")))
}

/// A minimal toolchain has neither formatter nor linter.
fn install_component(subcommand: &str, component: &str) -> Result<()> {
    let works = clean_command("cargo")
        .args([subcommand, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if works.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    run(clean_command("rustup").args(["component", "add", component]))
        .with_context(|| format!("cargo {subcommand} is not there; install {component}"))
}

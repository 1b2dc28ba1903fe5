//! A compiler that can build for eBPF: it needs the sources of `core`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell::{clean_command, find_program, output};

/// Compiler, cargo and linker for the kernel side.
pub(crate) struct Toolchain {
    pub(crate) rustc: PathBuf,
    pub(crate) cargo: PathBuf,
    pub(crate) linker: PathBuf,
}

impl Toolchain {
    /// Debian's `rustc-web` and `cargo-web` if their sources are installed, else rustup's nightly
    /// with the component `rust-src`.
    pub(crate) fn find() -> Result<Self> {
        let (rustc, cargo) = system().or_else(nightly).context(
            "no Rust toolchain with the sources of `core`; on Debian run `cargo xtask setup --ebpf` \
             as root, elsewhere `rustup toolchain install nightly --component rust-src`",
        )?;
        let linker = find_program("bpf-linker").context(
            "bpf-linker is not installed; on Debian run `cargo xtask setup --ebpf` as root, \
             elsewhere `cargo install bpf-linker`",
        )?;
        Ok(Self {
            rustc,
            cargo,
            linker,
        })
    }

    /// A command that compiles with this toolchain. Features that only nightly has are switched on.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = clean_command(program);
        command
            .env("RUSTC", &self.rustc)
            .env("RUSTC_BOOTSTRAP", "1");
        command
    }

    /// What each tool says about its version.
    pub(crate) fn versions(&self) -> Result<[(&'static str, String); 3]> {
        let version = |program: &Path| output(clean_command(program).arg("--version"));
        Ok([
            ("rustc", version(&self.rustc)?),
            ("cargo", version(&self.cargo)?),
            ("bpf-linker", version(&self.linker)?),
        ])
    }
}

fn system() -> Option<(PathBuf, PathBuf)> {
    let rustc = PathBuf::from("/usr/bin/rustc");
    let cargo = PathBuf::from("/usr/bin/cargo");
    (cargo.is_file() && has_core_sources(&rustc)).then_some((rustc, cargo))
}

fn nightly() -> Option<(PathBuf, PathBuf)> {
    find_program("rustup")?;
    let which = |tool| {
        Command::new("rustup")
            .args(["which", "--toolchain", "nightly", tool])
            .output()
            .ok()
            .filter(|output| output.status.success())
            .and_then(|output| String::from_utf8(output.stdout).ok())
            .map(|path| PathBuf::from(path.trim()))
    };
    let (rustc, cargo) = (which("rustc")?, which("cargo")?);
    has_core_sources(&rustc).then_some((rustc, cargo))
}

fn has_core_sources(rustc: &Path) -> bool {
    rustc.is_file()
        && output(clean_command(rustc).args(["--print", "sysroot"])).is_ok_and(|sysroot| {
            Path::new(&sysroot)
                .join("lib/rustlib/src/rust/library/core/Cargo.toml")
                .is_file()
        })
}

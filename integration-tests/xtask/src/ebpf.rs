//! `cargo xtask ebpf`: the kernel side, from source to object.

mod build;
mod manifest;
mod toolchain;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::shell::workspace;
use manifest::Manifest;
use toolchain::Toolchain;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Compare the sources with MANIFEST instead of building.
    #[arg(long, conflicts_with_all = ["out", "clippy"])]
    check: bool,
    /// Lint the programs instead of building, every warning an error.
    #[arg(long, conflicts_with = "out")]
    clippy: bool,
    /// Put the object and its MANIFEST into this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    const BUILD: Self = Self {
        check: false,
        clippy: false,
        out: None,
    };

    /// To compare the sources with the manifest.
    pub(crate) fn check() -> Self {
        Self {
            check: true,
            ..Self::BUILD
        }
    }

    /// To lint.
    pub(crate) fn clippy() -> Self {
        Self {
            clippy: true,
            ..Self::BUILD
        }
    }

    /// To build into a directory.
    pub(crate) fn build_into(directory: PathBuf) -> Self {
        Self {
            out: Some(directory),
            ..Self::BUILD
        }
    }
}

/// Name of the object's file.
pub(crate) const OBJECT: &str = "nettally.bpf.o";
const MANIFEST: &str = "MANIFEST";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { check, clippy, out } = arguments;
    let committed = workspace().join("ebpf/object");
    if *check {
        return compare(&committed);
    }
    let toolchain = Toolchain::find()?;
    if *clippy {
        return build::clippy(&toolchain);
    }
    write(&toolchain, out.as_ref().unwrap_or(&committed))
}

/// Builds the object and writes it with its manifest.
fn write(toolchain: &Toolchain, directory: &PathBuf) -> Result<()> {
    let built = build::build(toolchain)?;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let object = std::fs::read(&built)
        .with_context(|| format!("cannot read the built object {}", built.display()))?;
    let manifest = Manifest::of(&object, toolchain)?;
    for (name, bytes) in [
        (OBJECT, object.as_slice()),
        (MANIFEST, manifest.to_string().as_bytes()),
    ] {
        let file = directory.join(name);
        std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("{}:\n{manifest}", directory.join(OBJECT).display());
    Ok(())
}

/// Fails unless the committed object was made from the sources as they are. Objects of two
/// machines are never compared: debug information makes bytes depend on paths.
fn compare(directory: &std::path::Path) -> Result<()> {
    let file = directory.join(MANIFEST);
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let made_from = manifest::value(&text, manifest::SOURCES)
        .with_context(|| format!("{}; run `cargo xtask ebpf`", file.display()))?;
    let sources = manifest::sources_hash()?;
    if made_from != sources {
        bail!(
            "the eBPF sources have changed since the committed object was built \
             (MANIFEST says {made_from}, the sources are {sources}); \
             run `cargo xtask ebpf` and commit ebpf/object/"
        );
    }
    let file = directory.join(OBJECT);
    let object = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let hash = manifest::hash(&object);
    if manifest::value(&text, manifest::OBJECT)? != hash {
        bail!(
            "{} is not the object that MANIFEST describes; run `cargo xtask ebpf` and commit both",
            file.display()
        );
    }
    println!("the committed object was built from these sources ({sources})");
    Ok(())
}

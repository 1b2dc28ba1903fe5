//! The steps.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::tally::Tally;
use super::{checked, embedding, licences, packages, tallied};
use crate::shell::{cargo, output, workspace};
use crate::{ebpf, matrix, python, setup, statsd, vm};

/// What makes a step fail, beyond a failure.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// One thing that holds or does not.
    Check,
    /// Tests.
    Tests,
    /// Tests none of which may be skipped.
    RealKernel,
}

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) kind: Kind,
    pub(super) run: fn() -> Result<Tally>,
}

const fn step(
    name: &'static str,
    kind: Kind,
    what: &'static str,
    run: fn() -> Result<Tally>,
) -> Step {
    Step {
        name,
        what,
        kind,
        run,
    }
}

/// In the order they are run.
pub(super) const STEPS: &[Step] = &[
    step(
        "setup",
        Kind::Check,
        "what the tests need is installed",
        || {
            setup::setup(&setup::Arguments::EVERYTHING)?;
            Ok(Tally::default())
        },
    ),
    step("fmt", Kind::Check, "formatting", || {
        checked(cargo("fmt").args(["--all", "--check"]))
    }),
    step(
        "manifest",
        Kind::Check,
        "the committed object is of these sources",
        || {
            ebpf::run(&ebpf::Arguments::check())?;
            Ok(Tally::default())
        },
    ),
    step(
        "dependencies",
        Kind::Check,
        "the history needs no eBPF",
        dependencies,
    ),
    step(
        "clippy",
        Kind::Check,
        "lints of everything in user space",
        || checked(cargo("clippy").args(ALL).args(REAL).args(STRICT)),
    ),
    step(
        "clippy-contract",
        Kind::Check,
        "lints of the source without eBPF",
        || {
            let options = [
                "-p",
                "nettally-source",
                "--no-default-features",
                "--all-targets",
            ];
            checked(cargo("clippy").args(options).args(STRICT))
        },
    ),
    step(
        "unit",
        Kind::Tests,
        "unit tests and those of config-examples",
        || tallied(cargo("test").args(["--workspace", "--lib", "--bins", "--tests"])),
    ),
    step("doc", Kind::Tests, "examples in the documentation", || {
        tallied(cargo("test").args(["--workspace", "--doc"]))
    }),
    step("examples", Kind::Check, "example programs", || {
        checked(cargo("build").args(["--workspace", "--examples"]))
    }),
    step(
        "rustdoc",
        Kind::Check,
        "the documentation without warnings",
        || {
            checked(
                cargo("doc")
                    .args(["--workspace", "--no-deps", "--document-private-items"])
                    // Private items are documented here, so that links to them lead somewhere.
                    .env(
                        "RUSTDOCFLAGS",
                        "-D warnings -A rustdoc::private_intra_doc_links",
                    ),
            )
        },
    ),
    step(
        "clippy-ebpf",
        Kind::Check,
        "lints of the kernel side",
        || {
            ebpf::run(&ebpf::Arguments::clippy())?;
            Ok(Tally::default())
        },
    ),
    step(
        "object",
        Kind::Check,
        "the kernel side builds from source",
        || {
            ebpf::run(&ebpf::Arguments::build_into(fresh_directory()))?;
            Ok(Tally::default())
        },
    ),
    step(
        "kernel",
        Kind::RealKernel,
        "a real kernel, the committed object",
        || {
            let mut tally = tallied(&mut race())?;
            tally += tallied(&mut real_kernel())?;
            Ok(tally)
        },
    ),
    step(
        "kernel-fresh",
        Kind::RealKernel,
        "a real kernel, the fresh object where it differs",
        kernel_fresh,
    ),
    step(
        "matrix",
        Kind::Check,
        "every row on every kernel and backend, to the byte",
        || {
            matrix::run(&matrix::Arguments::EVERYTHING)?;
            Ok(Tally::default())
        },
    ),
    step(
        "identity",
        Kind::Check,
        "who moved the bytes, on every kernel",
        || {
            vm::identity()?;
            Ok(Tally::default())
        },
    ),
    step("browser", Kind::RealKernel, "the page in a browser", || {
        let options = ["-p", "nettally-integration-tests", "--features", "browser"];
        let test = ["--test", "browser", "--", "--test-threads=1"];
        tallied(cargo("test").args(options).args(test))
    }),
    step(
        "receivers",
        Kind::RealKernel,
        "programs that take what nettally tells",
        || {
            python::install()?;
            statsd::install()?;
            let options = ["-p", "nettally-integration-tests"];
            let features = ["--features", "receivers"];
            let test = ["--test", "receivers", "--", "--test-threads=1"];
            tallied(cargo("test").args(options).args(features).args(test))
        },
    ),
    step(
        "terminal",
        Kind::RealKernel,
        "the screen in a terminal",
        || {
            let options = ["-p", "nettally-integration-tests", "--features", "terminal"];
            let test = ["--test", "terminal", "--", "--test-threads=1"];
            tallied(cargo("test").args(options).args(test))
        },
    ),
    step(
        "api",
        Kind::RealKernel,
        "the HTTP API keeps what its document promises",
        || {
            let options = ["-p", "nettally-integration-tests", "--features", "api"];
            let test = ["--test", "api", "--", "--test-threads=1", "--nocapture"];
            let mut command = cargo("test");
            tallied(
                command
                    .args(options)
                    .args(test)
                    .env("NETTALLY_SCHEMATHESIS", setup::schemathesis()?),
            )
        },
    ),
    step(
        "package",
        Kind::Check,
        "every crate packages and builds on its own",
        packages::package,
    ),
    step(
        "embedding",
        Kind::Check,
        "a stranger's crate embeds the source",
        embedding::embed,
    ),
    step(
        "licences",
        Kind::Check,
        "licences and sources of dependencies",
        licences::check,
    ),
];

const ALL: [&str; 2] = ["--workspace", "--all-targets"];
const REAL: [&str; 2] = [
    "--features",
    "nettally-integration-tests/real-kernel,nettally-integration-tests/screenshots,\
     nettally-integration-tests/receivers,nettally-integration-tests/terminal,\
     nettally-integration-tests/api,\
     nettally-integration-tests/bench,nettally-source/real-kernel",
];
const STRICT: [&str; 3] = ["--", "-D", "warnings"];

/// One at a time: they share two processors, a StatsD datagram dropped for want of time would be
/// a false alarm.
fn real_kernel() -> Command {
    let mut command = cargo("test");
    command
        .args([
            "-p",
            "nettally-integration-tests",
            "--features",
            "real-kernel",
        ])
        .args(["--test", "real_kernel", "--", "--test-threads=1"]);
    command
}

/// Nothing is lost while it is read. The collector's parts are not public, so this test is among the
/// unit tests.
fn race() -> Command {
    let mut command = cargo("test");
    command
        .args(["-p", "nettally-source", "--features", "real-kernel"])
        .args([
            "--lib",
            "--test",
            "vector_adapter",
            "--",
            "--test-threads=1",
        ]);
    command
}

fn fresh_directory() -> PathBuf {
    workspace().join("target/fresh-object")
}

fn kernel_fresh() -> Result<Tally> {
    let object = fresh_directory().join(ebpf::OBJECT);
    if !object.is_file() {
        bail!(
            "{} is not there; run the step `object` first",
            object.display()
        );
    }
    let committed = workspace().join("ebpf/object").join(ebpf::OBJECT);
    if same(&object, &committed)? {
        println!("the fresh object is the committed one, byte for byte: step `kernel` tested it");
        return Ok(Tally {
            passed: 1,
            ..Tally::default()
        });
    }
    tallied(real_kernel().env("NETTALLY_EBPF_OBJECT", object))
}

fn same(one: &Path, other: &Path) -> Result<bool> {
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(read(one)? == read(other)?)
}

/// Somebody who reads the history must not pay for what measures it.
fn dependencies() -> Result<Tally> {
    let options = [
        "-p",
        "nettally-sqlite-sink",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ];
    let tree = output(cargo("tree").args(options))?;
    let unwanted = tree
        .lines()
        .find(|line| line.starts_with("aya") || line.starts_with("nettally-ebpf"));
    if let Some(line) = unwanted {
        bail!("nettally-sqlite-sink depends on {line}");
    }
    if !tree.contains("nettally-source") {
        bail!("cannot read the tree of dependencies:\n{tree}");
    }
    println!("{} packages, none of eBPF", tree.lines().count());
    Ok(Tally::default())
}

//! What can go wrong between us and the kernel.

use std::io;
use std::path::PathBuf;

/// An error of loading the programs or reading their maps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// No backend can work here.
    #[error("cannot measure on this machine (Linux {release}): {reasons}")]
    Unsupported {
        /// Release of the running kernel.
        release: String,
        /// Each reason with its remedy.
        reasons: String,
    },
    /// Every backend that should work here was refused.
    #[error("the kernel refused every set of hooks: {reasons}")]
    NoBackend {
        /// Each with what was said of it.
        reasons: String,
    },
    /// The kernel's type information cannot be read.
    #[error(
        "cannot read the kernel's type information {}; it needs a kernel built with \
         CONFIG_DEBUG_INFO_BTF", path.display()
    )]
    ReadBtf {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel's type information makes no sense to us.
    #[error("cannot understand the kernel's type information: {0}")]
    MalformedBtf(&'static str),
    /// aya could not read the kernel's type information.
    #[error("cannot read the kernel's type information")]
    ParseBtf {
        /// Why.
        #[source]
        source: Box<aya::BtfError>,
    },
    /// A field that the programs read is not in this kernel.
    #[error("this kernel has no field `{field}`; please report it with the output of `uname -a`")]
    MissingField {
        /// Structure and member.
        field: String,
    },
    /// The object could not be loaded.
    #[error("cannot load the eBPF object")]
    LoadObject {
        /// Why.
        #[source]
        source: Box<aya::EbpfError>,
    },
    /// The verifier or a permission check refused a program.
    #[error("the kernel refused the program for {hook}: {refusal}")]
    LoadProgram {
        /// The hook.
        hook: &'static str,
        /// Its answer.
        refusal: String,
    },
    /// A program could not be attached.
    #[error("cannot attach the program for {hook}")]
    Attach {
        /// The hook.
        hook: &'static str,
        /// Why.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// The object is not what this build expects.
    #[error("the eBPF object has no {kind} `{name}`; rebuild it with `cargo xtask ebpf`")]
    MissingInObject {
        /// `map` or `program`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A map could not be used.
    #[error("cannot {doing} the map {map}")]
    Map {
        /// What was tried.
        doing: &'static str,
        /// Its name.
        map: &'static str,
        /// Why.
        source: io::Error,
    },
}

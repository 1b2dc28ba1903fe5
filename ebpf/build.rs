//! Chooses the object to embed: the committed one, or the one that the environment variable
//! `NETTALLY_EBPF_OBJECT` names while building. `cargo xtask test` embeds a fresh build that way.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=NETTALLY_EBPF_OBJECT");
    let object = env::var_os("NETTALLY_EBPF_OBJECT").map_or_else(committed, PathBuf::from);
    println!("cargo::rerun-if-changed={}", object.display());
    println!("cargo::rustc-env=NETTALLY_OBJECT_FILE={}", object.display());
}

fn committed() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts");
    PathBuf::from(package).join("object/nettally.bpf.o")
}

//! The programs under test, built once.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The program `nettally`, built from the sources as they are. An object that the environment
/// variable `NETTALLY_EBPF_OBJECT` names is embedded in place of the committed one. Where nothing
/// can be built, as in a virtual machine, `NETTALLY_PROGRAM` names one that is built already.
///
/// # Panics
/// It does not build.
pub fn nettally() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(built) = std::env::var_os("NETTALLY_PROGRAM") {
                return built.into();
            }
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--package", "nettally"]);
            if !cfg!(debug_assertions) {
                build.arg("--release");
            }
            let status = build
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status()
                .expect("cargo starts");
            assert!(status.success(), "nettally does not build");
            beside_tests("nettally")
        })
        .clone()
}

/// The traffic generator; cargo builds it before the tests.
#[must_use]
pub fn traffic() -> PathBuf {
    beside_tests("traffic")
}

/// The small program that does what its arguments say; cargo builds it before the tests.
#[must_use]
pub fn speck() -> PathBuf {
    beside_tests("speck")
}

/// The program of that name in the profile's directory, above the one with the tests.
fn beside_tests(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("/proc is mounted");
    let directory = test
        .ancestors()
        .find(|directory| directory.join(name).is_file());
    directory
        .unwrap_or_else(|| panic!("no program {name} above {}", test.display()))
        .join(name)
}

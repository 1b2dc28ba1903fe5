//! Whether this kernel can do what a case needs.
//!
//! That something failed is no reason to leave a case out: the failure may be ours, or a right we
//! lack. A case is left out only where a try was refused *and* the kernel's own words say why: its
//! configuration, a setting, or its age. Otherwise it runs, and fails for all to see.

use std::fs;
use std::io::{self, Read as _};

use super::Lack;

/// Where a kernel says about itself why it cannot do something.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// It was built without this option, such as `CONFIG_MPTCP`.
    Option(&'static str),
    /// It is older than the first release that can.
    Since(u32, u32),
    /// This file, a setting, has this value.
    Setting(&'static str, &'static str),
}

impl Proof {
    /// Why it cannot; `None` where that is not the reason, or nothing can be found out.
    fn sentence(self) -> Option<String> {
        match self {
            Self::Option(option) => {
                (config(option) == Some(false)).then(|| format!("{option} is not set"))
            }
            Self::Since(major, minor) => {
                let (our_major, our_minor) = release()?;
                ((our_major, our_minor) < (major, minor)).then(|| {
                    format!("Linux {major}.{minor} has it, this is {our_major}.{our_minor}")
                })
            }
            Self::Setting(path, value) => {
                let set = fs::read_to_string(path).ok()?;
                (set.trim() == value).then(|| format!("{path} is {value}"))
            }
        }
    }
}

/// What is lacking if a try failed and one of `proofs` holds: `no MPTCP: CONFIG_MPTCP is not set`.
///
/// # Errors
/// It is lacking.
pub fn lack<T>(what: &str, tried: io::Result<T>, proofs: &[Proof]) -> Result<(), Lack> {
    let Err(_refused) = tried else { return Ok(()) };
    match proofs.iter().find_map(|proof| proof.sentence()) {
        Some(sentence) => Err(Lack(format!("no {what}: {sentence}"))),
        None => Ok(()),
    }
}

/// Whether the kernel was built with `option`, or has it as a module; `None` where its
/// configuration is not to be found.
#[must_use]
pub fn config(option: &str) -> Option<bool> {
    Some(is_set(&configuration()?, option))
}

/// Major and minor number of the running kernel.
#[must_use]
pub fn release() -> Option<(u32, u32)> {
    numbers(&osrelease()?)
}

fn osrelease() -> Option<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(release.trim().to_owned())
}

fn configuration() -> Option<String> {
    if let Ok(packed) = fs::File::open("/proc/config.gz") {
        let mut text = String::new();
        let mut unpacked = flate2::read::GzDecoder::new(packed);
        unpacked.read_to_string(&mut text).ok()?;
        return Some(text);
    }
    fs::read_to_string(format!("/boot/config-{}", osrelease()?)).ok()
}

fn is_set(configuration: &str, option: &str) -> bool {
    configuration.lines().any(|line| {
        let value = line
            .strip_prefix(option)
            .and_then(|rest| rest.strip_prefix('='));
        matches!(value, Some("y" | "m"))
    })
}

fn numbers(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_whole_words() {
        let text = "CONFIG_MPTCP=y\nCONFIG_TLS=m\n# CONFIG_IP_SCTP is not set\nCONFIG_HZ=250\n";
        let set = |option| is_set(text, option);
        assert!(set("CONFIG_MPTCP") && set("CONFIG_TLS"));
        assert!(!set("CONFIG_IP_SCTP") && !set("CONFIG_MPT") && !set("CONFIG_HZ"));
    }

    #[test]
    fn a_release_is_its_first_two_numbers() {
        assert_eq!(numbers("5.10.0-35-cloud-amd64"), Some((5, 10)));
        assert_eq!(numbers("6.18.44-fc-v657"), Some((6, 18)));
        assert_eq!(numbers("7.3"), Some((7, 3)));
        assert_eq!(numbers("linux"), None);
    }

    #[test]
    fn only_a_refusal_with_a_proof_is_a_lack() {
        let refused = || io::Result::<()>::Err(io::ErrorKind::Unsupported.into());
        let (old, new) = (Proof::Since(2, 6), Proof::Since(1000, 0));
        assert_eq!(lack("x", Ok(()), &[new]), Ok(()));
        assert_eq!(lack("x", refused(), &[old]), Ok(()));
        let Err(Lack(sentence)) = lack("x", refused(), &[old, new]) else {
            panic!("Linux 1000 is not out yet");
        };
        assert!(sentence.starts_with("no x: Linux 1000.0 has it, this is "));
    }
}

//! What is in the machine: busybox, programs with the libraries they need, kernel modules, and the
//! commands to run.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::apt::Unpacked;
use super::archive::Archive;
use super::modules::Dependencies;
use crate::shell::{find_program, output, shown};

/// Modules that tests use, where the kernel has them and has not built them in: a cable between
/// network namespaces, kernel TLS with a cipher, SCTP, translation of addresses, what lists sockets,
/// a tunnel, a disk over TCP, and one directory over another.
const MODULES: [&str; 17] = [
    "veth",
    "tls",
    "ctr",
    "gcm",
    "ghash_generic",
    "aesni_intel",
    "sctp",
    "nft_chain_nat",
    "nft_masq",
    "inet_diag",
    "tcp_diag",
    "udp_diag",
    "raw_diag",
    "mptcp_diag",
    "tun",
    "nbd",
    "overlay",
];

/// Programs of the system that tests start.
const PROGRAMS: [&str; 6] = ["ip", "bpftool", "setpriv", "unshare", "prlimit", "nft"];

/// Where the machine looks for programs.
pub(super) const PATH: &str = "/nettally:/usr/bin";

/// A root file system in the making.
#[derive(Debug)]
pub(super) struct Image(Archive);

impl Image {
    /// A system that can boot and has nothing of ours.
    pub(super) fn system(kernel: &Unpacked) -> Result<Self> {
        let mut image = Self(Archive::default());
        for directory in ["proc", "sys", "dev", "tmp", "run", "root", "var/lib"] {
            image.0.directory(directory);
        }
        let init = include_str!("init.sh");
        image.0.file("init", true, init.as_bytes().to_vec());
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n";
        image.0.file("etc/passwd", false, passwd.into());
        image.busybox()?;
        for name in PROGRAMS {
            image.program(&needed(name)?, &format!("usr/bin/{name}"))?;
        }
        image.modules(kernel)?;
        Ok(image)
    }

    fn busybox(&mut self) -> Result<()> {
        let busybox = needed("busybox")?;
        let applets = output(Command::new(&busybox).arg("--list"))?;
        self.0.file("bin/busybox", true, read(&busybox)?);
        for applet in applets.lines() {
            // The system's own come later, and win.
            self.0.link(&format!("usr/bin/{applet}"), "/bin/busybox");
        }
        self.0.link("bin/sh", "/bin/busybox");
        Ok(())
    }

    /// The modules, and the order to load them in.
    fn modules(&mut self, kernel: &Unpacked) -> Result<()> {
        let list = kernel.modules.join("modules.dep");
        let list = String::from_utf8(read(&list)?).context("names of modules are text")?;
        let mut order = String::new();
        for name in Dependencies::of(&list).order(&MODULES) {
            let file = kernel.modules.join(name);
            let bytes = match name.strip_suffix(".xz") {
                Some(_) => unpacked(&file)?,
                None => read(&file)?,
            };
            let to = format!(
                "/lib/modules/{}/{}",
                kernel.release,
                name.trim_end_matches(".xz")
            );
            self.0.file(&to, false, bytes);
            writeln!(order, "{to}").expect("a string takes it");
        }
        self.0.file("etc/modules", false, order.into_bytes());
        let configuration = read(&kernel.configuration)?;
        let to = format!("boot/config-{}", kernel.release);
        self.0.file(&to, false, configuration);
        Ok(())
    }

    /// A program and its libraries, without what only a debugger reads.
    pub(super) fn program(&mut self, file: &Path, to: &str) -> Result<()> {
        self.libraries(file)?;
        let bytes = stripped(file)?;
        self.0.file(to, true, bytes);
        Ok(())
    }

    /// What the dynamic linker would load.
    fn libraries(&mut self, file: &Path) -> Result<()> {
        let listed = Command::new("ldd")
            .arg(file)
            .output()
            .context("cannot start ldd")?;
        for library in libraries(&String::from_utf8_lossy(&listed.stdout)) {
            if !self.0.has(library) {
                self.0.file(library, true, read(Path::new(library))?);
            }
        }
        Ok(())
    }

    /// A file or a directory of the user, with the libraries of every program in it.
    pub(super) fn copy(&mut self, from: &Path, to: &str) -> Result<()> {
        let to = format!("{to}/{}", file_name(from)?);
        if from.is_dir() {
            self.0.directory(&to);
            for entry in std::fs::read_dir(from)? {
                self.copy(&entry?.path(), &to)?;
            }
            return Ok(());
        }
        let bytes = read(from)?;
        if bytes.starts_with(b"\x7fELF") {
            self.libraries(from)?;
        }
        let executable = is_executable(from)?;
        self.0.file(&to, executable, bytes);
        Ok(())
    }

    /// A script for the shell, run after those whose names come before.
    pub(super) fn command(&mut self, name: &str, script: &str) {
        let script = format!(
            "export PATH={PATH} HOME=/root NETTALLY_PROGRAM=/nettally/nettally\n{script}\n"
        );
        self.0
            .file(&format!("commands/{name}"), false, script.into_bytes());
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }
}

/// A program of the system.
fn needed(name: &str) -> Result<PathBuf> {
    find_program(name)
        .with_context(|| format!("{name} is not installed; `cargo xtask setup` does it"))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn file_name(file: &Path) -> Result<&str> {
    file.file_name()
        .and_then(|name| name.to_str())
        .with_context(|| format!("{} has no name that is text", file.display()))
}

fn is_executable(file: &Path) -> Result<bool> {
    Ok(file.metadata()?.permissions().mode() & 0o111 != 0)
}

fn stripped(program: &Path) -> Result<Vec<u8>> {
    // The new name is ours as long as we run.
    let name = format!("{}.{}", file_name(program)?, std::process::id());
    let file = std::env::temp_dir().join(name);
    let bytes = written_by(
        Command::new("strip")
            .arg("--strip-debug")
            .arg("-o")
            .arg(&file)
            .arg(program),
    )
    .and_then(|_nothing| read(&file));
    // It is not there if the program could not be stripped.
    drop(std::fs::remove_file(&file));
    bytes
}

fn unpacked(file: &Path) -> Result<Vec<u8>> {
    written_by(
        Command::new("xz")
            .args(["--decompress", "--stdout"])
            .arg(file),
    )
}

/// What the command writes, which need not be text.
fn written_by(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} failed: {}", shown(command), output.status);
    }
    Ok(output.stdout)
}

/// The files that `ldd` names; none for a program that needs none.
fn libraries(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .split_whitespace()
        .filter(|word| word.starts_with('/') && !word.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ldd_prints() {
        let listed = "\tlinux-vdso.so.1 (0x00007ff79b28d000)\n\
                      \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007ff79981e000)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007ff79b28d000)\n";
        let found: Vec<&str> = libraries(listed).collect();
        assert_eq!(
            found,
            [
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
        assert_eq!(libraries("\tnot a dynamic executable\n").count(), 0);
    }
}

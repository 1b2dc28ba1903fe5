//! A machine that is ready to boot.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::apt;
use super::build::Program;
use super::image::Image;
use super::kernels::Kernel;
use super::machine::{self, Session};
use crate::shell::workspace;

/// A kernel with what its machine has in memory.
pub(crate) struct Prepared {
    pub(crate) kernel: &'static Kernel,
    /// What `uname -r` says.
    pub(crate) release: String,
    /// What the kernel was built with.
    pub(crate) configuration: PathBuf,
    image: PathBuf,
    initramfs: PathBuf,
    console: PathBuf,
    commands: usize,
}

impl Prepared {
    /// Downloads the kernel unless it is there, and writes the machine's memory: programs of ours,
    /// other files, and the commands to run, each a name and a script. One at a time: apt has a
    /// lock.
    pub(crate) fn new<'a>(
        kernel: &'static Kernel,
        programs: &[Program],
        files: &[PathBuf],
        commands: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let directory = workspace().join("target/vm");
        let unpacked = apt::kernel(&directory, kernel)?;
        let mut image = Image::system(&unpacked)?;
        for Program { name, file } in programs {
            image.program(file, &format!("nettally/{name}"))?;
        }
        for path in files {
            image.copy(path, "root")?;
        }
        let mut count = 0;
        for (name, script) in commands {
            image.command(&format!("{count:02}-{name}"), script);
            count += 1;
        }
        let initramfs = directory.join(format!("{}.cpio", kernel.name));
        std::fs::write(&initramfs, image.bytes())
            .with_context(|| format!("cannot write {}", initramfs.display()))?;
        Ok(Self {
            kernel,
            release: unpacked.release,
            configuration: unpacked.configuration,
            image: unpacked.image,
            initramfs,
            console: directory.join(format!("{}.console", kernel.name)),
            commands: count,
        })
    }

    /// Boots and runs all commands. Several machines may run at a time.
    pub(crate) fn boot(&self, time_limit: Duration) -> Result<Session> {
        let Self {
            kernel,
            release: _,
            configuration: _,
            image,
            initramfs,
            console,
            commands,
        } = self;
        let session = machine::boot(kernel, image, initramfs, console, time_limit)?;
        if session.commands.len() != *commands {
            bail!("only {} of {commands} commands ran", session.commands.len());
        }
        Ok(session)
    }
}

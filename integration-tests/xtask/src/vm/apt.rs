//! Kernels from Debian's archive: looked up, downloaded and unpacked with a configuration of our
//! own, under `target/vm`. Nothing is installed, and the system's apt is only asked which mirror
//! it uses. What has been unpacked is used again; to get a newer one, delete its directory.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::kernels::{FLAVOUR, KERNELS, Kernel};
use crate::shell::{find_program, output, run};

/// Keys that the suites are signed with.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A kernel on disk.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// What `uname -r` says.
    pub(super) release: String,
    /// What is booted.
    pub(super) image: PathBuf,
    /// The directory of that release's modules, with what says which needs which.
    pub(super) modules: PathBuf,
    /// What it was built with.
    pub(super) configuration: PathBuf,
}

/// The kernel, downloaded unless it is there already.
pub(super) fn kernel(directory: &Path, kernel: &Kernel) -> Result<Unpacked> {
    let unpacked = directory.join("kernels").join(kernel.name);
    if unpacked.is_dir() {
        match find(&unpacked) {
            Ok(found) => return Ok(found),
            // Of an earlier version of this program.
            Err(error) => println!("kernel {} is downloaded again: {error:#}", kernel.name),
        }
        std::fs::remove_dir_all(&unpacked)?;
    }
    download(directory, kernel, &unpacked)
        .with_context(|| format!("cannot get kernel {}", kernel.name))?;
    find(&unpacked).with_context(|| format!("{} is no unpacked kernel", unpacked.display()))
}

fn download(directory: &Path, kernel: &Kernel, to: &Path) -> Result<()> {
    let Kernel {
        name,
        suite,
        packages,
        version,
        ..
    } = kernel;
    let apt = Apt::configured(&directory.join("apt"))?;
    let prefix = format!("{}{version}", packages[0]);
    let mut names = apt.names(&prefix)?;
    if names.is_empty() {
        run(apt.command("apt-get").args(["--quiet", "update"]))?;
        names = apt.names(&prefix)?;
    }
    let newest = names
        .iter()
        .max_by_key(|name| numbers(name))
        .with_context(|| format!("no package {prefix}*{FLAVOUR} in {suite}"))?;
    let rest = newest
        .strip_prefix(packages[0])
        .expect("asked for by prefix");

    let partial = to.with_extension("partial");
    let debs = partial.join("packages");
    std::fs::create_dir_all(&debs)?;
    println!("downloading kernel {name}: {newest}");
    run(apt
        .command("apt-get")
        .args(["--quiet", "download"])
        .args(packages.iter().map(|package| format!("{package}{rest}")))
        .current_dir(&debs))?;
    for deb in std::fs::read_dir(&debs)? {
        run(Command::new("dpkg-deb")
            .arg("--extract")
            .arg(deb?.path())
            .arg(&partial))?;
    }
    std::fs::remove_dir_all(&debs)?;
    index_modules(&partial)?;
    std::fs::rename(&partial, to)?;
    Ok(())
}

/// Writes down which module needs which; installing the packages would have done it.
fn index_modules(unpacked: &Path) -> Result<()> {
    let (root, release) = root_and_release(unpacked)?;
    let depmod =
        find_program("depmod").context("depmod is not installed; `cargo xtask setup` does it")?;
    run(Command::new(depmod).arg("--basedir").arg(root).arg(release))
}

/// The directory with `lib/modules` in it, which is `/usr` in newer packages.
fn root_and_release(unpacked: &Path) -> Result<(PathBuf, String)> {
    let root = [unpacked.to_owned(), unpacked.join("usr")]
        .into_iter()
        .find(|root| root.join("lib/modules").is_dir())
        .context("it has no modules")?;
    let release = std::fs::read_dir(root.join("lib/modules"))?
        .next()
        .context("it has no modules")??
        .file_name()
        .into_string()
        .ok()
        .context("its release is no text")?;
    Ok((root, release))
}

fn find(unpacked: &Path) -> Result<Unpacked> {
    let (root, release) = root_and_release(unpacked)?;
    let modules = root.join("lib/modules").join(&release);
    if !modules.join("modules.dep").is_file() {
        bail!("nothing says which module needs which");
    }
    let image = [
        unpacked.join(format!("boot/vmlinuz-{release}")),
        modules.join("vmlinuz"),
    ]
    .into_iter()
    .find(|file| file.is_file())
    .context("it has no vmlinuz")?;
    let configuration = [
        unpacked.join(format!("boot/config-{release}")),
        modules.join("config"),
    ]
    .into_iter()
    .find(|file| file.is_file())
    .context("it has no configuration")?;
    Ok(Unpacked {
        release,
        image,
        modules,
        configuration,
    })
}

/// apt with our configuration.
struct Apt {
    configuration: PathBuf,
}

impl Apt {
    fn configured(directory: &Path) -> Result<Self> {
        for part in ["state/lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(directory.join(part))?;
        }
        let mirror = system_mirror()?;
        let mut sources = String::new();
        for Kernel { suite, .. } in KERNELS {
            writeln!(
                sources,
                "deb [arch=amd64 signed-by={KEYS}] {mirror} {suite} main"
            )
            .expect("a string takes it");
        }
        let place = |name: &str| directory.join(name).display().to_string();
        let configuration = directory.join("apt.conf");
        std::fs::write(directory.join("sources.list"), sources)?;
        std::fs::write(directory.join("state/status"), "")?;
        std::fs::write(
            &configuration,
            format!(
                "Dir::Etc::SourceList \"{}\";\n\
                 Dir::Etc::SourceParts \"/dev/null\";\n\
                 Dir::State \"{}\";\n\
                 Dir::State::status \"{}\";\n\
                 Dir::Cache \"{}\";\n\
                 Acquire::Languages \"none\";\n\
                 APT::Architecture \"amd64\";\n\
                 APT::Sandbox::User \"root\";\n\
                 #clear Acquire::IndexTargets::deb::DEP-11;\n\
                 #clear APT::Update::Post-Invoke;\n\
                 #clear APT::Update::Post-Invoke-Success;\n",
                place("sources.list"),
                place("state"),
                place("state/status"),
                place("cache"),
            ),
        )?;
        Ok(Self { configuration })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("--config-file").arg(&self.configuration);
        command
    }

    /// Packages of our flavour that start like this.
    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let names = output(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(names
            .lines()
            .filter(|name| name.ends_with(FLAVOUR))
            .map(str::to_owned)
            .collect())
    }
}

/// Where the system gets Debian from.
fn system_mirror() -> Result<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(directory) = std::fs::read_dir("/etc/apt/sources.list.d") {
        for file in directory {
            files.push(file?.path());
        }
    }
    files.sort();
    let mirror = files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .find_map(|text| debian_mirror(&text));
    match mirror {
        Some(mirror) => Ok(mirror),
        None => bail!("none of apt's sources is Debian's archive; add one to {files:?}"),
    }
}

/// The first address of Debian's main archive in a list of sources of either form.
fn debian_mirror(sources: &str) -> Option<String> {
    sources
        .lines()
        .filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"))
        .flat_map(str::split_whitespace)
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

/// All numbers in a name, to find the newest.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_mirror_in_either_form() {
        let old = "# deb cdrom\ndeb [arch=amd64] https://mirror.example/debian/ stable main\n";
        let new = "Types: deb\n# URIs: http://comment.example/debian\n\
                   URIs: http://mirror.example/debian-security http://mirror.example/debian\n";
        let other = "deb https://packages.example/apt stable main\n";
        let found = |text| debian_mirror(text);
        assert_eq!(found(old).unwrap(), "https://mirror.example/debian/");
        assert_eq!(found(new).unwrap(), "http://mirror.example/debian");
        assert_eq!(found(other), None);
    }

    #[test]
    fn ten_is_newer_than_nine() {
        let newer = "linux-image-6.12.90+deb12.1-cloud-amd64";
        for older in [
            "linux-image-6.12.9+deb12-cloud-amd64",
            "linux-image-6.12.89+deb12-cloud-amd64",
        ] {
            assert!(numbers(newer) > numbers(older), "{older}");
        }
    }
}

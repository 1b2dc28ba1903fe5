//! The kernels, all of Debian's for machines in a cloud.

/// One kernel that we boot.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// What it is called here.
    pub(crate) name: &'static str,
    /// The release of Debian that has it.
    pub(super) suite: &'static str,
    /// What the names of its packages start with; the kernel itself is in the first.
    pub(super) packages: &'static [&'static str],
    /// What follows in the names, up to the part that grows with every update.
    pub(super) version: &'static str,
    /// The processor to emulate, as QEMU names it; see [`FLAWED_CX16`].
    pub(super) processor: &'static str,
    /// The backends that must be exact here; the others may be refused.
    pub(crate) backends: &'static [&'static str],
}

/// Without `cmpxchg16b`: after that instruction, QEMU 7.2 of Debian 12 hands wrong flags to an
/// interrupt, and 6.12 crashes in one boot of three. Older kernels do without it. 7.3 does not: it
/// gives no socket storage to programs where it is missing (`kmalloc_nolock`), and has not been
/// seen to crash.
const FLAWED_CX16: &str = "max,-cx16";

/// Where a package's name ends.
pub(super) const FLAVOUR: &str = "-cloud-amd64";

/// In the order they are booted.
pub(crate) const KERNELS: &[Kernel] = &[
    Kernel {
        name: "5.10",
        suite: "bullseye",
        packages: &["linux-image-"],
        version: "5.10.0-",
        processor: FLAWED_CX16,
        backends: &["kprobe"],
    },
    Kernel {
        name: "6.1",
        suite: "bookworm",
        packages: &["linux-image-"],
        version: "6.1.0-",
        processor: FLAWED_CX16,
        backends: &["fexit", "kprobe"],
    },
    Kernel {
        name: "6.12",
        suite: "bookworm-backports",
        packages: &["linux-image-"],
        version: "6.12.",
        processor: FLAWED_CX16,
        backends: &["fexit", "tracepoint", "kprobe"],
    },
    Kernel {
        name: "7.3",
        suite: "trixie-backports",
        packages: &["linux-binary-", "linux-modules-", "linux-base-"],
        version: "7.3.",
        processor: "max",
        backends: &["fexit", "tracepoint", "kprobe"],
    },
];

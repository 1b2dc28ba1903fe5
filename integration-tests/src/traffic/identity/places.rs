//! Namespaces, mounts, and a device.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::null;

use super::step::Namespace;
use crate::traffic::sys::check;

/// Goes into a new one.
pub(super) fn unshare(namespace: Namespace) -> io::Result<()> {
    let flags = match namespace {
        Namespace::Network => libc::CLONE_NEWNET,
        Namespace::Mount => libc::CLONE_NEWNS,
        Namespace::Process => libc::CLONE_NEWPID,
    };
    // SAFETY: no memory is involved.
    check(unsafe { libc::unshare(flags) } as isize)?;
    match namespace {
        Namespace::Network => loopback_up(),
        Namespace::Mount => mount(
            "none",
            Path::new("/"),
            None,
            libc::MS_REC | libc::MS_PRIVATE,
            "",
        ),
        Namespace::Process => Ok(()),
    }
}

fn loopback_up() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut request = request("lo");
    let flags = libc::IFF_UP | libc::IFF_RUNNING;
    request.ifr_ifru.ifru_flags = flags.try_into().expect("low bits");
    // SAFETY: the kernel reads one request.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    check(done as isize).map(drop)
}

fn request(interface: &str) -> libc::ifreq {
    // SAFETY: numbers and characters, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from.cast_signed();
    }
    request
}

/// A tun device that exists as long as this is open.
pub(super) fn tun(name: &str) -> io::Result<OwnedFd> {
    const TUNSETIFF: libc::Ioctl = 0x4004_54ca;
    let device = File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    let mut request = request(name);
    let flags = libc::IFF_TUN | libc::IFF_NO_PI;
    request.ifr_ifru.ifru_flags = flags.try_into().expect("low bits");
    // SAFETY: the kernel reads and writes one request.
    check(unsafe { libc::ioctl(device.as_raw_fd(), TUNSETIFF, &raw mut request) } as isize)?;
    Ok(device.into())
}

/// Memory as a file system.
pub(super) fn tmpfs(directory: &Path) -> io::Result<()> {
    mount("tmpfs", directory, Some("tmpfs"), 0, "")
}

/// `from` at `to`.
pub(super) fn bind(directory: &Path) -> io::Result<()> {
    let from = directory.join("from");
    let from = from.to_str().expect("our own directory");
    mount(from, &directory.join("to"), None, libc::MS_BIND, "")
}

/// `upper` over `lower` at `merged`.
pub(super) fn overlay(directory: &Path) -> io::Result<()> {
    let directory_text = directory.display();
    let options = format!(
        "lowerdir={directory_text}/lower,upperdir={directory_text}/upper,workdir={directory_text}/work"
    );
    mount(
        "overlay",
        &directory.join("merged"),
        Some("overlay"),
        0,
        &options,
    )
}

fn mount(
    what: &str,
    to: &Path,
    kind: Option<&str>,
    flags: libc::c_ulong,
    options: &str,
) -> io::Result<()> {
    let what = CString::new(what)?;
    let to = CString::new(to.as_os_str().as_bytes())?;
    let kind = kind.map(CString::new).transpose()?;
    let options = CString::new(options)?;
    let kind = kind.as_ref().map_or(null(), |kind| kind.as_ptr());
    // SAFETY: all strings end with a zero and outlive the call.
    let done = unsafe {
        libc::mount(
            what.as_ptr(),
            to.as_ptr(),
            kind,
            flags,
            options.as_ptr().cast(),
        )
    };
    check(done as isize).map(drop)
}

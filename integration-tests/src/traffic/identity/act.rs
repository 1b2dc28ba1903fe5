//! Doing what the arguments say.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::step::Step;
use super::{births, places};
use crate::traffic::sys::{self, check};

/// Who sends need not be heard: the port is that of `discard`.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// Where the socket is that stays open.
const KEPT: RawFd = 9;

/// Does the steps up to one that is `--`; what follows that has no meaning.
///
/// # Errors
/// An argument is no step, or the kernel refuses.
pub fn run(arguments: &[OsString]) -> io::Result<()> {
    let mut held = Vec::new();
    for (number, argument) in arguments.iter().enumerate() {
        if argument == "--" {
            break;
        }
        let rest = &arguments[number + 1..];
        let step = Step::parse(argument)?;
        do_step(step, rest, &mut held).map_err(|error| {
            let argument = argument.display();
            io::Error::new(error.kind(), format!("{argument}: {error}"))
        })?;
    }
    Ok(())
}

fn do_step(step: Step, rest: &[OsString], held: &mut Vec<OwnedFd>) -> io::Result<()> {
    match step {
        Step::Tcp { port, bytes } => {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))?.write_all(&vec![b'x'; bytes])
        }
        Step::Udp(bytes) => datagram(bytes),
        Step::Open => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            // SAFETY: no memory is involved. The new descriptor is open over `exec`.
            check(unsafe { libc::dup2(socket.as_raw_fd(), KEPT) } as isize).map(drop)
        }
        Step::Kept(bytes) => {
            // SAFETY: it is open since `open`, and nobody closes it.
            let socket = unsafe { BorrowedFd::borrow_raw(KEPT) };
            all(sys::send_to(&socket, &vec![b'x'; bytes], 0, NOBODY)?, bytes)
        }
        Step::Wait => io::stdin().read_exact(&mut [0]),
        Step::Name(name) => set_name(&name),
        Step::User(user) => {
            // SAFETY: no memory is involved.
            check(unsafe { libc::setresuid(user, user, user) } as isize).map(drop)
        }
        Step::Exec(program) => Err(Command::new(program).args(rest).exec()),
        Step::Memory(name) => Err(from_memory(&name, rest)),
        Step::Thread { name, bytes } => births::thread(&name, move || datagram(bytes)),
        Step::Leave(bytes) => births::outlive_first_thread(move || datagram(bytes)),
        Step::Twin(pid) => births::twin(pid, || run(rest)),
        Step::Child => births::child(|| run(rest)),
        Step::Unshare(namespace) => places::unshare(namespace),
        Step::Chroot(root) => {
            std::os::unix::fs::chroot(root)?;
            std::env::set_current_dir("/")
        }
        Step::Cgroup(directory) => std::fs::write(directory.join("cgroup.procs"), "0"),
        Step::Tmpfs(directory) => {
            // Below the mount it would not be seen any more.
            let program = File::open("/proc/self/exe")?;
            places::tmpfs(&directory)?;
            copy(program, &directory.join("speck"))
        }
        Step::Bind(directory) => places::bind(&directory),
        Step::Layers(directory) => {
            for name in ["lower/bin", "upper", "work", "merged"] {
                std::fs::create_dir_all(directory.join(name))?;
            }
            copy(
                File::open("/proc/self/exe")?,
                &directory.join("lower/bin/speck"),
            )
        }
        Step::Overlay(directory) => places::overlay(&directory),
        Step::Tun(name) => {
            held.push(places::tun(&name)?);
            Ok(())
        }
    }
}

fn datagram(bytes: usize) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    all(sys::send_to(&socket, &vec![b'x'; bytes], 0, NOBODY)?, bytes)
}

fn all(sent: usize, bytes: usize) -> io::Result<()> {
    if sent == bytes {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

fn set_name(name: &OsStr) -> io::Result<()> {
    let name = CString::new(name.as_bytes())?;
    // SAFETY: the kernel reads the string, which ends with a zero.
    check(unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) } as isize).map(drop)
}

fn copy(mut from: File, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    let mut to = options.write(true).create(true).mode(0o755).open(to)?;
    io::copy(&mut from, &mut to).map(drop)
}

/// Becomes a program without a path.
fn from_memory(name: &OsStr, rest: &[OsString]) -> io::Error {
    let prepare = || -> io::Result<(File, Vec<CString>)> {
        let name = CString::new(name.as_bytes())?;
        // SAFETY: the kernel reads the string, which ends with a zero.
        let fd = check(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) } as isize)?;
        // SAFETY: it is new and nobody else's.
        let mut file = unsafe { File::from_raw_fd(fd.try_into().expect("a descriptor fits")) };
        io::copy(&mut File::open("/proc/self/exe")?, &mut file)?;
        let arguments = [OsStr::new("from-memory")];
        let arguments = arguments.into_iter().chain(rest.iter().map(|a| &**a));
        let arguments = arguments.map(|argument| Ok(CString::new(argument.as_bytes())?));
        Ok((file, arguments.collect::<io::Result<_>>()?))
    };
    let (file, arguments) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => return error,
    };
    let mut pointers: Vec<*const libc::c_char> = arguments.iter().map(|a| a.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let environment = [std::ptr::null::<libc::c_char>()];
    // SAFETY: the strings end with a zero, the lists with a null pointer, and all outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_raw_fd(),
            c"".as_ptr(),
            pointers.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    io::Error::last_os_error()
}

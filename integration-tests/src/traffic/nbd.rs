//! A disk that the kernel reaches over TCP: its threads send and receive.
//!
//! The server is a thread of this process and knows what came and went. The protocol is the part of
//! NBD that follows the negotiation: the kernel is handed a connection that is past it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Lack;
use super::needs::{Proof, lack};
use super::sys::check;

const SIZE: usize = 64 << 20;
const BLOCK: libc::c_ulong = 4096;

const NBD_SET_SOCK: libc::Ioctl = 0xab00;
const NBD_SET_BLKSIZE: libc::Ioctl = 0xab01;
const NBD_DO_IT: libc::Ioctl = 0xab03;
const NBD_CLEAR_SOCK: libc::Ioctl = 0xab04;
const NBD_SET_SIZE_BLOCKS: libc::Ioctl = 0xab07;
const NBD_DISCONNECT: libc::Ioctl = 0xab08;

const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;

fn path() -> PathBuf {
    "/dev/nbd0".into()
}

/// Whether this kernel has such disks.
///
/// # Errors
/// It was built without.
pub fn needs() -> Result<(), Lack> {
    lack(
        "network block devices",
        File::open(path()),
        &[Proof::Option("CONFIG_BLK_DEV_NBD")],
    )
}

/// What the server received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// From the kernel.
    pub received_bytes: u64,
    /// To the kernel.
    pub sent_bytes: u64,
}

/// A disk in use.
#[derive(Debug)]
pub struct Disk {
    device: File,
    server: JoinHandle<io::Result<Served>>,
    kernel: JoinHandle<io::Result<()>>,
    /// The kernel's end of the connection.
    pub client: SocketAddr,
}

impl Disk {
    /// Makes one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn attach() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let connection = TcpStream::connect(listener.local_addr()?)?;
        let client = connection.local_addr()?;
        let (served, _) = listener.accept()?;
        let server = std::thread::spawn(move || serve(served));
        let device = File::options().read(true).write(true).open(path())?;
        control(&device, NBD_SET_BLKSIZE, BLOCK)?;
        control(&device, NBD_SET_SIZE_BLOCKS, SIZE as libc::c_ulong / BLOCK)?;
        let socket = connection.as_raw_fd().try_into().expect("not negative");
        control(&device, NBD_SET_SOCK, socket)?;
        let used = device.try_clone()?;
        let kernel = std::thread::spawn(move || {
            // Returns when the disk is given up, with the error that this is.
            drop(control(&used, NBD_DO_IT, 0));
            drop(connection);
            control(&used, NBD_CLEAR_SOCK, 0)
        });
        let mut disk = Self {
            device,
            server,
            kernel,
            client,
        };
        disk.wait_until_it_has_its_size()?;
        Ok(disk)
    }

    /// It has none until that thread has begun.
    fn wait_until_it_has_its_size(&mut self) -> io::Result<()> {
        let start = Instant::now();
        while self.device.seek(SeekFrom::End(0))? == 0 {
            if start.elapsed() > Duration::from_secs(20) {
                return Err(io::Error::other("the disk stays empty"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Writes so much at that place, to the server.
    ///
    /// # Errors
    /// The kernel's.
    pub fn write(&mut self, at: u64, bytes: usize) -> io::Result<()> {
        self.device.seek(SeekFrom::Start(at))?;
        self.device.write_all(&vec![b'x'; bytes])?;
        self.device.sync_data()
    }

    /// Reads so much at that place, from the server if it was not read or written before.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&mut self, at: u64, bytes: usize) -> io::Result<()> {
        self.device.seek(SeekFrom::Start(at))?;
        self.device.read_exact(&mut vec![0; bytes])
    }

    /// Gives the disk up; what was moved.
    ///
    /// # Errors
    /// The kernel's, or the server's.
    pub fn detach(self) -> io::Result<Served> {
        let Self {
            device,
            server,
            kernel,
            client: _,
        } = self;
        control(&device, NBD_DISCONNECT, 0)?;
        let served = server.join().expect("it does not panic")?;
        kernel.join().expect("it does not panic")?;
        Ok(served)
    }
}

fn control(device: &impl AsRawFd, request: libc::Ioctl, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: all these requests take a number.
    check(unsafe { libc::ioctl(device.as_raw_fd(), request, value) } as isize).map(drop)
}

fn serve(mut connection: TcpStream) -> io::Result<Served> {
    let mut disk = vec![0; SIZE];
    let mut served = Served::default();
    loop {
        let mut request = [0; 28];
        connection.read_exact(&mut request)?;
        served.received_bytes += request.len() as u64;
        let Request {
            kind,
            cookie,
            range,
        } = Request::of(&request)?;
        if kind == DISCONNECT {
            return Ok(served);
        }
        if kind == WRITE {
            connection.read_exact(&mut disk[range.clone()])?;
            served.received_bytes += range.len() as u64;
        }
        let mut reply = REPLY_MAGIC.to_be_bytes().to_vec();
        reply.extend([0; 4]);
        reply.extend(cookie);
        if kind == READ {
            reply.extend(&disk[range]);
        }
        connection.write_all(&reply)?;
        served.sent_bytes += reply.len() as u64;
    }
}

struct Request {
    kind: u16,
    cookie: [u8; 8],
    range: std::ops::Range<usize>,
}

impl Request {
    fn of(bytes: &[u8; 28]) -> io::Result<Self> {
        let part = |at: usize| -> [u8; 4] { bytes[at..at + 4].try_into().expect("four bytes") };
        let magic = u32::from_be_bytes(part(0));
        if magic != REQUEST_MAGIC {
            return Err(io::Error::other(format!("no request: {magic:#x}")));
        }
        let offset: [u8; 8] = bytes[16..24].try_into().expect("eight bytes");
        let offset = u64::from_be_bytes(offset) as usize;
        Ok(Self {
            // Flags go before it.
            kind: u16::from_be_bytes([bytes[6], bytes[7]]),
            cookie: bytes[8..16].try_into().expect("eight bytes"),
            range: offset..offset + u32::from_be_bytes(part(24)) as usize,
        })
    }
}

//! Network namespaces of a case's own, with cables between them. They have no names, so that they
//! are gone with the last process in them, however it ends, and nothing of the machine's own
//! network is changed.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::sys;

/// A network namespace.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// A new one, whose loopback interface is up.
    ///
    /// # Errors
    /// The kernel's; it asks for root.
    pub fn new() -> io::Result<Self> {
        let home = Self::current()?;
        sys::leave_network_namespace()?;
        let made = Self::current();
        home.enter()?;
        let made = made?;
        made.ip("link set lo up")?;
        Ok(made)
    }

    fn current() -> io::Result<Self> {
        File::open("/proc/self/ns/net").map(Self)
    }

    /// Moves the calling process here.
    ///
    /// # Errors
    /// The kernel's.
    pub fn enter(&self) -> io::Result<()> {
        sys::enter_network_namespace(&self.0)
    }

    /// Does `work` here; sockets stay in the namespace in which they were made.
    ///
    /// # Errors
    /// Those of `work`, or the kernel's.
    pub fn inside<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let home = Self::current()?;
        self.enter()?;
        let done = work();
        home.enter()?;
        done
    }

    /// Runs `ip` here: what it printed.
    ///
    /// # Errors
    /// It is not there, or refuses.
    pub fn ip(&self, arguments: &str) -> io::Result<String> {
        let output = self.inside(|| Command::new("ip").args(arguments.split(' ')).output())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let said = text(&output.stderr);
        Err(io::Error::other(format!("ip {arguments}: {said}")))
    }

    /// Gives an interface an address of version 6. The kernel adds it at once and the route to it
    /// a little later; until then, what is sent there is lost.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn add_ipv6(&self, interface: &str, address: Ipv6Addr, prefix: u8) -> io::Result<()> {
        self.ip(&format!(
            "addr add {address}/{prefix} dev {interface} nodad"
        ))?;
        self.wait_until(&format!("-6 route show table local {address}"), "local")
    }

    /// Waits until `ip` prints this.
    fn wait_until(&self, arguments: &str, wanted: &str) -> io::Result<()> {
        let start = Instant::now();
        loop {
            let printed = self.ip(arguments)?;
            if printed.contains(wanted) {
                return Ok(());
            }
            if start.elapsed() > Duration::from_secs(10) {
                let message = format!("ip {arguments}: no {wanted}: {printed}");
                return Err(io::Error::other(message));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Writes a setting of the network, such as `ipv4/ip_forward`.
    ///
    /// # Errors
    /// There is none, or the kernel refuses.
    pub fn set(&self, setting: &str, value: &str) -> io::Result<()> {
        self.inside(|| std::fs::write(format!("/proc/sys/net/{setting}"), value))
    }

    /// Makes an interface here whose other end is in `other`; each has its addresses, of the net
    /// with this number.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn cable(&self, other: &Self, net: u8) -> io::Result<(End, End)> {
        let ends = [1, 2].map(|host| End {
            interface: format!("cable{net}.{host}"),
            ipv4: Ipv4Addr::new(192, 168, net, host),
            ipv6: Ipv6Addr::new(0xfd6e, 0x7461, 0, 0, 0, 0, net.into(), host.into()),
        });
        let (process, fd) = (std::process::id(), other.0.as_raw_fd());
        let [ours, theirs] = ends.each_ref().map(|end| &end.interface);
        self.ip(&format!(
            "link add {ours} type veth peer name {theirs} netns /proc/{process}/fd/{fd}"
        ))?;
        for (namespace, end) in [self, other].into_iter().zip(&ends) {
            let End {
                interface,
                ipv4,
                ipv6,
            } = end;
            namespace.ip(&format!("addr add {ipv4}/24 dev {interface}"))?;
            namespace.ip(&format!("link set {interface} up"))?;
            namespace.add_ipv6(interface, *ipv6, 112)?;
        }
        for (namespace, End { interface, .. }) in [self, other].into_iter().zip(&ends) {
            // The kernel hears of the other end a little later, and sends nothing before.
            namespace.wait_until(&format!("-o link show dev {interface}"), "state UP")?;
        }
        Ok(ends.into())
    }
}

/// One end of a cable.
#[derive(Clone, Debug)]
pub struct End {
    /// Name of its interface.
    pub interface: String,
    /// Its address.
    pub ipv4: Ipv4Addr,
    /// Its address.
    pub ipv6: Ipv6Addr,
}

/// Two namespaces with a cable between them.
#[derive(Debug)]
pub struct Neighbours {
    /// Where clients are.
    pub client: (Namespace, End),
    /// Where servers are.
    pub server: (Namespace, End),
}

impl Neighbours {
    /// New ones.
    ///
    /// # Errors
    /// The kernel's; it asks for root.
    pub fn new() -> io::Result<Self> {
        let (client, server) = (Namespace::new()?, Namespace::new()?);
        let (client_end, server_end) = client.cable(&server, 77)?;
        Ok(Self {
            client: (client, client_end),
            server: (server, server_end),
        })
    }
}

/// Version of the internet protocol.
#[derive(Clone, Copy, Debug)]
pub enum Version {
    /// 4.
    V4,
    /// 6.
    V6,
}

impl End {
    /// Its address of that version.
    #[must_use]
    pub fn address(&self, version: Version) -> IpAddr {
        match version {
            Version::V4 => self.ipv4.into(),
            Version::V6 => self.ipv6.into(),
        }
    }
}

impl Version {
    /// The domain of sockets.
    #[must_use]
    pub fn domain(self) -> i32 {
        match self {
            Self::V4 => libc::AF_INET,
            Self::V6 => libc::AF_INET6,
        }
    }
}

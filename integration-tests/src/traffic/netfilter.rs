//! Network address translation, asked of the kernel itself (nf_tables over netlink): the programs
//! that can ask for it are not everywhere, and one rule is all we need.

use std::io;
use std::os::fd::OwnedFd;

use super::sys;

/// Protocol of netlink, as in `include/uapi/linux/netlink.h`.
const NETLINK_NETFILTER: i32 = 12;
/// Numbers in `include/uapi/linux/netfilter/nfnetlink.h`.
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NF_TABLES: u16 = 10;
/// Numbers in `include/uapi/linux/netfilter/nf_tables.h`.
const NEW_TABLE: u16 = NF_TABLES << 8;
const NEW_CHAIN: u16 = NF_TABLES << 8 | 3;
const NEW_RULE: u16 = NF_TABLES << 8 | 6;
/// Flags of a request: that it is one, that it wants an answer, that it makes something.
const REQUEST: u16 = 1;
const ANSWER: u16 = 4;
const CREATE: u16 = 0x400;
/// An attribute that holds attributes.
const NESTED: u16 = 0x8000;
/// Kind of an answer: an error number, which is zero for none.
const ERROR: u16 = 2;

/// Gives all packets that leave this network namespace its own address (`masquerade`).
///
/// # Errors
/// The kernel's.
pub(super) fn masquerade() -> io::Result<()> {
    const TABLE: &[u8] = b"nettally\0";
    const CHAIN: &[u8] = b"leaving\0";
    /// `NF_INET_POST_ROUTING` and `NF_IP_PRI_NAT_SRC`.
    const AFTER_ROUTING: u32 = 4;
    const PRIORITY: u32 = 100;
    let hook = [
        attribute(1, &AFTER_ROUTING.to_be_bytes()),
        attribute(2, &PRIORITY.to_be_bytes()),
    ];
    let expression = [attribute(1, b"masq\0"), attribute(2 | NESTED, &[])];
    let expressions = attribute(1 | NESTED, &expression.concat());
    let table = [attribute(1, TABLE)];
    let chain = [
        attribute(1, TABLE),
        attribute(3, CHAIN),
        attribute(4 | NESTED, &hook.concat()),
        attribute(7, b"nat\0"),
    ];
    let rule = [
        attribute(1, TABLE),
        attribute(2, CHAIN),
        attribute(4 | NESTED, &expressions),
    ];
    let batch = [
        message(BATCH_BEGIN, REQUEST, NF_TABLES, &[]),
        message(NEW_TABLE, REQUEST | CREATE, 0, &table),
        message(NEW_CHAIN, REQUEST | CREATE, 0, &chain),
        message(NEW_RULE, REQUEST | CREATE | ANSWER, 0, &rule),
        message(BATCH_END, REQUEST, NF_TABLES, &[]),
    ];
    let socket = sys::socket(libc::AF_NETLINK, libc::SOCK_RAW, NETLINK_NETFILTER)?;
    sys::prepare_to_receive(&socket)?;
    sys::write(&socket, &batch.concat())?;
    answer(&socket)
}

/// The first answer: of the first request that failed, or of the only one that wants any.
fn answer(socket: &OwnedFd) -> io::Result<()> {
    let mut buffer = [0; 8192];
    let received = sys::receive(socket, &mut buffer, 0)?;
    match &buffer[..received] {
        [
            _,
            _,
            _,
            _,
            kind1,
            kind2,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            e1,
            e2,
            e3,
            e4,
            ..,
        ] if u16::from_ne_bytes([*kind1, *kind2]) == ERROR => {
            match i32::from_ne_bytes([*e1, *e2, *e3, *e4]) {
                0 => Ok(()),
                negative => Err(io::Error::from_raw_os_error(-negative)),
            }
        }
        other => Err(io::Error::other(format!("no answer of netlink: {other:?}"))),
    }
}

/// `struct nlmsghdr`, `struct nfgenmsg`, attributes.
fn message(kind: u16, flags: u16, resource: u16, attributes: &[Vec<u8>]) -> Vec<u8> {
    let content = attributes.concat();
    let length: u32 = (20 + content.len()).try_into().expect("a short message");
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // No number in a sequence, and no sender: there is one of each.
    message.extend([0; 8]);
    let family = libc::AF_INET.try_into().expect("a small number");
    message.extend([family, 0]);
    message.extend(resource.to_be_bytes());
    message.extend(content);
    message
}

/// `struct nlattr` and what is in it, filled up to words.
fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    let length: u16 = (4 + content.len()).try_into().expect("a short attribute");
    let mut attribute = Vec::new();
    attribute.extend(length.to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(content);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

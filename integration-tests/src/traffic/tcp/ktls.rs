//! TLS in the kernel: what calls return, and what is to be reported, is the plain text.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

use super::pipes::{send_file, splice_in};
use super::{PAYLOAD, Side, Stream, peek, read, send};
use crate::traffic::needs::{Proof, lack};
use crate::traffic::place::{Family, Place};
use crate::traffic::sys::socket::set_bytes;
use crate::traffic::{Case, Lack, process, sys};

/// One row for each way.
pub const CASES: &[Case] = &[
    Case::new("ktls", "kTLS send and recv", |name, place| {
        encrypted(name, place, ask, answer)
    })
    .needing(ktls),
    Case::new("ktls-sendfile", "kTLS sendfile", |name, place| {
        encrypted(name, place, send_file, read)
    })
    .needing(ktls),
    Case::new("ktls-spl-in", "kTLS splice in", |name, place| {
        encrypted(name, place, send, splice_in)
    })
    .needing(ktls),
    Case::new("ktls-peek", "kTLS recv with MSG_PEEK", |name, place| {
        encrypted(name, place, send, peek)
    })
    .needing(ktls),
];

/// Both ends have agreed on keys already.
fn encrypted(name: &str, place: &Place, client: Side, server: Side) -> io::Result<()> {
    let (listener, address) = place.listen(Family::V4)?;
    // A socket whose other end has closed takes no keys any more.
    let (is_ready, ready) = sys::pipe()?;
    process::pair(
        name,
        |ledger| {
            let mut stream = Stream::accept(&listener, ledger)?;
            encrypt(&stream.stream)?;
            sys::write(&ready, b"!")?;
            server(&mut stream)
        },
        |ledger| {
            let mut stream = Stream::connect(address, ledger)?;
            encrypt(&stream.stream)?;
            File::from(is_ready.try_clone()?).read_exact(&mut [0])?;
            client(&mut stream)
        },
    )
}

fn ask(stream: &mut Stream<'_>) -> io::Result<()> {
    send(stream)?;
    stream.stream.shutdown(Shutdown::Write)?;
    read(stream)
}

fn answer(stream: &mut Stream<'_>) -> io::Result<()> {
    read(stream)?;
    stream.send(PAYLOAD / 2, 777, 0)
}

/// Gives the kernel keys for both directions, the same on both ends.
fn encrypt(stream: &TcpStream) -> io::Result<()> {
    const TLS_TX: i32 = 1;
    const TLS_RX: i32 = 2;
    set_bytes(stream, libc::IPPROTO_TCP, libc::TCP_ULP, b"tls\0")?;
    for direction in [TLS_TX, TLS_RX] {
        set_bytes(stream, libc::SOL_TLS, direction, &keys())?;
    }
    Ok(())
}

/// `struct tls12_crypto_info_aes_gcm_128` of `include/uapi/linux/tls.h`.
fn keys() -> Vec<u8> {
    const TLS_1_2: u16 = 0x0303;
    const AES_GCM_128: u16 = 51;
    let (initialization, key, salt, sequence) = ([1; 8], [2; 16], [3; 4], [0; 8]);
    [
        &TLS_1_2.to_ne_bytes()[..],
        &AES_GCM_128.to_ne_bytes(),
        &initialization,
        &key,
        &salt,
        &sequence,
    ]
    .concat()
}

fn ktls() -> Result<(), Lack> {
    let proofs = [
        Proof::Since(4, 17),
        Proof::Option("CONFIG_TLS"),
        Proof::Option("CONFIG_CRYPTO_GCM"),
    ];
    lack("kTLS", try_encryption(), &proofs)
}

fn try_encryption() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    encrypt(&TcpStream::connect(listener.local_addr()?)?)
}

//! The compiled object: the committed one, unless the build names another (see `build.rs`).

/// Bytes aligned as an ELF header wants them.
#[repr(C, align(8))]
struct Aligned<T: ?Sized>(T);

static ALIGNED: &Aligned<[u8]> = &Aligned(*include_bytes!(env!("NETTALLY_OBJECT_FILE")));

/// The compiled programs: an ELF object for eBPF, little endian.
pub static OBJECT: &[u8] = &ALIGNED.0;

/// Which sources and tools the committed object was made from.
pub const MANIFEST: &str = include_str!("../object/MANIFEST");

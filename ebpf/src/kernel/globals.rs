//! What user space told the programs before they were loaded.

use nettally_ebpf::settings::{IdentityOffsets, Offsets, Settings};

#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Offsets = Offsets::UNSET;

#[unsafe(no_mangle)]
pub(crate) static IDENTITY: IdentityOffsets = IdentityOffsets::UNSET;

#[unsafe(no_mangle)]
pub(crate) static SETTINGS: Settings = Settings::UNSET;

/// One field of the offsets.
macro_rules! offset {
    ($field:ident) => {
        $crate::globals::read(&$crate::globals::OFFSETS.$field)
    };
}

/// One field of the offsets that tell who a process is.
macro_rules! identity {
    ($field:ident) => {
        $crate::globals::read(&$crate::globals::IDENTITY.$field)
    };
}

/// One field of the settings.
macro_rules! setting {
    ($field:ident) => {
        $crate::globals::read(&$crate::globals::SETTINGS.$field)
    };
}

pub(crate) use {identity, offset, setting};

/// The section is read-only and frozen before the verifier runs, so that the verifier sees a
/// constant; the read is volatile because the compiler must not see one.
#[inline(always)]
pub(crate) fn read(field: &'static u32) -> u32 {
    // SAFETY: the reference is valid.
    unsafe { core::ptr::read_volatile(field) }
}

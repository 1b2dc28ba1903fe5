//! The programs. They are attached at the boundary between applications and the kernel's sockets,
//! where each call passes exactly once, and add up what the kernel says it moved.
//!
//! Read in this order: [`tracepoint`] and [`cgroup`] (the entries), [`tcp`] and [`udp`] (how many
//! bytes, to whom), [`count`] (where they are added), then what those stand on: [`handover`],
//! [`state`], [`socket`], [`process`], [`selection`], [`losses`], [`globals`].

#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![expect(
    internal_features,
    reason = "atomic add has no stable form on this target"
)]
#![feature(core_intrinsics)]

mod atomic;
mod cgroup;
mod count;
mod globals;
mod handover;
mod losses;
mod process;
mod selection;
mod socket;
mod state;
mod tcp;
mod tracepoint;
mod udp;

/// Helpers may be called by programs that declare a licence compatible with the GPL only.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

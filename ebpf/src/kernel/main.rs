//! The programs. They are attached at the boundary between applications and the kernel's sockets,
//! where each call passes exactly once, and add up what the kernel says it moved.
//!
//! Read in this order: [`boundary`] with the entries of the backends, [`fexit`], [`kprobe`] and
//! [`tracepoint`] with [`cgroup`]; [`stream`] and [`existing`], which they share; [`tcp`], [`udp`] and
//! [`other`] (how many bytes, to whom), [`count`] (where they are added), then what those stand on:
//! [`access`], [`calls`], [`second`], [`handover`], [`state`], [`socket`], [`process`], [`snapshot`], [`selection`], [`losses`],
//! [`globals`].

#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![expect(
    internal_features,
    reason = "atomic add has no stable form on this target"
)]
#![feature(core_intrinsics)]

mod access;
mod atomic;
mod boundary;
mod calls;
mod cgroup;
mod count;
mod existing;
mod fexit;
mod globals;
mod handover;
mod kprobe;
mod losses;
mod other;
mod process;
mod second;
mod selection;
mod snapshot;
mod socket;
mod state;
mod stream;
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

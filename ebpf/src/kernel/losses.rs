//! Numbers for what could not be counted or attributed.

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::btf_map;
use nettally_ebpf::loss::{Loss, LossCount};

use crate::atomic;
use crate::count::Moved;

#[btf_map]
static LOSSES: PerCpuArray<LossCount, { Loss::ALL.len() }> = PerCpuArray::new();

/// Adds one event to `reason`, with the bytes it cost.
#[inline(always)]
pub(crate) fn lose(reason: Loss, moved: Moved) {
    let Some(count) = LOSSES.get_ptr_mut(reason as u32) else {
        return;
    };
    // A softirq on this CPU may run another program in between, so even these adds are atomic.
    // SAFETY: the pointer was checked, the fields are inside.
    unsafe {
        atomic::add_u64(&raw mut (*count).events, 1);
        match moved {
            Moved::Sent(bytes) => {
                atomic::add_i64(&raw mut (*count).sent_bytes, bytes);
            }
            Moved::Received(bytes) => {
                atomic::add_i64(&raw mut (*count).received_bytes, bytes);
            }
        }
    }
}

/// Adds one event to `reason`; what bytes it cost is not known.
///
/// Not [`lose`] of zero bytes: the compiler makes another atomic operation of that, which kernels
/// before 5.12 do not have.
#[inline(always)]
pub(crate) fn note(reason: Loss) {
    if let Some(count) = LOSSES.get_ptr_mut(reason as u32) {
        // SAFETY: the pointer was checked, the field is inside.
        unsafe { atomic::add_u64(&raw mut (*count).events, 1) };
    }
}

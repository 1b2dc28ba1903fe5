//! How programs reach the kernel's memory, and where they remember a TCP connection.
//!
//! Programs of tracepoints and trampolines are given pointers whose type the verifier knows: they read
//! by plain loads and keep what they remember in the socket itself. Probes are given numbers: they read
//! by a helper, which checks, and remember by the socket's address. Everything else is the same, so it
//! is generic over [`Access`].

use core::ffi::c_void;
use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::{
    bpf_get_current_task, bpf_get_current_task_btf, bpf_probe_read_kernel, bpf_skc_to_tcp_sock,
};
use nettally_ebpf::flow::COMM_LENGTH;
use nettally_ebpf::loss::Loss;

use crate::globals::offset;
use crate::handover::{self, Cork};
use crate::losses::note;
use crate::socket::{self, Kind, Sock};
use crate::state::{self, Stream};

/// What differs between the kinds of programs.
pub(crate) trait Access: Sized {
    /// Reads one field of a kernel structure.
    ///
    /// # Safety
    /// `base` must point to a kernel structure, `offset` be one of [`crate::globals::offset`] for it,
    /// and `T` as large as the member, and valid if all its bits are zero.
    unsafe fn load<T: Copy>(base: *const c_void, offset: u32) -> T;

    /// The name of a task.
    ///
    /// # Safety
    /// `task` must be a `task_struct`.
    unsafe fn comm(task: *const c_void) -> [u8; COMM_LENGTH];

    /// The running thread, a `task_struct`.
    fn current_task() -> *const c_void;

    /// The socket as a `tcp_sock`; null for MPTCP. The caller has seen that it is a stream of TCP.
    fn as_tcp(sk: Sock) -> *const c_void;

    /// What is remembered of the connection, if anything.
    fn stream(sk: Sock) -> Option<*mut Stream>;

    /// The same, `initial` if there was nothing; `None` if there is no room.
    fn stream_or_new(sk: Sock, initial: &Stream) -> Option<*mut Stream>;

    /// Forgets a connection that is gone.
    fn end_stream(sk: Sock);

    /// Where a datagram goes that is being put together from several sends.
    fn cork(sk: Sock) -> Option<*mut Cork>;

    /// Remembers where.
    fn set_cork(sk: Sock, cork: &Cork);
}

/// Pointers of a type that the verifier knows. Kernel 5.11 and later.
pub(crate) struct Typed;

impl Access for Typed {
    #[inline(always)]
    unsafe fn load<T: Copy>(base: *const c_void, offset: u32) -> T {
        // SAFETY: by contract; a fault reads zero, the verifier emits the load with an exception entry.
        unsafe { core::ptr::read_volatile(base.byte_add(offset as usize).cast::<T>()) }
    }

    /// Byte by byte, because the verifier wants loads of the size of the member, a `char`.
    #[inline(always)]
    unsafe fn comm(task: *const c_void) -> [u8; COMM_LENGTH] {
        let mut comm = [0; COMM_LENGTH];
        let start = offset!(task_comm);
        let mut index = 0;
        while index < COMM_LENGTH {
            // SAFETY: the caller passes a `task_struct`, whose `comm` has this length.
            comm[index] = unsafe { Self::load(task, start + index as u32) };
            index += 1;
        }
        comm
    }

    #[inline(always)]
    fn current_task() -> *const c_void {
        // SAFETY: the helper has no preconditions. Kernel 5.11 and later.
        unsafe { bpf_get_current_task_btf().cast::<c_void>() }
    }

    /// The helper itself would take a raw socket of that number for one of TCP.
    #[inline(always)]
    fn as_tcp(sk: Sock) -> *const c_void {
        // SAFETY: `sk` is a `sock`. Kernel 5.9 and later.
        unsafe { bpf_skc_to_tcp_sock(sk.cast_mut()) }.cast::<c_void>()
    }

    #[inline(always)]
    fn stream(sk: Sock) -> Option<*mut Stream> {
        state::get(sk)
    }

    #[inline(always)]
    fn stream_or_new(sk: Sock, initial: &Stream) -> Option<*mut Stream> {
        state::get_or_create(sk, initial)
    }

    /// It goes with the socket.
    #[inline(always)]
    fn end_stream(_sk: Sock) {}

    #[inline(always)]
    fn cork(sk: Sock) -> Option<*mut Cork> {
        handover::cork(sk)
    }

    #[inline(always)]
    fn set_cork(sk: Sock, cork: &Cork) {
        handover::set_cork(sk, cork);
    }
}

/// Addresses of which the verifier knows nothing.
pub(crate) struct Probed;

impl Access for Probed {
    #[inline(always)]
    unsafe fn load<T: Copy>(base: *const c_void, offset: u32) -> T {
        // SAFETY: all zero is valid by contract.
        unsafe { read(base.wrapping_byte_add(offset as usize)) }
    }

    #[inline(always)]
    unsafe fn comm(task: *const c_void) -> [u8; COMM_LENGTH] {
        // SAFETY: by contract.
        unsafe { Self::load(task, offset!(task_comm)) }
    }

    #[inline(always)]
    fn current_task() -> *const c_void {
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_get_current_task() as *const c_void }
    }

    #[inline(always)]
    fn as_tcp(sk: Sock) -> *const c_void {
        if let Some(Kind::Stream(_)) = socket::kind::<Self>(sk)
            && !socket::is_mptcp::<Self>(sk)
        {
            sk
        } else {
            core::ptr::null()
        }
    }

    #[inline(always)]
    fn stream(sk: Sock) -> Option<*mut Stream> {
        state::find(sk)
    }

    #[inline(always)]
    fn stream_or_new(sk: Sock, initial: &Stream) -> Option<*mut Stream> {
        state::find_or_insert(sk, initial)
    }

    #[inline(always)]
    fn end_stream(sk: Sock) {
        state::remove(sk);
    }

    #[inline(always)]
    fn cork(sk: Sock) -> Option<*mut Cork> {
        handover::find_cork(sk)
    }

    #[inline(always)]
    fn set_cork(sk: Sock, cork: &Cork) {
        handover::insert_cork(sk, cork);
    }
}

/// Reads the kernel's memory by the helper that may be given any address; zero, and a loss, if nothing
/// is there.
///
/// # Safety
/// `T` must be valid if all its bits are zero.
#[inline(always)]
pub(crate) unsafe fn read<T: Copy>(address: *const c_void) -> T {
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `value` has room for as much; the helper checks the address.
    let failed = unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast::<c_void>(),
            size_of::<T>() as u32,
            address,
        )
    } != 0;
    if failed {
        read_failed();
    }
    // SAFETY: zeroed, which is valid by contract, or filled by the helper.
    unsafe { value.assume_init() }
}

/// The bytes that depend on it are counted all the same: what may be wrong is where they went.
#[inline(never)]
fn read_failed() {
    note(Loss::ReadFailed);
}

//! Emptying the maps without losing a byte, while programs keep adding.
//!
//! There are two buffers. The index of the one that is written is flipped; then we wait until every
//! program that may still have read the old index has left; then nobody touches the old buffer any
//! more, and it can be emptied at leisure. Any scheme that deletes rows from a map which is being
//! written loses the bytes that are added between the look and the deletion.
//!
//! # Why this is exact
//! 1. A program reads the index once, at its beginning, and adds to that buffer only. It adds
//!    atomically, so that two processors which add to one row do not overwrite each other; of two
//!    that make a row at a time, one finds the other's.
//! 2. Programs run inside an RCU read-side section. The barrier returns after a grace period that began
//!    after the flip ([`Barrier`]): every program that could have seen the old index has left by then,
//!    every one that began since has seen the new one.
//! 3. From then until the next flip the old buffer has one user, which is us. It is emptied, and so are
//!    its sums, before it is handed back.
//! 4. The programs keep a sum of each buffer besides its rows, which the rows must add up to. A
//!    difference is reported as a loss, not believed to be impossible.
//!
//! The test `race` proves it on a real kernel: writers pinned to every processor add to one row
//! together and to hundreds of their own, over UDP and TCP, while this drains without a pause; over
//! ten million calls and thousands of drains each process's rows add up to what its calls returned,
//! to the byte. Without the flip it fails within a second. What the wait closes is a gap of
//! microseconds, too short to be hit on purpose: for that, point 2 is the proof.

use std::io;
use std::os::fd::AsFd as _;

use aya::Ebpf;
use aya::Pod;
use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, PerCpuValues, RingBuf};
use nettally_ebpf::flow::{
    BufferTotals, FLAG_FOLDED, FlowCounters, FlowKey, PROTOCOL_NUMBERS, PROTOCOLS, ProcessKey,
    ProcessRecord, protocol_index,
};
use nettally_ebpf::loss::{Loss, LossCount};

use super::counters::Drained;
use super::error::KernelError;
use super::snapshot::snapshot;
use super::syscall::{Barrier, take_batch};
use crate::process::Snapshot;

/// Rows that one call takes at first; more if a bucket of the map holds more.
const BATCH: usize = 4096;

/// Where it stops growing: as many rows as the largest map may have.
const MAX_BATCH: usize = 1 << 20;

/// The maps that user space reads.
pub(super) struct Maps {
    active: Array<MapData, u32>,
    buffers: [Buffer; 2],
    rest: Array<MapData, FlowCounters>,
    totals: PerCpuArray<MapData, BufferTotals>,
    losses: PerCpuArray<MapData, LossCount>,
    snapshots: RingBuf<MapData>,
    known: HashMap<MapData, ProcessKey, u32>,
    barrier: Barrier,
    /// The buffer that the programs write.
    written: usize,
}

struct Buffer {
    /// Of this buffer, as the programs know it.
    index: u32,
    flows: MapData,
    overflow: MapData,
    processes: MapData,
}

impl Maps {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let buffers = [
            Buffer {
                index: 0,
                flows: hash::<FlowKey, FlowCounters>(ebpf, "FLOWS_0")?,
                overflow: hash::<FlowKey, FlowCounters>(ebpf, "OVERFLOW_0")?,
                processes: hash::<ProcessKey, ProcessRecord>(ebpf, "PROCESSES_0")?,
            },
            Buffer {
                index: 1,
                flows: hash::<FlowKey, FlowCounters>(ebpf, "FLOWS_1")?,
                overflow: hash::<FlowKey, FlowCounters>(ebpf, "OVERFLOW_1")?,
                processes: hash::<ProcessKey, ProcessRecord>(ebpf, "PROCESSES_1")?,
            },
        ];
        Ok(Self {
            active: typed(ebpf, "ACTIVE")?,
            buffers,
            rest: typed(ebpf, "REST")?,
            totals: typed(ebpf, "TOTALS")?,
            losses: typed(ebpf, "LOSSES")?,
            snapshots: typed(ebpf, "SNAPSHOTS")?,
            known: typed(ebpf, "KNOWN")?,
            barrier: Barrier::new().map_err(|source| KernelError::Map {
                doing: "create",
                map: "barrier",
                source,
            })?,
            written: 0,
        })
    }

    pub(super) fn drain(&mut self) -> Result<Drained, KernelError> {
        let quiet = self.written;
        let next = 1 - quiet;
        self.active
            .set(0, self.buffers[next].index, 0)
            .map_err(|error| failed("flip", "ACTIVE", error))?;
        self.written = next;
        self.barrier.wait().map_err(|source| KernelError::Map {
            doing: "wait for programs at",
            map: "barrier",
            source,
        })?;
        let Buffer {
            index,
            flows,
            overflow,
            processes,
        } = &self.buffers[quiet];
        let index = *index;
        let mut flows: Vec<(FlowKey, FlowCounters)> = take_all(flows, "FLOWS")?;
        flows.extend(take_all(overflow, "OVERFLOW")?);
        let processes: Vec<(ProcessKey, ProcessRecord)> = take_all(processes, "PROCESSES")?;
        // A program leaves the snapshot before the row, so those of all rows are there.
        let (snapshots, unreadable_snapshots) = self.take_snapshots();
        flows.extend(self.take_rest(index)?);
        let kept = self.take_totals(index)?;
        let (sent, received) = flows
            .iter()
            .fold((0, 0), |(sent, received), (_key, counters)| {
                (
                    sent + counters.sent_bytes,
                    received + counters.received_bytes,
                )
            });
        Ok(Drained {
            flows,
            processes,
            snapshots,
            unreadable_snapshots,
            missing_sent_bytes: kept.sent_bytes - sent,
            missing_received_bytes: kept.received_bytes - received,
        })
    }

    pub(super) fn losses(&self) -> Result<Vec<(Loss, LossCount)>, KernelError> {
        Loss::ALL
            .into_iter()
            .map(|loss| {
                let values = self
                    .losses
                    .get(&(loss as u32), 0)
                    .map_err(|error| failed("read", "LOSSES", error))?;
                let sum = values
                    .iter()
                    .fold(LossCount::default(), |sum, count| LossCount {
                        events: sum.events + count.events,
                        sent_bytes: sum.sent_bytes + count.sent_bytes,
                        received_bytes: sum.received_bytes + count.received_bytes,
                    });
                Ok((loss, sum))
            })
            .collect()
    }

    /// Has the programs record these processes anew.
    pub(super) fn forget(&mut self, processes: &[ProcessKey]) {
        for process in processes {
            // Those that move few bytes are forgotten by the map itself.
            let _missing = self.known.remove(process);
        }
    }

    /// Those that can be read, and how many cannot.
    fn take_snapshots(&mut self) -> (Vec<Snapshot>, u64) {
        let (mut snapshots, mut unreadable) = (Vec::new(), 0);
        while let Some(record) = self.snapshots.next() {
            match snapshot(&record) {
                Some(snapshot) => snapshots.push(snapshot),
                None => unreadable += 1,
            }
        }
        (snapshots, unreadable)
    }

    /// Takes what there was no room for in any row of a quiet buffer: rows of nobody.
    fn take_rest(&mut self, buffer: u32) -> Result<Vec<(FlowKey, FlowCounters)>, KernelError> {
        let failed = |error| failed("empty", "REST", error);
        let mut rows = Vec::new();
        for protocol in PROTOCOL_NUMBERS {
            let index = buffer * PROTOCOLS + protocol_index(protocol);
            let counters = self.rest.get(&index, 0).map_err(failed)?;
            if counters != FlowCounters::default() {
                self.rest
                    .set(index, FlowCounters::default(), 0)
                    .map_err(failed)?;
                let key = FlowKey {
                    protocol,
                    flags: FLAG_FOLDED,
                    ..FlowKey::ZERO
                };
                rows.push((key, counters));
            }
        }
        Ok(rows)
    }

    /// Reads the sums of a quiet buffer and zeroes them.
    fn take_totals(&mut self, buffer: u32) -> Result<BufferTotals, KernelError> {
        let failed = |error| failed("read", "TOTALS", error);
        let values = self.totals.get(&buffer, 0).map_err(failed)?;
        let sum = values
            .iter()
            .fold(BufferTotals::default(), |sum, cpu| BufferTotals {
                sent_bytes: sum.sent_bytes + cpu.sent_bytes,
                received_bytes: sum.received_bytes + cpu.received_bytes,
            });
        let zero = vec![BufferTotals::default(); values.len()];
        let zero = PerCpuValues::try_from(zero).map_err(|source| KernelError::Map {
            doing: "size",
            map: "TOTALS",
            source,
        })?;
        self.totals.set(buffer, zero, 0).map_err(failed)?;
        Ok(sum)
    }
}

/// A hash map of the object, whose sizes are those of the contract.
fn hash<K: Pod, V: Pod>(ebpf: &mut Ebpf, name: &'static str) -> Result<MapData, KernelError> {
    let map = ebpf.take_map(name).ok_or(missing(name))?;
    // aya compares the sizes.
    HashMap::<_, K, V>::try_from(&map).map_err(|error| failed("use", name, error))?;
    if let Map::HashMap(data) = map {
        Ok(data)
    } else {
        Err(missing(name))
    }
}

/// Takes every row of a map that nobody writes.
fn take_all<K: Pod + Default, V: Pod + Default>(
    map: &MapData,
    name: &'static str,
) -> Result<Vec<(K, V)>, KernelError> {
    let mut rows = Vec::new();
    let mut keys = vec![K::default(); BATCH];
    let mut values = vec![V::default(); BATCH];
    let mut position = None;
    loop {
        let taken = match take_batch(map.fd().as_fd(), &mut position, &mut keys, &mut values) {
            Ok(taken) => taken,
            Err(error) if error.raw_os_error() == Some(libc::ENOSPC) && keys.len() < MAX_BATCH => {
                keys.resize(keys.len() * 2, K::default());
                values.resize(values.len() * 2, V::default());
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => {
                return Err(KernelError::Map {
                    doing: "empty",
                    map: name,
                    source,
                });
            }
        };
        rows.extend(
            keys[..taken]
                .iter()
                .copied()
                .zip(values[..taken].iter().copied()),
        );
        if position.is_none() {
            return Ok(rows);
        }
    }
}

fn typed<T: TryFrom<Map>>(ebpf: &mut Ebpf, name: &'static str) -> Result<T, KernelError> {
    ebpf.take_map(name)
        .and_then(|map| T::try_from(map).ok())
        .ok_or(missing(name))
}

fn missing(name: &'static str) -> KernelError {
    KernelError::MissingInObject {
        kind: "map",
        name: name.to_owned(),
    }
}

fn failed(doing: &'static str, map: &'static str, error: MapError) -> KernelError {
    KernelError::Map {
        doing,
        map,
        source: io::Error::other(error),
    }
}

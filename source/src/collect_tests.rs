//! The tick on a fake kernel.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use nettally_ebpf::flow::{Address, FLAG_UNRESOLVED, ProcessKey, ProcessRecord, protocol};

use super::*;
use crate::config::NameSelection;
use crate::pipeline::testing::assert_source_compliance;
use crate::pipeline::{Degradation, Remote, Source, SourceContext};
use crate::process::testing::{FakeProc, FakeProcess};
use crate::process::{Naming, ProcFolder};

/// A kernel that hands out what a test put in.
#[derive(Clone, Default)]
struct FakeKernel(Arc<Mutex<FakeState>>);

#[derive(Default)]
struct FakeState {
    next: Drained,
    losses: Vec<(Loss, nettally_ebpf::loss::LossCount)>,
    losses_fail: bool,
    forgotten: Vec<ProcessKey>,
}

impl Counters for FakeKernel {
    fn drain(&mut self) -> Result<Drained, KernelError> {
        Ok(std::mem::take(&mut self.0.lock().unwrap().next))
    }

    fn forget(&mut self, processes: &[ProcessKey]) {
        let mut state = self.0.lock().unwrap();
        state.forgotten.extend_from_slice(processes);
    }

    fn losses(&mut self) -> Result<Vec<(Loss, nettally_ebpf::loss::LossCount)>, KernelError> {
        let state = self.0.lock().unwrap();
        if state.losses_fail {
            return Err(KernelError::MalformedBtf("a test"));
        }
        Ok(state.losses.clone())
    }

    fn programs(&mut self) -> Vec<ProgramStats> {
        Vec::new()
    }

    fn degradations(&mut self) -> Vec<Degradation> {
        Vec::new()
    }

    fn missed_calls(&self, programs: &[ProgramStats]) -> u64 {
        programs
            .iter()
            .map(|program| program.recursion_misses)
            .sum()
    }

    fn flow_table_entries(&self) -> u32 {
        64
    }

    fn load_ms(&self) -> f64 {
        1.5
    }

    fn backend(&self) -> &'static str {
        "fake"
    }

    fn release(&self) -> &str {
        "0.0"
    }
}

impl FakeKernel {
    fn collector(&self, exclude: &[&str]) -> Collector {
        self.collector_of(ProcFolder::new("/nonexistent"), exclude, true)
    }

    fn collector_of(&self, proc: ProcFolder, exclude: &[&str], tunnels: bool) -> Collector {
        let exclude = exclude.iter().map(|&glob| glob.to_owned()).collect();
        let names = NameSelection {
            include: Vec::new(),
            exclude,
        };
        Collector::new(
            "network".to_owned(),
            Box::new(self.clone()),
            ProcessTable::new(proc, Naming::default(), 65_536),
            Selection::new(&names, tunnels).unwrap(),
            clocks(0),
        )
    }

    fn moved(&self, flows: Vec<(FlowKey, FlowCounters)>, names: &[(u32, &str)]) {
        let processes = names
            .iter()
            .map(|&(tgid, name)| (process(tgid), record(name)))
            .collect();
        let next = Drained {
            flows,
            processes,
            ..Drained::default()
        };
        self.0.lock().unwrap().next = next;
    }
}

fn clocks(seconds: u32) -> Clocks {
    Clocks {
        wall: Timestamp::from_second(1_000_000 + i64::from(seconds)).unwrap(),
        monotonic_ns: u64::from(seconds) * 1_000_000_000,
    }
}

fn process(tgid: u32) -> ProcessKey {
    ProcessKey {
        start_boottime: 5,
        tgid,
        exec_id: 0,
    }
}

fn record(name: &str) -> ProcessRecord {
    let mut comm = [0; 16];
    comm[..name.len()].copy_from_slice(name.as_bytes());
    ProcessRecord {
        comm,
        uid: u32::MAX - 7,
        parent_tgid: 1,
        ..ProcessRecord::default()
    }
}

fn flow(tgid: u32, sent_bytes: i64, received_bytes: i64) -> (FlowKey, FlowCounters) {
    let mut remote_address = [0; 16];
    remote_address[10..].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 1]);
    let key = FlowKey {
        process: process(tgid),
        remote_address: Address::from_octets(remote_address),
        remote_port: 443,
        local_port: 50_000,
        protocol: protocol::TCP,
        ..FlowKey::default()
    };
    (
        key,
        FlowCounters {
            sent_bytes,
            received_bytes,
            ..FlowCounters::default()
        },
    )
}

fn batch(collector: &mut Collector, seconds: u32) -> Arc<UsageBatch> {
    let events = collector.tick(|| clocks(seconds)).unwrap();
    let [Event::Usage(batch), Event::Health(_)] = events.as_slice() else {
        panic!("{events:?}");
    };
    Arc::clone(batch)
}

#[test]
fn bytes_without_a_row_of_their_own_are_of_others_and_not_of_somebody_unknown() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    let (_key, counters) = flow(0, 70, 7);
    let key = FlowKey {
        protocol: protocol::TCP,
        flags: FLAG_FOLDED,
        ..FlowKey::ZERO
    };
    kernel.moved(vec![(key, counters)], &[]);
    let batch = batch(&mut collector, 1);
    let [usage] = batch.usage.as_slice() else {
        panic!("{batch:?}")
    };
    assert_eq!(usage.process.name, "[others]");
    assert_eq!(usage.remote, Remote::Other);
    assert_eq!((usage.sent_bytes, usage.received_bytes), (70, 7));
    assert_eq!(
        batch.losses.get(LossReason::ProcessUnknown),
        LossCount::default()
    );
}

#[test]
fn a_row_becomes_usage_of_a_named_process() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    kernel.moved(vec![flow(7, 100, 20)], &[(7, "curl")]);
    let batch = batch(&mut collector, 1);
    let [usage] = batch.usage.as_slice() else {
        panic!("{batch:?}")
    };
    assert_eq!(usage.process.name, "curl");
    assert_eq!((usage.sent_bytes, usage.received_bytes), (100, 20));
    assert_eq!(
        usage.remote,
        Remote::Address {
            ip: [10, 0, 0, 1].into(),
            port: 443
        }
    );
    assert_eq!(
        (batch.window.start, batch.window.end),
        (clocks(0).wall, clocks(1).wall)
    );
    assert!(batch.losses.is_empty());
}

#[test]
fn an_excluded_name_is_not_reported() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&["cu*"]);
    kernel.moved(
        vec![flow(7, 100, 20), flow(8, 1, 1)],
        &[(7, "curl"), (8, "wget")],
    );
    let batch = batch(&mut collector, 1);
    assert_eq!(batch.usage.len(), 1);
    assert_eq!(batch.usage[0].process.name, "wget");
}

#[test]
fn tunnels_are_left_out_where_they_are_not_wanted() {
    let proc = FakeProc::new();
    proc.write("misc", "200 tun\n");
    let openvpn = FakeProcess {
        name: "openvpn",
        files: &["/dev/null", "/dev/net/tun"],
        ..FakeProcess::default()
    };
    proc.add(7, &openvpn);
    for (tunnels, expected) in [(true, &["openvpn", "wget"][..]), (false, &["wget"])] {
        let kernel = FakeKernel::default();
        let mut collector = kernel.collector_of(proc.folder(), &[], tunnels);
        kernel.moved(
            vec![flow(7, 100, 20), flow(8, 1, 1)],
            &[(7, "openvpn"), (8, "wget")],
        );
        let batch = batch(&mut collector, 1);
        let names: Vec<_> = batch
            .usage
            .iter()
            .map(|usage| &*usage.process.name)
            .collect();
        assert_eq!(names, expected);
    }
}

#[test]
fn losses_of_a_window_are_what_was_added_since_the_last() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    let lost = |events, sent_bytes| nettally_ebpf::loss::LossCount {
        events,
        sent_bytes,
        received_bytes: 0,
    };
    kernel.0.lock().unwrap().losses = vec![(Loss::FlowsFull, lost(2, 300))];
    let first = batch(&mut collector, 1).losses.get(LossReason::FlowsFull);
    kernel.0.lock().unwrap().losses = vec![(Loss::FlowsFull, lost(3, 350))];
    let second = batch(&mut collector, 2).losses.get(LossReason::FlowsFull);
    assert_eq!((first.events, first.sent_bytes), (2, 300));
    assert_eq!((second.events, second.sent_bytes), (1, 50));
    assert_eq!(collector.losses.get(LossReason::FlowsFull).sent_bytes, 350);
}

#[test]
fn a_process_without_a_name_keeps_its_bytes_and_is_counted() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    kernel.moved(vec![flow(7, 100, 20)], &[]);
    let batch = batch(&mut collector, 1);
    assert_eq!(batch.usage[0].sent_bytes, 100);
    assert_eq!(batch.losses.get(LossReason::ProcessUnknown).sent_bytes, 100);
}

#[test]
fn rows_that_a_drain_missed_are_counted() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    kernel.0.lock().unwrap().next = Drained {
        missing_sent_bytes: 5,
        ..Drained::default()
    };
    let lost = batch(&mut collector, 1)
        .losses
        .get(LossReason::DrainMismatch);
    assert_eq!(
        (lost.events, lost.sent_bytes, lost.received_bytes),
        (1, 5, 0)
    );
}

#[test]
fn an_unknown_remote_is_said_to_be_unresolved() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    let (key, counters) = flow(7, 100, 20);
    let key = FlowKey {
        flags: FLAG_UNRESOLVED,
        remote_address: Address::default(),
        remote_port: 0,
        ..key
    };
    kernel.moved(vec![(key, counters)], &[(7, "dig")]);
    assert_eq!(batch(&mut collector, 1).usage[0].remote, Remote::Unresolved);
}

#[test]
fn an_unlikely_protocol_number_is_a_loss_not_a_panic() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    let (key, counters) = flow(7, 100, 20);
    kernel.moved(
        vec![(
            FlowKey {
                protocol: 99,
                ..key
            },
            counters,
        )],
        &[(7, "x")],
    );
    let batch = batch(&mut collector, 1);
    assert!(batch.usage.is_empty());
    assert_eq!(batch.losses.get(LossReason::DrainMismatch).sent_bytes, 100);
}

#[test]
fn what_nobody_took_is_said_with_the_next_window() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    kernel.moved(vec![flow(7, 100, 20)], &[(7, "curl")]);
    let events = collector.tick(|| clocks(1)).unwrap();
    collector.not_delivered(&events);
    // Were it the last, the log would have it.
    let at_the_end = collector.all_losses();
    let window = batch(&mut collector, 2).losses.clone();
    for losses in [at_the_end, window, collector.all_losses()] {
        let lost = losses.get(LossReason::NotDelivered);
        assert_eq!(
            (lost.events, lost.sent_bytes, lost.received_bytes),
            (1, 100, 20)
        );
    }
}

#[test]
fn nothing_is_taken_while_losses_cannot_be_read() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    kernel.moved(vec![flow(7, 100, 20)], &[(7, "curl")]);
    kernel.0.lock().unwrap().losses_fail = true;
    assert!(collector.tick(|| clocks(1)).is_err());
    kernel.0.lock().unwrap().losses_fail = false;
    assert_eq!(batch(&mut collector, 2).usage[0].sent_bytes, 100);
}

#[test]
fn a_record_of_a_process_that_cannot_be_read_is_a_loss() {
    let kernel = FakeKernel::default();
    let mut collector = kernel.collector(&[]);
    kernel.0.lock().unwrap().next.unreadable_snapshots = 2;
    collector.tick(|| clocks(1)).unwrap();
    let missed = collector.losses.get(LossReason::SnapshotMissed);
    assert_eq!(missed.events, 2);
}

#[tokio::test(start_paused = true)]
async fn the_source_keeps_to_what_every_source_must() {
    let kernel = FakeKernel::default();
    let outcome = assert_source_compliance(
        async |context| {
            let SourceContext { shutdown, out, .. } = context;
            let collector = kernel.collector(&[]);
            let interval = Duration::from_secs(1);
            let source = crate::source::run(collector, interval, shutdown, out);
            Ok(Box::pin(source) as Source)
        },
        async || {
            for second in 1..=3 {
                kernel.moved(vec![flow(7, 100 * second, 20)], &[(7, "curl")]);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        },
    )
    .await;
    assert!(outcome.batches.len() >= 3, "{outcome:?}");
}

#[cfg(feature = "real-kernel")]
#[tokio::test(flavor = "multi_thread")]
async fn on_a_real_kernel_the_source_keeps_to_what_every_source_must() {
    use crate::ProcessNetworkConfig;
    use crate::pipeline::SourceConfig as _;

    let config = ProcessNetworkConfig {
        scrape_interval_secs: 0.2,
        ..ProcessNetworkConfig::default()
    };
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let outcome = assert_source_compliance(
        |context| config.build(context),
        async || {
            for _ in 0..10 {
                sender
                    .send_to(&[0; 100], receiver.local_addr().unwrap())
                    .unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        },
    )
    .await;
    let own = outcome.batches.iter().flat_map(|batch| &batch.usage);
    let own = own.filter(|row| row.process.id.pid == std::process::id());
    assert!(own.map(|row| row.sent_bytes).sum::<u64>() >= 1000);
}

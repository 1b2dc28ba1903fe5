//! What counting costs. Prints figures and judges none: they depend on the machine and its day.
//!
//! Paired: every repetition measures all workloads without and with the probes, in an order that
//! alternates, so that a slow minute of the machine falls on both. Run by `cargo xtask bench`.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

mod daemon_cost;
mod probes;
mod statistics;
mod workloads;

use std::time::Duration;

use clap::Parser;

use nettally_integration_tests::harness::require_root;
use probes::Probes;
use statistics::Quartiles;
use workloads::{WORKLOADS, Workload};

/// What counting costs.
#[derive(Parser)]
struct Arguments {
    /// Pairs of slices for each workload.
    #[arg(long, default_value_t = 15)]
    repetitions: usize,
    /// Length of a slice.
    #[arg(long, default_value_t = 250)]
    slice_ms: u64,
    /// How long to watch the daemon.
    #[arg(long, default_value_t = 20)]
    daemon_secs: u64,
}

fn main() -> anyhow::Result<()> {
    let Arguments {
        repetitions,
        slice_ms,
        daemon_secs,
    } = Arguments::parse();
    require_root();
    let slice = Duration::from_millis(slice_ms);
    calls(repetitions, slice)?;
    programs(slice)?;
    daemon_cost::print(Duration::from_secs(daemon_secs))
}

/// Time of an operation without and with probes.
fn calls(repetitions: usize, slice: Duration) -> anyhow::Result<()> {
    let mut without = vec![Vec::new(); WORKLOADS.len()];
    let mut with = without.clone();
    for repetition in 0..repetitions {
        let probes_first = repetition % 2 == 1;
        for attached in [probes_first, !probes_first] {
            let probes = attached.then(Probes::attach).transpose()?;
            let samples = if attached { &mut with } else { &mut without };
            for (workload, samples) in WORKLOADS.iter().zip(samples) {
                samples.push((workload.run)(slice)?);
            }
            probes.map(Probes::detach).transpose()?;
        }
    }
    println!(
        "{:34} {:>20} {:>20} {:>12} {:>6}",
        "ns per operation (quartiles)", "without", "with", "paired ratio", "P9"
    );
    for (index, Workload { name, p9, .. }) in WORKLOADS.iter().enumerate() {
        let (without, with) = (&without[index], &with[index]);
        let ratios: Vec<f64> = without.iter().zip(with).map(|(a, b)| b / a).collect();
        let ratio = Quartiles::of(&ratios);
        let p9 = p9.map_or_else(String::new, |p9| format!("{p9:.2}"));
        println!(
            "{name:34} {:>20} {:>20} {:>5.2} \u{b1}{:>4.2} {p9:>6}",
            Quartiles::of(without).to_string(),
            Quartiles::of(with).to_string(),
            ratio.median,
            (ratio.upper - ratio.lower) / 2.0,
        );
    }
    Ok(())
}

/// Run time of each program, as the kernel measures it.
fn programs(slice: Duration) -> anyhow::Result<()> {
    let statistics = probes::KernelStatistics::enable()?;
    println!("\nkernel run time of the programs (an empty program shows about 29 ns)");
    for Workload { name, run, .. } in WORKLOADS {
        let probes = Probes::attach()?;
        let before = probes.program_stats()?;
        run(slice)?;
        let after = probes.program_stats()?;
        probes.detach()?;
        println!("{name}");
        for (hook, (runs, nanoseconds)) in after {
            let (runs_before, nanoseconds_before) = before.get(&hook).copied().unwrap_or_default();
            let (runs, nanoseconds) = (runs - runs_before, nanoseconds - nanoseconds_before);
            if runs > 0 {
                let each = statistics::ratio(nanoseconds, runs);
                println!("    {hook:30} {runs:>10} runs {each:>8.0} ns each");
            }
        }
    }
    drop(statistics);
    Ok(())
}

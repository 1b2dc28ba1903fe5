//! `cargo xtask test`: everything that must hold, in steps, cheapest first.
//!
//! [`steps`] is the list; [`tally`] reads what the test programs print; [`embedding`],
//! [`licences`] and [`packages`] are steps of more than one line.

mod embedding;
mod licences;
mod packages;
mod steps;
mod tally;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::shell::shown;
use steps::{STEPS, Step};
use tally::Tally;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these steps.
    #[arg(long, value_name = "STEP", num_args = 1.., value_delimiter = ',')]
    only: Vec<String>,
    /// Print the steps and do nothing.
    #[arg(long)]
    list: bool,
}

/// How a step ended.
struct Outcome {
    step: &'static Step,
    tally: Tally,
    took: Duration,
    failure: Option<String>,
}

pub(crate) fn test(arguments: &Arguments) -> Result<()> {
    let Arguments { only, list } = arguments;
    if *list {
        for Step { name, what, .. } in STEPS {
            println!("{name:14} {what}");
        }
        return Ok(());
    }
    if let Some(unknown) = only
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != name.as_str()))
    {
        bail!("no step `{unknown}`; `cargo xtask test --list` prints them");
    }
    let wanted = STEPS
        .iter()
        .filter(|step| only.is_empty() || only.iter().any(|name| name == step.name));
    let outcomes: Vec<Outcome> = wanted.map(run_step).collect();
    summary(&outcomes)
}

fn run_step(step: &'static Step) -> Outcome {
    println!("\n=== {}: {}", step.name, step.what);
    let start = Instant::now();
    let result = (step.run)();
    let took = start.elapsed();
    let (tally, failure) = match result {
        Ok(tally) => {
            let complaint = tally.complaint(step.kind);
            (tally, complaint)
        }
        Err(error) => (Tally::default(), Some(format!("{error:#}"))),
    };
    match &failure {
        None => println!("=== {}: ok in {:.1} s", step.name, took.as_secs_f64()),
        Some(failure) => println!(
            "=== {}: FAILED in {:.1} s: {failure}",
            step.name,
            took.as_secs_f64()
        ),
    }
    Outcome {
        step,
        tally,
        took,
        failure,
    }
}

/// What failed, the table of steps, and the sum. A step without tests of its own counts as one.
fn summary(outcomes: &[Outcome]) -> Result<()> {
    // Said again: whoever looks at the end of a long log wants no more than this.
    for Outcome { step, tally, .. } in outcomes {
        if !tally.said.is_empty() {
            println!("\n=== what failed in {}", step.name);
            tally.said.iter().for_each(|line| println!("{line}"));
        }
    }
    println!(
        "\n{:14} {:>8} {:>7} {:>7} {:>8}  ",
        "step", "seconds", "passed", "failed", "skipped"
    );
    let mut sum = Tally::default();
    for Outcome {
        step,
        tally,
        took,
        failure,
    } in outcomes
    {
        let mut tally = tally.clone();
        match failure {
            None if tally == Tally::default() => tally.passed = 1,
            Some(_) if tally.failed == 0 => tally.failed = 1,
            None | Some(_) => {}
        }
        let Tally {
            passed,
            failed,
            skipped,
            said: _,
        } = tally;
        sum += tally;
        let verdict = failure.as_deref().unwrap_or("ok");
        let seconds = took.as_secs_f64();
        println!(
            "{:14} {seconds:>8.1} {passed:>7} {failed:>7} {skipped:>8}  {verdict}",
            step.name
        );
    }
    let failed_steps = outcomes.iter().any(|outcome| outcome.failure.is_some());
    println!("\n{} passed, {} failed", sum.passed, sum.failed);
    if failed_steps {
        bail!("not everything holds");
    }
    Ok(())
}

/// Runs a command and adds up what test programs print, which is shown as it comes.
fn tallied(command: &mut Command) -> Result<Tally> {
    println!("$ {}", shown(command));
    let (tally, status) = tally::follow(command)?;
    if !status.success() && tally.failed == 0 {
        bail!("{}: {status}", shown(command));
    }
    Ok(tally)
}

/// Runs a command that has no tests in it.
fn checked(command: &mut Command) -> Result<Tally> {
    println!("$ {}", shown(command));
    crate::shell::run(command)?;
    Ok(Tally::default())
}

//! Moves bytes, and prints one line of JSON for each process and remote: what the system calls
//! returned.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use nettally_integration_tests::traffic::place::Place;
use nettally_integration_tests::traffic::{Case, Lack, cases, churn, drip, held, program, storm};
use serde_json::json;

/// Moves bytes of known number.
#[derive(Parser)]
struct Arguments {
    /// IPv4 address that servers listen on.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    ipv4: Ipv4Addr,
    /// IPv6 address that servers listen on.
    #[arg(long, default_value_t = Ipv6Addr::LOCALHOST)]
    ipv6: Ipv6Addr,
    /// Network namespace that servers are in, as `ip netns` names it.
    #[arg(long)]
    namespace: Option<String>,
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// One after the other, all cases or the ones named, but not what this kernel cannot do.
    Cases { names: Vec<String> },
    /// All cases: name, title, and what this kernel lacks for it.
    List {
        /// One object for each line.
        #[arg(long)]
        json: bool,
    },
    /// Many processes that live for a few milliseconds each.
    Storm { count: u32 },
    /// On and on until killed; the sum so far is in the file.
    Drip {
        name: String,
        bytes: usize,
        interval_ms: u64,
        progress: PathBuf,
    },
    /// One case whose connections stay open until standard input ends.
    Held { name: String },
    /// Sends, and at each line of standard input becomes the next of these programs and sends.
    Exec { programs: Vec<PathBuf> },
    /// All kinds at once.
    Churn { seconds: f64 },
}

fn main() -> io::Result<()> {
    let Arguments {
        ipv4,
        ipv6,
        namespace,
        kind,
    } = Arguments::parse();
    let place = Place {
        ipv4,
        ipv6,
        namespace,
    };
    match kind {
        Kind::Cases { names } => run_cases(&names, &place),
        Kind::List { json } => list(json),
        Kind::Storm { count } => storm::run(count, &place),
        Kind::Drip {
            name,
            bytes,
            interval_ms,
            progress,
        } => drip::run(
            &name,
            bytes,
            Duration::from_millis(interval_ms),
            &progress,
            &place,
        ),
        Kind::Held { name } => held::run(&name, &place),
        Kind::Exec { programs } => program::run(&programs, &place),
        Kind::Churn { seconds } => churn::run(Duration::from_secs_f64(seconds), &place),
    }
}

fn run_cases(names: &[String], place: &Place) -> io::Result<()> {
    let is_known = |name: &&String| cases().any(|case| case.name == *name);
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        return Err(io::Error::other(format!("no case {name}")));
    }
    for case in cases().filter(|case| names.is_empty() || names.iter().any(|n| n == case.name)) {
        match (case.needs)() {
            Ok(()) => (case.run)(case.name, place)?,
            Err(Lack(sentence)) => writeln!(io::stderr(), "{} left out: {sentence}", case.name)?,
        }
    }
    Ok(())
}

fn list(as_json: bool) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for &Case {
        name, title, needs, ..
    } in cases()
    {
        let lack = needs().err().map(|Lack(sentence)| sentence);
        if as_json {
            let line = json!({ "name": name, "title": title, "lack": lack });
            writeln!(output, "{line}")?;
        } else {
            let lack = lack.unwrap_or_default();
            writeln!(output, "{name:14} {title:45} {lack}")?;
        }
    }
    Ok(())
}

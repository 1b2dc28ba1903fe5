//! Chores that take their time and are no part of `cargo xtask test`.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::setup;
use crate::shell::{cargo, run, workspace};

const PACKAGE: [&str; 2] = ["--package", "nettally-integration-tests"];

/// `cargo xtask bench`
pub(crate) fn bench(options: &[String]) -> Result<()> {
    benchmark("bench", options)
}

/// `cargo xtask latency`
pub(crate) fn latency(options: &[String]) -> Result<()> {
    setup::load_generator()?;
    if options.iter().any(|option| {
        option == "--help" || option == "--history" || option.starts_with("--history=")
    }) {
        return benchmark("latency", options);
    }
    let folder = workspace().join("target/history");
    let history = folder.join("year.db");
    if !history.exists() {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        run(cargo("run")
            .args(["--release", "--quiet", "--package", "nettally-sqlite-sink"])
            .args(["--example", "year", "--", "--days", "30"])
            .args(["--rows", "4000000", "--design-rows", "0", "--folder"])
            .arg(&folder))?;
    }
    let history = history.display().to_string();
    benchmark(
        "latency",
        &[options, &["--history".to_owned(), history]].concat(),
    )
}

/// A program of ours that prints figures.
fn benchmark(name: &str, options: &[String]) -> Result<()> {
    // It starts programs that lie beside it.
    run(cargo("build")
        .args(["--release", "--quiet"])
        .args(PACKAGE)
        .args(["--features", "bench", "--bins"]))?;
    run(cargo("run")
        .args(["--release", "--quiet"])
        .args(PACKAGE)
        .args(["--features", "bench", "--bin", name, "--"])
        .args(options))
}

/// `cargo xtask soak`
pub(crate) fn soak(seconds: u64) -> Result<()> {
    run(cargo("test")
        .args(PACKAGE)
        .args(["--features", "real-kernel", "--test", "real_kernel"])
        .args(["--", "--nocapture", "churn"])
        .env("NETTALLY_CHURN_SECONDS", seconds.to_string()))?;
    run(cargo("test")
        .args(["--package", "nettally", "--lib", "--", "--nocapture"])
        .arg("dead_servers_cost_neither_time_nor_memory")
        .env("NETTALLY_DEAD_SINK_SECONDS", seconds.max(600).to_string()))?;
    run(cargo("test")
        .args(["--package", "nettally-sqlite-sink", "--test", "kill"])
        .args(["--", "--nocapture"])
        .env("NETTALLY_KILLS", "200"))?;
    run(browser("browser", "does_not_grow").env("NETTALLY_PAGE_SECONDS", "3600"))
}

/// `cargo xtask screenshots`
pub(crate) fn screenshots(of_the_readme: bool) -> Result<()> {
    let name = match of_the_readme {
        true => "pictures_that_the_readme_shows",
        false => "pictures_of_every_view",
    };
    run(&mut browser("screenshots", name))
}

/// Tests of the page.
fn browser(feature: &str, name: &str) -> Command {
    let mut command = cargo("test");
    command
        .args(PACKAGE)
        .args(["--features", feature, "--test", "browser"])
        .args(["--", "--nocapture", name]);
    command
}

//! `chaos`: tries the arms one after the other, and prints what came of it. `cargo xtask chaos` builds what it needs and runs it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos::choice::{Arms, Extent};
use chaos::report::Outcome;
use chaos::schedule::Calm;
use chaos::stage::Stage;
use chaos::trial::Progress;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use rand::RngExt as _;
use tokio::signal::unix::{SignalKind, signal};

/// How long nothing happens between two faults.
const CALM: Calm = Calm(Duration::from_millis(500), Duration::from_millis(2500));

/// Checks under random faults that the cache never hides an acknowledged write.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long the API and the library are tried, each
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Ends an arm after so many checked reads
    #[arg(long)]
    reads: Option<u64>,
    /// Repeats the faults of another run, in order and duration
    #[arg(long)]
    seed: Option<u64>,
    /// What is tried
    #[arg(long, value_enum, default_value_t = Arms::All)]
    arm: Arms,
    /// Against a Redis Cluster of three shards, with shards failed over and slots moved
    #[arg(long)]
    cluster: bool,
    /// Keeps every figure in this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.context("cannot start").and_then(|runtime| runtime.block_on(run(&arguments)));
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let [mut interrupt, mut terminate] = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    tokio::select! {
        outcomes = try_all(arguments) => conclude(arguments, &outcomes?),
        // Dropped, the trial takes its servers along.
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(130)),
    }
}

async fn try_all(arguments: &Arguments) -> Result<Vec<Outcome>> {
    let seed = arguments.seed.unwrap_or_else(|| rand::rng().random::<u32>().into());
    println!("seed {seed}");
    let stage = Stage::set_up(arguments.cluster).await?;
    let after = Duration::from_secs_f64(60.0 * arguments.minutes);
    let extent = Extent { after, reads: arguments.reads, calm: CALM };
    let mut outcomes = Vec::new();
    for arm in arguments.arm.in_order() {
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{spinner} {msg}")?);
        bar.enable_steady_tick(Duration::from_millis(100));
        let outcome = arm.run(&stage, extent, seed, |progress| bar.set_message(line(arm.name(), progress))).await?;
        bar.finish_and_clear();
        println!("{}\n{outcome}", arm.name());
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn line(arm: &str, progress: Progress<'_>) -> String {
    let Progress { elapsed, fault, checker } = progress;
    let [reads, failed, writes] = [&checker.tally.reads, &checker.tally.failed_reads, &checker.tally.writes]
        .map(|counter| counter.load(std::sync::atomic::Ordering::Relaxed));
    let (seconds, violations) = (elapsed.as_secs(), checker.violations());
    format!(
        "{arm} {seconds} s: {reads} reads, {failed} without an answer, {writes} writes, {violations} violations · {fault}"
    )
}

fn conclude(arguments: &Arguments, outcomes: &[Outcome]) -> Result<ExitCode> {
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(outcomes)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("every figure is in {}", file.display());
    }
    let failed: Vec<_> = outcomes.iter().filter_map(Outcome::failure).collect();
    for failure in &failed {
        eprintln!("✗ {failure}");
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

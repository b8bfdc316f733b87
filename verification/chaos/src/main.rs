//! The program `chaos`. It runs the targets one after the other, and prints the outcomes. `cargo
//! xtask chaos` builds the functions and this program, and runs it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program writes to the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos::counts::Counts;
use chaos::report::Outcome;
use chaos::run::Progress;
use chaos::schedule::QuietPeriod;
use chaos::system::System;
use chaos::workload::{Limits, TargetKind};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use rand::RngExt as _;
use tokio::signal::unix::{SignalKind, signal};

/// The shortest and the longest time between two faults.
const QUIET_PERIOD: QuietPeriod = QuietPeriod { min: Duration::from_millis(500), max: Duration::from_millis(2500) };

/// Checks under random faults that the cache never hides an acknowledged write.
#[derive(Debug, Parser)]
struct Arguments {
    /// The duration of the run of the API and of the library, in minutes
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Ends the run of a target after this many checked reads
    #[arg(long)]
    reads: Option<u64>,
    /// Repeats the faults of the run with this seed, in the same order and with the same durations
    #[arg(long)]
    seed: Option<u64>,
    /// The target to run
    #[arg(long, value_enum, default_value_t = Selection::All)]
    target: Selection,
    /// Runs against a Redis Cluster of three shards, with failovers and slot migrations
    #[arg(long)]
    cluster: bool,
    /// Writes the outcomes to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The values of `--target`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Selection {
    /// The functions, behind the emulator
    Api,
    /// The crate `shared` in this process
    Library,
    /// Plain cache-aside, until a violation is found
    Naive,
    /// All targets, one after the other
    All,
}

impl Selection {
    fn targets(self) -> &'static [TargetKind] {
        match self {
            Self::Api => &[TargetKind::Api],
            Self::Library => &[TargetKind::Library],
            Self::Naive => &[TargetKind::Naive],
            Self::All => &[TargetKind::Naive, TargetKind::Api, TargetKind::Library],
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended =
        runtime.context("cannot start the asynchronous runtime").and_then(|runtime| runtime.block_on(run(&arguments)));
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let [mut interrupt, mut terminate] = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    tokio::select! {
        outcomes = run_targets(arguments) => report_outcomes(arguments, &outcomes?),
        // Dropping the future stops the servers of the run.
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(130)),
    }
}

async fn run_targets(arguments: &Arguments) -> Result<Vec<Outcome>> {
    let seed = arguments.seed.unwrap_or_else(|| rand::rng().random::<u32>().into());
    println!("seed {seed}");
    let system = System::start(arguments.cluster).await?;
    let after = Duration::from_secs_f64(60.0 * arguments.minutes);
    let limits = Limits { after, reads: arguments.reads, minimum: Counts::default(), quiet_period: QUIET_PERIOD };
    let mut outcomes = Vec::new();
    for target in arguments.target.targets() {
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{spinner} {msg}")?);
        bar.enable_steady_tick(Duration::from_millis(100));
        let report = |progress: Progress<'_>| bar.set_message(status_line(target.name(), progress));
        let outcome = target.run(&system, limits, seed, report).await?;
        bar.finish_and_clear();
        println!("{}\n{outcome}", target.name());
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn status_line(target: &str, progress: Progress<'_>) -> String {
    let Progress { elapsed, fault, counts } = progress;
    let Counts { reads, failed_reads, writes, violations, .. } = counts;
    let seconds = elapsed.as_secs();
    format!(
        "{target} {seconds} s: {reads} reads, {failed_reads} without a response, {writes} writes, {violations} violations · {fault}"
    )
}

fn report_outcomes(arguments: &Arguments, outcomes: &[Outcome]) -> Result<ExitCode> {
    if let Some(file) = &arguments.json {
        std::fs::write(file, serde_json::to_string_pretty(outcomes)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("wrote the outcomes to {}", file.display());
    }
    let failed: Vec<_> = outcomes.iter().filter_map(Outcome::failure).collect();
    for failure in &failed {
        eprintln!("✗ {failure}");
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

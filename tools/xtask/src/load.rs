//! `cargo xtask load`: a working day at a constant rate of arrival, with the cache and without, and then more than the machine can take.
//!
//! Requests are sent by [oha](https://github.com/hatoo/oha) when they are due, whether or not the ones before were answered, and a
//! latency begins when its request was due: a service that stalls cannot hide it by keeping its clients waiting (Gil Tene, "How NOT to
//! measure latency", 2013). Everything runs on this machine: the clients, the gateway, the functions in release, Postgres and Redis.

mod day;
mod oha;
mod people;
mod phase;
mod report;
mod stage;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use dev_servers::Server;

use self::phase::{Outcome, Phase};
use self::report::Report;
use self::stage::Stage;
use crate::machine;
use crate::servers;
use crate::stop::StopRequests;
use crate::workspace::Workspace;

/// How long a rate is tried in the search for the knee.
const STEP: Duration = Duration::from_secs(10);
/// How long it is too much, at most.
const BEYOND: Duration = Duration::from_secs(60);
/// From one rate to the next.
const FASTER: f64 = 1.5;

/// How much of a day, and how busy.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Requests due in a second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    rate: u32,
    /// Seconds that each part of the day takes: in a short one, the first visits find nothing in the cache too often.
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u32).range(10..=3_600))]
    duration: u32,
    /// How many people share the requests. One may send 30 messages a minute: for each three requests a second there should be one.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=100))]
    people: u16,
    /// Cargo's profile; only the figures of `release` mean anything, another one shows in less time that this works.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Keeps the figures in this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    tokio::select! {
        report = day(workspace, arguments) => {
            let report = report?;
            println!("\n{report}");
            if let Some(file) = &arguments.json {
                std::fs::write(file, report.raw().to_string()).with_context(|| format!("cannot write {}", file.display()))?;
                println!("the figures are in {}", file.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        () = stop.next() => {
            println!("stopping");
            // What a shell reports for a command that Ctrl-C ended.
            Ok(ExitCode::from(130))
        }
    }
}

async fn day(workspace: &Workspace, arguments: &Arguments) -> Result<Report> {
    servers::install(&[Server::Postgres, Server::Redis])?;
    let oha = oha::ensure(workspace).await?;
    let stage = Stage::prepare(workspace, oha, &arguments.profile, arguments.people).await?;
    let load = machine::load_average();
    let (rate, length) = (f64::from(arguments.rate), Duration::from_secs(arguments.duration.into()));
    let part = |name: &str| Phase { name: name.to_owned(), rate, length, gzip: true };

    let cached = stage.open(true).await?;
    let with_cache = cached.play(part("with the cache")).await?;
    let plain = cached.play(Phase { gzip: false, ..part("without gzip") }).await?;
    let uncached = stage.open(false).await?;
    let without_cache = uncached.play(part("without the cache")).await?;
    uncached.close().await;
    let steps = climb(&cached, rate).await?;
    let tried = [&with_cache].into_iter().chain(&steps);
    let knee = tried.filter(|outcome| outcome.keeps_up()).map(|outcome| outcome.phase.rate).reduce(f64::max);
    let beyond = Phase { rate: 2.0 * knee.unwrap_or(rate), length: length.min(BEYOND), ..part("twice the knee") };
    let beyond = cached.play(beyond).await?;
    // At once, with what the crowd has left in the cache.
    let after = cached.go_on(Phase { length: STEP, ..part("and after it") }).await?;
    cached.close().await;

    Ok(Report {
        machine: machine::describe(),
        versions: stage.versions.clone(),
        profile: arguments.profile.clone(),
        people: arguments.people,
        load: (load, machine::load_average()),
        with_cache,
        plain,
        without_cache,
        steps,
        knee,
        beyond,
        after,
    })
}

/// Raises the rate until it is too much twice in a row: what befalls the machine for a moment is not its limit.
async fn climb(open: &stage::Open<'_>, from: f64) -> Result<Vec<Outcome>> {
    let mut steps: Vec<Outcome> = Vec::new();
    let mut rate = from;
    loop {
        rate *= FASTER;
        for _ in 0..2 {
            let step = Phase { name: "in search of the knee".to_owned(), rate, length: STEP, gzip: true };
            steps.push(open.play(step).await?);
            if steps.last().is_some_and(Outcome::keeps_up) {
                break;
            }
        }
        if !steps.last().is_some_and(Outcome::keeps_up) {
            return Ok(steps);
        }
    }
}

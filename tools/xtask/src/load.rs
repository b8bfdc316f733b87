//! `cargo xtask load`: simulates a working day at a constant arrival rate, with and without the
//! cache, and then an overload.
//!
//! [oha](https://github.com/hatoo/oha) sends each request when it is due, even if earlier requests
//! have no response yet. It measures each latency from the time that the request was due. A service
//! that stalls cannot hide this by keeping its clients waiting (Gil Tene, "How NOT to measure
//! latency", 2013). Everything runs on this machine: the clients, the gateway, the functions in
//! release, Postgres and Redis.

mod fixture;
mod oha;
mod phase;
mod report;
mod summary;
mod users;
mod workload;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use dev_servers::Server;

use self::fixture::{Api, Fixture};
use self::phase::{Outcome, Phase};
use self::report::Report;
use crate::measurement::{self, Conditions, machine};
use crate::servers;
use crate::workspace::Workspace;

/// The length of a phase in the search for the highest sustained rate, the knee.
const STEP: Duration = Duration::from_secs(10);
/// The longest duration of the overload phase.
const OVERLOAD: Duration = Duration::from_secs(60);
/// The factor from one rate to the next in the search for the knee.
const RATE_FACTOR: f64 = 1.5;

/// Options of `cargo xtask load`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Number of requests due per second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    rate: u32,
    /// Length of each phase in seconds. In a short phase, too many requests are first visits that
    /// miss the cache.
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u32).range(10..=3_600))]
    duration: u32,
    /// Number of users that share the requests. A user may send 30 messages per minute, so use at
    /// least one user for every three requests per second.
    #[arg(long, alias = "people", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=100))]
    users: u16,
    #[command(flatten)]
    options: measurement::Options,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    measurement::run(&arguments.options, Box::pin(measure(workspace, arguments))).await
}

async fn measure(workspace: &Workspace, arguments: &Arguments) -> Result<Report> {
    servers::install(&[Server::Postgres, Server::Redis])?;
    let oha = oha::ensure(workspace).await?;
    let profile = arguments.options.profile.clone();
    let fixture = Fixture::prepare(workspace, oha, &profile, arguments.users).await?;
    let load_before = machine::load_average();
    let (rate, length) = (f64::from(arguments.rate), Duration::from_secs(arguments.duration.into()));
    let phase = |name: &str| Phase { name: name.to_owned(), rate, length, gzip: true };

    let cached = fixture.serve(true).await?;
    let with_cache = cached.run(phase("with the cache")).await?;
    let without_gzip = cached.run(Phase { gzip: false, ..phase("without gzip") }).await?;
    let uncached = fixture.serve(false).await?;
    let without_cache = uncached.run(phase("without the cache")).await?;
    uncached.shutdown().await;
    let steps = find_knee(&cached, rate).await?;
    let tried = [&with_cache].into_iter().chain(&steps);
    let knee = tried.filter(|outcome| outcome.is_sustained()).map(|outcome| outcome.phase.rate).reduce(f64::max);
    let overload = Phase { rate: 2.0 * knee.unwrap_or(rate), length: length.min(OVERLOAD), ..phase("twice the knee") };
    let overload = cached.run(overload).await?;
    // This phase starts immediately, with the cache as the overload left it.
    let recovery = cached.run_warm(Phase { length: STEP, ..phase("after the overload") }).await?;
    cached.shutdown().await;

    Ok(Report {
        conditions: Conditions {
            machine: machine::describe(),
            versions: fixture.versions.clone(),
            profile,
            load_average: (load_before, machine::load_average()),
        },
        users: arguments.users,
        with_cache,
        without_gzip,
        without_cache,
        steps,
        knee,
        overload,
        recovery,
    })
}

/// Raises the rate until two phases in a row do not sustain it. A single failure may be a
/// disturbance of the machine and not its limit.
async fn find_knee(api: &Api<'_>, from: f64) -> Result<Vec<Outcome>> {
    let mut steps: Vec<Outcome> = Vec::new();
    let mut rate = from;
    loop {
        rate *= RATE_FACTOR;
        for _ in 0..2 {
            let phase = Phase { name: "search for the knee".to_owned(), rate, length: STEP, gzip: true };
            steps.push(api.run(phase).await?);
            if steps.last().is_some_and(Outcome::is_sustained) {
                break;
            }
        }
        if !steps.last().is_some_and(Outcome::is_sustained) {
            return Ok(steps);
        }
    }
}

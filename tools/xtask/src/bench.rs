//! `cargo xtask bench`: measures the functions and compares them with baselines.
//!
//! One thread drives release binaries over the Runtime API, without a gateway in between. The
//! functions take turns with baselines (`tools/xtask/baselines`), which do only the input and
//! output of a case. One run on one machine measures both.

mod build;
mod case;
mod event;
mod fixture;
mod measure;
mod report;
mod response;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use dev_servers::Server;

use self::build::Binaries;
use self::fixture::Fixture;
use self::measure::Repetitions;
use self::report::{Build, Report};
use crate::measurement::{self, Conditions, machine};
use crate::servers;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Number of rounds. Each case is invoked 50 times per round, except for the login, which is
    /// invoked twice.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Number of cold starts of each case.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    starts: u16,
    #[command(flatten)]
    options: measurement::Options,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    measurement::run(&arguments.options, Box::pin(measure(workspace, arguments))).await
}

async fn measure(workspace: &Workspace, arguments: &Arguments) -> Result<Report> {
    servers::install(&[Server::Postgres, Server::Redis])?;
    let profile = arguments.options.profile.clone();
    let binaries = Binaries::build(workspace, &profile).await?;
    let machine = machine::describe();
    let processor = machine::pin_to_one_processor();
    let fixture = Fixture::prepare(workspace, &binaries).await?;
    let cases = case::all(&fixture, &binaries)?;

    let load_before = machine::load_average();
    let repetitions = Repetitions { rounds: arguments.rounds.into(), cold_starts: arguments.starts.into() };
    let (redis_url, folder) = (fixture.servers.redis.url(), workspace.state("bench").join("logs"));
    let stop = StopOnDrop::default();
    let stopped = Arc::clone(&stop.0);
    // The measurement blocks its thread, and this thread has to listen for requests to stop.
    let results = tokio::task::spawn_blocking(move || -> Result<_> {
        let measurements = measure::run(&cases, repetitions, &redis_url, &folder, &stopped)?;
        Ok(cases.into_iter().zip(measurements).collect())
    });
    let results = results.await??;
    let conditions = Conditions {
        machine,
        versions: fixture.versions.clone(),
        profile,
        load_average: (load_before, machine::load_average()),
    };
    let build = Build { time: binaries.build_time, sizes: binaries.sizes(&workspace.functions()?)? };
    Ok(Report { conditions, processor, build, results })
}

/// A flag for the blocking thread of the measurement. Dropping it stops the thread.
#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

//! `cargo xtask bench`: measures the functions and compares them with baselines.
//!
//! One thread drives release binaries over the Runtime API, without a gateway in between. The
//! functions take turns with baselines (`tools/xtask/baselines`), which do the bare input and output
//! of a case and nothing else, so that both are measured in one run on one machine.

mod build;
mod case;
mod event;
pub(crate) mod fixture;
mod measure;
mod report;
mod response;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use dev_servers::Server;

use self::build::Binaries;
use self::fixture::Fixture;
use self::measure::Repetitions;
use self::report::{Conditions, Report};
use crate::machine;
use crate::servers;
use crate::stop::StopRequests;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Number of rounds; each case is invoked 50 times per round.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Number of cold starts of each case.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    starts: u16,
    /// Cargo's profile. Only the figures of `release` are meaningful; another profile builds faster, to try the bench itself.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Writes every figure to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    let stopped = Arc::new(AtomicBool::new(false));
    tokio::select! {
        report = measure(workspace, arguments, &stopped) => {
            let report = report?;
            println!("\n{report}");
            if let Some(file) = &arguments.json {
                std::fs::write(file, report.to_json().to_string()).with_context(|| format!("cannot write {}", file.display()))?;
                println!("every figure is in {}", file.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        () = stop.next() => {
            println!("stopping");
            stopped.store(true, Ordering::Relaxed);
            // What a shell reports for a command that Ctrl-C ended.
            Ok(ExitCode::from(130))
        }
    }
}

async fn measure(workspace: &Workspace, arguments: &Arguments, stopped: &Arc<AtomicBool>) -> Result<Report> {
    servers::install(&[Server::Postgres, Server::Redis])?;
    let binaries = Binaries::build(workspace, &arguments.profile).await?;
    let machine = machine::describe();
    let processor = machine::pin_to_one_processor();
    let fixture = Fixture::prepare(workspace, &binaries).await?;
    let cases = case::all(&fixture, &binaries)?;

    let load_before = machine::load_average();
    let repetitions = Repetitions { rounds: arguments.rounds.into(), cold_starts: arguments.starts.into() };
    let (redis_url, folder, stopped) =
        (fixture.servers.redis.url(), workspace.state("bench").join("logs"), Arc::clone(stopped));
    // The measurement blocks its thread, and this one has to listen for requests to stop.
    let results = tokio::task::spawn_blocking(move || -> Result<_> {
        let measurements = measure::run(&cases, repetitions, &redis_url, &folder, &stopped)?;
        Ok(cases.into_iter().zip(measurements).collect())
    });
    let results = results.await??;
    let conditions = Conditions {
        profile: arguments.profile.clone(),
        machine,
        processor,
        versions: fixture.versions.clone(),
        load_average: (load_before, machine::load_average()),
        build_time: binaries.build_time,
        sizes: binaries.sizes(&workspace.functions()?)?,
    };
    Ok(Report { conditions, results })
}

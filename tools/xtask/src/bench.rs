//! `cargo xtask bench`: what the functions cost, beside the least that they could.
//!
//! Everything is measured in one run on one machine: release binaries, driven over the runtime API by one thread without a gateway
//! in between, in turns, beside floors (`tools/xtask/baselines`) that do the bare input and output of a case and nothing else.

mod answer;
mod build;
mod contestant;
mod event;
pub(crate) mod fixture;
mod measure;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use dev_servers::Server;

use self::build::Binaries;
use self::fixture::Fixture;
use self::measure::Extent;
use self::report::{Conditions, Report};
use crate::machine;
use crate::servers;
use crate::stop::StopRequests;
use crate::workspace::Workspace;

/// How much to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Rounds in which everybody answers 50 times.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Cold starts of everybody.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    starts: u16,
    /// Cargo's profile; only the figures of `release` mean anything, another one shows in less time that the bench works.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Keeps every single figure in this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    let stopped = Arc::new(AtomicBool::new(false));
    tokio::select! {
        report = measured(workspace, arguments, &stopped) => {
            let report = report?;
            println!("\n{report}");
            if let Some(file) = &arguments.json {
                std::fs::write(file, report.raw().to_string()).with_context(|| format!("cannot write {}", file.display()))?;
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

async fn measured(workspace: &Workspace, arguments: &Arguments, stopped: &Arc<AtomicBool>) -> Result<Report> {
    servers::install(&[Server::Postgres, Server::Redis])?;
    let binaries = Binaries::build(workspace, &arguments.profile).await?;
    let machine = machine::describe();
    let processor = machine::settle();
    let fixture = Fixture::prepare(workspace, &binaries).await?;
    let contestants = contestant::all(&fixture, &binaries)?;

    let before = machine::load();
    let extent = Extent { rounds: arguments.rounds.into(), starts: arguments.starts.into() };
    let (redis_url, folder, stopped) =
        (fixture.servers.redis.url(), workspace.state("bench").join("logs"), Arc::clone(stopped));
    // On a thread of its own: it blocks, and this one has to hear that it shall stop.
    let results = tokio::task::spawn_blocking(move || -> Result<_> {
        let measured = measure::run(&contestants, extent, &redis_url, &folder, &stopped)?;
        Ok(contestants.into_iter().zip(measured).collect())
    });
    let results = results.await??;
    let conditions = Conditions {
        profile: arguments.profile.clone(),
        machine,
        processor,
        versions: fixture.versions.clone(),
        load: (before, machine::load()),
        build: binaries.took,
        sizes: binaries.sizes(&workspace.functions()?)?,
    };
    Ok(Report { conditions, results })
}

//! The parts that `bench` and `load` share: the options, the conditions of a run, and its report.

pub(crate) mod distribution;
pub(crate) mod machine;
pub(crate) mod seed;

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::stop::StopRequests;

/// Runs a measurement, prints its report, and writes the figures to a file if the options name one.
/// A request to stop drops the measurement.
///
/// # Errors
/// The measurement fails, or the file cannot be written.
pub(crate) async fn run<R: Report>(options: &Options, measure: impl Future<Output = Result<R>>) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    let report = async {
        let report = measure.await?;
        println!("\n{report}");
        if let Some(file) = &options.json {
            fs::write(file, report.to_json().to_string())
                .with_context(|| format!("cannot write {}", file.display()))?;
            println!("the figures were written to {}", file.display());
        }
        Ok(ExitCode::SUCCESS)
    };
    stop.run(report).await
}

/// Options of every measurement.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Cargo profile. Only the figures of `release` are meaningful. Another profile builds faster,
    /// for trying the command itself.
    #[arg(long, default_value = "release")]
    pub(crate) profile: String,
    /// Writes the figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The results of a measurement. `Display` shows them as tables.
pub(crate) trait Report: fmt::Display {
    /// Returns every figure, for other programs.
    fn to_json(&self) -> Value;
}

/// The conditions of a measurement.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) machine: String,
    /// The versions of the servers.
    pub(crate) versions: String,
    /// The Cargo profile of the functions.
    pub(crate) profile: String,
    /// The load averages of the last minute, before and after the measurement.
    pub(crate) load_average: (f64, f64),
}

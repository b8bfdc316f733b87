//! The project's commands: `cargo xtask <command>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints to the terminal")]

mod accounts;
mod bench;
mod binaries;
mod cache_delete;
mod cargo;
mod chaos;
mod ci;
mod dev;
mod explain;
mod fuzz;
mod generate;
mod journal;
mod libtest;
mod load;
mod measurement;
mod metric_line;
mod migrate;
mod openapi;
mod process;
mod python;
mod schema;
mod servers;
mod stop;
mod stress;
mod table;
mod terminal;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Runs, tests and maintains Kai on this machine.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the whole API on this machine, and rebuilds functions when their sources change.
    Dev(dev::Arguments),
    /// Runs every test, from unit tests to black-box tests, with servers of its own.
    Test(test::Arguments),
    /// Runs the tests many times while the processors are busy, to find flaky tests.
    Stress(stress::Arguments),
    /// Sends valid and invalid requests to the API with schemathesis.
    FuzzApi(fuzz::Arguments),
    /// Checks under random faults that the cache never hides an acknowledged write.
    Chaos(chaos::Arguments),
    /// Measures the functions and compares them with baselines.
    Bench(bench::Arguments),
    /// Simulates a working day at a constant rate, with and without the cache, and then an
    /// overload.
    Load(load::Arguments),
    /// Shows how Postgres runs the product's statements, and evaluates the plans.
    Explain(explain::Arguments),
    /// Writes the generated files and parts of files: the OpenAPI document, tables in docs/, and
    /// lists of functions and routes in the templates.
    Generate,
    /// Migrates a database up or down, or shows its status.
    Migrate(migrate::Arguments),
    /// Writes `docs/openapi.json` from the declarations of the handlers.
    Openapi,
    /// Checks the invariants that the compiler cannot check.
    Tidy,
    /// Runs every check that a change has to pass.
    Ci,
    /// Deletes the cached keys that match a pattern, without blocking Redis.
    CacheDelete(cache_delete::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Dev(arguments) => dev::run(&workspace, &arguments).await,
        Command::Test(arguments) => test::run(&workspace, &arguments).await,
        Command::Stress(arguments) => stress::run(&workspace, &arguments).await,
        Command::FuzzApi(arguments) => fuzz::run(&workspace, &arguments).await,
        Command::Chaos(arguments) => chaos::run(&workspace, &arguments).await,
        Command::Bench(arguments) => bench::run(&workspace, &arguments).await,
        Command::Load(arguments) => load::run(&workspace, &arguments).await,
        Command::Explain(arguments) => explain::run(&workspace, &arguments).await,
        Command::Generate => generate::run(&workspace).await,
        Command::Migrate(arguments) => migrate::run(&workspace, &arguments).await,
        Command::Openapi => openapi::run(&workspace).await,
        Command::Tidy => tidy::run(&workspace),
        Command::Ci => ci::run(&workspace).await,
        Command::CacheDelete(arguments) => cache_delete::run(&workspace, &arguments),
    }
}

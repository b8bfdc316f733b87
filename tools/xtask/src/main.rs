//! The project's front door: `cargo xtask <command>`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the terminal")]

mod bench;
mod cache_delete;
mod cargo;
mod chaos;
mod ci;
mod dev;
mod explain;
mod fuzz;
mod load;
mod machine;
mod migrate;
mod openapi;
mod python;
mod sample;
mod schema;
mod servers;
mod stop;
mod table;
mod terminal;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Runs, tests and looks after Kai on this machine.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the whole API on this machine, and rebuilds what changes.
    Dev(dev::Arguments),
    /// Runs every test, unit to black box, against servers of its own.
    Test(test::Arguments),
    /// Asks the API whatever its document allows and forbids, with schemathesis.
    FuzzApi(fuzz::Arguments),
    /// Checks under random faults that the cache never hides an acknowledged write.
    Chaos(chaos::Arguments),
    /// Measures what the functions cost, beside the least that they could.
    Bench(bench::Arguments),
    /// Plays a working day at a constant rate, with the cache and without, and then more than this machine can take.
    Load(load::Arguments),
    /// Shows how Postgres runs a statement of the product's, and judges it.
    Explain(explain::Arguments),
    /// Moves a database's schema up or down, or shows where it stands.
    Migrate(migrate::Arguments),
    /// Writes docs/openapi.json from the declarations beside the handlers.
    Openapi,
    /// Checks the invariants that the compiler does not.
    Tidy,
    /// Runs everything that a change has to pass.
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
        Command::FuzzApi(arguments) => fuzz::run(&workspace, &arguments).await,
        Command::Chaos(arguments) => chaos::run(&workspace, &arguments).await,
        Command::Bench(arguments) => bench::run(&workspace, &arguments).await,
        Command::Load(arguments) => load::run(&workspace, &arguments).await,
        Command::Explain(arguments) => explain::run(&workspace, &arguments).await,
        Command::Migrate(arguments) => migrate::run(&workspace, &arguments).await,
        Command::Openapi => openapi::run(&workspace).await,
        Command::Tidy => tidy::run(&workspace),
        Command::Ci => ci::run(&workspace).await,
        Command::CacheDelete(arguments) => cache_delete::run(&workspace, &arguments),
    }
}

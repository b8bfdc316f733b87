//! `cargo xtask test`: runs the tests with disposable servers.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Result;
use dev_servers::Server;

use crate::libtest::TestResults;
use crate::schema::Schema;
use crate::servers::{self, Servers};
use crate::stop::StopRequests;
use crate::terminal::Step;
use crate::workspace::Workspace;
use crate::{binaries, cargo, process};

/// The name of the database that tests copy.
const TEMPLATE: &str = "kai_template";

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Arguments for `cargo test`, which gets `--workspace` unless they name packages.
    #[arg(last = true)]
    cargo: Vec<String>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut results = TestResults::default();
    let code = with_servers(workspace, "test", async |servers| {
        let variables = prepare(workspace, "test", servers, &arguments.cargo).await?;
        let mut command = cargo::command(workspace);
        command.arg("test").args(selection(&arguments.cargo)).envs(variables);
        if !arguments.cargo.iter().any(|argument| argument == "--no-fail-fast") {
            command.arg("--no-fail-fast");
        }
        command.args(&arguments.cargo);
        // Cargo does not see the terminal, because its output goes through a pipe and is parsed.
        if std::io::stdout().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let status = process::complete_with_lines(&mut command, |line| results.parse_line(line)).await?;
        Ok(process::exit_code(status))
    });
    let code = code.await;
    // There are no results if the build failed.
    if results != TestResults::default() {
        print!("\n{results}");
    }
    code
}

/// Starts the servers of the tests, runs `work` until it ends or a stop is requested, and stops the
/// servers. The servers start empty, and other commands do not use them.
///
/// # Errors
/// A server does not start, or `work` fails.
pub(crate) async fn with_servers(
    workspace: &Workspace,
    command: &str,
    work: impl AsyncFnOnce(&Servers) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    servers::install(&[Server::Postgres, Server::Redis, Server::PgBouncer, Server::Chromium])?;
    let servers = Servers::start_disposable(workspace, command)?;
    let code = stop.run(work(&servers)).await;
    servers.stop();
    code
}

/// Migrates the database that tests copy, and builds the functions. Returns the environment
/// variables that tests use to find the servers and the functions.
///
/// # Errors
/// A migration fails, or a package does not compile.
pub(crate) async fn prepare(
    workspace: &Workspace,
    command: &str,
    servers: &Servers,
    cargo_arguments: &[String],
) -> Result<[(&'static str, OsString); 4]> {
    let step = Step::begin("migrating");
    servers.postgres.create_database(TEMPLATE).await?;
    Schema::open(workspace, &servers.postgres.url(TEMPLATE)).await?.up().await?;
    step.done(&format!("database {TEMPLATE} migrated"));
    let functions = workspace.functions()?;
    let binaries = if selection(cargo_arguments).is_some() {
        println!("building the functions and the tests");
        binaries::set_aside(workspace, command, &cargo::build_with_tests(workspace, &functions).await?)?
    } else {
        binaries::build(workspace, command, "dev", &functions).await?
    };
    Ok([
        ("KAI_TEST_POSTGRES", servers.postgres.url("postgres").into()),
        ("KAI_TEST_TEMPLATE", TEMPLATE.into()),
        ("KAI_TEST_REDIS", servers.redis.url().into()),
        ("KAI_TEST_FUNCTIONS", binaries.into()),
    ])
}

/// Returns the argument that selects all packages, unless the arguments name packages.
pub(crate) fn selection(cargo_arguments: &[String]) -> Option<&'static str> {
    let names_package = |argument: &String| argument.starts_with("-p") || argument.starts_with("--package");
    (!cargo_arguments.iter().any(names_package)).then_some("--workspace")
}

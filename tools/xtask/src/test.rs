//! `cargo xtask test`: runs the tests with disposable servers.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use dev_servers::Server;

use crate::schema::Schema;
use crate::servers::{self, Servers};
use crate::stop::StopRequests;
use crate::terminal::Step;
use crate::workspace::Workspace;
use crate::{binaries, cargo};

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
    let mut stop = StopRequests::listen()?;
    servers::install(&[Server::Postgres, Server::Redis, Server::PgBouncer, Server::Chromium])?;
    let servers = Servers::start_disposable(workspace, "test")?;
    let code = stop.run(test(workspace, &servers, arguments)).await;
    servers.stop();
    code
}

async fn test(workspace: &Workspace, servers: &Servers, arguments: &Arguments) -> Result<ExitCode> {
    let step = Step::begin("migrating");
    servers.postgres.create_database(TEMPLATE).await?;
    Schema::open(workspace, &servers.postgres.url(TEMPLATE)).await?.up().await?;
    step.done(&format!("database {TEMPLATE} migrated"));
    let functions = workspace.functions()?;
    let mut command = cargo::command(workspace);
    command.arg("test");
    let is_package = |argument: &String| argument.starts_with("-p") || argument.starts_with("--package");
    let binaries: PathBuf = if arguments.cargo.iter().any(is_package) {
        binaries::build(workspace, "test", "dev", &functions).await?
    } else {
        command.arg("--workspace");
        println!("building the functions and the tests");
        binaries::set_aside(workspace, "test", &cargo::build_with_tests(workspace, &functions).await?)?
    };
    command.args(&arguments.cargo);
    command.env("KAI_TEST_POSTGRES", servers.postgres.url("postgres"));
    command.env("KAI_TEST_TEMPLATE", TEMPLATE);
    command.env("KAI_TEST_REDIS", servers.redis.url());
    command.env("KAI_TEST_FUNCTIONS", binaries);
    Ok(cargo::exit_code(cargo::complete(&mut command).await?))
}

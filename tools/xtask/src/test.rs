//! `cargo xtask test`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use dev_servers::Server;

use crate::schema::Schema;
use crate::servers::{self, Servers};
use crate::stop::StopRequests;
use crate::terminal::Step;
use crate::workspace::Workspace;
use crate::{cargo, dev};

/// The database that tests copy.
const TEMPLATE: &str = "kai_template";

/// What to pass on.
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
    let code = tokio::select! {
        code = test(workspace, &servers, arguments) => code,
        () = stop.next() => {
            println!("stopping");
            // What a shell reports for a command that Ctrl-C ended.
            Ok(ExitCode::from(130))
        }
    };
    let step = Step::begin("stopping Redis and Postgres");
    drop(servers);
    step.done("Redis and Postgres stopped");
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
    let binaries = if arguments.cargo.iter().any(is_package) {
        binaries(workspace, "test", "dev", &functions).await?
    } else {
        command.arg("--workspace");
        println!("building the functions and the tests");
        set_aside(workspace, "test", cargo::build_with_tests(workspace, &functions).await?)?
    };
    command.args(&arguments.cargo);
    command.env("KAI_TEST_POSTGRES", servers.postgres.url("postgres"));
    command.env("KAI_TEST_TEMPLATE", TEMPLATE);
    command.env("KAI_TEST_REDIS", servers.redis.url());
    command.env("KAI_TEST_FUNCTIONS", binaries);
    let status = cargo::complete(&mut command).await?;
    // Ended by a signal, it has no code.
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// Builds functions with a profile, and sets their binaries aside, where no other build replaces them in the middle of a test.
///
/// # Errors
/// They cannot be built.
pub(crate) async fn binaries(
    workspace: &Workspace,
    command: &str,
    profile: &str,
    functions: &[String],
) -> Result<PathBuf> {
    println!("building the functions");
    set_aside(workspace, command, cargo::build(workspace, profile, functions).await?)
}

fn set_aside(workspace: &Workspace, command: &str, built: Vec<cargo::Built>) -> Result<PathBuf> {
    let folder = workspace.state(command).join("functions");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for built in built {
        dev::binaries::install(&built, &folder)?;
    }
    Ok(folder)
}

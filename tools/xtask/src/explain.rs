//! `cargo xtask explain`: shows how Postgres runs the product's statements, and evaluates the
//! plans.
//!
//! The command uses the server of `cargo xtask dev`. It creates a database of its own and drops it
//! at the end, so it does not touch other data. The program in `tools/xtask/explain` fills the
//! database and runs the statements. It depends on all of `shared`, so it is built only when it is
//! needed.

use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::schema::Schema;
use crate::servers::DevelopmentPostgres;
use crate::stop::{self, StopRequests};
use crate::terminal::Step;
use crate::workspace::Workspace;
use crate::{cargo, process};

const DATABASE: &str = "kai_explain";

/// Options of `cargo xtask explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Names of statements, as in the warning about a slow query. Without a name, the command lists
    /// all names.
    #[arg(value_name = "STATEMENT")]
    statements: Vec<String>,
    /// Explains every statement instead of named ones.
    #[arg(long, conflicts_with = "statements")]
    all: bool,
    /// Number of journal entries. A tenth of them belong to the user whose requests are explained.
    /// The others are spread over other users: one user for every fifty entries, and at least
    /// 1,000.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(1_000..=100_000_000))]
    entries: i64,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    let mut command = tokio::select! {
        command = prepare(workspace, arguments) => command?,
        () = stop.next() => return Ok(stop::exit_code()),
    };
    if arguments.statements.is_empty() && !arguments.all {
        return complete(&mut command).await;
    }
    let server = DevelopmentPostgres::attach_or_start(workspace).await?;
    let code = stop.run(explain(workspace, &server, &mut command)).await;
    let step = Step::begin("dropping the database");
    server.admin().drop_database(DATABASE).await?;
    step.done(&format!("database {DATABASE} dropped"));
    code
}

async fn prepare(workspace: &Workspace, arguments: &Arguments) -> Result<Command> {
    let artifacts = cargo::build(workspace, "dev", &["explain".to_owned()]).await?;
    let program = artifacts.into_iter().next().context("cargo built no binary for the package explain")?;
    let mut command = Command::new(program.executable);
    command.args(["--entries", &arguments.entries.to_string()]).args(&arguments.statements);
    if arguments.all {
        command.arg("--all");
    }
    Ok(command)
}

async fn explain(workspace: &Workspace, server: &DevelopmentPostgres, command: &mut Command) -> Result<ExitCode> {
    let step = Step::begin("creating the database");
    // A command that was killed leaves its database behind.
    server.admin().drop_database(DATABASE).await?;
    server.admin().create_database(DATABASE).await?;
    let url = server.admin().url(DATABASE);
    Schema::open(workspace, &url).await?.up().await?;
    step.done(&format!("database {DATABASE} created and migrated"));
    complete(command.env("DATABASE_URL", url)).await
}

async fn complete(command: &mut Command) -> Result<ExitCode> {
    Ok(process::exit_code(process::complete(command).await?))
}

//! `cargo xtask explain`: how Postgres runs the product's statements, and whether that is how it should.
//!
//! On the server of `cargo xtask dev`, in a database of its own that is made for the command and dropped after it: nobody's data are
//! touched. What fills and asks it is the program in `tools/xtask/explain`, built when it is needed: it takes in all of `shared`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::cargo;
use crate::schema::Schema;
use crate::servers::DevelopmentPostgres;
use crate::stop::StopRequests;
use crate::terminal::Step;
use crate::workspace::Workspace;

const DATABASE: &str = "kai_explain";

/// Which statements, and in how large a database.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Names of statements, as the warning about a slow query gives them; without one, all are listed.
    #[arg(value_name = "STATEMENT")]
    statements: Vec<String>,
    /// Explains every statement.
    #[arg(long, conflicts_with = "statements")]
    all: bool,
    /// How many journal entries there are; a tenth of them is the person's who asks, the rest is spread over one other for each fifty.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(1_000..=100_000_000))]
    entries: i64,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    let mut command = tokio::select! {
        command = prepare(workspace, arguments) => command?,
        () = stop.next() => return Ok(ExitCode::from(130)),
    };
    if arguments.statements.is_empty() && !arguments.all {
        return complete(&mut command).await;
    }
    let server = DevelopmentPostgres::reach(workspace).await?;
    let outcome = tokio::select! {
        outcome = explain(workspace, &server, &mut command) => outcome,
        () = stop.next() => {
            println!("stopping");
            // What a shell reports for a command that Ctrl-C ended.
            Ok(ExitCode::from(130))
        }
    };
    let step = Step::begin("dropping the database");
    server.admin().drop_database(DATABASE).await?;
    step.done(&format!("database {DATABASE} dropped"));
    outcome
}

async fn prepare(workspace: &Workspace, arguments: &Arguments) -> Result<Command> {
    let built = cargo::build(workspace, "dev", &["explain".to_owned()]).await?;
    let built = built.into_iter().next().context("cargo has built nothing")?;
    let mut command = Command::new(built.executable);
    command.args(["--entries", &arguments.entries.to_string()]).args(&arguments.statements);
    if arguments.all {
        command.arg("--all");
    }
    Ok(command)
}

async fn explain(workspace: &Workspace, server: &DevelopmentPostgres, command: &mut Command) -> Result<ExitCode> {
    let step = Step::begin("making the database");
    // One that was left behind by a command which was killed.
    server.admin().drop_database(DATABASE).await?;
    server.admin().create_database(DATABASE).await?;
    let url = server.admin().url(DATABASE);
    Schema::open(workspace, &url).await?.up().await?;
    step.done(&format!("database {DATABASE} made and migrated"));
    complete(command.env("DATABASE_URL", url)).await
}

async fn complete(command: &mut Command) -> Result<ExitCode> {
    let status = cargo::complete(command).await?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

//! `cargo xtask ci`: what a change has to pass, in the order of what fails fastest.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::python::{Tool, succeed};
use crate::stop::StopRequests;
use crate::terminal::seconds;
use crate::workspace::Workspace;
use crate::{cargo, tidy};

/// The linter for CloudFormation, from the Python Package Index.
const CFN_LINT: Tool = Tool { package: "cfn-lint", version: "1.58.0", program: "cfn-lint" };

pub(crate) async fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    let began = Instant::now();
    tokio::select! {
        result = gates(workspace) => result?,
        () = stop.next() => return Ok(ExitCode::from(130)),
    }
    println!("✓ everything, in {}", seconds(began.elapsed()));
    Ok(ExitCode::SUCCESS)
}

/// `cargo deny` is not among them: building it takes longer than all the rest. `deny.toml` is for running it by hand.
async fn gates(workspace: &Workspace) -> Result<()> {
    cargo_gate(workspace, &["fmt", "--all", "--check"]).await?;
    cargo_gate(workspace, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]).await?;
    cargo_gate(workspace, &["doc", "--workspace", "--no-deps", "--document-private-items"]).await?;
    gate("tidy", async { tidy::check(workspace) }).await?;
    gate("cfn-lint", cfn_lint(workspace)).await?;
    cargo_gate(workspace, &["xtask", "test"]).await
}

async fn cargo_gate(workspace: &Workspace, args: &[&str]) -> Result<()> {
    let mut command = cargo::command(workspace);
    command.args(args).env("RUSTDOCFLAGS", "-D warnings");
    gate(&format!("cargo {}", args.join(" ")), succeed(command)).await
}

async fn gate(name: &str, check: impl Future<Output = Result<()>>) -> Result<()> {
    println!("→ {name}");
    let began = Instant::now();
    check.await.with_context(|| format!("gate `{name}`"))?;
    println!("✓ {name} ({})", seconds(began.elapsed()));
    Ok(())
}

/// Lints the templates with the pinned version.
async fn cfn_lint(workspace: &Workspace) -> Result<()> {
    let mut lint = Command::new(CFN_LINT.ensure(workspace).await?);
    lint.current_dir(workspace.root()).args(["template.yaml", "infra/monitoring.yaml"]);
    succeed(lint).await
}

//! `cargo xtask ci`: what a change has to pass, in the order of what fails fastest.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::python::{Tool, succeed};
use crate::stop::StopRequests;
use crate::terminal::seconds;
use crate::workspace::Workspace;
use crate::{cargo, tidy};

/// SAM's command line, from the Python Package Index. It brings its translator and the linter for CloudFormation along.
const SAM: Tool = Tool { package: "aws-sam-cli", version: "1.170.0", program: "sam" };
/// Any region: nothing is asked of it.
const REGION: &str = "us-east-1";
const TEMPLATES: [&str; 2] = ["template.yaml", "infra/monitoring.yaml"];

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
    gate("sam validate --lint", validate(workspace)).await?;
    gate("cfn-lint, on what SAM makes of the template", lint(workspace)).await?;
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

/// Asks SAM's own check.
async fn validate(workspace: &Workspace) -> Result<()> {
    let sam = SAM.ensure(workspace).await?;
    for template in TEMPLATES {
        let mut validate = Command::new(&sam);
        validate.current_dir(workspace.root()).args(["validate", "--lint", "--region", REGION, "--template", template]);
        validate.env("SAM_CLI_TELEMETRY", "0");
        succeed(validate).await?;
    }
    Ok(())
}

/// Lints what SAM makes of the template, which is what CloudFormation gets to see.
async fn lint(workspace: &Workspace) -> Result<()> {
    let programs = SAM.ensure(workspace).await?.with_file_name("");
    let mut transform = Command::new(programs.join("python"));
    transform.current_dir(workspace.root()).args(["xtask/src/ci/transform.py", TEMPLATES[0]]);
    transform.env("AWS_DEFAULT_REGION", REGION);
    let transformed = transform.output().await.context("SAM's Python cannot be run")?;
    if !transformed.status.success() {
        bail!("SAM cannot transform the template: {}", String::from_utf8_lossy(&transformed.stderr).trim());
    }
    let file = workspace.path("target/python/transformed.json");
    fs::write(&file, transformed.stdout).with_context(|| format!("cannot write {}", file.display()))?;
    let mut lint = Command::new(programs.join("cfn-lint"));
    lint.arg(file);
    succeed(lint).await
}

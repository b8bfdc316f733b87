//! `cargo xtask ci`: what a change has to pass, in the order of what fails fastest.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::stop::StopRequests;
use crate::terminal::seconds;
use crate::workspace::Workspace;
use crate::{cargo, tidy};

/// The linter for CloudFormation, from the Python Package Index.
const CFN_LINT: &str = "1.58.0";

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
    gate("cfn-lint template.yaml", cfn_lint(workspace)).await?;
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

async fn succeed(mut command: Command) -> Result<()> {
    let status = cargo::complete(&mut command).await?;
    if !status.success() {
        bail!("it failed ({status})");
    }
    Ok(())
}

/// Lints the template with the pinned version, in a Python environment of its own under `target/`.
async fn cfn_lint(workspace: &Workspace) -> Result<()> {
    let environment = workspace.path("target/venv");
    let linter = environment.join("bin/cfn-lint");
    if installed_version(&linter).await.as_deref() != Some(CFN_LINT) {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&environment);
        let advice =
            "cfn-lint needs Python 3.9 or newer with its `venv` module (Debian, Ubuntu: apt-get install python3-venv)";
        succeed(venv).await.context(advice)?;
        let mut pip = Command::new(environment.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", &format!("cfn-lint=={CFN_LINT}")]);
        succeed(pip).await.context("cfn-lint cannot be installed")?;
    }
    let mut lint = Command::new(linter);
    lint.current_dir(workspace.root()).arg("template.yaml");
    succeed(lint).await
}

async fn installed_version(linter: &Path) -> Option<String> {
    let output = Command::new(linter).arg("--version").output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().last().map(str::to_owned)
}

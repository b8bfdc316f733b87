//! `cargo xtask openapi`: writes the OpenAPI document.
//!
//! The program in `tools/openapi` assembles the document. It is built when it is needed, because it
//! depends on every function.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::cargo;
use crate::process;
use crate::stop::StopRequests;
use crate::workspace::Workspace;

pub(crate) const DOCUMENT: &str = "docs/openapi.json";

pub(crate) async fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    tokio::select! {
        result = write(workspace) => result?,
        () = stop.next() => return Ok(ExitCode::from(130)),
    }
    println!("✓ {DOCUMENT} is up to date");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn write(workspace: &Workspace) -> Result<()> {
    let built = cargo::build(workspace, "dev", &["openapi".to_owned()]).await?;
    let built = built.into_iter().next().context("cargo built no binary for the package openapi")?;
    let status = process::complete(Command::new(built.executable).arg(workspace.path(DOCUMENT))).await?;
    ensure!(status.success(), "cannot assemble {DOCUMENT}");
    Ok(())
}

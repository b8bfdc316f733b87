//! `cargo xtask docs`: writes the generated parts of `docs/` from the tables in the code.
//!
//! The programs that generate them are examples of the crates with the tables, so that this crate
//! does not depend on the product. Tests of those crates fail if a page is out of date.

use std::fs::{self, File};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cargo;
use crate::python::succeed;
use crate::stop::StopRequests;
use crate::workspace::Workspace;

const OPENAPI: &str = "docs/openapi.json";

pub(crate) async fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    tokio::select! {
        result = generate(workspace) => result?,
        () = stop.next() => return Ok(ExitCode::from(130)),
    }
    println!("✓ docs/ is up to date");
    Ok(ExitCode::SUCCESS)
}

async fn generate(workspace: &Workspace) -> Result<()> {
    let mut pages = cargo::command(workspace);
    pages.args(["run", "--package", "shared", "--example", "generate_docs"]);
    succeed(pages).await?;
    // The example is built from the present document, which stays until the new one is complete.
    let new = workspace.path("target/openapi.json");
    let file = File::create(&new).with_context(|| format!("cannot write {}", new.display()))?;
    let mut openapi = cargo::command(workspace);
    openapi.args(["run", "--package", "docs", "--example", "openapi"]).stdout(file);
    succeed(openapi).await?;
    fs::rename(new, workspace.path(OPENAPI)).with_context(|| format!("cannot write {OPENAPI}"))
}

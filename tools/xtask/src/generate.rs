//! `cargo xtask generate`: writes every file, and every part of a file, that repeats a fact of the
//! code or of `template.yaml`.
//!
//! The program that generates the pages is an example of the crate `shared`, which has the tables,
//! so that this crate does not depend on the product. The tests of that crate, those of the crate
//! `openapi` and `cargo xtask tidy` fail if a file is out of date.

mod alarms;

use std::process::ExitCode;

use anyhow::Result;

use crate::cargo;
use crate::openapi;
use crate::python::succeed;
use crate::stop::StopRequests;
use crate::workspace::Workspace;

pub(crate) async fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    tokio::select! {
        result = generate(workspace) => result?,
        () = stop.next() => return Ok(ExitCode::from(130)),
    }
    println!("✓ docs/ and {} are up to date", alarms::PATH);
    Ok(ExitCode::SUCCESS)
}

async fn generate(workspace: &Workspace) -> Result<()> {
    alarms::write(workspace)?;
    let mut pages = cargo::command(workspace);
    pages.args(["run", "--package", "shared", "--example", "generate_docs"]);
    succeed(pages).await?;
    openapi::write(workspace).await
}

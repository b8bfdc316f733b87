//! `cargo xtask docs`: writes the generated parts of `docs/` from the tables in the code.
//!
//! The program that generates the pages is an example of the crate `shared`, which has the tables,
//! so that this crate does not depend on the product. A test of that crate fails if a page is out
//! of date.

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
    println!("✓ docs/ is up to date");
    Ok(ExitCode::SUCCESS)
}

async fn generate(workspace: &Workspace) -> Result<()> {
    let mut pages = cargo::command(workspace);
    pages.args(["run", "--package", "shared", "--example", "generate_docs"]);
    succeed(pages).await?;
    openapi::write(workspace).await
}

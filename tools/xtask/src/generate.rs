//! `cargo xtask generate`: writes every file, and every part of a file, that repeats a fact of the
//! code or of `template.yaml`.
//!
//! The program that generates the pages of errors and variables is an example of the crate
//! `shared`, which has the tables. This crate therefore does not depend on the product. The tests
//! of that crate, those of the crate `openapi` and `cargo xtask tidy` fail if a file is out of
//! date.

mod alarms;
mod api;
mod marked;
mod monitoring;
mod template;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use emulator::{Document, Template};

use crate::cargo;
use crate::openapi;
use crate::python::succeed;
use crate::stop::StopRequests;
use crate::workspace::Workspace;

/// How the logical id of a function ends.
const FUNCTION: &str = "Function";

pub(crate) async fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    tokio::select! {
        result = generate(workspace) => result?,
        () = stop.next() => return Ok(ExitCode::from(130)),
    }
    println!("✓ docs/, infra/ and template.yaml are up to date");
    Ok(ExitCode::SUCCESS)
}

async fn generate(workspace: &Workspace) -> Result<()> {
    // Before the build, which takes minutes, so that a mistake in the template is reported at once.
    write_parts(workspace)?;
    let mut pages = cargo::command(workspace);
    pages.args(["run", "--package", "shared", "--example", "generate_docs"]);
    succeed(pages).await?;
    openapi::write(workspace).await?;
    // Again, because a part comes from the OpenAPI document.
    write_parts(workspace)
}

fn write_parts(workspace: &Workspace) -> Result<()> {
    let read = |path: &str| {
        let path = workspace.path(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    for (path, mut text) in with_parts(&read)? {
        if path == template::PATH {
            text = template::with_schema_version(&text, &newest_migration(workspace)?);
        }
        let path = workspace.path(path);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Returns the number of the newest migration, such as `0006`.
fn newest_migration(workspace: &Workspace) -> Result<String> {
    let files = fs::read_dir(workspace.path("migrations")).context("cannot list the folder migrations")?;
    let names = files.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<Result<Vec<_>>>()?;
    let numbers = names.iter().filter_map(|name| Some(name.strip_suffix(".up.sql")?.split_once('_')?.0));
    numbers.max().map(str::to_owned).context("the folder migrations is empty")
}

/// Returns the path and the text of each file with parts that need no build, with these parts up to
/// date.
///
/// # Errors
/// A file cannot be read, is malformed, or has no comments around a part.
pub(crate) fn with_parts(read: &impl Fn(&str) -> Result<String>) -> Result<[(&'static str, String); 4]> {
    let root = template::with_parts(&read(template::PATH)?)?;
    let functions = Template::parse(&Document::parse(template::PATH, &root)?)?.functions;
    let names: Vec<&str> = functions.iter().filter_map(|function| function.logical_id.strip_suffix(FUNCTION)).collect();
    let routes = functions.iter().flat_map(|function| &function.routes);
    let document = serde_json::from_str(&read(openapi::DOCUMENT)?)
        .with_context(|| format!("{} is not valid JSON", openapi::DOCUMENT))?;
    Ok([
        (alarms::PATH, alarms::with_names(&read(alarms::PATH)?, &names)?),
        (monitoring::PATH, monitoring::with_routes(&read(monitoring::PATH)?, routes)?),
        (api::PATH, api::with_tables(&read(api::PATH)?, &document)?),
        (template::PATH, root),
    ])
}

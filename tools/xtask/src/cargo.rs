//! Runs cargo commands and parses their output.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::process::Group;
use crate::workspace::Workspace;

/// An executable that cargo built or found to be up to date.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    /// The name of the file. A function, its package and its binary have the same name.
    pub(crate) name: String,
    pub(crate) executable: PathBuf,
}

/// Builds packages with a profile, such as `dev`, and returns their binaries. Cargo shows its own
/// progress, warnings and errors.
///
/// # Errors
/// A package does not compile, or cargo cannot be run.
pub(crate) async fn build(workspace: &Workspace, profile: &str, packages: &[String]) -> Result<Vec<Artifact>> {
    let mut command = command(workspace);
    command.args(["build", "--profile", profile]);
    for package in packages {
        command.args(["--package", package]);
    }
    artifacts(&mut command, parse_artifact).await
}

/// Builds functions together with all tests and everything that they need, which compiles each
/// library only once. Returns the binaries of the functions.
///
/// # Errors
/// A package does not compile, or cargo cannot be run.
pub(crate) async fn build_with_tests(workspace: &Workspace, functions: &[String]) -> Result<Vec<Artifact>> {
    let mut command = command(workspace);
    command.args(["build", "--workspace", "--lib", "--bins", "--tests", "--examples"]);
    let artifacts = artifacts(&mut command, parse_artifact).await?;
    Ok(artifacts.into_iter().filter(|artifact| functions.contains(&artifact.name)).collect())
}

/// Runs a cargo command that builds, and returns what `parse` finds in cargo's JSON messages.
///
/// # Errors
/// A package does not compile, or cargo cannot be run.
pub(crate) async fn artifacts<T>(build: &mut Command, parse: fn(&str) -> Option<T>) -> Result<Vec<T>> {
    build.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut cargo = Group::spawn(build)?;
    let output = cargo.child.stdout.take().context("cannot read the output of cargo")?;
    let mut lines = BufReader::new(output).lines();
    let mut artifacts = Vec::new();
    while let Some(line) = lines.next_line().await? {
        artifacts.extend(parse(&line));
    }
    if !cargo.wait().await?.success() {
        bail!("the build failed");
    }
    Ok(artifacts)
}

/// Returns a command that runs cargo in the repository as if a user had typed it. The command omits
/// the variables that `cargo run` sets for this program. Build scripts of dependencies depend on
/// them, so cargo would build those dependencies again.
pub(crate) fn command(workspace: &Workspace) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(workspace.root());
    let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_", "OUT_DIR"];
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| ours.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
}

fn parse_artifact(line: &str) -> Option<Artifact> {
    let message: Message = serde_json::from_str(line).ok()?;
    let executable = message.executable.filter(|_| message.reason == "compiler-artifact")?;
    let name = executable.file_name().and_then(OsStr::to_str)?.to_owned();
    Some(Artifact { name, executable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executables_are_parsed_from_the_output_of_cargo() {
        let line = r#"{"reason":"compiler-artifact","package_id":"x","executable":"/t/debug/health","fresh":true}"#;
        let artifact = Artifact { name: "health".to_owned(), executable: PathBuf::from("/t/debug/health") };
        assert_eq!(parse_artifact(line), Some(artifact));
        for other in [
            r#"{"reason":"compiler-artifact","executable":null}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "warning: something",
        ] {
            assert_eq!(parse_artifact(other), None);
        }
    }
}

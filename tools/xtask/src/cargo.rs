//! Runs cargo and other commands, so that they end with this process.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::workspace::Workspace;

/// An executable that cargo has built, or found to be up to date.
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
    artifacts(&mut command).await
}

/// Builds functions together with all tests and everything that they need, which compiles each
/// library only once. Returns the binaries of the functions.
///
/// # Errors
/// A package does not compile, or cargo cannot be run.
pub(crate) async fn build_with_tests(workspace: &Workspace, functions: &[String]) -> Result<Vec<Artifact>> {
    let mut command = command(workspace);
    command.args(["build", "--workspace", "--lib", "--bins", "--tests", "--examples"]);
    let artifacts = artifacts(&mut command).await?;
    Ok(artifacts.into_iter().filter(|artifact| functions.contains(&artifact.name)).collect())
}

/// Runs a cargo command that builds, and returns the executables.
async fn artifacts(build: &mut Command) -> Result<Vec<Artifact>> {
    build.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut cargo = Group::spawn(build)?;
    let output = cargo.child.stdout.take().context("cargo has no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut artifacts = Vec::new();
    while let Some(line) = lines.next_line().await? {
        artifacts.extend(parse_artifact(&line));
    }
    if !cargo.wait().await?.success() {
        bail!("the build failed");
    }
    Ok(artifacts)
}

/// Returns a command that runs cargo in the repository as if a user had typed it. It leaves out the
/// variables that `cargo run` sets for this program: build scripts of dependencies depend on them, and
/// cargo would build those dependencies again.
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

/// Runs a command to its end, on the terminal of this process.
///
/// # Errors
/// The command cannot be run.
pub(crate) async fn complete(command: &mut Command) -> Result<ExitStatus> {
    Group::spawn(command)?.wait().await
}

/// Returns the exit code of a command, or 1 if a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// A child process and its descendants, in a process group of their own. If it is dropped before the
/// child ends, as after a request to stop, it terminates all of them.
#[derive(Debug)]
struct Group {
    child: Child,
}

impl Group {
    fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).process_group(0).kill_on_drop(true).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot run {name}"))? })
    }

    async fn wait(mut self) -> Result<ExitStatus> {
        self.child.wait().await.context("cannot wait for a command")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Without an id the child has been waited for, and its id may belong to another process.
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = kill_process_group(pid, Signal::TERM);
        }
    }
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

    #[tokio::test]
    async fn a_dropped_command_ends_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", file.display());
        let group = Group::spawn(Command::new("sh").args(["-c", &script])).unwrap();
        let pid = loop {
            match std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<i32>().ok()) {
                Some(pid) => break Pid::from_raw(pid).unwrap(),
                None => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        };
        drop(group);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
            assert!(std::time::Instant::now() < end, "the child of the child is still running");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    fn is_zombie(pid: Pid) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }
}

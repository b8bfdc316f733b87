//! Running cargo, and other commands, so that they end with us.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::workspace::Workspace;

/// A binary that cargo has built, or found to be up to date.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Built {
    /// The function, which is the package and the binary as well.
    pub(crate) function: String,
    /// The file.
    pub(crate) executable: PathBuf,
}

/// Builds functions with a profile, such as `dev`. Cargo shows its own progress, warnings and errors.
///
/// # Errors
/// One does not compile, or cargo cannot be run.
pub(crate) async fn build(workspace: &Workspace, profile: &str, functions: &[String]) -> Result<Vec<Built>> {
    let mut command = command(workspace);
    command.args(["build", "--profile", profile]);
    for function in functions {
        command.args(["--package", function]);
    }
    let built = artifacts(&mut command).await?;
    Ok(built.into_iter().filter(|built| functions.contains(&built.function)).collect())
}

/// Builds functions together with all tests and what they need, which compiles each library once for both.
///
/// # Errors
/// Something does not compile, or cargo cannot be run.
pub(crate) async fn build_with_tests(workspace: &Workspace, functions: &[String]) -> Result<Vec<Built>> {
    let mut command = command(workspace);
    command.args(["build", "--workspace", "--lib", "--bins", "--tests", "--examples"]);
    let built = artifacts(&mut command).await?;
    Ok(built.into_iter().filter(|built| functions.contains(&built.function)).collect())
}

/// Runs a `cargo build` and returns the binaries that it made or found up to date.
///
/// # Errors
/// Something does not compile, or cargo cannot be run.
pub(crate) async fn artifacts(build: &mut Command) -> Result<Vec<Built>> {
    build.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut cargo = Group::spawn(build)?;
    let output = cargo.child.stdout.take().context("cargo has no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut built = Vec::new();
    while let Some(line) = lines.next_line().await? {
        built.extend(parse_artifact(&line));
    }
    if !cargo.wait().await?.success() {
        bail!("the functions do not compile");
    }
    Ok(built)
}

/// A command that runs cargo in the repository, as if it had been typed: without the variables that `cargo run` set for this
/// program, on which build scripts of dependencies would make it build them again.
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

/// Runs a command to its end, on our terminal.
///
/// # Errors
/// It cannot be run.
pub(crate) async fn complete(command: &mut Command) -> Result<ExitStatus> {
    Group::spawn(command)?.wait().await
}

/// A child and its descendants, in a process group of their own: dropped before its end, as when we are asked to stop, it ends
/// with all of them.
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
        // None once it was waited for; its id may belong to somebody else by then.
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

fn parse_artifact(line: &str) -> Option<Built> {
    let message: Message = serde_json::from_str(line).ok()?;
    let executable = message.executable.filter(|_| message.reason == "compiler-artifact")?;
    let function = executable.file_name().and_then(OsStr::to_str)?.to_owned();
    Some(Built { function, executable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_binaries_are_read_from_what_cargo_prints() {
        let line = r#"{"reason":"compiler-artifact","package_id":"x","executable":"/t/debug/health","fresh":true}"#;
        let built = Built { function: "health".to_owned(), executable: PathBuf::from("/t/debug/health") };
        assert_eq!(parse_artifact(line), Some(built));
        for other in [
            r#"{"reason":"compiler-artifact","executable":null}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "warning: something",
        ] {
            assert_eq!(parse_artifact(other), None);
        }
    }

    #[tokio::test]
    async fn a_command_that_is_dropped_takes_its_children_along() {
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
            assert!(std::time::Instant::now() < end, "the child of the child is still there");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    fn is_zombie(pid: Pid) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }
}

//! The load generator, from crates.io.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::day::{Kind, Script};
use super::people::Person;
use crate::cargo;
use crate::python::{installed_version, succeed};
use crate::workspace::Workspace;

const VERSION: &str = "1.16.0";

/// Where oha is, once it is installed.
///
/// # Errors
/// It cannot be built.
pub(crate) async fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.path("target/oha");
    let program = root.join("bin/oha");
    if installed_version(&program).await.as_deref() != Some(VERSION) {
        println!("installing oha {VERSION}, which takes some minutes");
        let mut install = cargo::command(workspace);
        install.args(["install", "--locked", "oha", "--version", VERSION, "--root"]).arg(&root);
        succeed(install).await.context("oha cannot be installed")?;
    }
    Ok(program)
}

/// What came of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// From when the request was due to the end of the answer.
    pub(crate) latency: Duration,
    /// Of the body, as it came over the wire.
    pub(crate) bytes: u64,
}

/// One person's requests of one kind.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    pub(crate) program: &'a Path,
    pub(crate) kind: &'a Kind,
    pub(crate) person: &'a Person,
    pub(crate) script: Script,
    /// Where it writes what came of them.
    pub(crate) output: PathBuf,
    /// Requests due in a second.
    pub(crate) rate: f64,
    /// Requests due in all.
    pub(crate) due: usize,
    pub(crate) gzip: bool,
}

impl Generator<'_> {
    /// Sends everything, and returns what was answered. What oha has not begun when the last request was due is not among it.
    ///
    /// # Errors
    /// oha fails.
    pub(crate) async fn run(self) -> Result<Vec<Answer>> {
        // A moment longer than until the last request is due; the first is due at once.
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let length = (self.due as f64 - 1.0) / self.rate + (0.5 / self.rate).min(2.0);
        let mut oha = Command::new(self.program);
        oha.args(["-z", &format!("{}ms", (length * 1e3).round()), "-q", &self.rate.to_string()]);
        // To wait for the last answer it waits until another request would be due.
        if self.rate > 1.0 {
            oha.arg("-w");
        }
        oha.args(["--latency-correction", "--no-tui", "--worker-threads", "1", "-t", "30s"]);
        oha.args(["-c", &self.kind.connections.to_string(), "-m", self.kind.method]);
        oha.args(["--output-format", "csv", "-o"]).arg(&self.output);
        oha.args(["-H", &format!("authorization: Bearer {}", self.person.token)]);
        match &self.script.bodies {
            Some(bodies) => oha.args(["-T", "application/json", "-Z"]).arg(bodies),
            None => oha.arg("--urls-from-file"),
        };
        if !self.gzip {
            oha.arg("--disable-compression");
        }
        oha.arg(&self.script.target).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let ended = oha.kill_on_drop(true).output().await.context("cannot run oha")?;
        if !ended.status.success() {
            bail!("oha failed: {}", String::from_utf8_lossy(&ended.stderr).trim());
        }
        let table =
            fs::read_to_string(&self.output).with_context(|| format!("oha wrote no {}", self.output.display()))?;
        answers(&table)
    }
}

/// Reads what oha writes: a head, then `start,DNS,connected,first byte,duration,bytes,status` for each request, in seconds.
fn answers(table: &str) -> Result<Vec<Answer>> {
    let answer = |line: &str| {
        let mut cells = line.split(',').skip(4);
        let latency = Duration::try_from_secs_f64(cells.next()?.parse().ok()?).ok()?;
        let (bytes, status) = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
        Some(Answer { status, latency, bytes })
    };
    table.lines().skip(1).map(|line| answer(line).with_context(|| format!("oha wrote {line:?}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_oha_writes_is_read_and_what_it_does_not_is_refused() {
        let head = "request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status\n";
        let read = answers(&format!("{head}0.5,0.1,0.2,0.001,0.0025,1234,200\n")).unwrap();
        assert_eq!(read, [Answer { status: 200, latency: Duration::from_micros(2500), bytes: 1234 }]);
        assert_eq!(answers(head).unwrap(), []);
        answers(&format!("{head}0.5,0.1\n")).unwrap_err();
        answers(&format!("{head}0.5,0.1,0.2,0.001,-1,1234,200\n")).unwrap_err();
    }
}

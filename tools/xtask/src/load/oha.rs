//! The load generator [oha](https://github.com/hatoo/oha), which `cargo install` installs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::users::User;
use super::workload::{RequestKind, Script};
use crate::cargo;
use crate::python::{installed_version, succeed};
use crate::workspace::Workspace;

const VERSION: &str = "1.16.0";

/// Installs oha if it is missing, and returns its path.
///
/// # Errors
/// oha cannot be built.
pub(crate) async fn ensure(workspace: &Workspace) -> Result<PathBuf> {
    let root = workspace.path("target/oha");
    let program = root.join("bin/oha");
    if installed_version(&program).await.as_deref() != Some(VERSION) {
        println!("installing oha {VERSION}, which takes some minutes");
        let mut install = cargo::command(workspace);
        install.args(["install", "--locked", "oha", "--version", VERSION, "--root"]).arg(&root);
        succeed(install).await.context("cannot install oha")?;
    }
    Ok(program)
}

/// The response to one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The time from when the request was due to the end of the response.
    pub(crate) latency: Duration,
    /// The size of the body in bytes, as received.
    pub(crate) bytes: u64,
}

impl Response {
    pub(crate) const fn is_success(&self) -> bool {
        self.status < 400
    }
}

/// A run of oha with one user's requests of one kind.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    pub(crate) program: &'a Path,
    pub(crate) kind: &'a RequestKind,
    pub(crate) user: &'a User,
    pub(crate) script: Script,
    /// The file that oha writes the responses to.
    pub(crate) output: PathBuf,
    /// The requests due per second.
    pub(crate) rate: f64,
    /// The requests due in total.
    pub(crate) due: usize,
    pub(crate) gzip: bool,
}

impl Generator<'_> {
    /// Sends the requests and returns the responses. oha drops the requests that it has not begun
    /// when the last request is due. Those requests have no response.
    ///
    /// # Errors
    /// oha fails.
    pub(crate) async fn run(self) -> Result<Vec<Response>> {
        // The first request is due immediately. The run ends shortly after the last request is due.
        #[expect(clippy::cast_precision_loss, reason = "the values are far below 2^52")]
        let length = (self.due as f64 - 1.0) / self.rate + (0.5 / self.rate).min(2.0);
        let mut oha = Command::new(self.program);
        oha.args(["-z", &format!("{}ms", (length * 1e3).round()), "-q", &self.rate.to_string()]);
        // With this option oha waits for the last response, but not after another request would be
        // due.
        if self.rate > 1.0 {
            oha.arg("-w");
        }
        oha.args(["--latency-correction", "--no-tui", "--worker-threads", "1", "-t", "30s"]);
        oha.args(["-c", &self.kind.connections.to_string(), "-m", self.kind.method]);
        oha.args(["--output-format", "csv", "-o"]).arg(&self.output);
        oha.args(["-H", &format!("authorization: Bearer {}", self.user.token)]);
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
            fs::read_to_string(&self.output).with_context(|| format!("oha did not write {}", self.output.display()))?;
        parse_responses(&table)
    }
}

/// Parses the output of oha: a header, and then one line for each request with the cells
/// `start,DNS,connected,first byte,duration,bytes,status`. Times are in seconds.
fn parse_responses(table: &str) -> Result<Vec<Response>> {
    let parse = |line: &str| {
        let mut cells = line.split(',').skip(4);
        let latency = Duration::try_from_secs_f64(cells.next()?.parse().ok()?).ok()?;
        let (bytes, status) = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
        Some(Response { status, latency, bytes })
    };
    table
        .lines()
        .skip(1)
        .map(|line| parse(line).with_context(|| format!("oha wrote an unexpected line: {line:?}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_oha_is_parsed_and_anything_else_is_rejected() {
        let head = "request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status\n";
        let responses = parse_responses(&format!("{head}0.5,0.1,0.2,0.001,0.0025,1234,200\n")).unwrap();
        assert_eq!(responses, [Response { status: 200, latency: Duration::from_micros(2500), bytes: 1234 }]);
        assert_eq!(parse_responses(head).unwrap(), []);
        parse_responses(&format!("{head}0.5,0.1\n")).unwrap_err();
        parse_responses(&format!("{head}0.5,0.1,0.2,0.001,-1,1234,200\n")).unwrap_err();
    }
}

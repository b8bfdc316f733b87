//! `cargo xtask chaos`: builds the crate `chaos` and the functions that it needs, and runs it.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};
use dev_servers::Server;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::stop::{self, StopRequests};
use crate::workspace::Workspace;
use crate::{binaries, cargo, process, servers};

/// The functions that are tested, and those that they need.
const FUNCTIONS: [&str; 7] =
    ["auth-logout", "cache-monitor", "db-migrate", "journal-list", "journal-update", "profile-get", "profile-update"];

/// Options of `cargo xtask chaos`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Cargo profile of the functions and of the check.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Options of the check: --minutes N, --reads N, --seed N, --target api|library|naive|all,
    /// --cluster, --json FILE
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    chaos: Vec<String>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    servers::install(&[Server::Postgres, Server::Redis])?;
    let mut command = tokio::select! {
        command = prepare(workspace, arguments) => command?,
        () = stop.next() => return Ok(stop::exit_code()),
    };
    // The check has its own process group, so that Ctrl-C reaches it only through this process.
    let mut child = command.stdin(Stdio::null()).process_group(0).spawn().context("cannot run the check")?;
    let status = tokio::select! {
        status = child.wait() => status?,
        () = stop.next() => {
            println!("stopping");
            // The check stops its servers before it ends.
            let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            let _gone = pid.map(|pid| kill_process(pid, Signal::TERM));
            child.wait().await?
        }
    };
    Ok(process::exit_code(status))
}

async fn prepare(workspace: &Workspace, arguments: &Arguments) -> Result<Command> {
    let profile = &arguments.profile;
    let functions = FUNCTIONS.map(str::to_owned);
    let binaries = binaries::build(workspace, "chaos", profile, &functions).await?;
    // The check is built separately, because it would enable further features of the functions'
    // dependencies.
    let check = cargo::build(workspace, profile, &["chaos".to_owned()]).await?;
    let check = check.into_iter().next().context("cargo built no binary for the package chaos")?;
    let mut command = Command::new(check.executable);
    command.args(&arguments.chaos).env("KAI_TEST_FUNCTIONS", binaries);
    Ok(command)
}

//! `cargo xtask chaos`: builds what the crate `chaos` needs, and runs it.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};
use dev_servers::Server;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::stop::StopRequests;
use crate::workspace::Workspace;
use crate::{cargo, servers, test};

/// What of the API is tried, and what has to be there for it.
const FUNCTIONS: [&str; 7] =
    ["auth-logout", "cache-monitor", "db-migrate", "journal-list", "journal-update", "profile-get", "profile-update"];

/// What to pass on.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Cargo's profile, for the functions and for the check
    #[arg(long, default_value = "release")]
    profile: String,
    /// --minutes N, --reads N, --seed N, --target api|library|naive|all, --cluster, --json FILE
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    chaos: Vec<String>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    servers::install(&[Server::Postgres, Server::Redis])?;
    let mut command = tokio::select! {
        command = prepare(workspace, arguments) => command?,
        () = stop.next() => return Ok(ExitCode::from(130)),
    };
    // In a group of its own, so that Ctrl-C reaches it through us alone.
    let mut child = command.stdin(Stdio::null()).process_group(0).spawn().context("cannot run the check")?;
    let status = tokio::select! {
        status = child.wait() => status?,
        () = stop.next() => {
            println!("stopping");
            // It stops its servers before it ends.
            let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            let _gone = pid.map(|pid| kill_process(pid, Signal::TERM));
            child.wait().await?
        }
    };
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

async fn prepare(workspace: &Workspace, arguments: &Arguments) -> Result<Command> {
    let profile = &arguments.profile;
    let functions = FUNCTIONS.map(str::to_owned);
    let binaries = test::binaries(workspace, "chaos", profile, &functions).await?;
    // Apart from the functions, or it would switch on further features of what they depend on.
    let check = cargo::build(workspace, profile, &["chaos".to_owned()]).await?;
    let check = check.into_iter().next().context("cargo has built no check")?;
    let mut command = Command::new(check.executable);
    command.args(&arguments.chaos).env("KAI_TEST_FUNCTIONS", binaries);
    Ok(command)
}

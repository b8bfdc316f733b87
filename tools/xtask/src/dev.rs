//! `cargo xtask dev`: serves the whole API on this machine.

mod demo;
mod output;
mod serve;
mod watch;

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use anyhow::{Result, bail};
use dev_servers::Server;
use emulator::Emulator;

use crate::servers::{self, Servers};
use crate::stop::StopRequests;
use crate::terminal::Step;
use crate::workspace::Workspace;

/// Options of `cargo xtask dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port of the API on 127.0.0.1.
    #[arg(long, default_value_t = 9000)]
    port: u16,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    let address = SocketAddr::from(([127, 0, 0, 1], arguments.port));
    // The port is checked first, because the first build takes minutes.
    if arguments.port != 0 && TcpListener::bind(address).is_err() {
        bail!("port {} of 127.0.0.1 is in use; choose another port with --port", arguments.port);
    }
    servers::install(&[Server::Postgres, Server::Redis])?;
    let servers = Servers::start_persistent(workspace, "dev")?;
    let mut api: Option<Emulator> = None;
    let outcome = tokio::select! {
        outcome = serve::serve(workspace, &servers, address, &mut api) => outcome,
        () = stop.next() => Ok(()),
    };
    println!();
    if let Some(api) = api {
        let step = Step::begin("stopping the functions");
        api.shutdown().await;
        step.done("functions stopped");
    }
    let step = Step::begin("stopping Redis and Postgres");
    drop(servers);
    step.done("Redis and Postgres stopped; their data stays in target/dev");
    outcome.map(|()| ExitCode::SUCCESS)
}

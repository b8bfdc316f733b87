//! Requests to stop the command.

use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Receives the signals that ask this process to stop: Ctrl-C, a service manager's SIGTERM, and the
/// SIGHUP of a closed terminal.
#[derive(Debug)]
pub(crate) struct StopRequests {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopRequests {
    /// Starts to listen. From now on these signals do not end the process, so that it can clean up
    /// first.
    ///
    /// # Errors
    /// The system rejects the signal handlers.
    pub(crate) fn listen() -> Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// Waits for the next request.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }

    /// Runs `work` to its end. A request to stop drops `work` and returns [`exit_code`].
    ///
    /// # Errors
    /// `work` fails.
    pub(crate) async fn run(&mut self, work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
        tokio::select! {
            code = work => code,
            () = self.next() => {
                println!("stopping");
                Ok(exit_code())
            }
        }
    }
}

/// The exit code that a shell reports for a command that Ctrl-C ended.
pub(crate) fn exit_code() -> ExitCode {
    ExitCode::from(130)
}

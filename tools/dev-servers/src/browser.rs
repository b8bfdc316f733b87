//! A headless Chromium, driven over the `DevTools` protocol.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{Launch, Process};
use crate::server_dir::ServerDir;
use crate::{Result, Server, install};

/// The text that the browser prints before its address when it accepts connections.
const READY_TEXT: &str = "DevTools listening on ";
/// How long the rest of that line may take to appear.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);

/// A running browser with its own profile. Dropping it stops the browser.
#[derive(Debug)]
pub struct Browser {
    url: String,
    _process: Process,
    _dir: ServerDir,
}

impl Browser {
    /// Starts a browser whose profile is below `dir`.
    ///
    /// # Errors
    /// Returns an error if neither Chromium nor Chrome is installed, another process uses `dir`, or
    /// the browser does not start. In the last case the error contains the end of the log.
    pub fn start(dir: &Path) -> Result<Self> {
        let dir = ServerDir::lock(dir)?;
        let data = dir.create_data_dir(None)?;
        let launch = Launch {
            server: Server::Chromium,
            executable: install::executables(Server::Chromium)?.remove(0),
            user: None,
            args: Vec::new(),
            dir: dir.path.clone(),
            data,
            port: 0,
            ready_text: READY_TEXT,
            stop_signal: Signal::TERM,
        };
        let process = Process::start(launch, None, |launch| {
            launch.args = arguments(launch).into_iter().map(Into::into).collect();
            Ok(())
        })?;
        let started = Instant::now();
        let url = loop {
            match process.log_line_from(READY_TEXT) {
                Some(line) => break line.trim_start_matches(READY_TEXT).trim().to_owned(),
                None if started.elapsed() > ADDRESS_TIMEOUT => return Err(process.failure("did not print its address")),
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        Ok(Self { url, _process: process, _dir: dir })
    }

    /// Returns the URL of the `DevTools` socket: `ws://127.0.0.1:…/devtools/browser/…`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn arguments(launch: &Launch) -> Vec<String> {
    let quiet = [
        "--headless",
        "--disable-gpu",
        // Containers seldom grant the privileges that the sandbox needs. The browser opens only our
        // own pages.
        "--no-sandbox",
        // Shared memory is scarce in containers.
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // A key ring would ask for a password.
        "--password-store=basic",
        "--use-mock-keychain",
    ];
    let own =
        [format!("--remote-debugging-port={}", launch.port), format!("--user-data-dir={}", launch.data.display())];
    quiet.map(str::to_owned).into_iter().chain(own).chain(["about:blank".to_owned()]).collect()
}

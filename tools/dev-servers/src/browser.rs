//! A Chromium without a window, driven over the `DevTools` protocol.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::folder::Folder;
use crate::process::{Launch, Process};
use crate::{Result, Server, install};

/// What it prints once it can be driven, before the address.
const READY: &str = "DevTools listening on ";
/// As long as the rest of that line may take.
const LINE_WITHIN: Duration = Duration::from_secs(10);

/// A running browser with a profile of its own. Dropping it ends the browser.
#[derive(Debug)]
pub struct Browser {
    url: String,
    _process: Process,
    _folder: Folder,
}

impl Browser {
    /// Starts a browser whose profile is below `dir`.
    ///
    /// # Errors
    /// Neither Chromium nor Chrome is installed, another process uses `dir`, or it does not start; the error then shows the end of its log.
    pub fn start(dir: &Path) -> Result<Self> {
        let folder = Folder::claim(dir)?;
        let data = folder.data(None)?;
        let launch = Launch {
            server: Server::Chromium,
            program: install::programs(Server::Chromium)?.remove(0),
            account: None,
            args: Vec::new(),
            dir: folder.path.clone(),
            data,
            port: 0,
            ready: READY,
            stop: Signal::TERM,
        };
        let process = Process::start(launch, None, |launch| {
            launch.args = arguments(launch).into_iter().map(Into::into).collect();
            Ok(())
        })?;
        let began = Instant::now();
        let url = loop {
            match process.line_from(READY) {
                Some(line) => break line.trim_start_matches(READY).trim().to_owned(),
                None if began.elapsed() > LINE_WITHIN => return Err(process.failure("did not tell its address")),
                None => thread::sleep(Duration::from_millis(10)),
            }
        };
        Ok(Self { url, _process: process, _folder: folder })
    }

    /// The address of its socket: `ws://127.0.0.1:…/devtools/browser/…`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn arguments(launch: &Launch) -> Vec<String> {
    let quiet = [
        "--headless",
        "--disable-gpu",
        // It shows pages of ours alone, and a container seldom allows what the sandbox needs.
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

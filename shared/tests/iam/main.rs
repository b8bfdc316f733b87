//! Tests of IAM tokens as passwords, with real servers that use TLS. A token opens a connection if
//! it was created at the time that the server expects.
//!
//! AWS's servers verify the signature of a token. The servers of these tests compare the token with
//! the token of a fixed time, which is known because the clock is stopped. A process determines
//! which certificate authorities it trusts when it starts, so the tests connect from a second
//! process.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests panic on every error")]

mod cache;
mod database;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use shared::aws::Identity;

const URL: &str = "KAI_IAM_URL";
const USER: &str = "kai-iam";

/// A stopped clock for an identity. The test moves it forward.
#[derive(Clone)]
pub(crate) struct Stopped {
    seconds: Arc<AtomicU64>,
}

impl Stopped {
    fn new() -> Self {
        Self { seconds: Arc::new(AtomicU64::new(1_764_201_600)) }
    }

    fn identity(&self) -> Identity {
        let seconds = Arc::clone(&self.seconds);
        let identity = Identity::new("eu-central-1", "AKIDEXAMPLE", "hunter2", Some("session+token/=".to_owned()));
        identity.with_clock(move || SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::SeqCst)))
    }

    /// Moves the clock forward by 16 minutes, which is longer than a token is valid.
    fn move_on(&self) {
        self.seconds.fetch_add(16 * 60, Ordering::SeqCst);
    }
}

/// Runs a test of this program in a process that trusts this certificate authority, and asserts
/// that it passes.
fn in_a_process_that_trusts(ca_file: &Path, url: &str, test: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(URL, url).env("SSL_CERT_FILE", ca_file);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    // If the name of the test is wrong, no test runs and the process succeeds.
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[expect(clippy::disallowed_methods, reason = "the URL comes from the parent process")]
fn url() -> String {
    std::env::var(URL).expect("the parent process sets the URL")
}

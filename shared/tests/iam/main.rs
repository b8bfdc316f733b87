//! Tokens of IAM for passwords, at real servers that speak TLS: a token made at the hour that the server expects opens a connection.
//!
//! AWS' own servers recompute the signature; ours compare with the token of one hour, which a stopped clock makes known. Whom a process
//! trusts is settled before it starts, so each half that connects is a process of its own.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "test code outside of the test functions themselves")]

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

/// An identity whose clock stands still until it is moved on.
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

    /// Longer than a token is good for.
    fn move_on(&self) {
        self.seconds.fetch_add(16 * 60, Ordering::SeqCst);
    }
}

/// Runs a test of this program in a process that trusts this authority, and makes sure that it passed.
fn in_a_process_that_trusts(ca_file: &Path, url: &str, test: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(URL, url).env("SSL_CERT_FILE", ca_file);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    // With a name that is none, nothing would fail.
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[expect(clippy::disallowed_methods, reason = "the URL comes from the process that runs this half")]
fn url() -> String {
    std::env::var(URL).expect("run by the other half")
}

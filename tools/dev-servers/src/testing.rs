//! Servers for tests: those that `cargo xtask test` starts for all tests, and a Redis for one test.
//!
//! The functions that return a server of `cargo xtask test` panic without it, with a message that
//! names the command to run.
#![expect(clippy::expect_used, clippy::panic, reason = "only tests use this module")]

mod test_redis;

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::time::sleep;

pub use self::test_redis::TestRedis;
use crate::postgres::Admin;

/// How long a test waits for a condition: far longer than any of them takes on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until the condition holds.
///
/// # Panics
/// The condition does not hold within [`TIMEOUT`].
pub async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !condition().await {
        assert!(Instant::now() < end, "the condition does not hold within {TIMEOUT:?}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Returns access to the Postgres server.
pub fn postgres() -> Admin {
    Admin::parse(&variable("KAI_TEST_POSTGRES")).expect("KAI_TEST_POSTGRES is the URL of a Postgres server")
}

/// Returns the name of the migrated database that tests copy.
pub fn template_database() -> String {
    variable("KAI_TEST_TEMPLATE")
}

/// Returns the URL of the shared Redis.
pub fn redis() -> String {
    variable("KAI_TEST_REDIS")
}

/// Returns the directory that contains the functions' binaries.
pub fn functions() -> PathBuf {
    variable("KAI_TEST_FUNCTIONS").into()
}

#[expect(clippy::disallowed_methods, reason = "the variables configure the tests and not the product")]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is missing: run the tests with `cargo xtask test`"))
}

/// Returns the port in a URL.
pub fn port(url: &str) -> u16 {
    split_port(url).1
}

/// Returns the URL with another port.
pub fn with_port(url: &str, port: u16) -> String {
    let (before, _, after) = split_port(url);
    format!("{before}:{port}{after}")
}

/// Splits a URL into the parts before and after its port, and the port.
fn split_port(url: &str) -> (&str, u16, &str) {
    let (before, rest) = url.rsplit_once(':').expect("the URL contains a port");
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (port, after) = rest.split_at(digits);
    (before, port.parse().expect("the port is a number below 65,536"), after)
}

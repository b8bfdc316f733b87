//! Access to the servers that `cargo xtask test` starts for the tests.
//!
//! Without `cargo xtask test`, the functions that read the environment panic with a message that
//! states what to run.
#![expect(clippy::expect_used, clippy::panic, reason = "only tests use this module")]

use std::env;
use std::path::PathBuf;

use crate::postgres::Admin;

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

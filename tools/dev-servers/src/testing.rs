//! The servers that `cargo xtask test` has started for the tests. Without it each function panics
//! and says what to run.
#![expect(clippy::expect_used, clippy::panic, reason = "for tests alone")]

use std::env;
use std::path::PathBuf;

use crate::postgres::Admin;

/// Returns access to the Postgres server.
pub fn postgres() -> Admin {
    Admin::parse(&variable("KAI_TEST_POSTGRES")).expect("KAI_TEST_POSTGRES")
}

/// Returns the name of the migrated database that tests copy.
pub fn template_database() -> String {
    variable("KAI_TEST_TEMPLATE")
}

/// Returns the URL of the shared Redis.
pub fn redis() -> String {
    variable("KAI_TEST_REDIS")
}

/// Returns the folder that contains the functions' binaries.
pub fn functions() -> PathBuf {
    variable("KAI_TEST_FUNCTIONS").into()
}

#[expect(clippy::disallowed_methods, reason = "the tests' own environment, not the product's")]
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
    let (before, rest) = url.rsplit_once(':').expect("a port");
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (port, after) = rest.split_at(digits);
    (before, port.parse().expect("a port"), after)
}

//! What `cargo xtask test` tells the tests about the servers that it has started. Without it each of these panics, and says what to run.
#![expect(clippy::expect_used, clippy::panic, reason = "for tests alone")]

use std::path::PathBuf;

use crate::postgres::Admin;

/// Access to the Postgres server.
pub fn postgres() -> Admin {
    Admin::parse(&variable("KAI_TEST_POSTGRES")).expect("KAI_TEST_POSTGRES")
}

/// The name of the migrated database that tests copy.
pub fn template_database() -> String {
    variable("KAI_TEST_TEMPLATE")
}

/// The URL of the shared Redis.
pub fn redis() -> String {
    variable("KAI_TEST_REDIS")
}

/// The folder that holds the functions' binaries.
pub fn functions() -> PathBuf {
    variable("KAI_TEST_FUNCTIONS").into()
}

#[expect(clippy::disallowed_methods, reason = "the tests' own environment, not the product's")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing: run the tests with `cargo xtask test`"))
}

/// The port in a URL.
pub fn port(url: &str) -> u16 {
    split(url).1
}

/// The URL with another port.
pub fn with_port(url: &str, port: u16) -> String {
    let (before, _, after) = split(url);
    format!("{before}:{port}{after}")
}

/// A URL around its port.
fn split(url: &str) -> (&str, u16, &str) {
    let (before, rest) = url.rsplit_once(':').expect("a port");
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (port, after) = rest.split_at(digits);
    (before, port.parse().expect("a port"), after)
}

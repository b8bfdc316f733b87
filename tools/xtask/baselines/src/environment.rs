//! The variables that `cargo xtask bench` sets for a baseline.

use lambda_http::Error;

/// Returns the value of a required variable.
///
/// # Errors
/// The variable is missing or not valid Unicode. The error names it.
#[expect(
    clippy::disallowed_methods,
    reason = "a baseline is not a function and does not use the product's configuration"
)]
pub fn variable(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|error| format!("{name}: {error}").into())
}

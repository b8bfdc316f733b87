//! What `cargo xtask bench` tells a floor.

use lambda_http::Error;

/// A variable that has to be there.
///
/// # Errors
/// It is not there; the error names it.
#[expect(
    clippy::disallowed_methods,
    reason = "a floor is no function, and the product's configuration is not what it measures"
)]
pub fn variable(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|error| format!("{name}: {error}").into())
}

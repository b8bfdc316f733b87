//! What this process is called in metrics and logs.

use std::sync::OnceLock;

/// The value of the dimension `Service` if no other is configured.
pub const DEFAULT_SERVICE: &str = "kai";

static NAMES: OnceLock<Names> = OnceLock::new();

struct Names {
    service: String,
    function: Option<String>,
}

/// Sets the value of the dimension `Service` and the name of the Lambda function.
///
/// Called before the first record is made; a second call has no effect. Each stack needs a service name of its own, so that two stacks in one
/// account do not add to each other's metrics.
pub fn identify(service: String, function: Option<String>) {
    let _ = NAMES.set(Names { service, function });
}

/// The name of the Lambda function; none outside Lambda.
pub fn function_name() -> Option<&'static str> {
    NAMES.get()?.function.as_deref()
}

/// The value of the dimension `Service`.
pub(super) fn service() -> &'static str {
    NAMES.get().map_or(DEFAULT_SERVICE, |names| &names.service)
}

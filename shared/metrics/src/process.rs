//! The names of this process in metrics and logs.

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
/// Call this before the first record is created. A second call has no effect. Each stack needs its
/// own service name, so that the metrics of two stacks in one account are separate.
pub fn identify(service: String, function: Option<String>) {
    let _ = NAMES.set(Names { service, function });
}

/// Returns the name of the Lambda function, or `None` outside of Lambda.
pub fn function_name() -> Option<&'static str> {
    NAMES.get()?.function.as_deref()
}

/// Returns the value of the dimension `Service`.
pub(super) fn service() -> &'static str {
    NAMES.get().map_or(DEFAULT_SERVICE, |names| &names.service)
}

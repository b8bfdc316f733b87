//! Checks of the log lines while the cache is corrupt.

use api_tests::{TestApp, emf};

/// A text that every corrupt value contains, if it is long enough. It must not appear anywhere
/// else.
pub(super) const CANARY: &str = "canary-0f1c6e0d5b";

/// Asserts that no log line contains a corrupt value, and that no function has failed.
pub(super) fn assert_clean_logs(app: &TestApp) {
    let lines = app.logs.lines();
    assert!(lines.iter().any(|line| emf::looks_like_emf(&line.text)), "nothing was logged at all");
    for line in lines {
        // `cache-monitor` must fail as long as it cannot drain the outbox.
        let failed = if line.function == "cache-monitor" { "Status: timeout" } else { "Status: " };
        for wrong in [CANARY, "\"message\":\"panic\"", "internal error", "Runtime exited", failed] {
            assert!(!line.text.contains(wrong), "{wrong}: {line:?}");
        }
    }
}

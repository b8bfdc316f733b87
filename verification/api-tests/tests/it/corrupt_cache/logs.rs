//! What the functions log while the cache is corrupt.

use api_tests::{TestApp, emf};

/// A text in every corrupt value that has room for it. It must not appear anywhere else.
pub(super) const CANARY: &str = "canary-0f1c6e0d5b";

/// Asserts that no log line contains a corrupt value, and that nothing has failed.
pub(super) fn assert_clean_logs(app: &TestApp) {
    let lines = app.logs.lines();
    assert!(lines.iter().any(|line| emf::looks_like_emf(&line.text)), "nothing was logged at all");
    for line in lines {
        // cache-monitor has to fail as long as it cannot drain the outbox.
        let failed = if line.function == "cache-monitor" { "Status: timeout" } else { "Status: " };
        for wrong in [CANARY, "\"message\":\"panic\"", "internal error", "Runtime exited", failed] {
            assert!(!line.text.contains(wrong), "{wrong}: {line:?}");
        }
    }
}

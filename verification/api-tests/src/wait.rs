//! A function that waits for a condition.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until a condition is true.
///
/// # Panics
/// Panics if the condition is still false after `limit`.
pub async fn wait_until(limit: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition().await {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(PAUSE).await;
    }
}

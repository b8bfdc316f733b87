//! Waits for conditions, with a time limit.

use std::fs;
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// The time limit, which is far longer than any condition here takes on a busy machine.
const BOUND: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(5);

/// Waits for the future. Panics at the time limit.
pub(crate) async fn with_timeout<T>(future: impl Future<Output = T>) -> T {
    timeout(BOUND, future).await.expect("the future resolves in time")
}

/// Waits until the condition holds. Panics at the time limit.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    with_timeout(async {
        while !condition() {
            sleep(INTERVAL).await;
        }
    })
    .await;
}

/// Waits until the process has ended.
pub(crate) async fn wait_until_gone(pid: u32) {
    wait_until(|| process_state(pid).is_none()).await;
}

/// Waits until a signal has stopped the process. The kernel stops it some time after the signal was
/// sent.
pub(crate) async fn wait_until_stopped(pid: u32) {
    wait_until(|| process_state(pid) == Some('T')).await;
}

/// Returns the state of a process, such as `T` for a stopped one, or `None` if it has ended.
pub(crate) fn process_state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
    (state != 'Z').then_some(state)
}

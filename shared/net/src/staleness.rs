//! When a connection may be stale, across a freeze of the execution environment.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A connection without a reply for longer than this may have broken while the environment was
/// frozen.
const STALE_AFTER: Duration = Duration::from_secs(5);

/// The time of a server's last reply, by the monotonic clock, which stops during a freeze, and by
/// the wall clock, which does not.
#[derive(Debug)]
pub struct LastReply {
    started: Instant,
    monotonic_ms: AtomicI64,
    wall_ms: AtomicI64,
}

impl Default for LastReply {
    fn default() -> Self {
        Self { started: Instant::now(), monotonic_ms: AtomicI64::new(0), wall_ms: AtomicI64::new(0) }
    }
}

impl LastReply {
    /// Records that the server replied just now.
    pub fn touch(&self) {
        self.monotonic_ms.store(self.elapsed_ms(), Ordering::Relaxed);
        self.wall_ms.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
    }

    /// Whether the connection may be stale: more than 5 s since the last reply on either clock.
    pub fn is_stale(&self) -> bool {
        let monotonic = self.elapsed_ms() - self.monotonic_ms.load(Ordering::Relaxed);
        let wall = Timestamp::now().as_millisecond() - self.wall_ms.load(Ordering::Relaxed);
        u128::try_from(monotonic.max(wall)).is_ok_and(|silence| silence > STALE_AFTER.as_millis())
    }

    fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

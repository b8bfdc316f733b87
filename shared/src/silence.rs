//! How long somebody has not answered, across a freeze.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Who has been silent for longer may have died while the environment was frozen.
const SUSPICIOUS: Duration = Duration::from_secs(5);

/// When a server last answered: by the clock that stands still in a freeze and by the one that does not.
pub(crate) struct LastAnswer {
    started: Instant,
    monotonic_ms: AtomicI64,
    wall_ms: AtomicI64,
}

impl Default for LastAnswer {
    fn default() -> Self {
        Self { started: Instant::now(), monotonic_ms: AtomicI64::new(0), wall_ms: AtomicI64::new(0) }
    }
}

impl LastAnswer {
    /// It answers now.
    pub(crate) fn note(&self) {
        self.monotonic_ms.store(self.now(), Ordering::Relaxed);
        self.wall_ms.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
    }

    /// Whether it may have died unnoticed, by whichever clock tells of the longer silence.
    pub(crate) fn is_long_ago(&self) -> bool {
        let monotonic = self.now() - self.monotonic_ms.load(Ordering::Relaxed);
        let wall = Timestamp::now().as_millisecond() - self.wall_ms.load(Ordering::Relaxed);
        u128::try_from(monotonic.max(wall)).is_ok_and(|silence| silence > SUSPICIOUS.as_millis())
    }

    fn now(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

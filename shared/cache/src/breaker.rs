//! A circuit breaker that stops commands for two seconds after three consecutive failures.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const FAILURES: u32 = 3;
const WINDOW: Duration = Duration::from_secs(2);

/// Counts consecutive failures and opens after three. Once the window has passed, it admits one
/// command as a probe.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default, Clone, Copy)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Returns whether a command may be sent now. After the window, only the first caller may send
    /// one. The breaker rejects all others until that probe succeeds or another window has passed.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match state.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now + WINDOW);
                true
            }
            None => true,
        }
    }

    /// Returns whether [`allows`](Self::allows) would return `false`. Does not start a probe.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.lock().open_until.is_some_and(|until| now < until)
    }

    pub(super) fn succeeded(&self) {
        *self.lock() = State::default();
    }

    /// Records a failure, and returns whether the breaker is open now. A single grave failure opens
    /// it.
    pub(super) fn failed(&self, now: Instant, grave: bool) -> bool {
        let mut state = self.lock();
        state.failures = if grave { FAILURES } else { state.failures.saturating_add(1) };
        if state.failures >= FAILURES {
            state.open_until = Some(now + WINDOW);
        }
        state.open_until.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_consecutive_failures_open_the_breaker_and_one_probe_follows_the_window() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        assert!(!breaker.failed(start, false));
        assert!(!breaker.failed(start, false));
        assert!(breaker.allows(start));
        assert!(breaker.failed(start, false));
        assert!(!breaker.allows(start + WINDOW / 2));
        assert!(breaker.allows(start + WINDOW), "the probe is allowed");
        assert!(!breaker.allows(start + WINDOW), "only one probe is allowed");
        breaker.succeeded();
        assert!(breaker.allows(start + WINDOW));
    }

    #[test]
    fn a_success_resets_the_count_and_one_grave_failure_opens_the_breaker() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..5 {
            assert!(!breaker.failed(now, false));
            breaker.succeeded();
        }
        assert!(breaker.failed(now, true));
    }
}

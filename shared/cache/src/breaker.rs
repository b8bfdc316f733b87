//! A circuit breaker: after three failures in a row the cache is left alone for two seconds.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const FAILURES: u32 = 3;
const WINDOW: Duration = Duration::from_secs(2);

/// Counts failures in a row and says when to stop trying. After the window one caller is let through as a probe.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default, Clone, Copy)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether a command may be tried now. Past the window the first to ask is let through and the rest wait for its outcome.
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

    /// Whether [`allows`](Self::allows) would refuse, without becoming the probe.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.lock().open_until.is_some_and(|until| now < until)
    }

    pub(super) fn succeeded(&self) {
        *self.lock() = State::default();
    }

    /// Records a failure; a grave one opens the breaker by itself. Returns whether the breaker is open now.
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
    fn three_failures_in_a_row_bar_the_way_for_the_window_and_then_one_probe_goes() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        assert!(!breaker.failed(start, false));
        assert!(!breaker.failed(start, false));
        assert!(breaker.allows(start));
        assert!(breaker.failed(start, false));
        assert!(!breaker.allows(start + WINDOW / 2));
        assert!(breaker.allows(start + WINDOW), "the probe");
        assert!(!breaker.allows(start + WINDOW), "only one");
        breaker.succeeded();
        assert!(breaker.allows(start + WINDOW));
    }

    #[test]
    fn a_success_in_between_starts_the_count_over_and_a_grave_failure_does_not_wait_for_it() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..5 {
            assert!(!breaker.failed(now, false));
            breaker.succeeded();
        }
        assert!(breaker.failed(now, true));
    }
}

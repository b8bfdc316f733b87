//! Counters in the memory of an environment, for rate limits while Redis is unavailable.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache::Count;

/// The maximum number of counters in an environment's memory. The name of each has a digest of 32
/// characters.
const REMEMBERED: usize = 4096;

/// Counters in the memory of an environment, for use while Redis is unavailable.
#[derive(Debug, Default)]
pub struct LocalCounters(Mutex<HashMap<String, (u64, Instant)>>);

impl LocalCounters {
    pub(crate) fn count(&self, name: &str, window: Duration) -> Count {
        let now = Instant::now();
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= REMEMBERED {
            counters.retain(|_, (_, ends)| *ends > now);
        }
        // Only an attack on many names fills the map with live counters. Starting over is better
        // than growing without a bound.
        if counters.len() >= REMEMBERED {
            counters.clear();
        }
        let (times, ends) = counters.entry(name.to_owned()).or_insert((0, now + window));
        if *ends <= now {
            (*times, *ends) = (0, now + window);
        }
        *times += 1;
        Count { times: *times, remaining: ends.saturating_duration_since(now) }
    }

    pub(crate) fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(crate) fn take_back<const N: usize>(&self, names: [&str; N]) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if let Some((times, _)) = counters.get_mut(name) {
                *times = times.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn the_local_counters_count_up_and_withdraw() {
        let counters = LocalCounters::default();
        assert_eq!([1, 2, 3].map(|_| counters.count("a", WINDOW).times), [1, 2, 3]);
        counters.count("b", WINDOW);
        counters.forget("b");
        counters.take_back(["a", "c"]);
        assert_eq!((counters.count("a", WINDOW).times, counters.count("b", WINDOW).times), (3, 1));
    }

    #[test]
    fn the_number_of_local_counters_is_limited() {
        let counters = LocalCounters::default();
        for number in 0..REMEMBERED * 2 {
            counters.count(&number.to_string(), WINDOW);
        }
        assert!(counters.0.lock().unwrap().len() <= REMEMBERED);
    }
}

//! How often somebody may try to sign in.
//!
//! Failed attempts are counted in Redis, in windows of 15 minutes: 10 for one account from one source, 100 for one account from
//! anywhere, 100 from one source for any account. The narrow limit stops guessing without locking the owner out: somebody else's
//! failures count only for the source they come from, until they come from many.
//!
//! When Redis is away each environment counts by itself, in memory and with the same limits. Nobody is locked out by an outage,
//! and guessing is slowed down to the limit times the number of environments.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Email;
use crate::cache::Count;
use crate::error::{Error, Result};
use crate::state::State;

const WINDOW: Duration = Duration::from_secs(15 * 60);
/// For one account from one source, for one account, from one source.
const LIMITS: [u64; 3] = [10, 100, 100];
/// How many names an environment remembers at most. They are pseudonyms of 32 bytes.
const REMEMBERED: usize = 4096;

/// An attempt that has been counted as failed until it turns out otherwise.
#[must_use = "an attempt that succeeds must be forgiven"]
pub struct LoginAttempt {
    names: [String; 3],
}

impl LoginAttempt {
    /// Counts an attempt, before any work is done for it.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when one of the limits is exceeded.
    pub async fn begin(state: &State, email: &Email, source: &str) -> Result<Self> {
        let name = |kind: &str, parts: &[&[u8]]| {
            let digest = state.pseudonyms.pseudonym(parts);
            let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            format!("login:{kind}:{digest}")
        };
        let (email, source) = (email.as_str().as_bytes(), source.as_bytes());
        let names = [name("pair", &[email, source]), name("account", &[email]), name("source", &[source])];
        let counted = state.cache.count(names.each_ref().map(|name| (name.as_str(), WINDOW))).await;
        let counts = counted.unwrap_or_else(|_| names.each_ref().map(|name| state.counters.count(name)));
        let exceeded = counts.iter().zip(LIMITS).filter(|(count, limit)| count.times > *limit);
        match exceeded.map(|(count, _)| count.remaining).max() {
            Some(retry_after) => Err(Error::RateLimited { retry_after }),
            None => Ok(Self { names }),
        }
    }

    /// The attempt succeeded: it is taken back, and the account's owner starts anew from this source.
    pub async fn forgive(self, state: &State) {
        let [pair, account, source] = self.names;
        state.counters.forgive(&pair, [&account, &source]);
        // When Redis is away there is nothing to take back there, and the local counters have been told.
        let _ = state.cache.uncount(&pair, [&account, &source]).await;
    }
}

/// Counters of one environment, for when Redis is away.
#[derive(Debug, Default)]
pub struct LocalCounters(Mutex<HashMap<String, (u64, Instant)>>);

impl LocalCounters {
    fn count(&self, name: &str) -> Count {
        let now = Instant::now();
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= REMEMBERED {
            counters.retain(|_, (_, since)| now.duration_since(*since) < WINDOW);
        }
        // Full of live counters means an attack on many names at once; starting over beats growing without bound.
        if counters.len() >= REMEMBERED {
            counters.clear();
        }
        let (times, since) = counters.entry(name.to_owned()).or_insert((0, now));
        if now.duration_since(*since) >= WINDOW {
            (*times, *since) = (0, now);
        }
        *times += 1;
        Count { times: *times, remaining: WINDOW.saturating_sub(now.duration_since(*since)) }
    }

    fn forgive(&self, forget: &str, take_back: [&str; 2]) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.remove(forget);
        for name in take_back {
            if let Some((times, _)) = counters.get_mut(name) {
                *times = times.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_counters_count_up_and_take_back() {
        let counters = LocalCounters::default();
        assert_eq!([1, 2, 3].map(|_| counters.count("a").times), [1, 2, 3]);
        counters.count("b");
        counters.forgive("b", ["a", "c"]);
        assert_eq!((counters.count("a").times, counters.count("b").times), (3, 1));
    }

    #[test]
    fn the_local_counters_do_not_grow_without_bound() {
        let counters = LocalCounters::default();
        for number in 0..REMEMBERED * 2 {
            counters.count(&number.to_string());
        }
        assert!(counters.0.lock().unwrap().len() <= REMEMBERED);
    }
}

//! How often somebody may try to sign in, or do what costs much.
//!
//! Failed attempts to sign in are counted in Redis, in windows of 15 minutes: 10 for one account from one source, 100 for one account from
//! anywhere, 100 from one source for any account. The narrow limit stops guessing without locking the owner out: somebody else's
//! failures count only for the source they come from, until they come from many.
//!
//! When Redis is away each environment counts by itself, in memory and with the same limits. Nobody is locked out by an outage,
//! and guessing is slowed down to the limit times the number of environments.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cache::{Count, Unreachable};

use super::Email;
use crate::error::{Error, Result};
use crate::store::Store;

/// How often something may happen within a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) times: u64,
    pub(super) window: Duration,
}

const WINDOW: Duration = Duration::from_secs(15 * 60);
/// For one account from one source.
const PAIR: Limit = Limit { times: 10, window: WINDOW };
/// For one account from anywhere, and from one source for any account.
const BROAD: Limit = Limit { times: 100, window: WINDOW };
/// How many names an environment remembers at most. Each is a digest of 32 bytes.
const REMEMBERED: usize = 4096;

/// An attempt that has been counted as failed until it turns out otherwise.
#[must_use = "an attempt that succeeds must be forgiven"]
pub struct LoginAttempt {
    names: [String; 3],
}

impl LoginAttempt {
    /// Counts an attempt, before any work is done for it. One that the narrow limit refuses counts for nothing else: or one source alone
    /// could use up what the account has for all of them.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when one of the limits is exceeded.
    pub async fn begin(store: &Store, email: &Email, source: &str) -> Result<Self> {
        let source = network(source);
        let (email, source) = (email.as_str().as_bytes(), source.as_bytes());
        let names = [
            name(store, "login:pair", &[email, source]),
            name(store, "login:account", &[email]),
            name(store, "login:source", &[source]),
        ];
        let [pair, account, source] = names.each_ref();
        count(store, [pair], PAIR).await?;
        count(store, [account, source], BROAD).await?;
        Ok(Self { names })
    }

    /// Forgives an attempt that succeeded, lets one stand that failed, and withdraws one of which neither is known.
    pub async fn conclude(self, store: &Store, succeeded: Result<bool, &Error>) {
        match succeeded {
            Ok(true) => self.forgive(store).await,
            Ok(false) => {}
            Err(_) => self.withdraw(store).await,
        }
    }

    /// The attempt succeeded: it is taken back, and the account's owner starts anew from this source.
    async fn forgive(self, store: &Store) {
        let [pair, account, source] = &self.names;
        store.local_counters.forget(pair);
        store.local_counters.take_back([account, source]);
        // When Redis is away there is nothing to take back there, and the local counters have been told.
        let _ = store.cache.uncount(Some(pair), [account, source]).await;
    }

    /// The attempt came to nothing that tells whether the password was right: it is taken back.
    async fn withdraw(self, store: &Store) {
        let names = self.names.each_ref().map(String::as_str);
        store.local_counters.take_back(names);
        let _ = store.cache.uncount(None, names).await;
    }
}

/// The name of a counter, from which what it counts for cannot be read back.
pub(super) fn name(store: &Store, kind: &str, parts: &[&[u8]]) -> String {
    let mut digest = const_hex::encode(store.hmac_key.hmac(parts));
    digest.truncate(32);
    format!("{kind}:{digest}")
}

/// Counts one occurrence under each name, in this environment when Redis is away.
///
/// # Errors
/// [`Error::RateLimited`] when one of them is over the limit.
pub(super) async fn count<const N: usize>(store: &Store, names: [&String; N], limit: Limit) -> Result<()> {
    let counted = store.cache.count(names.map(|name| (name.as_str(), limit.window))).await;
    enforce(store, names, counted, limit)
}

/// Judges what was counted under each name; what Redis could not count is counted in this environment.
///
/// # Errors
/// [`Error::RateLimited`] when one of them is over the limit.
pub(super) fn enforce<const N: usize>(
    store: &Store,
    names: [&String; N],
    counted: Result<[Count; N], Unreachable>,
    limit: Limit,
) -> Result<()> {
    let counts = counted.unwrap_or_else(|_| names.map(|name| store.local_counters.count(name, limit.window)));
    let exceeded = counts.iter().filter(|count| count.times > limit.times);
    match exceeded.map(|count| count.remaining).max() {
        Some(retry_after) => Err(Error::RateLimited { retry_after }),
        None => Ok(()),
    }
}

/// Whom an address stands for: of IPv6 the network of 64 bits, all of which one household has to itself.
fn network(source: &str) -> String {
    match source.parse() {
        Ok(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
        _ => source.to_owned(),
    }
}

/// Counters of one environment, for when Redis is away.
#[derive(Debug, Default)]
pub struct LocalCounters(Mutex<HashMap<String, (u64, Instant)>>);

impl LocalCounters {
    fn count(&self, name: &str, window: Duration) -> Count {
        let now = Instant::now();
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.len() >= REMEMBERED {
            counters.retain(|_, (_, ends)| *ends > now);
        }
        // Full of live counters means an attack on many names at once; starting over beats growing without bound.
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

    fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn take_back<const N: usize>(&self, names: [&str; N]) {
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

    #[test]
    fn the_local_counters_count_up_and_take_back() {
        let counters = LocalCounters::default();
        assert_eq!([1, 2, 3].map(|_| counters.count("a", WINDOW).times), [1, 2, 3]);
        counters.count("b", WINDOW);
        counters.forget("b");
        counters.take_back(["a", "c"]);
        assert_eq!((counters.count("a", WINDOW).times, counters.count("b", WINDOW).times), (3, 1));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_source() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn the_local_counters_do_not_grow_without_bound() {
        let counters = LocalCounters::default();
        for number in 0..REMEMBERED * 2 {
            counters.count(&number.to_string(), WINDOW);
        }
        assert!(counters.0.lock().unwrap().len() <= REMEMBERED);
    }
}

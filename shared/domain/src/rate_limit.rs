//! Rate limits of sign-ins and of expensive requests.
//!
//! Failed sign-ins are counted in Redis, in windows of 15 minutes. The limits are 10 for an account
//! from one source, 100 for an account from all sources, and 100 from one source for all accounts.
//! The narrow limit stops guessing without locking the owner out. Another person's failures block
//! only the source that they come from. Only failures from many sources reach the limit of the
//! account.
//!
//! If Redis is unavailable, each environment counts in memory, with the same limits. An outage
//! locks nobody out, and guessing is slowed down to the limit multiplied by the number of
//! environments.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use cache::{Count, Unreachable};

use super::Email;
use crate::error::{Error, Result};
use crate::store::Store;

/// The maximum number of occurrences within a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) times: u64,
    pub(super) window: Duration,
}

const WINDOW: Duration = Duration::from_secs(15 * 60);
/// The limit for an account from one source.
const PAIR: Limit = Limit { times: 10, window: WINDOW };
/// The limit for an account from all sources, and the limit from one source for all accounts.
const BROAD: Limit = Limit { times: 100, window: WINDOW };

/// An attempt to sign in that counts as failed, until it is concluded.
#[must_use = "an attempt counts as failed until it is concluded"]
pub struct LoginAttempt {
    names: [String; 3],
}

impl LoginAttempt {
    /// Counts an attempt, before any work is done for it.
    ///
    /// An attempt that the narrow limit rejects does not count for the broad limits. Otherwise, one
    /// source alone could exhaust the account's limit for all sources.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if one of the limits is exceeded.
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

    /// Concludes the attempt: withdraws it unless it failed. If it succeeded, also resets the
    /// narrow limit for this account and source.
    pub async fn conclude(self, store: &Store, succeeded: Result<bool, &Error>) {
        match succeeded {
            Ok(true) => self.forgive(store).await,
            Ok(false) => {}
            Err(_) => self.withdraw(store).await,
        }
    }

    /// Withdraws an attempt that succeeded, and resets the narrow limit for this account and
    /// source.
    async fn forgive(self, store: &Store) {
        let [pair, account, source] = &self.names;
        store.local_counters.forget(pair);
        store.local_counters.take_back([account, source]);
        // If Redis is unavailable, it has not counted the attempt, and the local counters are up to
        // date.
        let _ = store.cache.uncount(Some(pair), [account, source]).await;
    }

    /// Withdraws an attempt that ended with an error. Whether the password was right is unknown.
    async fn withdraw(self, store: &Store) {
        let names = self.names.each_ref().map(String::as_str);
        store.local_counters.take_back(names);
        let _ = store.cache.uncount(None, names).await;
    }
}

/// Returns the name of a counter. The parts cannot be recovered from the name.
pub(super) fn name(store: &Store, kind: &str, parts: &[&[u8]]) -> String {
    let mut digest = const_hex::encode(store.hmac_key.hmac(parts));
    digest.truncate(32);
    format!("{kind}:{digest}")
}

/// Counts one occurrence under each name, in this environment's memory if Redis is unavailable.
///
/// # Errors
/// [`Error::RateLimited`] if one of the counts exceeds the limit.
pub(super) async fn count<const N: usize>(store: &Store, names: [&String; N], limit: Limit) -> Result<()> {
    let counted = store.cache.count(names.map(|name| (name.as_str(), limit.window))).await;
    enforce(store, names, counted, limit)
}

/// Compares the counts with the limit. If Redis could not count, counts in this environment's
/// memory instead.
///
/// # Errors
/// [`Error::RateLimited`] if one of the counts exceeds the limit.
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

/// Returns the source that an IP address belongs to. An IPv6 address belongs to its /64 network,
/// which one household has to itself.
fn network(source: &str) -> String {
    match source.parse() {
        Ok(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_source() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
    }
}

//! What the cache knows for a caller: the session and one thing that is theirs, in one round trip.

use std::time::Duration;

use cache::{FillPermit, Key, Lookup};
use metrics::CacheOutcome;
use tokio::time::timeout;

use super::{Session, Token, outbox};
use crate::store::Store;

/// How long a read waits while the outbox is finished.
const CATCH_UP_BUDGET: Duration = Duration::from_millis(150);

/// What the cache knows of one thing.
pub(super) struct CachedValue<T> {
    pub(super) value: Option<T>,
    /// Where it may be filled in, when the cache does not have it.
    pub(super) slot: Option<FillPermit>,
    outcome: CacheOutcome,
}

impl<T> CachedValue<T> {
    /// Reads a record. One that makes no sense, because a program before this one wrote something else there, is a miss, and taken away for a
    /// better one.
    pub(super) fn new(store: &Store, key: &Key, lookup: Lookup, read: impl FnOnce(Vec<u8>) -> Option<T>) -> Self {
        match lookup {
            Lookup::Hit(bytes) => match read(bytes) {
                Some(value) => Self { value: Some(value), slot: None, outcome: CacheOutcome::Hit },
                None => {
                    store.cache.discard(key);
                    Self { value: None, slot: None, outcome: CacheOutcome::Miss }
                }
            },
            Lookup::Miss(slot) => Self { value: None, slot: Some(slot), outcome: CacheOutcome::Miss },
            Lookup::Bypass => Self { value: None, slot: None, outcome: CacheOutcome::Bypass },
        }
    }

    /// The same, counted as a look-up of its family.
    pub(super) fn counted(self, store: &Store, key: &Key) -> Self {
        store.metrics.cache_lookup(key.family(), self.outcome);
        self
    }
}

/// What the cache knows of the caller's session and of one thing that is theirs, in one round trip.
pub(super) async fn look_up_for<T>(
    store: &Store,
    token: &Token,
    key: &Key,
    read: impl FnOnce(Vec<u8>) -> Option<T>,
) -> (SessionLookup, CachedValue<T>) {
    let session_key = token.session_key();
    let [session, data] = look_up(store, [&session_key, key]).await;
    let data = CachedValue::new(store, key, data, read).counted(store, key);
    store.metrics.answer_from(data.outcome);
    (SessionLookup::new(store, &session_key, session).0, data)
}

/// What the cache knows of the caller's session alone.
pub(super) async fn look_up_session(store: &Store, token: &Token) -> SessionLookup {
    session_lookup(store, token).await.0
}

/// The same, and whether the cache had it.
pub(super) async fn session_lookup(store: &Store, token: &Token) -> (SessionLookup, CacheOutcome) {
    let key = token.session_key();
    let [session] = look_up(store, [&key]).await;
    SessionLookup::new(store, &key, session)
}

/// The caller's session, as far as the cache knows it.
pub(super) struct SessionLookup {
    pub(super) alive: Option<Session>,
    /// Where the session may be filled in, when the cache does not have it.
    pub(super) slot: Option<FillPermit>,
}

impl SessionLookup {
    fn new(store: &Store, key: &Key, lookup: Lookup) -> (Self, CacheOutcome) {
        let read = |bytes: Vec<u8>| serde_json::from_slice::<Session>(&bytes).ok();
        let CachedValue { value, slot, outcome } = CachedValue::new(store, key, lookup, read).counted(store, key);
        (Self { alive: value.filter(Session::is_alive), slot }, outcome)
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.is_some()
    }
}

async fn look_up<const N: usize>(store: &Store, keys: [&Key; N]) -> [Lookup; N] {
    if store.cache.needs_drain() {
        // What is not finished in time is finished by the next request, or by the schedule; meanwhile the database answers. Redis is asked
        // first: an outbox that is empty while Redis is still away may not be so when it comes back. Boxed, as it is large and rare.
        let catch_up = Box::pin(async {
            if store.cache.ping().await.is_ok() {
                let _ = outbox::drain_outbox(store).await;
            }
        });
        let _ = timeout(CATCH_UP_BUDGET, catch_up).await;
    }
    store.cache.read(keys).await
}

//! The operations from which the steps of the protocol are built. Each one waits or tries again as
//! long as a busy machine or a changing cluster requires.

use std::panic::Location;
use std::time::{Duration, Instant};

use cache::{Cache, FillPermit, Key, Lookup, WriteGuard};
use dev_servers::testing::TIMEOUT;
use tokio::time::sleep;

use super::{Server, until};

/// The time after which a fill counts as lost. The deadline of a fill is 15 ms, which it may exceed
/// on a busy machine.
const FILLED_WITHIN: Duration = Duration::from_millis(300);
/// The number of permits for one fill. Consecutive fills may be lost while slots move.
const SPARE_FILLS: usize = 12;

/// Looks up a key, again and again until the cache reaches Redis.
pub(crate) async fn look_up(cache: &Cache, key: &Key) -> Lookup {
    let end = Instant::now() + TIMEOUT;
    loop {
        let [lookup] = cache.read([key]).await;
        if !matches!(lookup, Lookup::Bypass) {
            return lookup;
        }
        // Without a database there is no outbox to drain.
        cache.mark_drained(cache.failures());
        assert!(Instant::now() < end, "every lookup was a bypass");
        sleep(Duration::from_millis(20)).await;
    }
}

#[track_caller]
fn slot(lookup: Lookup) -> FillPermit {
    match lookup {
        Lookup::Miss(slot) => slot,
        other => panic!("expected a miss: {other:?}"),
    }
}

/// Looks up a key that must be a miss.
pub(crate) async fn miss(cache: &Cache, key: &Key) -> FillPermit {
    slot(look_up(cache, key).await)
}

/// Returns the body of a hit, or `None` for a miss.
pub(crate) async fn served(cache: &Cache, key: &Key) -> Option<String> {
    match look_up(cache, key).await {
        Lookup::Hit(body) => Some(String::from_utf8(body).unwrap()),
        _ => None,
    }
}

/// Asserts that this body is served. Tolerates misses, because a record may be unreachable for a
/// moment while slots move.
pub(crate) async fn assert_served(cache: &Cache, key: &Key, body: &str) {
    until(async || match served(cache, key).await {
        Some(served) => {
            assert_eq!(served, body);
            true
        }
        None => false,
    })
    .await;
}

/// Asserts that no record is served. Looks up three times, because a single miss may have another
/// cause while slots move.
#[track_caller]
pub(crate) fn assert_dead(cache: &Cache, key: &Key) -> impl Future<Output = ()> {
    let place = Location::caller();
    async move {
        for _ in 0..3 {
            assert_eq!(served(cache, key).await, None, "at {place}");
        }
    }
}

/// Looks up a key that must be a miss, and returns several permits of one generation. If a fill is
/// lost, the next permit allows another one.
pub(crate) async fn misses(cache: &Cache, key: &Key) -> Vec<FillPermit> {
    let mut slots = vec![miss(cache, key).await];
    while slots.len() < SPARE_FILLS {
        let slot = miss(cache, key).await;
        assert!(slot.has_generation_of(&slots[0]), "the generation changed without a write");
        slots.push(slot);
    }
    slots
}

/// Fills a record with one of these permits, and waits until Redis has stored it.
pub(crate) async fn fill(
    server: &Server,
    cache: &Cache,
    key: &Key,
    slots: impl IntoIterator<Item = FillPermit>,
    body: &str,
) {
    let before = server.get(key.record());
    let mut slots = slots.into_iter().peekable();
    while let Some(slot) = slots.next() {
        cache.fill(slot, body.as_bytes().to_vec());
        let patience = if slots.peek().is_some() { FILLED_WITHIN } else { TIMEOUT };
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if server.get(key.record()) != before {
                return;
            }
            sleep(Duration::from_millis(2)).await;
        }
        // A fill does not open a connection, so open one for the next fill.
        until(async || cache.ping().await.is_ok()).await;
    }
    panic!("no fill arrived");
}

/// Replaces the record of a key, and asserts that the new one is served.
pub(crate) async fn put(server: &Server, cache: &Cache, key: &Key, body: &str) {
    server.del(key.record());
    let slots = if server.is_in_motion() { misses(cache, key).await } else { vec![miss(cache, key).await] };
    fill(server, cache, key, slots, body).await;
    assert_served(cache, key, body).await;
}

/// Ends a write. In a cluster in motion the clearing may be lost. The marker then expires, like
/// that of a writer that crashes.
pub(crate) async fn end(server: &Server, guard: WriteGuard) {
    let guards = guard.guards().to_vec();
    let cleared = guard.end().await;
    server.note_clearing(cleared);
    assert!(cleared || server.is_in_motion(), "a clearing was lost although the server does not change");
    for name in &guards {
        match cleared {
            true => assert_eq!(server.get(name), None, "the guard was not cleared"),
            false => server.expire(name).await,
        }
    }
}

/// Announces a write. Tries again if the marker was late, which may happen on a busy machine.
pub(crate) async fn begin(server: &Server, cache: &Cache, keys: &[&Key]) -> WriteGuard {
    let before: Vec<_> = keys.iter().map(|key| server.get(key.guard())).collect();
    let end = Instant::now() + TIMEOUT;
    loop {
        let guard = cache.begin(keys.iter().map(|key| key.guard().to_owned()).collect()).await;
        if guard.unmarked().is_empty() {
            return guard;
        }
        assert!(Instant::now() < end, "no marker could be set");
        sleep(Duration::from_millis(100)).await;
        for (key, before) in keys.iter().zip(&before) {
            match before {
                Some(before) => server.set(key.guard(), before),
                None => server.del(key.guard()),
            }
        }
    }
}

/// Announces a write and ends it, as a writer does that commits in between.
pub(crate) async fn write(server: &Server, cache: &Cache, key: &Key) {
    let guard = begin(server, cache, &[key]).await;
    let cleared = guard.end().await;
    server.note_clearing(cleared);
    if !cleared {
        until(async || cache.invalidate(&[key.guard().to_owned()]).await).await;
        server.del(key.guard());
    }
}

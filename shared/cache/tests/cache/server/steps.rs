//! What the steps of the protocol are made of, each as patient as a busy machine and a changing cluster ask for.

use std::panic::Location;
use std::time::{Duration, Instant};

use cache::{Cache, FillPermit, Key, Lookup, WriteGuard};
use dev_servers::testing::TIMEOUT;
use tokio::time::sleep;

use super::{Server, until};

/// A fill has 15 ms. One that has not arrived by then, on a busy machine, is lost.
const FILLED_WITHIN: Duration = Duration::from_millis(300);
/// How many fills in a row may be lost to slots that move.
const SPARE_FILLS: usize = 12;

/// Waits until the cache reaches Redis, and looks up.
pub(crate) async fn look_up(cache: &Cache, key: &Key) -> Lookup {
    let end = Instant::now() + TIMEOUT;
    loop {
        let [lookup] = cache.read([key]).await;
        if !matches!(lookup, Lookup::Bypass) {
            return lookup;
        }
        // Without a database there is no outbox to finish.
        cache.mark_drained(cache.failures());
        assert!(Instant::now() < end, "nothing but bypasses");
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

/// Looks a key up that is known to be a miss.
pub(crate) async fn miss(cache: &Cache, key: &Key) -> FillPermit {
    slot(look_up(cache, key).await)
}

/// The body of a hit, or nothing if it is a miss.
pub(crate) async fn served(cache: &Cache, key: &Key) -> Option<String> {
    match look_up(cache, key).await {
        Lookup::Hit(body) => Some(String::from_utf8(body).unwrap()),
        _ => None,
    }
}

/// Asserts that this is served. While slots move, a record that cannot be reached is a miss for a moment.
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

/// Asserts that nothing is served, more than once: while slots move, a look-up may be a miss for that reason alone.
#[track_caller]
pub(crate) fn assert_dead(cache: &Cache, key: &Key) -> impl Future<Output = ()> {
    let place = Location::caller();
    async move {
        for _ in 0..3 {
            assert_eq!(served(cache, key).await, None, "at {place}");
        }
    }
}

/// Looks a key up that is known to be a miss, so often that a fill may be lost and another one sent, all under one generation.
pub(crate) async fn misses(cache: &Cache, key: &Key) -> Vec<FillPermit> {
    let mut slots = vec![miss(cache, key).await];
    while slots.len() < SPARE_FILLS {
        let slot = miss(cache, key).await;
        assert!(slot.has_generation_of(&slots[0]), "the generation changed by itself");
        slots.push(slot);
    }
    slots
}

/// Fills one of these slots and waits until the record is there.
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
        // A fill opens no connection.
        until(async || cache.ping().await.is_ok()).await;
    }
    panic!("no fill arrived");
}

/// Fills a key, whatever is there, and makes sure that it is served.
pub(crate) async fn put(server: &Server, cache: &Cache, key: &Key, body: &str) {
    server.del(key.record());
    let slots = if server.is_in_motion() { misses(cache, key).await } else { vec![miss(cache, key).await] };
    fill(server, cache, key, slots, body).await;
    assert_served(cache, key, body).await;
}

/// Ends a write. In a cluster in motion the clearing may be lost; the marker then expires, as the
/// marker of a writer that dies does.
pub(crate) async fn end(server: &Server, guard: WriteGuard) {
    let guards = guard.guards().to_vec();
    let cleared = guard.end().await;
    server.note_clearing(cleared);
    assert!(cleared || server.is_in_motion(), "nothing kept the end from Redis");
    for name in &guards {
        match cleared {
            true => assert_eq!(server.get(name), None, "it was cleared"),
            false => server.expire(name).await,
        }
    }
}

/// Announces a write, and again if a busy machine made the marker late.
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

/// Announces a write and ends it, as if there were a commit in between.
pub(crate) async fn write(server: &Server, cache: &Cache, key: &Key) {
    let guard = begin(server, cache, &[key]).await;
    let cleared = guard.end().await;
    server.note_clearing(cleared);
    if !cleared {
        until(async || cache.invalidate(&[key.guard().to_owned()]).await).await;
        server.del(key.guard());
    }
}

//! A Redis that stops answering: what it may cost, and how the cache comes back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cache::{Lookup, Unreachable};
use futures_util::future::join_all;
use redis::cmd;
use tokio::time::{sleep, timeout};

use crate::fake::Fake;
use crate::server::{Server, cache_at, key, key_of, put, served, until};

const FAILED: Result<(), Unreachable> = Err(Unreachable::Failed);
const OPENED: Result<(), Unreachable> = Err(Unreachable::CircuitOpen { opened: true });
const BARRED: Result<(), Unreachable> = Err(Unreachable::CircuitOpen { opened: false });

#[tokio::test]
async fn three_exchanges_wait_for_a_silent_redis_and_then_one_in_each_window() {
    let silent = Fake::always(b"");
    let cache = cache_at(&silent.url());
    for expected in [FAILED, FAILED, OPENED, BARRED, BARRED, BARRED] {
        assert_eq!(cache.ping().await, expected);
    }
    assert_eq!(silent.take().len(), 3);
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(cache.ping().await, BARRED, "the window is two seconds");
    sleep(Duration::from_millis(700)).await;
    let outcomes = join_all((0..20).map(|_| cache.ping())).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == OPENED).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == BARRED).count(), 19, "{outcomes:?}");
    assert_eq!(silent.take().len(), 1, "one probe");
}

#[tokio::test]
async fn a_frozen_redis_costs_three_reads_and_is_back_after_the_window() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "body").await;
    server.redis().pause();
    let mut waited = 0;
    for _ in 0..50 {
        let started = Instant::now();
        assert!(matches!(cache.read([&key]).await, [Lookup::Bypass]));
        waited += u32::from(started.elapsed() >= Duration::from_millis(20));
    }
    // A read that is barred at once takes microseconds; one of fifty may be held up by a busy machine.
    assert!((1..=4).contains(&waited), "{waited} of 50 reads waited");
    assert_eq!(cache.ping().await, BARRED);
    server.redis().resume();
    let resumed = Instant::now();
    assert_eq!(served(&cache, &key).await.as_deref(), Some("body"));
    assert!(resumed.elapsed() < Duration::from_secs(5), "{:?}", resumed.elapsed());
}

#[tokio::test]
async fn a_killed_redis_is_known_to_be_away_after_one_read_and_is_found_again() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "body").await;
    server.redis().kill();
    assert!(matches!(cache.read([&key]).await, [Lookup::Bypass]));
    for _ in 0..20 {
        assert_eq!(cache.ping().await, BARRED, "a refused connection opens the breaker by itself");
    }
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    assert_eq!(guard.unmarked(), [key.guard()]);
    assert!(!guard.end().await);
    server.redis().restart().unwrap();
    assert_eq!(served(&cache, &key).await, None, "it is empty");
    put(&server, &cache, &key, "body").await;
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_nothing() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    let mut hits = 0;
    for _ in 0..10 {
        put(&server, &cache, &key, "body").await;
        server.run(cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes"));
        sleep(Duration::from_millis(20)).await;
        // Tried once more on a fresh connection, within the same read.
        hits += u32::from(matches!(cache.read([&key]).await, [Lookup::Hit(_)]));
    }
    assert!(hits >= 6, "{hits} hits of 10; a busy machine may make some late");
}

#[tokio::test]
async fn a_connection_that_died_without_a_word_is_replaced_after_one_failure() {
    let asked = AtomicU32::new(0);
    let fake = Fake::start(move |connection, _| match (connection, asked.fetch_add(1, Ordering::SeqCst)) {
        (0, 1..) => Vec::new(),
        _ => b"+PONG\r\n".to_vec(),
    });
    let cache = cache_at(&fake.url());
    assert_eq!([cache.ping().await, cache.ping().await, cache.ping().await], [Ok(()), FAILED, Ok(())]);
}

#[tokio::test]
async fn reads_that_are_dropped_in_the_middle_do_not_shift_the_replies_of_others() {
    let server = Server::node();
    let cache = server.cache();
    let names: Vec<String> = (0..100).map(|number| format!("canary:{number}")).collect();
    for name in &names {
        server.run(cmd("SET").arg(name).arg(format!("value of {name}")));
    }
    let owner = uuid::Uuid::new_v4();
    let keys = [1, 2].map(|page| key_of(owner, page));
    put(&server, &cache, &keys[0], "page 1").await;
    put(&server, &cache, &keys[1], "page 2").await;
    let mut dropped = 0;
    for round in 0..10 {
        until(async || cache.ping().await.is_ok()).await;
        server.redis().pause();
        // Sent, and given up before its own budget: as when the request's deadline comes first.
        for name in &names[round * 10..][..10] {
            dropped += u32::from(timeout(Duration::from_micros(500), cache.guard_value(name)).await.is_err());
            dropped += u32::from(timeout(Duration::from_micros(500), cache.read([&keys[0]])).await.is_err());
        }
        server.redis().resume();
        for name in names.iter().rev() {
            let mut value = None;
            until(async || {
                value = cache.guard_value(name).await;
                value.is_some()
            })
            .await;
            assert_eq!(value.unwrap(), format!("value of {name}").into_bytes());
        }
        assert_eq!(served(&cache, &keys[1]).await.as_deref(), Some("page 2"));
        assert_eq!(served(&cache, &keys[0]).await.as_deref(), Some("page 1"));
    }
    assert!(dropped >= 100, "only {dropped} of 200 were dropped in the middle");
}

#[tokio::test]
async fn writes_may_have_gone_unannounced_from_the_first_failure_until_somebody_has_caught_up() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    until(async || cache.ping().await.is_ok()).await;
    cache.mark_drained(cache.failures());
    assert!(!cache.needs_drain());
    server.redis().pause();
    until(async || cache.ping().await == BARRED).await;
    assert!(!cache.needs_drain(), "while the breaker is open the cache is out of the way");
    server.redis().resume();
    until(async || cache.needs_drain()).await;
    until(async || cache.ping().await.is_ok()).await;
    assert!(cache.needs_drain(), "an answer alone does not finish what was missed");
    cache.mark_drained(cache.failures());
    assert!(!cache.needs_drain());

    // A marker that could not be set is enough, whatever the breaker says.
    server.run(cmd("CONFIG").arg("SET").arg("maxmemory").arg(1));
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    assert_eq!(guard.unmarked(), [key.guard()]);
    assert!(cache.needs_drain());
    drop(guard);
}

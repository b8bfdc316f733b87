//! Tests of the circuit breaker: what a Redis that stops replying costs, and how the cache
//! recovers.

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
async fn three_exchanges_wait_for_a_silent_redis_and_then_one_per_window() {
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
    assert_eq!(silent.take().len(), 1, "there must be one probe");
}

#[tokio::test]
async fn a_frozen_redis_delays_three_reads_and_is_used_again_after_the_window() {
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
    // A read that the breaker rejects takes microseconds. A busy machine may delay one of fifty.
    assert!((1..=4).contains(&waited), "{waited} of 50 reads waited");
    assert_eq!(cache.ping().await, BARRED);
    server.redis().resume();
    let resumed = Instant::now();
    assert_eq!(served(&cache, &key).await.as_deref(), Some("body"));
    assert!(resumed.elapsed() < Duration::from_secs(5), "{:?}", resumed.elapsed());
}

#[tokio::test]
async fn a_killed_redis_opens_the_breaker_after_one_read_and_is_used_again_after_a_restart() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    put(&server, &cache, &key, "body").await;
    server.redis().kill();
    assert!(matches!(cache.read([&key]).await, [Lookup::Bypass]));
    for _ in 0..20 {
        assert_eq!(cache.ping().await, BARRED, "one refused connection opens the breaker");
    }
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    assert_eq!(guard.unmarked(), [key.guard()]);
    assert!(!guard.end().await);
    server.redis().restart().unwrap();
    assert_eq!(served(&cache, &key).await, None, "the restarted Redis is empty");
    put(&server, &cache, &key, "body").await;
}

#[tokio::test]
async fn a_read_is_retried_if_its_connection_was_closed_while_idle() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    let mut hits = 0;
    for _ in 0..10 {
        put(&server, &cache, &key, "body").await;
        server.run(cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes"));
        sleep(Duration::from_millis(20)).await;
        // The same read tries once more on a new connection.
        hits += u32::from(matches!(cache.read([&key]).await, [Lookup::Hit(_)]));
    }
    assert!(hits >= 6, "{hits} hits of 10; some may be late on a busy machine");
}

#[tokio::test]
async fn a_connection_that_died_silently_is_replaced_after_one_failure() {
    let asked = AtomicU32::new(0);
    let fake = Fake::start(move |connection, _| match (connection, asked.fetch_add(1, Ordering::SeqCst)) {
        (0, 1..) => Vec::new(),
        _ => b"+PONG\r\n".to_vec(),
    });
    let cache = cache_at(&fake.url());
    assert_eq!([cache.ping().await, cache.ping().await, cache.ping().await], [Ok(()), FAILED, Ok(())]);
}

#[tokio::test]
async fn cancelled_reads_do_not_shift_the_replies_of_other_commands() {
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
        // The commands are sent and then cancelled before their own deadline, as when the deadline
        // of the request is earlier.
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
    assert!(dropped >= 100, "only {dropped} of 200 commands were cancelled");
}

#[tokio::test]
async fn a_drain_is_needed_from_the_first_failure_until_the_outbox_is_drained() {
    let server = Server::node();
    let (cache, key) = (server.cache(), key());
    until(async || cache.ping().await.is_ok()).await;
    cache.mark_drained(cache.failures());
    assert!(!cache.needs_drain());
    server.redis().pause();
    until(async || cache.ping().await == BARRED).await;
    assert!(!cache.needs_drain(), "no drain is needed while the breaker is open");
    server.redis().resume();
    until(async || cache.needs_drain()).await;
    until(async || cache.ping().await.is_ok()).await;
    assert!(cache.needs_drain(), "a reply alone must not end the need for a drain");
    cache.mark_drained(cache.failures());
    assert!(!cache.needs_drain());

    // One marker that could not be set is enough, even if the breaker is closed.
    server.run(cmd("CONFIG").arg("SET").arg("maxmemory").arg(1));
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    assert_eq!(guard.unmarked(), [key.guard()]);
    assert!(cache.needs_drain());
    drop(guard);
}

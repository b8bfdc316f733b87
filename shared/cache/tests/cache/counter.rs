//! Tests of the counters with a window.

use std::time::Duration;

use cache::{Cache, Count, Unreachable};
use redis::{Value, cmd};

use crate::server::{Server, cache_at, until};

const WINDOW: Duration = Duration::from_secs(900);

/// Counts once. A late attempt may or may not have been counted, so the old number is restored
/// before the next attempt.
async fn count(server: &Server, cache: &Cache, name: &str) -> Count {
    let before = server.get(name);
    let mut counted = None;
    until(async || {
        counted = cache.count([(name, WINDOW)]).await.ok();
        match (&counted, &before) {
            (Some(_), _) => {}
            (None, Some(before)) => server.set(name, before),
            (None, None) => server.del(name),
        }
        counted.is_some()
    })
    .await;
    let [count] = counted.unwrap();
    count
}

#[tokio::test]
async fn the_first_count_starts_a_window_that_later_counts_do_not_extend() {
    let server = Server::node();
    let cache = server.cache();
    let first = count(&server, &cache, "login:a").await;
    assert_eq!(first.times, 1);
    assert!(first.remaining <= WINDOW && first.remaining > WINDOW - Duration::from_secs(10), "{first:?}");
    server.run(cmd("PEXPIRE").arg("login:a").arg(60_000));
    for times in 2..5 {
        let next = count(&server, &cache, "login:a").await;
        assert_eq!(next.times, times);
        assert!(next.remaining <= Duration::from_secs(60), "{next:?}");
    }
    server.expire("login:a").await;
    assert_eq!(count(&server, &cache, "login:a").await.times, 1, "a new window");
}

#[tokio::test]
async fn several_names_are_counted_separately() {
    for server in [Server::node(), Server::cluster()] {
        let cache = server.cache();
        count(&server, &cache, "b").await;
        let mut counts = None;
        until(async || {
            for name in ["a", "b", "c"] {
                server.del(name);
            }
            server.run(cmd("SET").arg("b").arg(1).arg("EX").arg(60));
            counts = cache.count([("a", WINDOW), ("b", WINDOW), ("c", WINDOW)]).await.ok();
            counts.is_some()
        })
        .await;
        assert_eq!(counts.unwrap().map(|count| count.times), [1, 2, 1]);
    }
}

#[tokio::test]
async fn uncount_deletes_one_counter_decrements_others_and_creates_none() {
    let server = Server::node();
    let cache = server.cache();
    let end = |name: &str| server.run(cmd("SET").arg(name).arg(3).arg("EX").arg(900));
    until(async || {
        end("pair");
        end("account");
        server.del("source");
        cache.uncount(Some("pair"), ["account", "source"]).await.is_ok()
    })
    .await;
    assert_eq!(server.get("pair"), None);
    assert_eq!(server.get("account").as_deref(), Some(b"2".as_slice()));
    assert_eq!(server.get("source"), None, "a counter without a window would never expire");
    assert!((1..=900_000).contains(&server.pttl("account")), "the window must continue");

    server.set("account", b"0");
    until(async || cache.uncount(Some("pair"), ["account", "account"]).await.is_ok()).await;
    assert_eq!(server.get("account").as_deref(), Some(b"0".as_slice()), "the counter must not go below zero");
    assert_eq!(count(&server, &cache, "account").await.times, 1);
    assert!((1..=900_000).contains(&server.pttl("account")));
}

#[tokio::test]
async fn a_counter_without_a_time_to_live_gets_one() {
    // A counter that never expires would lock an account permanently.
    let server = Server::node();
    let cache = server.cache();
    server.run(cmd("SET").arg("login:a").arg(50));
    assert_eq!(server.pttl("login:a"), -1);
    count(&server, &cache, "login:a").await;
    assert!((1..=900_000).contains(&server.pttl("login:a")), "{} ms", server.pttl("login:a"));
}

#[tokio::test]
async fn the_caller_gets_an_error_for_a_counter_of_another_type_and_without_redis() {
    let server = Server::node();
    server.run(cmd("LPUSH").arg("login:a").arg("x"));
    assert_eq!(server.cache().count([("login:a", WINDOW)]).await, Err(Unreachable::Failed));
    assert!(matches!(server.run(cmd("TYPE").arg("login:a")), Value::SimpleString(kind) if kind == "list"));

    let away = cache_at("redis://127.0.0.1:1");
    assert_eq!(away.count([("a", WINDOW)]).await, Err(Unreachable::CircuitOpen { opened: true }));
    assert_eq!(away.uncount(Some("a"), ["b", "c"]).await, Err(Unreachable::CircuitOpen { opened: false }));
}

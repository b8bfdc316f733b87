//! Connections that die without a word while an environment is frozen, as behind a NAT gateway or a failover: what was sent is
//! swallowed, and nothing comes back. New connections work.

use std::time::Duration;

use api_tests::{Kai, Person, Setup};
use futures_util::future::join;
use tokio::time::sleep;

use super::{alone, create, milliseconds, own_redis, rows, warm, within};

/// After so long a connection counts as suspect.
const LONG: Duration = Duration::from_millis(5500);
const SHORT: Duration = Duration::from_millis(500);

async fn start() -> (Kai, Person) {
    let kai = Kai::start_with(Setup { proxied: true, environments: 1, ..own_redis() }).await;
    let ada = kai.settle().await;
    ada.write("kept").await;
    warm(&ada).await;
    // The environment has used both of its connections.
    ada.get("/api/journal/entries?page=2").await.good();
    (kai, ada)
}

/// Reads after a silent cut: in one system what was cached, in another what was not.
async fn check(silence: Duration, redis: bool, postgres: bool) {
    let _alone = alone().await;
    join(
        check_read("/api/journal/entries", silence, redis, postgres),
        check_read("/api/journal/entries?page=3", silence, redis, postgres),
    )
    .await;
}

async fn check_read(path: &str, silence: Duration, redis: bool, postgres: bool) {
    let (kai, ada) = start().await;
    kai.settled().await;
    sleep(silence).await;
    if redis {
        kai.redis_proxy.as_ref().unwrap().cut_silently();
    }
    if postgres {
        kai.postgres_proxy.as_ref().unwrap().cut_silently();
    }
    let reply = ada.get(path).await;
    let took = milliseconds(&kai.metrics_of(&reply), "Latency");
    assert_eq!(reply.status, 200, "{path} after {took} ms: {}", reply.text());
    assert!(took < 1000.0, "{path} took {took} ms");
    assert_eq!(ada.get(path).await.status, 200, "the next read of {path}");
    within(Duration::from_secs(5), "hits", async || ada.get(path).await.cache() == "hit").await;
}

#[tokio::test]
async fn a_read_after_a_long_freeze_survives_a_silent_cut_to_redis() {
    check(LONG, true, false).await;
}

#[tokio::test]
async fn a_read_after_a_long_freeze_survives_a_silent_cut_to_postgres() {
    check(LONG, false, true).await;
}

#[tokio::test]
async fn a_read_after_a_long_freeze_survives_a_silent_cut_to_both() {
    check(LONG, true, true).await;
}

#[tokio::test]
async fn a_read_after_a_short_freeze_survives_a_silent_cut_to_both() {
    check(SHORT, true, true).await;
}

#[tokio::test]
async fn a_write_after_a_long_freeze_survives_a_silent_cut_and_is_done_once() {
    let _alone = alone().await;
    let (kai, ada) = start().await;
    kai.settled().await;
    sleep(LONG).await;
    kai.redis_proxy.as_ref().unwrap().cut_silently();
    kai.postgres_proxy.as_ref().unwrap().cut_silently();
    let reply = create(&ada, "written").await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(rows(&kai, &ada).await, [("kept".to_owned(), 1), ("written".to_owned(), 1)]);
    assert_eq!(ada.list().await.json()["total"], 2);
}

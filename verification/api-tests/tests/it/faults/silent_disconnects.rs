//! Connections that die silently while an environment is frozen, as they do behind a NAT gateway or
//! after a failover. Everything that is sent on them is lost. New connections work.

use std::time::Duration;

use api_tests::{Setup, TestApp, TestUser, wait_until};
use futures_util::future::join;
use tokio::time::sleep;

use super::fixture::{create_once, exclusive, milliseconds, own_redis, stored_contents, warm_cache};

/// A freeze that is longer than the time after which a connection counts as stale.
const LONG: Duration = Duration::from_millis(5500);
/// A freeze that is shorter than that time.
const SHORT: Duration = Duration::from_millis(500);

async fn start() -> (TestApp, TestUser) {
    let app = TestApp::start_with(Setup { proxied: true, environments: 1, ..own_redis() }).await;
    let ada = app.new_user().await;
    ada.create_entry("before").await;
    warm_cache(&ada).await;
    // After this request, the environment has used both of its connections.
    ada.get("/api/journal/entries?page=2").await.expect_success();
    (app, ada)
}

/// Reads after a silent disconnect: a cached page in one system, and an uncached page in another.
async fn check(freeze: Duration, redis: bool, postgres: bool) {
    let _exclusive = exclusive().await;
    join(
        check_read("/api/journal/entries", freeze, redis, postgres),
        check_read("/api/journal/entries?page=3", freeze, redis, postgres),
    )
    .await;
}

async fn check_read(path: &str, freeze: Duration, redis: bool, postgres: bool) {
    let (app, ada) = start().await;
    app.wait_until_idle().await;
    sleep(freeze).await;
    if redis {
        app.redis_proxy.as_ref().unwrap().disconnect_silently();
    }
    if postgres {
        app.postgres_proxy.as_ref().unwrap().disconnect_silently();
    }
    let response = ada.get(path).await;
    let latency = milliseconds(&app.metrics_of(&response), "Latency");
    assert_eq!(response.status, 200, "{path} after {latency} ms: {}", response.text());
    // A read waits up to 700 ms for a dead connection. The rest is tolerance for a busy machine.
    assert!(latency < 1000.0, "{path} took {latency} ms");
    assert_eq!(ada.get(path).await.status, 200, "the next read of {path}");
    wait_until(Duration::from_secs(5), "the read is served from the cache", async || {
        ada.get(path).await.cache_status() == "hit"
    })
    .await;
}

#[tokio::test]
async fn a_read_after_a_long_freeze_survives_a_silent_disconnect_from_redis() {
    check(LONG, true, false).await;
}

#[tokio::test]
async fn a_read_after_a_long_freeze_survives_a_silent_disconnect_from_postgres() {
    check(LONG, false, true).await;
}

#[tokio::test]
async fn a_read_after_a_long_freeze_survives_a_silent_disconnect_from_both() {
    check(LONG, true, true).await;
}

#[tokio::test]
async fn a_read_after_a_short_freeze_survives_a_silent_disconnect_from_both() {
    check(SHORT, true, true).await;
}

#[tokio::test]
async fn a_write_after_a_long_freeze_survives_a_silent_disconnect_and_takes_effect_once() {
    let _exclusive = exclusive().await;
    let (app, ada) = start().await;
    app.wait_until_idle().await;
    sleep(LONG).await;
    app.redis_proxy.as_ref().unwrap().disconnect_silently();
    app.postgres_proxy.as_ref().unwrap().disconnect_silently();
    let response = create_once(&ada, "after").await;
    assert_eq!(response.status, 201, "{}", response.text());
    assert_eq!(stored_contents(&app, &ada).await, [("after".to_owned(), 1), ("before".to_owned(), 1)]);
    assert_eq!(ada.list_entries().await.json()["total"], 2);
}

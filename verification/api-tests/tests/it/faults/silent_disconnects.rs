//! Connections that die without a word while an environment is frozen, as behind a NAT gateway or a failover: what was sent is
//! swallowed, and nothing comes back. New connections work.

use std::time::Duration;

use api_tests::{Setup, TestApp, TestUser, wait_until};
use futures_util::future::join;
use tokio::time::sleep;

use super::{alone, create, milliseconds, own_redis, rows, warm};

/// After so long a connection counts as suspect.
const LONG: Duration = Duration::from_millis(5500);
const SHORT: Duration = Duration::from_millis(500);

async fn start() -> (TestApp, TestUser) {
    let app = TestApp::start_with(Setup { proxied: true, environments: 1, ..own_redis() }).await;
    let ada = app.new_user().await;
    ada.create_entry("kept").await;
    warm(&ada).await;
    // The environment has used both of its connections.
    ada.get("/api/journal/entries?page=2").await.expect_success();
    (app, ada)
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
    let (app, ada) = start().await;
    app.wait_until_idle().await;
    sleep(silence).await;
    if redis {
        app.redis_proxy.as_ref().unwrap().disconnect_silently();
    }
    if postgres {
        app.postgres_proxy.as_ref().unwrap().disconnect_silently();
    }
    let response = ada.get(path).await;
    let took = milliseconds(&app.metrics_of(&response), "Latency");
    assert_eq!(response.status, 200, "{path} after {took} ms: {}", response.text());
    assert!(took < 1000.0, "{path} took {took} ms");
    assert_eq!(ada.get(path).await.status, 200, "the next read of {path}");
    wait_until(Duration::from_secs(5), "hits", async || ada.get(path).await.cache_status() == "hit").await;
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
async fn a_write_after_a_long_freeze_survives_a_silent_disconnect_and_happens_once() {
    let _alone = alone().await;
    let (app, ada) = start().await;
    app.wait_until_idle().await;
    sleep(LONG).await;
    app.redis_proxy.as_ref().unwrap().disconnect_silently();
    app.postgres_proxy.as_ref().unwrap().disconnect_silently();
    let response = create(&ada, "written").await;
    assert_eq!(response.status, 201, "{}", response.text());
    assert_eq!(rows(&app, &ada).await, [("kept".to_owned(), 1), ("written".to_owned(), 1)]);
    assert_eq!(ada.list_entries().await.json()["total"], 2);
}

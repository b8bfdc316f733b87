//! Signing out while the cache cannot be invalidated.

use std::time::Duration;

use api_tests::{Setup, TestApp, TestUser, send_all, sorted_statuses, wait_until};
use tokio::time::sleep;

use super::fixture::{exclusive, own_redis, warm_cache};
use crate::cache_monitor;

/// Sends twelve concurrent requests, so that several environments of each function are used.
/// Returns the sorted statuses.
async fn concurrent_reads(user: &TestUser) -> Vec<u16> {
    let paths = ["/api/journal/entries", "/api/auth/me", &user.profile_path()];
    let requests = (0..4).flat_map(|_| paths.iter()).map(|path| user.get(*path));
    sorted_statuses(&send_all(requests).await)
}

async fn start() -> (TestApp, TestUser) {
    let app = TestApp::start_with(Setup { environments: 4, proxied: true, ..own_redis() }).await;
    let ada = app.new_user().await;
    assert!(concurrent_reads(&ada).await.iter().all(|status| *status == 200));
    warm_cache(&ada).await;
    let lists = app.emulator.environments().iter().filter(|one| one.function == "journal-list").count();
    assert!(lists > 1, "a single environment proves nothing about others");
    (app, ada)
}

#[tokio::test]
async fn every_environment_honours_an_acknowledged_logout_at_once() {
    let _exclusive = exclusive().await;
    let (app, ada) = start().await;
    let elsewhere = ada.with_token(app.open_session(ada.id).await);
    elsewhere.get("/api/auth/me").await.expect_success();
    ada.request("POST", "/api/auth/logout").await.expect_success();
    assert_eq!(concurrent_reads(&ada).await, [401; 12]);
    elsewhere.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_logout_without_redis_is_not_acknowledged_and_cache_monitor_completes_it() {
    let _exclusive = exclusive().await;
    let (app, ada) = start().await;
    let proxy = app.redis_proxy.as_ref().unwrap();
    proxy.blackhole();
    let response = ada.request("POST", "/api/auth/logout").await;
    response.expect_problem(503, "unavailable");
    assert!(response.header("retry-after").is_some());
    assert_eq!(outbox_length(&app).await, 1);
    proxy.heal().await;
    cache_monitor::drain_outbox(&app).await;
    assert_eq!(outbox_length(&app).await, 0);
    // At first, the environments still have to detect that their connections are dead.
    for _ in 0..5 {
        assert_eq!(concurrent_reads(&ada).await, [401; 12]);
    }
    assert_cache_is_used(&app).await;
    assert_eq!(concurrent_reads(&ada).await, [401; 12]);
}

#[tokio::test]
async fn a_logout_without_redis_is_completed_by_environments_that_noticed_the_outage() {
    let _exclusive = exclusive().await;
    let (app, ada) = start().await;
    let proxy = app.redis_proxy.as_ref().unwrap();
    proxy.blackhole();
    ada.request("POST", "/api/auth/logout").await.expect_problem(503, "unavailable");
    // The revocation is committed, and environments without the cache query the database.
    for _ in 0..5 {
        assert_eq!(concurrent_reads(&ada).await, [401; 12]);
    }
    proxy.heal().await;
    for _ in 0..10 {
        assert_eq!(concurrent_reads(&ada).await, [401; 12]);
        sleep(Duration::from_millis(300)).await;
    }
    assert_cache_is_used(&app).await;
    assert_eq!(concurrent_reads(&ada).await, [401; 12]);
    wait_until(Duration::from_secs(5), "the outbox is empty", async || outbox_length(&app).await == 0).await;
}

#[tokio::test]
async fn a_logout_while_redis_is_frozen_is_not_acknowledged() {
    let _exclusive = exclusive().await;
    let (app, ada) = start().await;
    let redis = app.own_redis.as_ref().unwrap();
    redis.pause();
    ada.request("POST", "/api/auth/logout").await.expect_problem(503, "unavailable");
    assert_eq!(concurrent_reads(&ada).await, [401; 12]);
    redis.resume();
    for _ in 0..5 {
        assert_eq!(concurrent_reads(&ada).await, [401; 12]);
        sleep(Duration::from_millis(300)).await;
    }
}

/// Asserts that several environments serve another user from the cache.
async fn assert_cache_is_used(app: &TestApp) {
    let bob = app.new_user().await;
    for _ in 0..3 {
        concurrent_reads(&bob).await;
    }
    warm_cache(&bob).await;
}

/// Returns the number of invalidations in the outbox.
async fn outbox_length(app: &TestApp) -> i64 {
    app.query_scalar("SELECT count(*) FROM cache_outbox", &[]).await
}

//! Signing out while the cache cannot be told of it.

use std::time::Duration;

use api_tests::{Setup, TestApp, TestUser, wait_until};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use super::{alone, own_redis, warm};

/// Requests at once, so that several environments of each function take part. Returns their statuses.
async fn everywhere(user: &TestUser) -> Vec<u16> {
    let paths = ["/api/journal/entries".to_owned(), "/api/auth/me".to_owned(), user.profile_path()];
    let requests = (0..4).flat_map(|_| paths.iter()).map(async |path| user.get(path.clone()).await.status);
    join_all(requests).await
}

async fn start() -> (TestApp, TestUser) {
    let app = TestApp::start_with(Setup { environments: 4, proxied: true, ..own_redis() }).await;
    let ada = app.new_user().await;
    assert!(everywhere(&ada).await.iter().all(|status| *status == 200));
    warm(&ada).await;
    let lists = app.emulator.environments().iter().filter(|one| one.function == "journal-list").count();
    assert!(lists > 1, "one environment proves nothing about others");
    (app, ada)
}

#[tokio::test]
async fn every_environment_honours_an_acknowledged_logout_at_once() {
    let _alone = alone().await;
    let (app, ada) = start().await;
    let elsewhere = ada.with_token(app.open_session(ada.id).await);
    elsewhere.get("/api/auth/me").await.expect_success();
    ada.request("POST", "/api/auth/logout").await.expect_success();
    assert_eq!(everywhere(&ada).await, [401; 12]);
    elsewhere.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_logout_without_redis_is_not_acknowledged_and_cache_monitor_completes_it() {
    let _alone = alone().await;
    let (app, ada) = start().await;
    let proxy = app.redis_proxy.as_ref().unwrap();
    proxy.blackhole();
    let response = ada.request("POST", "/api/auth/logout").await;
    response.expect_problem(503, "unavailable");
    assert!(response.header("retry-after").is_some());
    assert_eq!(outbox(&app).await, 1);
    proxy.heal().await;
    wait_until(Duration::from_secs(5), "the schedule's function reaches Redis", async || {
        app.invoke("cache-monitor", &json!({})).await.is_ok()
    })
    .await;
    assert_eq!(outbox(&app).await, 0);
    // At first the environments still have to find out that their connections are dead; then they use the cache again.
    for _ in 0..5 {
        assert_eq!(everywhere(&ada).await, [401; 12]);
    }
    assert_used_again(&app).await;
    assert_eq!(everywhere(&ada).await, [401; 12]);
}

#[tokio::test]
async fn a_logout_without_redis_is_completed_by_environments_that_noticed_the_outage() {
    let _alone = alone().await;
    let (app, ada) = start().await;
    let proxy = app.redis_proxy.as_ref().unwrap();
    proxy.blackhole();
    ada.request("POST", "/api/auth/logout").await.expect_problem(503, "unavailable");
    // The revocation is committed, and whoever is kept from the cache asks the database.
    for _ in 0..5 {
        assert_eq!(everywhere(&ada).await, [401; 12]);
    }
    proxy.heal().await;
    for _ in 0..10 {
        assert_eq!(everywhere(&ada).await, [401; 12]);
        sleep(Duration::from_millis(300)).await;
    }
    assert_used_again(&app).await;
    assert_eq!(everywhere(&ada).await, [401; 12]);
    assert_eq!(outbox(&app).await, 0);
}

#[tokio::test]
async fn a_logout_while_redis_is_frozen_is_not_acknowledged() {
    let _alone = alone().await;
    let (app, ada) = start().await;
    let redis = app.own_redis.as_ref().unwrap();
    redis.pause();
    ada.request("POST", "/api/auth/logout").await.expect_problem(503, "unavailable");
    assert_eq!(everywhere(&ada).await, [401; 12]);
    redis.resume();
    for _ in 0..5 {
        assert_eq!(everywhere(&ada).await, [401; 12]);
        sleep(Duration::from_millis(300)).await;
    }
}

/// Asserts that somebody else is served from the cache, by several environments.
async fn assert_used_again(app: &TestApp) {
    let bob = app.new_user().await;
    for _ in 0..3 {
        everywhere(&bob).await;
    }
    warm(&bob).await;
}

async fn outbox(app: &TestApp) -> i64 {
    app.query_scalar("SELECT count(*) FROM cache_outbox", &[]).await
}

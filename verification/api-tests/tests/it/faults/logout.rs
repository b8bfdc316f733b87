//! Signing out while the cache cannot be told of it.

use std::time::Duration;

use api_tests::{Kai, Person, Setup};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use super::{alone, own_redis, warm, within};

/// Requests at once, so that several environments of each function take part. Returns their statuses.
async fn everywhere(person: &Person) -> Vec<u16> {
    let paths = ["/api/journal/entries".to_owned(), "/api/auth/me".to_owned(), person.profile_path()];
    let requests = (0..4).flat_map(|_| paths.iter()).map(async |path| person.get(path.clone()).await.status);
    join_all(requests).await
}

async fn start() -> (Kai, Person) {
    let kai = Kai::start_with(Setup { environments: 4, proxied: true, ..own_redis() }).await;
    let ada = kai.settle().await;
    assert!(everywhere(&ada).await.iter().all(|status| *status == 200));
    warm(&ada).await;
    let lists = kai.emulator.environments().iter().filter(|one| one.function == "journal-list").count();
    assert!(lists > 1, "one environment proves nothing about others");
    (kai, ada)
}

#[tokio::test]
async fn an_acknowledged_log_out_is_known_to_every_environment_at_once() {
    let _alone = alone().await;
    let (kai, ada) = start().await;
    let elsewhere = ada.with_token(kai.open_session(ada.id).await);
    elsewhere.get("/api/auth/me").await.good();
    ada.request("POST", "/api/auth/logout").await.good();
    assert_eq!(everywhere(&ada).await, [401; 12]);
    elsewhere.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_log_out_without_redis_is_not_acknowledged_and_finished_by_the_schedule() {
    let _alone = alone().await;
    let (kai, ada) = start().await;
    let proxy = kai.redis_proxy.as_ref().unwrap();
    proxy.swallow();
    let reply = ada.request("POST", "/api/auth/logout").await;
    reply.expect_problem(503, "unavailable");
    assert!(reply.header("retry-after").is_some());
    assert_eq!(outbox(&kai).await, 1);
    proxy.heal().await;
    within(Duration::from_secs(5), "the schedule's function reaches Redis", async || {
        kai.invoke("cache-monitor", &json!({})).await.is_ok()
    })
    .await;
    assert_eq!(outbox(&kai).await, 0);
    // At first the environments still have to find out that their connections are dead; then they use the cache again.
    for _ in 0..5 {
        assert_eq!(everywhere(&ada).await, [401; 12]);
    }
    assert_used_again(&kai).await;
    assert_eq!(everywhere(&ada).await, [401; 12]);
}

#[tokio::test]
async fn a_log_out_without_redis_is_finished_by_environments_that_noticed_the_outage() {
    let _alone = alone().await;
    let (kai, ada) = start().await;
    let proxy = kai.redis_proxy.as_ref().unwrap();
    proxy.swallow();
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
    assert_used_again(&kai).await;
    assert_eq!(everywhere(&ada).await, [401; 12]);
    assert_eq!(outbox(&kai).await, 0);
}

#[tokio::test]
async fn a_log_out_while_redis_is_frozen_is_not_acknowledged_either() {
    let _alone = alone().await;
    let (kai, ada) = start().await;
    let redis = kai.own_redis.as_ref().unwrap();
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
async fn assert_used_again(kai: &Kai) {
    let bob = kai.settle().await;
    for _ in 0..3 {
        everywhere(&bob).await;
    }
    warm(&bob).await;
}

async fn outbox(kai: &Kai) -> i64 {
    kai.value("SELECT count(*) FROM cache_outbox", &[]).await
}

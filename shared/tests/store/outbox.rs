//! Tests of the outbox: writes that Redis could not announce, and the data that each environment
//! serves until the outbox is drained.

use std::time::Duration;

use dev_servers::testing::until;
use serde_json::{Value, json};
use shared::AppState;
use shared::domain::validation::FieldReader;
use shared::domain::{ProfilePatch, RevocationScope};

use crate::kai::Kai;

#[tokio::test]
async fn a_write_that_could_not_be_announced_is_in_the_outbox_and_visible_in_its_own_environment() {
    let kai = Kai::start().await;
    let state = kai.environment();
    kai.write(&state, "first").await;
    kai.warm(&state).await;
    kai.server.redis().pause();
    kai.write(&state, "second").await;
    assert_eq!(
        kai.outbox().await,
        [kai.guard("journal:list")],
        "the statement that creates the entry must fill the outbox"
    );
    assert_eq!(kai.list(&state).await, ["second", "first"]);
    kai.write(&state, "third").await;
    assert_eq!(kai.list(&state).await, ["third", "second", "first"]);
    kai.server.redis().resume();
    // The result does not depend on the state of the circuit breaker, which changes meanwhile.
    for _ in 0..40 {
        assert_eq!(kai.list(&state).await, ["third", "second", "first"]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(kai.outbox().await.is_empty(), "the environment must drain the outbox");
    until(async || !state.store.cache.needs_drain()).await;
}

#[tokio::test]
async fn draining_the_outbox_completes_the_write_for_environments_that_noticed_nothing() {
    let kai = Kai::start().await;
    let (unaware, writer) = (kai.environment(), kai.environment());
    kai.write(&writer, "first").await;
    kai.warm(&unaware).await;
    kai.server.redis().pause();
    let writer = kai.environment_that_gave_up().await;
    kai.write(&writer, "second").await;
    kai.server.redis().resume();
    let monitor = kai.environment();
    let mut drained = 0;
    until(async || match monitor.store.outbox().drain().await {
        Ok(rows) => {
            drained += rows;
            true
        }
        Err(_) => false,
    })
    .await;
    assert_eq!(drained, 1);
    assert!(kai.outbox().await.is_empty());
    assert_eq!(kai.list(&unaware).await, ["second", "first"]);
    assert_eq!(monitor.store.outbox().drain().await.unwrap(), 0, "the outbox must be empty");
}

#[tokio::test]
async fn draining_while_redis_is_unavailable_leaves_the_outbox_unchanged() {
    let kai = Kai::start().await;
    kai.server.redis().pause();
    let state = kai.environment_that_gave_up().await;
    kai.write(&state, "first").await;
    kai.write(&state, "second").await;
    assert!(state.store.outbox().drain().await.is_err());
    assert_eq!(kai.outbox().await.len(), 2);
    kai.server.redis().resume();
    until(async || state.store.outbox().drain().await.is_ok()).await;
    assert!(kai.outbox().await.is_empty());
}

#[tokio::test]
async fn a_long_outbox_is_drained_completely() {
    let kai = Kai::start().await;
    kai.query(
        "INSERT INTO cache_outbox (guard) SELECT 'journal:list:' || n || ':guard' FROM generate_series(1, 250) n",
    )
    .await;
    let state = kai.environment();
    until(async || state.store.outbox().drain().await.is_ok()).await;
    assert!(kai.outbox().await.is_empty());
}

#[tokio::test]
async fn a_write_drops_the_guard_in_a_recovered_redis_even_if_its_breaker_is_still_open() {
    let kai = Kai::start().await;
    let reader = kai.environment();
    kai.write(&reader, "first").await;
    kai.warm(&reader).await;
    kai.server.redis().pause();
    let writer = kai.environment_that_gave_up().await;
    kai.server.redis().resume();
    // The other environments reach Redis again. The breaker of this one stays open for two more
    // seconds.
    kai.warm(&reader).await;
    kai.write(&writer, "second").await;
    assert_eq!(kai.list(&reader).await, ["second", "first"], "a stale record hides an acknowledged write");
}

#[tokio::test]
async fn a_profile_that_was_changed_during_an_outage_is_current() {
    let kai = Kai::start().await;
    let state = kai.environment();
    let style = async |state: &AppState| {
        let document = state.for_request().store.profiles().get(&kai.token).await.unwrap();
        let profile: Value = serde_json::from_slice(&document.into_body(false).0).unwrap();
        profile["communication_style"].as_str().map(str::to_owned)
    };
    until(async || style(&state).await.is_none() && kai.server.get(&kai.guard("user:profile")).is_some()).await;
    kai.server.redis().pause();
    let body = json!({"communication_style": "direct"}).to_string();
    let change: ProfilePatch = FieldReader::from_json(body.as_bytes()).unwrap().parse().unwrap();
    state.store.profiles().update(&kai.token, &change, None).await.unwrap();
    assert_eq!(kai.outbox().await, [kai.guard("user:profile"), kai.guard("ai:response")]);
    assert_eq!(style(&state).await.as_deref(), Some("direct"));
    kai.server.redis().resume();
    for _ in 0..30 {
        assert_eq!(style(&state).await.as_deref(), Some("direct"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_sign_out_that_redis_could_not_announce_is_not_acknowledged_and_completes_with_the_outbox() {
    let kai = Kai::start().await;
    let (state, unaware) = (kai.environment(), kai.environment());
    kai.warm(&unaware).await;
    kai.server.redis().pause();
    let refused = state.store.sessions().revoke(&kai.token, RevocationScope::All, None).await.unwrap_err();
    assert!(matches!(refused, shared::Error::Unavailable { .. }), "{refused:?}");
    assert_eq!(kai.outbox().await, [kai.guard("session")]);
    kai.server.redis().resume();
    let monitor = kai.environment();
    until(async || monitor.store.outbox().drain().await.is_ok()).await;
    for state in [&state, &unaware] {
        let refused = state.store.sessions().current(&kai.token).await.unwrap_err();
        assert!(matches!(refused, shared::Error::Unauthenticated(_)), "{refused:?}");
    }
}

//! Redis freezes, or dies and comes back empty.

use std::collections::BTreeMap;
use std::time::Duration;

use api_tests::{Setup, TestApp, wait_until};
use futures_util::future::{join, join_all};
use serde_json::Value;
use tokio::time::sleep;

use super::load::{self, Keeper};
use super::{alone, milliseconds, own_redis, warm};

/// How long the load goes on before a fault: not at the moment of a create, of which there are five a second.
const BEFORE: Duration = Duration::from_millis(2100);

/// The breaker of an environment lets one request through in so many milliseconds.
const WINDOW_MS: i64 = 2000;

async fn keepers(app: &TestApp) -> Vec<Keeper> {
    let keepers = join_all((0..6).map(|_| Keeper::settle(app))).await;
    join_all(keepers.iter().map(|keeper| warm(&keeper.user))).await;
    keepers
}

/// Asserts that no environment waited more often for Redis than its breaker allows: at least `least` milliseconds, at most `most`
/// times in any window.
fn assert_seldom(documents: &[(String, Value)], least: f64, most: usize) {
    let mut waits: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (environment, document) in documents {
        if milliseconds(document, "cacheTime") >= least {
            waits.entry(environment).or_default().push(document["_aws"]["Timestamp"].as_i64().unwrap());
        }
    }
    for (environment, mut times) in waits {
        times.sort_unstable();
        for (index, time) in times.iter().enumerate() {
            // A probe is sent when the window has passed, and reported when it has failed: the next one may seem a little early.
            let window = times[index..].iter().take_while(|later| **later < time + WINDOW_MS - 200).count();
            assert!(window <= most, "{window} waits of {least} ms and more in one window of {environment}: {times:?}");
        }
    }
}

#[tokio::test]
async fn a_frozen_redis_slows_few_requests_and_hides_no_write() {
    let _alone = alone().await;
    let app = TestApp::start_with(Setup { environments: 10, ..own_redis() }).await;
    let redis = app.own_redis.as_ref().unwrap();
    check_silence(&app, Duration::from_secs(10), async || redis.pause(), async || redis.resume()).await;
}

#[tokio::test]
async fn an_unreachable_redis_slows_few_requests_and_hides_no_write() {
    let _alone = alone().await;
    let app = TestApp::start_with(Setup { environments: 10, proxied: true, ..own_redis() }).await;
    let proxy = app.redis_proxy.as_ref().unwrap();
    // Unlike a frozen server, which finds it all when it goes on, this one never gets what was sent.
    check_silence(&app, Duration::from_secs(6), async || proxy.blackhole(), async || proxy.heal().await).await;
}

/// Under load, while Redis says nothing for so long.
async fn check_silence(app: &TestApp, silence: Duration, begin: impl AsyncFnOnce(), end: impl AsyncFnOnce()) {
    let keepers = keepers(app).await;
    let fault = async {
        sleep(BEFORE).await;
        begin().await;
        sleep(silence).await;
        end().await;
    };
    let (responses, ()) = join(load::run(&keepers, BEFORE + silence + Duration::from_secs(4)), fault).await;
    load::assert_all_good(&responses);
    app.wait_until_idle().await;
    let during: Vec<_> = responses.into_iter().filter(|(at, _)| (BEFORE..BEFORE + silence).contains(at)).collect();
    let documents = load::documents(app, &during);
    let bypasses = documents.iter().filter(|(_, document)| document["cache"] == "bypass").count();
    assert!(bypasses > 60, "{bypasses} answers without the cache: was it away at all?");
    // A read gives up after 25 ms, and three failures open the breaker. What waits longest is a write, which is begun and ended, 50 ms
    // each; the rest is room for a busy machine.
    let reads = documents.iter().filter(|(_, document)| document["cache"].is_string()).cloned();
    assert_seldom(&reads.collect::<Vec<_>>(), 25.0, 3);
    assert_seldom(&documents, 150.0, 1);
    for keeper in &keepers {
        wait_until(Duration::from_secs(5), "hits afterwards", async || {
            keeper.list_entries().await.cache_status() == "hit"
        })
        .await;
    }
}

#[tokio::test]
async fn a_killed_redis_slows_no_request_and_is_used_again_after_its_restart() {
    let _alone = alone().await;
    let app = TestApp::start_with(Setup { environments: 10, ..own_redis() }).await;
    let (keepers, redis) = (keepers(&app).await, app.own_redis.as_ref().unwrap());
    let fault = async {
        sleep(BEFORE).await;
        redis.kill();
        sleep(Duration::from_secs(4)).await;
        redis.restart().unwrap();
    };
    let (responses, ()) = join(load::run(&keepers, Duration::from_secs(9)), fault).await;
    load::assert_all_good(&responses);
    app.wait_until_idle().await;
    let documents = load::documents(&app, &responses);
    let bypasses = documents.iter().filter(|(_, document)| document["cache"] == "bypass").count();
    assert!(bypasses > 60, "{bypasses} answers without the cache: was it away at all?");
    let slow: Vec<_> = documents.iter().filter(|(_, document)| milliseconds(document, "Latency") > 300.0).collect();
    assert!(slow.is_empty(), "{slow:?}");
    for keeper in &keepers {
        wait_until(Duration::from_secs(5), "hits after the restart", async || {
            keeper.list_entries().await.cache_status() == "hit"
        })
        .await;
    }
}

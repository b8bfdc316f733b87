//! Redis is frozen, unreachable, or killed and restarted empty.

use std::collections::BTreeMap;
use std::time::Duration;

use api_tests::{Setup, TestApp, wait_until};
use futures_util::future::{join, join_all};
use serde_json::Value;
use tokio::time::sleep;

use super::fixture::{exclusive, milliseconds, own_redis, warm_cache};
use super::load::{self, Writer};

/// The duration of the load before a fault. The fault does not coincide with a create, because
/// creates are sent every 200 ms.
const BEFORE: Duration = Duration::from_millis(2100);

/// The time in which the circuit breaker of an environment lets one request through, in
/// milliseconds.
const BREAKER_WINDOW_MS: i64 = 2000;

/// Creates writers whose reads are cached.
async fn new_writers(app: &TestApp) -> Vec<Writer> {
    let writers = join_all((0..6).map(|_| Writer::new(app))).await;
    join_all(writers.iter().map(|writer| warm_cache(&writer.user))).await;
    writers
}

/// Asserts that no environment waited for Redis more often than its circuit breaker allows. In any
/// window, at most `limit` waits may last `wait` milliseconds or longer.
fn assert_few_waits(lines: &[(String, Value)], wait: f64, limit: usize) {
    let mut waits: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (environment, document) in lines {
        if milliseconds(document, "cacheTime") >= wait {
            waits.entry(environment).or_default().push(document["_aws"]["Timestamp"].as_i64().unwrap());
        }
    }
    for (environment, mut times) in waits {
        times.sort_unstable();
        for (index, time) in times.iter().enumerate() {
            // A probe is sent at the end of a window but reported when it has failed, so the next
            // one may seem slightly early.
            let window = times[index..].iter().take_while(|later| **later < time + BREAKER_WINDOW_MS - 200).count();
            assert!(window <= limit, "{window} waits of {wait} ms or longer in one window of {environment}: {times:?}");
        }
    }
}

#[tokio::test]
async fn a_frozen_redis_slows_few_requests_and_hides_no_write() {
    let _exclusive = exclusive().await;
    let app = TestApp::start_with(Setup { environments: 10, ..own_redis() }).await;
    let redis = app.own_redis.as_ref().unwrap();
    check_outage(&app, Duration::from_secs(10), async || redis.pause(), async || redis.resume()).await;
}

#[tokio::test]
async fn an_unreachable_redis_slows_few_requests_and_hides_no_write() {
    let _exclusive = exclusive().await;
    let app = TestApp::start_with(Setup { environments: 10, proxied: true, ..own_redis() }).await;
    let proxy = app.redis_proxy.as_ref().unwrap();
    // Unlike a frozen server, this one never receives the commands that are sent in the meantime.
    check_outage(&app, Duration::from_secs(6), async || proxy.blackhole(), async || proxy.heal().await).await;
}

/// Checks an outage of this duration under load.
async fn check_outage(app: &TestApp, outage: Duration, begin: impl AsyncFnOnce(), end: impl AsyncFnOnce()) {
    let writers = new_writers(app).await;
    let fault = async {
        sleep(BEFORE).await;
        begin().await;
        sleep(outage).await;
        end().await;
    };
    let (responses, ()) = join(load::run(&writers, BEFORE + outage + Duration::from_secs(4)), fault).await;
    load::assert_all_successful(&responses);
    app.wait_until_idle().await;
    let during: Vec<_> = responses.into_iter().filter(|(at, _)| (BEFORE..BEFORE + outage).contains(at)).collect();
    let lines = load::metric_lines(app, &during);
    let bypasses = lines.iter().filter(|(_, document)| document["cache"] == "bypass").count();
    assert!(bypasses > 60, "only {bypasses} responses bypassed the cache");
    // A read gives up after 25 ms, and three failures open the breaker. A write waits longest: 50
    // ms for its marker and 50 ms for its invalidation. The rest is tolerance for a busy machine.
    let reads = lines.iter().filter(|(_, document)| document["cache"].is_string()).cloned();
    assert_few_waits(&reads.collect::<Vec<_>>(), 25.0, 3);
    assert_few_waits(&lines, 150.0, 1);
    for writer in &writers {
        wait_until(Duration::from_secs(5), "the cache is used after the outage", async || {
            writer.list_entries().await.cache_status() == "hit"
        })
        .await;
    }
}

#[tokio::test]
async fn a_killed_redis_slows_no_request_and_is_used_again_after_its_restart() {
    let _exclusive = exclusive().await;
    let app = TestApp::start_with(Setup { environments: 10, ..own_redis() }).await;
    let (writers, redis) = (new_writers(&app).await, app.own_redis.as_ref().unwrap());
    let fault = async {
        sleep(BEFORE).await;
        redis.kill();
        sleep(Duration::from_secs(4)).await;
        redis.restart().unwrap();
    };
    let (responses, ()) = join(load::run(&writers, Duration::from_secs(9)), fault).await;
    load::assert_all_successful(&responses);
    app.wait_until_idle().await;
    let lines = load::metric_lines(&app, &responses);
    let bypasses = lines.iter().filter(|(_, document)| document["cache"] == "bypass").count();
    assert!(bypasses > 60, "only {bypasses} responses bypassed the cache");
    let slow: Vec<_> = lines.iter().filter(|(_, document)| milliseconds(document, "Latency") > 300.0).collect();
    assert!(slow.is_empty(), "{slow:?}");
    for writer in &writers {
        wait_until(Duration::from_secs(5), "the cache is used after the restart", async || {
            writer.list_entries().await.cache_status() == "hit"
        })
        .await;
    }
}

//! Tests of how many environments the emulator starts for concurrent invocations.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use emulator::{EnvironmentState, InvocationError};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::test_emulator::{CATCH_ALL, TestEmulator, start, start_with};
use crate::wait::wait_until;

/// Returns a function that runs the fixture, with one more property.
fn limited(property: &str) -> String {
    format!(
        "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: fixture}}}}
    Properties:
      Timeout: 10
      {property}
      Events: {{All: {{Type: HttpApi}}}}
"
    )
}

/// Runs `count` invocations concurrently and returns their results. No invocation ends before all
/// of them have been dispatched or rejected.
async fn invoke_concurrently(test: &TestEmulator, count: u64) -> Vec<Result<Value, InvocationError>> {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let event = json!({"fixture": {"wait-for": release, "count": true}}).to_string();
    let dispatched_before = test.dispatch_count();
    let rejected = Cell::new(0);
    let calls = (0..count).map(|_| async {
        let result = test.emulator.invoke("fixture", event.clone()).await;
        if result.is_err() {
            rejected.set(rejected.get() + 1);
        }
        result.map(|payload| serde_json::from_slice(&payload).unwrap())
    });
    let all_arrived = async {
        wait_until(|| test.dispatch_count() - dispatched_before + rejected.get() == count).await;
        fs::write(&release, "").unwrap();
    };
    tokio::join!(join_all(calls), all_arrived).0
}

/// Returns the process ids in the results.
fn pids(results: &[Result<Value, InvocationError>]) -> BTreeSet<u64> {
    results.iter().flatten().map(|result| result["pid"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn concurrent_requests_use_separate_environments_that_are_reused() {
    let test = start(CATCH_ALL).await;
    let first = pids(&invoke_concurrently(&test, 4).await);
    assert_eq!(first.len(), 4);
    test.emulator.idle().await;
    assert_eq!(pids(&invoke_concurrently(&test, 4).await), first);
}

#[tokio::test]
async fn sequential_requests_share_the_most_recently_used_environment() {
    let test = start(CATCH_ALL).await;
    invoke_concurrently(&test, 3).await;
    test.emulator.idle().await;
    let mut used = BTreeSet::new();
    for _ in 0..20 {
        used.insert(test.invoke(&json!({"count": true})).await["pid"].as_u64().unwrap());
        test.emulator.idle().await;
    }
    assert_eq!(used.len(), 1);
    assert_eq!(test.emulator.environments().len(), 3);
}

#[tokio::test]
async fn a_request_immediately_after_a_response_does_not_start_another_environment() {
    let test = start_with(CATCH_ALL, |options| options.reuse_wait = Duration::from_secs(10)).await;
    for _ in 0..50 {
        test.invoke(&json!({"count": true, "sleep-late": 2})).await;
    }
    assert_eq!(test.emulator.environments().len(), 1);
}

#[tokio::test]
async fn requests_over_the_limit_are_throttled_and_the_others_are_served() {
    for test in [
        start(&limited("ReservedConcurrentExecutions: 2")).await,
        start_with(CATCH_ALL, |options| options.max_environments = 2).await,
    ] {
        let results = invoke_concurrently(&test, 6).await;
        assert_eq!(pids(&results).len(), 2);
        let throttled = results.iter().filter(|result| matches!(result, Err(InvocationError::Throttled))).count();
        assert_eq!(throttled, 4);
        test.emulator.idle().await;
        assert!(test.emulator.invoke("fixture", "{}").await.is_ok());
    }
}

#[tokio::test]
async fn the_gateway_rejects_a_throttled_request() {
    let test = start(&limited("ReservedConcurrentExecutions: 0")).await;
    let response = test.send("GET", "/", &[], b"").await;
    assert_eq!((response.status, response.text()), (503, r#"{"message":"Service Unavailable"}"#));
    assert_eq!(test.emulator.environments(), []);
}

#[tokio::test]
async fn an_environment_may_handle_several_requests_concurrently() {
    let test = start(&limited("Environment: {Variables: {AWS_LAMBDA_MAX_CONCURRENCY: 4}}")).await;
    test.invoke(&json!({"count": true})).await;
    test.emulator.idle().await;
    let results = invoke_concurrently(&test, 4).await;
    assert_eq!(pids(&results).len(), 1, "{results:?}");
    test.emulator.idle().await;
    assert_eq!(pids(&invoke_concurrently(&test, 5).await).len(), 2, "the fifth needs a second environment");
    test.emulator.idle().await;
    assert!(test.emulator.environments().iter().all(|environment| environment.state == EnvironmentState::Frozen));
}

//! The end of the emulator, and of the processes that it started.

use std::fs;
use std::time::Duration;

use emulator::EnvironmentState;
use serde_json::json;
use tokio::time::sleep;

use crate::client::send;
use crate::test_emulator::{CATCH_ALL, TestEmulator, start};
use crate::wait::{process_state, wait_until, wait_until_gone, with_timeout};

#[tokio::test]
async fn an_emulator_that_shuts_down_finishes_running_invocations_and_rejects_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let test = start(CATCH_ALL).await;
    let address = test.emulator.address();
    let instructions = json!({"wait-for": release}).to_string();
    let headers = [("x-fixture", instructions.as_str())];
    let running = send(address, "GET", "/", &headers, b"");
    let rejected = async {
        test.dispatched(1).await;
        let shutdown = test.emulator.shutdown();
        let rejected = async {
            // A request that arrives before the shutdown begins is still served.
            while send(address, "GET", "/", &[], b"").await.status != 503 {
                sleep(Duration::from_millis(5)).await;
            }
            fs::write(&release, "").unwrap();
        };
        tokio::join!(shutdown, rejected)
    };
    let (running, _) = tokio::join!(running, with_timeout(rejected));
    assert_eq!(running.status, 200);
}

#[tokio::test]
async fn no_process_outlives_the_emulator() {
    let test = start(CATCH_ALL).await;
    let pids = start_busy_and_frozen(&test).await;
    test.emulator.shutdown().await;
    for pid in pids {
        assert_eq!(process_state(pid), None);
    }
    let test = start(CATCH_ALL).await;
    let pids = start_busy_and_frozen(&test).await;
    drop(test);
    for pid in pids {
        assert_eq!(process_state(pid), None);
    }
}

/// Starts a busy and a frozen environment, and returns their process ids.
async fn start_busy_and_frozen(test: &TestEmulator) -> Vec<u32> {
    test.invoke(&json!({"count": true})).await;
    test.emulator.idle().await;
    let sleeping = json!({"sleep": 60_000});
    tokio::select! {
        _ = test.get(&sleeping) => panic!("the function responded instead of sleeping"),
        () = test.dispatched(2) => {}
    }
    test.invoke(&json!({"count": true})).await;
    let is_frozen = || test.emulator.environments().iter().any(|one| one.state == EnvironmentState::Frozen);
    wait_until(is_frozen).await;
    let environments = test.emulator.environments();
    assert_eq!(environments.len(), 2);
    environments.into_iter().map(|environment| environment.pid).collect()
}

#[tokio::test]
async fn a_process_that_a_function_started_ends_with_it() {
    let test = start(CATCH_ALL).await;
    let child = test.invoke(&json!({"spawn": true})).await.as_u64().unwrap() as u32;
    assert!(process_state(child).is_some());
    test.emulator.shutdown().await;
    wait_until_gone(child).await;
}

#[tokio::test]
async fn a_frozen_runtime_with_an_extension_may_shut_down_gracefully() {
    let resources = "
  Real:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: runtime}}
    Properties: {Events: {All: {Type: HttpApi}}}
";
    let test = start(resources).await;
    assert_eq!(test.send("GET", "/", &[], b"").await.status, 200);
    test.emulator.idle().await;
    assert_eq!(test.emulator.environments()[0].state, EnvironmentState::Frozen);
    let logs = test.logs.clone();
    test.emulator.shutdown().await;
    assert!(logs.lines().iter().any(|line| line.text == "closed in time"), "{:?}", logs.lines());
}

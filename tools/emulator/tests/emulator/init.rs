//! Environments that start late, fail to start or have no binary.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::test_emulator::{fixture, start};
use crate::wait::with_timeout;

#[tokio::test]
async fn a_failed_start_is_retried_within_the_invocation() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("marker");
    let test = start(&fixture(5, &format!("fail-once:{}", marker.display()))).await;
    assert_eq!(test.get(&json!({})).await.status, 200);
    let report = test.line("INIT_REPORT").await;
    assert!(report.contains("Phase: init\tStatus: error\tError Type: Runtime.ExitError"), "{report}");
    let report = test.line("REPORT").await;
    assert!(!report.contains("Init Duration"), "the second start is part of the invocation: {report}");
}

#[tokio::test]
async fn a_start_that_fails_twice_fails_the_invocation_with_the_error_of_the_program() {
    let test = start(&fixture(5, "error")).await;
    let error = test.emulator.invoke("fixture", "{}").await.unwrap_err();
    assert_eq!(error.to_string(), "Fixture.Unfit: cannot start");
    assert_eq!(test.get(&json!({})).await.status, 500);
    let phases = test.logs.lines().into_iter().filter(|line| line.text.starts_with("INIT_REPORT"));
    let phases: Vec<_> = phases.map(|line| line.text.contains("Phase: invoke")).collect();
    assert_eq!(phases, [false, true, false, true]);
    assert_eq!(test.line("init/error").await, "init/error 202");

    let test = start(&fixture(5, "exit:3")).await;
    let error = test.emulator.invoke("fixture", "{}").await.unwrap_err();
    assert_eq!(error.to_string(), "Runtime.ExitError: Error: Runtime exited with error: exit status 3");
    assert_eq!(test.emulator.environments(), []);
}

#[tokio::test]
async fn a_start_that_hangs_ends_after_ten_seconds_and_then_after_the_functions_timeout() {
    let test = start(&fixture(1, "hang")).await;
    let started = Instant::now();
    let error = with_timeout(test.emulator.invoke("fixture", "{}")).await.unwrap_err();
    assert!(error.to_string().starts_with("Sandbox.Timedout"), "{error}");
    assert!(started.elapsed() >= Duration::from_secs(11), "{:?}", started.elapsed());
    assert!(test.line("INIT_REPORT").await.contains("Phase: init\tStatus: timeout"));
}

#[tokio::test]
async fn the_error_of_a_missing_binary_names_its_path() {
    let resources = "
  Absent:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/absent, Events: {All: {Type: HttpApi}}}
";
    let test = start(resources).await;
    let error = test.emulator.invoke("absent", "{}").await.unwrap_err().to_string();
    assert!(
        error.starts_with("Runtime.InvalidEntrypoint: Error: Absent: no binary at ") && error.contains("/absent"),
        "{error}"
    );
    assert_eq!(test.send("GET", "/", &[], b"").await.status, 500);
}

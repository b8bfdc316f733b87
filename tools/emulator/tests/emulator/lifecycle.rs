//! Environments that are idle, time out, crash or have an extension.

use std::process::Command;
use std::time::{Duration, Instant};

use emulator::{EnvironmentState, InvocationError, Stream};
use serde_json::{Value, json};

use crate::test_emulator::{CATCH_ALL, fixture, start, start_with};
use crate::wait::{process_state, wait_until, wait_until_gone, wait_until_stopped, with_timeout};

const ERROR: &str = r#"{"message":"Internal Server Error"}"#;

#[tokio::test]
async fn an_idle_environment_is_frozen_and_handles_the_next_event() {
    let test = start(CATCH_ALL).await;
    let first = test.invoke(&json!({"count": true})).await;
    test.emulator.idle().await;
    assert_eq!(test.emulator.environments()[0].state, EnvironmentState::Frozen);
    wait_until_stopped(first["pid"].as_u64().unwrap() as u32).await;
    let second = test.invoke(&json!({"count": true})).await;
    assert_eq!((&second["pid"], &second["count"]), (&first["pid"], &json!(2)));
    assert_eq!(test.emulator.environments()[0].invocations, 2);

    let test = start_with(CATCH_ALL, |options| options.freeze = false).await;
    let pid = test.invoke(&json!({"count": true})).await["pid"].as_u64().unwrap() as u32;
    test.emulator.idle().await;
    assert_eq!(test.emulator.environments()[0].state, EnvironmentState::Idle);
    assert_ne!(process_state(pid), Some('T'));
}

#[tokio::test]
async fn a_function_that_times_out_is_killed_and_replaced() {
    let test = start(&fixture(1, "")).await;
    let first = test.invoke(&json!({"count": true})).await;
    let started = Instant::now();
    let response = with_timeout(test.get(&json!({"sleep": 60_000}))).await;
    assert_eq!((response.status, response.text()), (500, ERROR));
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    wait_until_gone(first["pid"].as_u64().unwrap() as u32).await;
    let late = test.find_line(|line| line.text.contains("Task timed out after 1.00 seconds")).await;
    assert_eq!(late.stream, Stream::Platform);
    let report = test.find_line(|line| line.text.contains("Status: timeout")).await.text;
    let duration = report.split('\t').find_map(|field| field.strip_prefix("Duration: ")?.strip_suffix(" ms")).unwrap();
    assert!(duration.parse::<f64>().unwrap() >= 1_000.0, "{report}");
    let second = test.invoke(&json!({"count": true})).await;
    assert_ne!(first["pid"], second["pid"]);
    assert_eq!(second["count"], 1);

    let event = json!({"fixture": {"sleep": 60_000}}).to_string();
    let error = with_timeout(test.emulator.invoke("fixture", event)).await;
    let Err(InvocationError::Function(error)) = error else { panic!("the function did not time out: {error:?}") };
    assert_eq!(error.error_type, "Sandbox.Timedout");
}

#[tokio::test]
async fn work_after_the_response_counts_against_the_timeout_too() {
    let test = start(&fixture(1, "")).await;
    let pid = test.invoke(&json!({"count": true})).await["pid"].as_u64().unwrap() as u32;
    test.emulator.idle().await;
    assert_eq!(test.get(&json!({"sleep-late": 60_000})).await.status, 200);
    wait_until_gone(pid).await;
    assert_eq!(test.get(&json!({})).await.status, 200);
}

#[tokio::test]
async fn a_crash_is_reported_and_the_environment_replaced() {
    let test = start(CATCH_ALL).await;
    for (instructions, text) in [(json!({"exit": 7}), "exit status 7"), (json!({"abort": true}), "signal: 6")] {
        let response = test.get(&instructions).await;
        assert_eq!((response.status, response.text()), (500, ERROR));
        let event = json!({"fixture": instructions}).to_string();
        let Err(InvocationError::Function(error)) = test.emulator.invoke("fixture", event).await else {
            panic!("the function did not crash")
        };
        assert_eq!(error.error_type, "Runtime.ExitError");
        assert!(error.to_string().contains(&format!("Runtime exited with error: {text}")), "{error}");
    }
    let event = json!({"fixture": {"exit": 0}}).to_string();
    let error = test.emulator.invoke("fixture", event).await.unwrap_err();
    assert!(error.to_string().contains("Runtime exited without providing a reason"), "{error}");
    test.find_line(|line| line.text.contains("Error Type: Runtime.ExitError")).await;
    assert_eq!(test.get(&json!({})).await.status, 200);
}

#[tokio::test]
async fn an_environment_whose_program_exits_while_it_is_idle_is_replaced_without_an_error() {
    let test = start_with(CATCH_ALL, |options| options.max_environments = 1).await;
    let first = test.invoke(&json!({"count": true})).await;
    test.emulator.idle().await;
    let pid = first["pid"].as_u64().unwrap();
    Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    wait_until_gone(pid as u32).await;
    wait_until(|| test.emulator.environments().is_empty()).await;
    assert_ne!(test.invoke(&json!({"count": true})).await["pid"], first["pid"]);
}

#[tokio::test]
async fn an_internal_extension_receives_each_invocation_and_delays_its_end() {
    let test = start(&fixture(5, "extension")).await;
    test.invoke(&json!({"count": true})).await;
    let seen = test.line("extension saw ").await;
    let event: Value = serde_json::from_str(seen.strip_prefix("extension saw ").unwrap()).unwrap();
    assert_eq!(event["eventType"], "INVOKE");
    assert_eq!(event["invokedFunctionArn"], "arn:aws:lambda:us-east-1:123456789012:function:Fixture");
    test.emulator.idle().await;
    test.invoke(&json!({"count": true})).await;
    test.emulator.idle().await;
    let texts: Vec<_> = test.logs.lines().into_iter().map(|line| line.text).collect();
    let starts: Vec<_> =
        texts.iter().map(|text| text.split([' ', ':']).take(2).collect::<Vec<_>>().join(" ")).collect();
    let once = ["START RequestId", "extension saw", "extension is", "END RequestId", "REPORT RequestId"];
    assert_eq!(starts, [once, once].concat(), "an invocation ends when the extension has finished");
}

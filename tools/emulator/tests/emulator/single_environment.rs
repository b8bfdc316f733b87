use std::collections::BTreeMap;
use std::time::Duration;

use emulator::{Result, SingleEnvironment, SingleEnvironmentOptions};
use serde_json::{Value, json};

use crate::test_emulator::binaries;
use crate::wait::process_state;

fn spawn(init: &str, options: SingleEnvironmentOptions) -> Result<SingleEnvironment> {
    let variables = BTreeMap::from([("FIXTURE_INIT".to_owned(), init.to_owned())]);
    SingleEnvironment::spawn(binaries().join("fixture"), &variables, options)
}

#[test]
fn an_environment_handles_one_event_after_another() {
    for kill_with_parent in [true, false] {
        let mut environment =
            spawn("", SingleEnvironmentOptions { kill_with_parent, ..SingleEnvironmentOptions::default() }).unwrap();
        assert!(environment.time_to_first_poll() > Duration::ZERO);
        for count in 1..=50 {
            let event = json!({"fixture": {"count": true}}).to_string();
            let (response, duration) = environment.invoke(event.as_bytes()).unwrap();
            let response: Value = serde_json::from_slice(&response).unwrap();
            assert_eq!((&response["count"], &response["pid"]), (&json!(count), &json!(environment.pid())));
            assert!(duration > Duration::ZERO);
        }
        assert!(environment.peak_memory() > 100_000);
        let pid = environment.pid();
        drop(environment);
        assert_eq!(process_state(pid), None);
    }
}

#[test]
fn events_and_responses_may_be_large() {
    let mut environment = spawn("", SingleEnvironmentOptions::default()).unwrap();
    let event = json!({"fixture": {"size": 3_000_000}, "padding": "x".repeat(4_000_000)}).to_string();
    assert_eq!(environment.invoke(event.as_bytes()).unwrap().0.len(), 3_000_000);
}

#[test]
fn awss_own_runtime_runs_and_registers_an_extension() {
    let mut environment =
        SingleEnvironment::spawn(binaries().join("runtime"), &BTreeMap::new(), SingleEnvironmentOptions::default())
            .unwrap();
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/x", "rawQueryString": "", "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/x", "protocol": "", "sourceIp": "", "userAgent": ""}},
        "isBase64Encoded": false
    });
    for _ in 0..50 {
        let (response, _) = environment.invoke(event.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&response).unwrap()["statusCode"], 200);
    }
}

#[test]
fn an_error_states_the_reason_of_the_failure() {
    let exited = spawn("exit:4", SingleEnvironmentOptions::default()).unwrap_err();
    assert!(exited.to_string().contains("exit status: 4"), "{exited}");
    let reported = spawn("error", SingleEnvironmentOptions::default()).unwrap_err();
    assert!(reported.to_string().contains("Fixture.Unfit"), "{reported}");
    let options =
        SingleEnvironmentOptions { timeout: Duration::from_millis(300), ..SingleEnvironmentOptions::default() };
    let late = spawn("hang", options).unwrap_err();
    assert!(late.to_string().contains("took longer than 300ms"), "{late}");
    let mut environment = spawn("", SingleEnvironmentOptions::default()).unwrap();
    let failed = environment.invoke(br#"{"fixture":{"fail":"words"}}"#).unwrap_err();
    assert!(failed.to_string().contains("words"), "{failed}");
}

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::{SingleEnvironment, SingleEnvironmentOptions};
use serde_json::{Value, json};

use crate::support::{binaries, process_state};

fn lone(init: &str, options: SingleEnvironmentOptions) -> emulator::Result<SingleEnvironment> {
    let variables = BTreeMap::from([("FIXTURE_INIT".to_owned(), init.to_owned())]);
    SingleEnvironment::spawn(binaries().join("fixture"), &variables, options)
}

#[test]
fn a_lone_environment_serves_one_event_after_another() {
    for kill_with_parent in [true, false] {
        let mut environment =
            lone("", SingleEnvironmentOptions { kill_with_parent, ..SingleEnvironmentOptions::default() }).unwrap();
        assert!(environment.time_to_first_poll() > Duration::ZERO);
        for count in 1..=50 {
            let event = json!({"fixture": {"count": true}}).to_string();
            let (answer, duration) = environment.invoke(event.as_bytes()).unwrap();
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!((&answer["count"], &answer["pid"]), (&json!(count), &json!(environment.pid())));
            assert!(duration > Duration::ZERO);
        }
        assert!(environment.peak_memory() > 100_000);
        let pid = environment.pid();
        drop(environment);
        assert_eq!(process_state(pid), None);
    }
}

#[test]
fn large_payloads_pass_both_ways() {
    let mut environment = lone("", SingleEnvironmentOptions::default()).unwrap();
    let event = json!({"fixture": {"size": 3_000_000}, "padding": "x".repeat(4_000_000)}).to_string();
    assert_eq!(environment.invoke(event.as_bytes()).unwrap().0.len(), 3_000_000);
}

#[test]
fn an_extension_is_registered_and_awss_own_runtime_runs() {
    let mut environment =
        SingleEnvironment::spawn(binaries().join("runtime"), &BTreeMap::new(), SingleEnvironmentOptions::default())
            .unwrap();
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/x", "rawQueryString": "", "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/x", "protocol": "", "sourceIp": "", "userAgent": ""}},
        "isBase64Encoded": false
    });
    for _ in 0..50 {
        let (answer, _) = environment.invoke(event.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["statusCode"], 200);
    }
}

#[test]
fn what_goes_wrong_is_said() {
    let ended = lone("exit:4", SingleEnvironmentOptions::default()).unwrap_err();
    assert!(ended.to_string().contains("exit status: 4"), "{ended}");
    let refused = lone("error", SingleEnvironmentOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("Fixture.Unfit"), "{refused}");
    let options =
        SingleEnvironmentOptions { timeout: Duration::from_millis(300), ..SingleEnvironmentOptions::default() };
    let late = lone("hang", options).unwrap_err();
    assert!(late.to_string().contains("took longer than 300ms"), "{late}");
    let mut environment = lone("", SingleEnvironmentOptions::default()).unwrap();
    let failed = environment.invoke(br#"{"fixture":{"fail":"words"}}"#).unwrap_err();
    assert!(failed.to_string().contains("words"), "{failed}");
}

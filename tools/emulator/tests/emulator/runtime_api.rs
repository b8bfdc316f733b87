use serde_json::{Value, json};

use crate::test_emulator::{CATCH_ALL, start};

/// Makes one Runtime API call during an invocation. Returns the status, and the `errorType` or else
/// the body.
async fn probe(call: Value) -> (u64, Value) {
    let test = start(CATCH_ALL).await;
    let responses = test.invoke(&json!({"probe": [call]})).await;
    let body = &responses[0][1];
    (responses[0][0].as_u64().unwrap(), body.get("errorType").unwrap_or(body).clone())
}

const RUNTIME: &str = "/2018-06-01/runtime";
const EXTENSION: &str = "/2020-01-01/extension";

#[tokio::test]
async fn invalid_calls_are_rejected_as_on_lambda() {
    let unknown = "00000000-0000-4000-8000-000000000000";
    let identified = json!({"Lambda-Extension-Identifier": unknown});
    let failing = json!({"Lambda-Extension-Identifier": unknown, "Lambda-Extension-Function-Error-Type": "X"});
    for (call, status, error) in [
        (json!(["POST", format!("{RUNTIME}/invocation/{unknown}/response"), {}, "1"]), 400, "InvalidRequestID"),
        (json!(["POST", format!("{RUNTIME}/invocation/{unknown}/error"), {}, "1"]), 400, "InvalidRequestID"),
        (json!(["POST", format!("{RUNTIME}/init/error"), {}, "{}"]), 403, "InvalidStateTransition"),
        (json!(["GET", format!("{RUNTIME}/invocation/other")]), 404, "404 page not found\n"),
        (json!(["POST", format!("{EXTENSION}/register"), {}, "{}"]), 403, "Extension.InvalidExtensionName"),
        (
            json!(["POST", format!("{EXTENSION}/register"), {"Lambda-Extension-Name": "a"}, r#"{"events":[]}"#]),
            403,
            "Extension.RegistrationClosed",
        ),
        (json!(["GET", format!("{EXTENSION}/event/next")]), 403, "Extension.MissingExtensionIdentifier"),
        (
            json!(["GET", format!("{EXTENSION}/event/next"), {"Lambda-Extension-Identifier": "x"}]),
            403,
            "Extension.InvalidExtensionIdentifier",
        ),
        (json!(["GET", format!("{EXTENSION}/event/next"), identified]), 403, "Extension.UnknownExtensionIdentifier"),
        (json!(["POST", format!("{EXTENSION}/exit/error"), identified]), 403, "Extension.MissingHeader"),
        (json!(["POST", format!("{EXTENSION}/init/error"), failing]), 403, "Extension.UnknownExtensionIdentifier"),
        (json!(["POST", format!("{EXTENSION}/exit/error"), failing]), 403, "Extension.UnknownExtensionIdentifier"),
    ] {
        assert_eq!(probe(call.clone()).await, (status, json!(error)), "{call}");
    }
}

#[tokio::test]
async fn a_second_response_is_rejected_and_the_first_one_counts() {
    let test = start(CATCH_ALL).await;
    let again = json!(["POST", format!("{RUNTIME}/invocation/{{id}}/response"), {}, "2"]);
    let response = test.invoke(&json!({"raw": "1", "probe-late": [again]})).await;
    assert_eq!(response, 1);
    let late = test.line("late ").await;
    assert!(late.starts_with("late [403,") && late.contains("InvalidStateTransition"), "{late}");
}

#[tokio::test]
async fn a_reported_error_reaches_the_caller_but_not_the_log() {
    let test = start(CATCH_ALL).await;
    let event = json!({"fixture": {"fail": "the words"}}).to_string();
    let error = test.emulator.invoke("fixture", event).await.unwrap_err();
    assert_eq!(error.to_string(), "Fixture.Failed: the words");
    test.emulator.idle().await;
    let response = test.get(&json!({"fail": "the words"})).await;
    assert_eq!((response.status, response.text()), (500, r#"{"message":"Internal Server Error"}"#));
    test.emulator.idle().await;
    test.line("REPORT").await;
    assert!(
        test.logs.lines().iter().all(|line| !line.text.contains("the words")),
        "Lambda does not log an error that the function reports"
    );
    assert_eq!(test.invoke(&json!({"count": true})).await["count"], 3, "the environment is not replaced");
}

#[tokio::test]
async fn a_streamed_response_is_rejected() {
    let test = start(CATCH_ALL).await;
    let streamed = json!([
        "POST",
        format!("{RUNTIME}/invocation/{{id}}/response"),
        {"Lambda-Runtime-Function-Response-Mode": "streaming"},
        "1"
    ]);
    let event = json!({"fixture": {"probe": [streamed]}}).to_string();
    let error = test.emulator.invoke("fixture", event).await.unwrap_err();
    assert!(error.to_string().starts_with("Runtime.InvalidResponseModeHeader"), "{error}");
}

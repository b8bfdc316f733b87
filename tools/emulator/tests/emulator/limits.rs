use std::fs;

use emulator::{InvocationError, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
use serde_json::json;

use crate::test_emulator::{CATCH_ALL, TestEmulator, start, start_with};

const TOO_LARGE: &str = r#"{"message":"Request Entity Too Large"}"#;

#[tokio::test]
async fn a_body_over_ten_megabytes_starts_no_function() {
    let test = start(CATCH_ALL).await;
    let body = vec![b'x'; 10 * 1024 * 1024 + 1];
    let response = test.send("POST", "/", &[("content-type", "text/plain")], &body).await;
    assert_eq!((response.status, response.text()), (413, TOO_LARGE));
    assert_eq!(test.emulator.environments(), []);
}

/// Sends a text body that makes the event `excess` bytes longer than Lambda accepts. Returns the
/// status.
async fn send_event(test: &TestEmulator, excess: isize) -> u16 {
    let instructions = json!({"raw": "1"}).to_string();
    let headers = [("x-fixture", instructions.as_str()), ("content-type", "text/plain")];
    let echo = test.send("POST", "/", &[("x-fixture", "{\"a\":\"\"}"), headers[1]], b"x").await;
    // The length of the event for a body of one byte, with the length of the header corrected.
    let one = echo.body.len() - "{\\\"a\\\":\\\"\\\"}".len() + instructions.replace('"', "\\\"").len();
    let length = MAX_REQUEST_BYTES as isize - (one as isize - 1) - 6 + excess;
    test.send("POST", "/", &headers, &vec![b'x'; length as usize]).await.status
}

#[tokio::test]
async fn an_event_at_the_limit_is_delivered_and_one_byte_more_is_rejected() {
    let test = start(CATCH_ALL).await;
    assert_eq!(send_event(&test, 0).await, 200);
    assert_eq!(send_event(&test, 1).await, 413);

    let empty = json!({"fixture": {"raw": "1"}, "padding": ""}).to_string().len();
    for (excess, delivered) in [(0, true), (1, false)] {
        let padding = "x".repeat(MAX_REQUEST_BYTES - empty + excess);
        let event = json!({"fixture": {"raw": "1"}, "padding": padding}).to_string();
        let result = test.emulator.invoke("fixture", event).await;
        assert_eq!(result.is_ok(), delivered);
        assert!(delivered || matches!(result, Err(InvocationError::RequestTooLarge)));
    }
}

#[tokio::test]
async fn a_response_at_the_limit_is_passed_on_and_one_byte_more_is_an_error() {
    let test = start(CATCH_ALL).await;
    let response = test.get(&json!({"size": MAX_RESPONSE_BYTES})).await;
    assert_eq!((response.status, response.body.len()), (200, MAX_RESPONSE_BYTES));
    test.emulator.idle().await;
    let response = test.get(&json!({"size": MAX_RESPONSE_BYTES + 1})).await;
    assert_eq!((response.status, response.text()), (500, r#"{"message":"Internal Server Error"}"#));
    let rejected = test.line("response 413").await;
    assert!(rejected.contains("RequestEntityTooLarge") && rejected.contains("6291556"), "{rejected}");
    let report = test.find_line(|line| line.text.contains("Error Type: Function.ResponseSizeTooLarge")).await;
    assert!(report.text.starts_with("REPORT"), "{}", report.text);
    test.emulator.idle().await;
    assert_eq!(test.invoke(&json!({"count": true})).await["count"], 3, "the environment is not replaced");
}

#[tokio::test]
async fn a_head_at_the_limit_is_accepted_and_one_byte_more_is_rejected() {
    let test = start(CATCH_ALL).await;
    let fixed = "GET / HTTP/1.1\r\nHost: api.example.org\r\nConnection: close\r\nx: \r\n".len();
    for (excess, status) in [(0, 200), (1, 431)] {
        let padding = "x".repeat(10_240 - fixed + excess);
        let response = test.send("GET", "/", &[("x", &padding)], b"").await;
        assert_eq!(response.status, status);
        let target = format!("/?{}", "x".repeat(10_240 - fixed - 1 + excess));
        assert_eq!(test.send("GET", &target, &[("x", "")], b"").await.status, status);
    }
    let many: Vec<_> = (0..400).map(|index| (format!("h{index}"), String::new())).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(test.send("GET", "/", &many, b"").await.status, 200, "the number of headers is not limited");
}

#[tokio::test]
async fn the_gateway_responds_after_the_integration_timeout_and_the_function_continues() {
    let resources = "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Timeout: 10
      Events: {All: {Type: HttpApi, Properties: {Path: /, Method: GET, TimeoutInMillis: 300}}}
";
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let test = start(resources).await;
    let response = test.get(&json!({"wait-for": release, "print-late": "it went on"})).await;
    assert_eq!((response.status, response.text()), (503, r#"{"message":"Service Unavailable"}"#));
    fs::write(&release, "").unwrap();
    test.line("it went on").await;
}

#[tokio::test]
async fn a_request_over_the_limit_of_its_route_is_rejected_unless_throttling_is_off() {
    let resources = format!(
        "
  Api:
    Type: AWS::Serverless::HttpApi
    Properties: {{DefaultRouteSettings: {{ThrottlingBurstLimit: 2, ThrottlingRateLimit: 0.001}}}}
{CATCH_ALL}"
    );
    let test = start(&resources).await;
    for status in [200, 200, 429] {
        let response = test.send("GET", "/", &[], b"").await;
        assert_eq!(response.status, status);
        assert!(status == 200 || response.text() == r#"{"message":"Too Many Requests"}"#);
    }
    let test = start_with(&resources, |options| options.throttle = false).await;
    for _ in 0..4 {
        assert_eq!(test.send("GET", "/", &[], b"").await.status, 200);
    }
}

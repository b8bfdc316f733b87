use emulator::{InvocationError, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
use serde_json::json;

use crate::support::{EVERYWHERE, World, start, start_with};

const TOO_LARGE: &str = r#"{"message":"Request Entity Too Large"}"#;

#[tokio::test]
async fn a_body_over_ten_megabytes_starts_no_function() {
    let world = start(EVERYWHERE).await;
    let body = vec![b'x'; 10 * 1024 * 1024 + 1];
    let answer = world.send("POST", "/", &[("content-type", "text/plain")], &body).await;
    assert_eq!((answer.status, answer.text()), (413, TOO_LARGE));
    assert_eq!(world.emulator.environments(), []);
}

/// Sends a body of text that makes the event `excess` bytes longer than Lambda takes.
async fn send_event(world: &World, excess: isize) -> u16 {
    let orders = json!({"raw": "1"}).to_string();
    let headers = [("x-fixture", orders.as_str()), ("content-type", "text/plain")];
    let echo = world.send("POST", "/", &[("x-fixture", "{\"a\":\"\"}"), headers[1]], b"x").await;
    // The event of one byte, with the lengths of the header and of the number of bytes put right.
    let one = echo.body.len() - "{\\\"a\\\":\\\"\\\"}".len() + orders.replace('"', "\\\"").len();
    let length = MAX_REQUEST_BYTES as isize - (one as isize - 1) - 6 + excess;
    world.send("POST", "/", &headers, &vec![b'x'; length as usize]).await.status
}

#[tokio::test]
async fn an_event_at_lambdas_limit_is_delivered_and_one_byte_more_is_refused() {
    let world = start(EVERYWHERE).await;
    assert_eq!(send_event(&world, 0).await, 200);
    assert_eq!(send_event(&world, 1).await, 413);

    let empty = json!({"fixture": {"raw": "1"}, "padding": ""}).to_string().len();
    for (excess, delivered) in [(0, true), (1, false)] {
        let padding = "x".repeat(MAX_REQUEST_BYTES - empty + excess);
        let event = json!({"fixture": {"raw": "1"}, "padding": padding}).to_string();
        let result = world.emulator.invoke("fixture", event).await;
        assert_eq!(result.is_ok(), delivered);
        assert!(delivered || matches!(result, Err(InvocationError::RequestTooLarge)));
    }
}

#[tokio::test]
async fn a_response_at_lambdas_limit_is_passed_on_and_one_byte_more_is_an_error() {
    let world = start(EVERYWHERE).await;
    let answer = world.order(&json!({"size": MAX_RESPONSE_BYTES})).await;
    assert_eq!((answer.status, answer.body.len()), (200, MAX_RESPONSE_BYTES));
    let answer = world.order(&json!({"size": MAX_RESPONSE_BYTES + 1})).await;
    assert_eq!((answer.status, answer.text()), (500, r#"{"message":"Internal Server Error"}"#));
    let refused = world.line("response 413").await;
    assert!(refused.contains("RequestEntityTooLarge") && refused.contains("6291556"), "{refused}");
    let report = world.logs.find(|line| line.text.contains("Error Type: Function.ResponseSizeTooLarge")).await;
    assert!(report.text.starts_with("REPORT"), "{}", report.text);
    assert_eq!(world.invoke(&json!({"count": true})).await["count"], 3, "the environment lives on");
}

#[tokio::test]
async fn a_head_at_the_limit_passes_and_one_byte_more_does_not() {
    let world = start(EVERYWHERE).await;
    let fixed = "GET / HTTP/1.1\r\nHost: api.example.org\r\nConnection: close\r\nx: \r\n".len();
    for (excess, status) in [(0, 200), (1, 431)] {
        let padding = "x".repeat(10_240 - fixed + excess);
        let answer = world.send("GET", "/", &[("x", &padding)], b"").await;
        assert_eq!(answer.status, status);
        let target = format!("/?{}", "x".repeat(10_240 - fixed - 1 + excess));
        assert_eq!(world.send("GET", &target, &[("x", "")], b"").await.status, status);
    }
    let many: Vec<_> = (0..400).map(|index| (format!("h{index}"), String::new())).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(world.send("GET", "/", &many, b"").await.status, 200, "many headers are no reason");
}

#[tokio::test]
async fn the_gateway_gives_up_after_the_integrations_time_and_the_function_goes_on() {
    let resources = "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Timeout: 10
      Events: {All: {Type: HttpApi, Properties: {Path: /, Method: GET, TimeoutInMillis: 300}}}
";
    let world = start(resources).await;
    let answer = world.order(&json!({"sleep": 1_500, "print-late": "it went on"})).await;
    assert_eq!((answer.status, answer.text()), (503, r#"{"message":"Service Unavailable"}"#));
    world.line("it went on").await;
}

#[tokio::test]
async fn a_route_over_its_limit_is_told_so_unless_throttling_is_off() {
    let resources = format!(
        "
  Api:
    Type: AWS::Serverless::HttpApi
    Properties: {{DefaultRouteSettings: {{ThrottlingBurstLimit: 2, ThrottlingRateLimit: 0.001}}}}
{EVERYWHERE}"
    );
    let world = start(&resources).await;
    for status in [200, 200, 429] {
        let answer = world.send("GET", "/", &[], b"").await;
        assert_eq!(answer.status, status);
        assert!(status == 200 || answer.text() == r#"{"message":"Too Many Requests"}"#);
    }
    let world = start_with(&resources, |options| options.throttle = false).await;
    for _ in 0..4 {
        assert_eq!(world.send("GET", "/", &[], b"").await.status, 200);
    }
}

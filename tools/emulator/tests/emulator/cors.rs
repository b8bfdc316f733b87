use serde_json::json;

use crate::test_emulator::{CATCH_ALL, TestEmulator, start};

async fn start_with_cors(cors: &str) -> TestEmulator {
    let api = format!("\n  Api:\n    Type: AWS::Serverless::HttpApi\n    Properties: {{CorsConfiguration: {cors}}}\n");
    start(&format!("{api}{CATCH_ALL}")).await
}

const STRICT: &str = "{AllowOrigins: ['https://kai.example'], AllowMethods: [GET, POST], AllowHeaders: [authorization], \
    ExposeHeaders: [etag], MaxAge: 600, AllowCredentials: true}";

#[tokio::test]
async fn the_gateway_responds_to_preflight_requests_itself() {
    let test = start_with_cors(STRICT).await;
    let preflight = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        test.send("OPTIONS", "/anything", &headers, b"").await
    };
    let response = preflight("https://kai.example").await;
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert_eq!(response.header("access-control-allow-origin"), Some("https://kai.example"));
    assert_eq!(response.header("access-control-allow-methods"), Some("GET,POST"));
    assert_eq!(response.header("access-control-allow-headers"), Some("authorization"));
    assert_eq!(response.header("access-control-expose-headers"), Some("etag"));
    assert_eq!(response.header("access-control-max-age"), Some("600"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    let response = preflight("https://evil.example").await;
    assert_eq!(response.status, 204);
    assert!(!response.headers.iter().any(|(name, _)| name.starts_with("access-control-")));
    assert_eq!(test.emulator.environments(), [], "no function received the request");
    let response = test.send("OPTIONS", "/", &[("origin", "https://kai.example")], b"").await;
    assert_eq!(response.json()["requestContext"]["http"]["method"], "OPTIONS", "this is not a preflight request");
}

#[tokio::test]
async fn responses_have_the_headers_of_the_api_and_not_of_the_function() {
    let test = start_with_cors(STRICT).await;
    let returned = json!({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "etag": "x"}}).to_string();
    let instructions = json!({"raw": returned}).to_string();
    let response = test.send("GET", "/", &[("x-fixture", &instructions), ("origin", "https://kai.example")], b"").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("https://kai.example"));
    assert_eq!(response.header("access-control-expose-headers"), Some("etag"));
    assert_eq!(response.header("access-control-allow-methods"), None);
    for headers in [
        &[("x-fixture", instructions.as_str()), ("origin", "https://evil.example")][..],
        &[("x-fixture", &instructions)],
    ] {
        assert_eq!(test.send("GET", "/", headers, b"").await.header("access-control-allow-origin"), None);
    }
    let test = start_with_cors("true").await;
    let response = test.send("GET", "/", &[("origin", "https://any.example")], b"").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn without_a_cors_configuration_the_headers_of_the_function_are_unchanged() {
    let test = start(CATCH_ALL).await;
    let returned = json!({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}).to_string();
    let instructions = json!({"raw": returned}).to_string();
    let response = test.send("GET", "/", &[("x-fixture", &instructions), ("origin", "https://any.example")], b"").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}

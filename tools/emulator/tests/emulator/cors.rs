use serde_json::json;

use crate::support::{EVERYWHERE, World, start};

async fn with_cors(cors: &str) -> World {
    let api = format!("\n  Api:\n    Type: AWS::Serverless::HttpApi\n    Properties: {{CorsConfiguration: {cors}}}\n");
    start(&format!("{api}{EVERYWHERE}")).await
}

const STRICT: &str = "{AllowOrigins: ['https://kai.example'], AllowMethods: [GET, POST], AllowHeaders: [authorization], \
    ExposeHeaders: [etag], MaxAge: 600, AllowCredentials: true}";

#[tokio::test]
async fn the_gateway_answers_preflight_requests_itself() {
    let world = with_cors(STRICT).await;
    let ask = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        world.send("OPTIONS", "/anything", &headers, b"").await
    };
    let answer = ask("https://kai.example").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://kai.example"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET,POST"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("etag"));
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let answer = ask("https://evil.example").await;
    assert_eq!(answer.status, 204);
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control-")));
    assert_eq!(world.emulator.environments(), [], "no function saw it");
    let answer = world.send("OPTIONS", "/", &[("origin", "https://kai.example")], b"").await;
    assert_eq!(answer.json()["requestContext"]["http"]["method"], "OPTIONS", "this is no preflight request");
}

#[tokio::test]
async fn answers_carry_the_apis_headers_and_not_the_functions() {
    let world = with_cors(STRICT).await;
    let returned = json!({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "etag": "x"}}).to_string();
    let orders = json!({"raw": returned}).to_string();
    let answer = world.send("GET", "/", &[("x-fixture", &orders), ("origin", "https://kai.example")], b"").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://kai.example"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("etag"));
    assert_eq!(answer.header("access-control-allow-methods"), None);
    for headers in
        [&[("x-fixture", orders.as_str()), ("origin", "https://evil.example")][..], &[("x-fixture", &orders)]]
    {
        assert_eq!(world.send("GET", "/", headers, b"").await.header("access-control-allow-origin"), None);
    }
    let world = with_cors("true").await;
    let answer = world.send("GET", "/", &[("origin", "https://any.example")], b"").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn without_a_configuration_the_functions_headers_stay() {
    let world = start(EVERYWHERE).await;
    let returned = json!({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}}).to_string();
    let orders = json!({"raw": returned}).to_string();
    let answer = world.send("GET", "/", &[("x-fixture", &orders), ("origin", "https://any.example")], b"").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

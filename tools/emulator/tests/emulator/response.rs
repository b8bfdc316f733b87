use serde_json::{Value, json};

use crate::test_emulator::{CATCH_ALL, start};

const ERROR: &str = r#"{"message":"Internal Server Error"}"#;

#[tokio::test]
async fn a_response_has_the_parts_that_the_function_returns() {
    let test = start(CATCH_ALL).await;
    let returned = json!({
        "statusCode": 201,
        "headers": {"Content-Type": "application/json", "X-Number": 7, "Content-Length": "999", "Connection": "upgrade"},
        "cookies": ["a=1; HttpOnly", "b=2"],
        "body": "{\"ü\":1}",
        "multiValueHeaders": {"ignored": ["x"]}
    });
    let response = test.get(&json!({"raw": returned.to_string()})).await;
    assert_eq!((response.status, response.text()), (201, "{\"ü\":1}"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("x-number"), Some("7"));
    assert_eq!(response.header("content-length"), Some("8"));
    assert_eq!(response.header("ignored"), None);
    assert_eq!(response.header("apigw-requestid").unwrap().len(), 16);
    let cookies: Vec<_> = response.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, v)| v).collect();
    assert_eq!(cookies, ["a=1; HttpOnly", "b=2"]);
}

#[tokio::test]
async fn a_base64_body_is_decoded_and_the_default_type_is_text() {
    let test = start(CATCH_ALL).await;
    let returned = json!({"statusCode": 200, "body": "AP/+", "isBase64Encoded": true});
    let response = test.get(&json!({"raw": returned.to_string()})).await;
    assert_eq!(response.body, [0, 0xff, 0xfe]);
    assert_eq!(response.header("content-type"), Some("text/plain;charset=UTF-8"));
    let response = test.get(&json!({"raw": r#"{"statusCode":204}"#})).await;
    assert_eq!((response.status, response.body.len(), response.header("content-type")), (204, 0, None));
}

#[tokio::test]
async fn a_result_without_a_status_is_the_body() {
    let test = start(CATCH_ALL).await;
    for result in [r#"{"a":1}"#, r#""text""#, "[1]", "{\"half\":", "null"] {
        let response = test.get(&json!({"raw": result})).await;
        assert_eq!((response.status, response.text()), (200, result));
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_malformed_result_is_a_server_error() {
    let test = start(CATCH_ALL).await;
    let malformed: [Value; 9] = [
        json!({"statusCode": "two hundred"}),
        json!({"statusCode": 99}),
        json!({"statusCode": 103}),
        json!({"statusCode": 600}),
        json!({"statusCode": 200, "body": {"an": "object"}}),
        json!({"statusCode": 200, "headers": {"bad name": "x"}}),
        json!({"statusCode": 200, "headers": {"x": "line\nbreak"}}),
        json!({"statusCode": 200, "body": "not base64!", "isBase64Encoded": true}),
        json!({"statusCode": 200, "cookies": "a=1"}),
    ];
    for result in malformed {
        let response = test.get(&json!({"raw": result.to_string()})).await;
        assert_eq!((response.status, response.text()), (500, ERROR), "{result}");
    }
}

#[tokio::test]
async fn the_response_to_a_head_request_has_the_headers_and_no_body() {
    let test = start(CATCH_ALL).await;
    let instructions = json!({"raw": r#"{"statusCode":200,"body":"four"}"#}).to_string();
    let response = test.send("HEAD", "/", &[("x-fixture", &instructions)], b"").await;
    assert_eq!((response.status, response.header("content-length"), response.body.len()), (200, Some("4"), 0));
}

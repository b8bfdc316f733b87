use serde_json::{Value, json};

use crate::support::{EVERYWHERE, start};

const ERROR: &str = r#"{"message":"Internal Server Error"}"#;

#[tokio::test]
async fn an_answer_is_what_the_function_returns() {
    let world = start(EVERYWHERE).await;
    let returned = json!({
        "statusCode": 201,
        "headers": {"Content-Type": "application/json", "X-Number": 7, "Content-Length": "999", "Connection": "upgrade"},
        "cookies": ["a=1; HttpOnly", "b=2"],
        "body": "{\"ü\":1}",
        "multiValueHeaders": {"ignored": ["x"]}
    });
    let answer = world.order(&json!({"raw": returned.to_string()})).await;
    assert_eq!((answer.status, answer.text()), (201, "{\"ü\":1}"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-number"), Some("7"));
    assert_eq!(answer.header("content-length"), Some("8"));
    assert_eq!(answer.header("ignored"), None);
    assert_eq!(answer.header("apigw-requestid").unwrap().len(), 16);
    let cookies: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, v)| v).collect();
    assert_eq!(cookies, ["a=1; HttpOnly", "b=2"]);
}

#[tokio::test]
async fn base64_is_decoded_and_an_unnamed_type_is_text() {
    let world = start(EVERYWHERE).await;
    let returned = json!({"statusCode": 200, "body": "AP/+", "isBase64Encoded": true});
    let answer = world.order(&json!({"raw": returned.to_string()})).await;
    assert_eq!(answer.body, [0, 0xff, 0xfe]);
    assert_eq!(answer.header("content-type"), Some("text/plain;charset=UTF-8"));
    let answer = world.order(&json!({"raw": r#"{"statusCode":204}"#})).await;
    assert_eq!((answer.status, answer.body.len(), answer.header("content-type")), (204, 0, None));
}

#[tokio::test]
async fn without_a_status_the_whole_result_is_the_body() {
    let world = start(EVERYWHERE).await;
    for result in [r#"{"a":1}"#, r#""text""#, "[1]", "{\"half\":", "null"] {
        let answer = world.order(&json!({"raw": result})).await;
        assert_eq!((answer.status, answer.text()), (200, result));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_malformed_result_is_an_error_of_the_server() {
    let world = start(EVERYWHERE).await;
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
        let answer = world.order(&json!({"raw": result.to_string()})).await;
        assert_eq!((answer.status, answer.text()), (500, ERROR), "{result}");
    }
}

#[tokio::test]
async fn a_head_request_has_the_headers_and_no_body() {
    let world = start(EVERYWHERE).await;
    let orders = json!({"raw": r#"{"statusCode":200,"body":"four"}"#}).to_string();
    let answer = world.send("HEAD", "/", &[("x-fixture", &orders)], b"").await;
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, Some("4"), 0));
}

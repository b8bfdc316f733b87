use serde_json::{Value, json};

use crate::test_emulator::{CATCH_ALL, start};

const ROUTES: &str = "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Events:
        One: {Type: HttpApi, Properties: {Path: '/users/{id}/notes/{note}', Method: post}}
        Any: {Type: HttpApi, Properties: {Path: '/files/{proxy+}', Method: ANY}}
        Literal: {Type: HttpApi, Properties: {Path: /users/me/notes/first, Method: POST}}
";

/// Checks the format of the values that differ between runs, and removes them.
fn normalize(event: &mut Value) {
    let context = &mut event["requestContext"];
    assert!(context["timeEpoch"].as_i64().unwrap() > 1_700_000_000_000);
    let time = context["time"].as_str().unwrap();
    jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time).unwrap();
    assert_eq!(context["requestId"].as_str().unwrap().len(), 16);
    context["timeEpoch"] = json!(0);
    context["time"] = json!("");
    context["requestId"] = json!("");
    let headers = &mut event["headers"];
    let trace = headers["x-amzn-trace-id"].as_str().unwrap();
    assert!(trace.starts_with("Root=1-") && trace.len() == 40, "{trace}");
    assert!(headers["x-forwarded-port"].as_str().unwrap().parse::<u16>().is_ok());
    headers["x-amzn-trace-id"] = json!("");
    headers["x-forwarded-port"] = json!("");
}

#[tokio::test]
async fn an_event_has_the_form_of_api_gateway() {
    let test = start(ROUTES).await;
    let headers = [
        ("User-Agent", "test/1"),
        ("X-Repeated", "one"),
        ("x-repeated", "two"),
        ("Cookie", "a=1; b=2"),
        ("cookie", "c=3"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("X-Forwarded-For", "203.0.113.9"),
        ("TE", "trailers"),
    ];
    let target = "/users/J%C3%BCrgen%20K/notes/a%2Bb?tag=x&tag=y%2Cz&empty=&bare&plus=a+b&t%C3%A4g=%26";
    let response = test.send("POST", target, &headers, br#"{"n":1}"#).await;
    let mut event = response.json();
    normalize(&mut event);
    let expected = json!({
        "version": "2.0",
        "routeKey": "POST /users/{id}/notes/{note}",
        "rawPath": "/users/Jürgen K/notes/a+b",
        "rawQueryString": "tag=x&tag=y%2Cz&empty=&bare&plus=a+b&t%C3%A4g=%26",
        "cookies": ["a=1", "b=2", "c=3"],
        "headers": {
            "content-length": "7",
            "content-type": "application/json; charset=utf-8",
            "host": "api.example.org",
            "user-agent": "test/1",
            "x-amzn-trace-id": "",
            "x-forwarded-for": "203.0.113.9, 127.0.0.1",
            "x-forwarded-port": "",
            "x-forwarded-proto": "http",
            "x-repeated": "one,two"
        },
        "queryStringParameters": {"tag": "x,y,z", "empty": "", "bare": "", "plus": "a b", "täg": "&"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "emulator00",
            "domainName": "api.example.org",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": "/users/Jürgen K/notes/a+b",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test/1"
            },
            "requestId": "",
            "routeKey": "POST /users/{id}/notes/{note}",
            "stage": "$default",
            "time": "",
            "timeEpoch": 0
        },
        "body": "{\"n\":1}",
        "pathParameters": {"id": "Jürgen K", "note": "a+b"},
        "isBase64Encoded": false
    });
    assert_eq!(event, expected);
}

#[tokio::test]
async fn the_event_of_a_minimal_request_has_no_optional_fields() {
    let test = start(CATCH_ALL).await;
    let event = test.send("GET", "/", &[], b"").await.json();
    for absent in ["cookies", "queryStringParameters", "pathParameters", "body", "stageVariables"] {
        assert!(event.get(absent).is_none(), "{absent}");
    }
    assert_eq!(event["rawQueryString"], "");
    assert_eq!(event["routeKey"], "$default");
    assert_eq!(event["headers"]["content-length"], "0");
    assert_eq!(event["isBase64Encoded"], false);
}

#[tokio::test]
async fn only_a_body_of_a_text_type_is_text_and_others_are_base64() {
    let test = start(CATCH_ALL).await;
    let plain = "text/plain; charset=utf-8, text/css, application/json, Application/JSON, application/xml, application/javascript";
    for content_type in plain.split(", ") {
        let event = test.send("POST", "/", &[("content-type", content_type)], "zwölf".as_bytes()).await.json();
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("zwölf"), &json!(false)), "{content_type}");
    }
    let binary = "application/x-www-form-urlencoded, application/octet-stream, image/png, application/problem+json, multipart/form-data; boundary=x";
    for content_type in binary.split(", ") {
        let event = test.send("POST", "/", &[("content-type", content_type)], b"a=b\xff").await.json();
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("YT1i/w=="), &json!(true)), "{content_type}");
    }
    let event = test.send("POST", "/", &[], b"untold").await.json();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("dW50b2xk"), &json!(true)));
}

#[tokio::test]
async fn a_request_goes_to_the_most_specific_route() {
    let test = start(ROUTES).await;
    for (method, target, route) in [
        ("POST", "/users/me/notes/first", "POST /users/me/notes/first"),
        ("POST", "/users/me/notes/second", "POST /users/{id}/notes/{note}"),
        ("DELETE", "/files/a/b", "ANY /files/{proxy+}"),
        ("GET", "/files/a%2Fb//c/", "ANY /files/{proxy+}"),
    ] {
        let event = test.send(method, target, &[], b"").await.json();
        assert_eq!(event["routeKey"], route, "{method} {target}");
    }
    let event = test.send("GET", "/files/a%2Fb//c/%3Fcut", &[], b"").await.json();
    assert_eq!(event["pathParameters"]["proxy"], "a/b//c/");
    assert_eq!(event["rawPath"], "/files/a/b//c/");
    for (method, target) in [("GET", "/users/1/notes/2"), ("POST", "/users/1"), ("POST", "/"), ("GET", "/files/")] {
        let response = test.send(method, target, &[], b"").await;
        assert_eq!((response.status, response.text()), (404, r#"{"message":"Not Found"}"#), "{method} {target}");
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn awss_own_runtime_parses_the_event_and_its_response_is_returned() {
    let resources = "
  Real:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: runtime}}
    Properties:
      Events: {One: {Type: HttpApi, Properties: {Path: '/things/{id}', Method: PUT}}}
";
    let test = start(resources).await;
    let headers = [("cookie", "a=1"), ("cookie", "b=2"), ("content-type", "application/octet-stream")];
    for _ in 0..2 {
        let response = test.send("PUT", "/things/a%20b?q=1&q=2", &headers, b"\x00\xff").await;
        assert_eq!(response.text(), "PUT /things/a%20b id=a b q=1|2 cookies=a=1; b=2 body=[0, 255]");
        assert_eq!(response.header("content-type"), Some("application/octet-stream"));
        let cookies: Vec<_> =
            response.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, v)| v).collect();
        assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
    }
}

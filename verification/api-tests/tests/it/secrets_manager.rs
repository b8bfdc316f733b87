//! Configuration from Secrets Manager, which a function reads once before the first request.

use std::mem;
use std::sync::{Arc, Mutex};

use api_tests::stub_server::{self, Request, Response};
use api_tests::{Setup, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The requests that Secrets Manager has received.
type Received = Arc<Mutex<Vec<Request>>>;

/// Starts a system whose functions read their keys from Secrets Manager. `respond` is called with
/// the number of the request, from 1.
async fn start_with_secret(mut respond: impl FnMut(usize) -> Response + Send + 'static) -> (TestApp, Received) {
    let received = Received::default();
    let requests = Arc::clone(&received);
    let url = stub_server::start(move |request| {
        let mut requests = requests.lock().unwrap();
        requests.push(request.clone());
        Some(respond(requests.len()))
    });
    let variables = vec![
        ("SECRET_ID", "kai-test".to_owned()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url),
        ("CACHE_KEY", String::new()),
        ("OPERATOR_KEY", String::new()),
    ];
    (TestApp::start_with(Setup { variables, ..Setup::default() }).await, received)
}

/// Returns the response that contains this secret.
fn secret(members: &Value) -> Response {
    (200, CONTENT_TYPE, json!({"Name": "kai-test", "SecretString": members.to_string()}).to_string())
}

/// Returns the response that contains a valid secret.
fn valid_secret() -> Response {
    secret(&json!({"CACHE_KEY": STANDARD.encode([7; 32]), "OPERATOR_KEY": "nine quiet herons", "LOG_LEVEL": "loud"}))
}

/// Returns all log lines as one text.
fn log_text(app: &TestApp) -> String {
    format!("{:?}", app.logs.lines())
}

#[tokio::test]
async fn a_function_reads_its_secret_once_at_start_and_the_configuration_takes_precedence() {
    let (app, received) = start_with_secret(|_| valid_secret()).await;
    let ada = app.new_user().await;
    for _ in 0..3 {
        ada.get("/api/journal/entries").await.expect_success();
    }
    let received = mem::take(&mut *received.lock().unwrap());
    let [Request { head, body }] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"SecretId": "kai-test"}));
    for expected in
        ["POST / HTTP/1.1", "x-amz-target: secretsmanager.GetSecretValue", "content-type: application/x-amz-json-1.1"]
    {
        assert!(head.contains(expected), "{expected}: {head}");
    }
    assert!(head.contains("authorization: AWS4-HMAC-SHA256 Credential=emulator/"), "{head}");
    assert!(head.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"), "{head}");

    let path = "/health/detailed";
    assert!(app.anonymous().get(path).await.expect_success().get("performance").is_none(), "without the key");
    let operator = app.anonymous().get(path).header("authorization", "Bearer nine quiet herons").await;
    assert!(operator.expect_success().get("performance").is_some(), "with the key");
    assert!(!log_text(&app).contains("nine quiet herons"));
}

#[tokio::test]
async fn transient_errors_are_retried() {
    let (app, received) = start_with_secret(|attempt| match attempt {
        1 => (503, CONTENT_TYPE, "{}".to_owned()),
        2 => (400, CONTENT_TYPE, json!({"__type": "ThrottlingException"}).to_string()),
        _ => valid_secret(),
    })
    .await;
    app.new_user().await.get("/api/journal/entries").await.expect_success();
    assert_eq!(received.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_function_that_cannot_read_its_secret_logs_the_reason_but_no_secret() {
    let denied = json!({"__type": "com.amazonaws#AccessDeniedException", "Message": "hunter2"}).to_string();
    let missing = secret(&json!({"OPERATOR_KEY": "hunter2 hunter2 hunter2"}));
    for (response, reason) in [
        ((400, CONTENT_TYPE, denied), "SECRET_ID: Secrets Manager rejected the request: AccessDeniedException"),
        (missing, "CACHE_KEY is missing"),
        (
            secret(&json!({"CACHE_KEY": 7, "other": "hunter2"})),
            "SECRET_ID: the secret must be a JSON object of strings",
        ),
        ((200, CONTENT_TYPE, "hunter2".to_owned()), "SECRET_ID: the secret must be a JSON object of strings"),
    ] {
        let (app, _) = start_with_secret(move |_| response.clone()).await;
        let ada = app.new_user().await;
        assert_eq!(ada.get("/api/journal/entries").await.status, 500);
        let log = log_text(&app);
        assert!(log.contains(reason) && !log.contains("hunter2"), "{reason}: {log}");
    }
}

#[tokio::test]
async fn a_function_that_needs_no_secret_reads_none() {
    let (app, received) = start_with_secret(|_| valid_secret()).await;
    app.anonymous().get("/").await.expect_success();
    assert_eq!(received.lock().unwrap().len(), 0);
}

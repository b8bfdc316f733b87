//! What is not in a function's configuration is in a secret, which is read once, before the first request.

use std::sync::{Arc, Mutex};

use api_tests::stub_server::{self, Request, Response};
use api_tests::{Setup, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const KIND: &str = "application/x-amz-json-1.1";

/// What Secrets Manager has been asked, as it came.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// A system whose functions find neither keys nor an operator in their configuration.
async fn with_secret(mut answer: impl FnMut(usize) -> Response + Send + 'static) -> (TestApp, Asked) {
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    let url = stub_server::start(move |Request { head, body }| {
        let mut noted = noted.lock().unwrap();
        noted.push((head.clone(), body.clone()));
        Some(answer(noted.len()))
    });
    let variables = vec![
        ("SECRET_ID", "kai-test".to_owned()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url),
        ("CACHE_KEY", String::new()),
        ("OPERATOR_KEY", String::new()),
    ];
    (TestApp::start_with(Setup { variables, ..Setup::default() }).await, asked)
}

fn secret(members: &Value) -> Response {
    (200, KIND, json!({"Name": "kai-test", "SecretString": members.to_string()}).to_string())
}

fn good() -> Response {
    secret(&json!({"CACHE_KEY": STANDARD.encode([7; 32]), "OPERATOR_KEY": "nine quiet herons", "LOG_LEVEL": "loud"}))
}

fn lines(app: &TestApp) -> String {
    format!("{:?}", app.logs.lines())
}

#[tokio::test]
async fn a_function_reads_its_secret_once_at_start_and_the_configuration_takes_precedence() {
    let (app, asked) = with_secret(|_| good()).await;
    let ada = app.new_user().await;
    for _ in 0..3 {
        ada.get("/api/journal/entries").await.expect_success();
    }
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    let [(head, body)] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"SecretId": "kai-test"}));
    for expected in
        ["POST / HTTP/1.1", "x-amz-target: secretsmanager.GetSecretValue", "content-type: application/x-amz-json-1.1"]
    {
        assert!(head.contains(expected), "{expected}: {head}");
    }
    assert!(head.contains("authorization: AWS4-HMAC-SHA256 Credential=emulator/"), "{head}");
    assert!(head.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"), "{head}");

    let path = "/health/detailed";
    assert!(app.anonymous().get(path).await.expect_success().get("performance").is_none(), "somebody");
    let operator = app.anonymous().get(path).header("authorization", "Bearer nine quiet herons").await;
    assert!(operator.expect_success().get("performance").is_some(), "the operator");
    assert!(!lines(&app).contains("nine quiet herons"));
}

#[tokio::test]
async fn transient_errors_are_retried() {
    let (app, asked) = with_secret(|attempt| match attempt {
        1 => (503, KIND, "{}".to_owned()),
        2 => (400, KIND, json!({"__type": "ThrottlingException"}).to_string()),
        _ => good(),
    })
    .await;
    app.new_user().await.get("/api/journal/entries").await.expect_success();
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_function_that_cannot_read_its_secret_logs_the_reason_but_no_secret() {
    let refused = json!({"__type": "com.amazonaws#AccessDeniedException", "Message": "hunter2"}).to_string();
    let missing = secret(&json!({"OPERATOR_KEY": "hunter2 hunter2 hunter2"}));
    for (answer, said) in [
        ((400, KIND, refused), "SECRET_ID: Secrets Manager refuses it: AccessDeniedException"),
        (missing, "CACHE_KEY is missing"),
        (
            secret(&json!({"CACHE_KEY": 7, "other": "hunter2"})),
            "SECRET_ID: the secret must be a JSON object of strings",
        ),
        ((200, KIND, "hunter2".to_owned()), "SECRET_ID: the secret must be a JSON object of strings"),
    ] {
        let (app, _) = with_secret(move |_| answer.clone()).await;
        let ada = app.new_user().await;
        assert_eq!(ada.get("/api/journal/entries").await.status, 500);
        let lines = lines(&app);
        assert!(lines.contains(said) && !lines.contains("hunter2"), "{said}: {lines}");
    }
}

#[tokio::test]
async fn a_function_that_needs_no_secret_reads_none() {
    let (app, asked) = with_secret(|_| good()).await;
    app.anonymous().get("/").await.expect_success();
    assert_eq!(asked.lock().unwrap().len(), 0);
}

//! Every kind of invalid request to every route. The response has the correct status and code in
//! the documented shape, and does not quote the input.

use api_tests::openapi::Operation;
use api_tests::{Client, Response, TestApp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::events;
use super::routes::{insert_entry, needs_session, request};

/// A text that stands for user input. No response may quote it.
pub(crate) const CANARY: &str = "kanarienvogel";

/// Asserts that the response is this error and does not quote the input.
#[track_caller]
pub(crate) fn expect_problem_without_input(response: &Response, status: u16, code: &str) -> Value {
    let problem = response.expect_problem(status, code);
    assert!(!format!("{:?}{problem}", response.headers).contains(CANARY), "{problem}");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    problem
}

#[tokio::test]
async fn a_protected_route_rejects_every_token_without_a_live_session() {
    let app = TestApp::shared().await;
    let mut tested = 0;
    for operation in Operation::all().iter().filter(|operation| needs_session(operation)) {
        let what = operation.route();
        // The user has a password, because an operation may change it.
        let ada = app.register_and_login().await;
        insert_entry(app, ada.id).await;
        // The body is valid, so that only the token is invalid.
        let body = operation.body_with(|| CANARY.to_owned()).map(|mut body| {
            if operation.has_field("old_password") {
                body["old_password"] = json!(ada.password);
            }
            body
        });
        let send = |client: &Client, user: Uuid| {
            let request = request(client, user, operation);
            match &body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let ended = async |change: &str| {
            let user = app.new_user().await;
            app.query(change, &[&user.id]).await;
            (user.id, user.token)
        };
        let control = send(&ada, ada.id).await;
        assert_eq!(control.status, operation.success(), "{what} with a live session: {}", control.text());

        let ada = app.new_user().await;
        let mut unknown = ada.token.clone();
        unknown.replace_range(40..50, "AAAAAAAAAA");
        let tokens = [
            (ada.id, CANARY.to_owned()),
            (ada.id, String::new()),
            (ada.id, ada.token[..63].to_owned()),
            (ada.id, format!("{}A", ada.token)),
            (ada.id, format!("{}=", &ada.token[..63])),
            (ada.id, unknown),
            ended("UPDATE sessions SET expires_at = now() - interval '1 s' WHERE user_id = $1").await,
            ended("UPDATE sessions SET revoked_at = now() WHERE user_id = $1").await,
            ended("UPDATE users SET is_active = false WHERE id = $1").await,
            ended("DELETE FROM users WHERE id = $1").await,
        ];
        for (user, token) in tokens {
            let client = app.anonymous().with_token(&token);
            let response = send(&client, user).await;
            expect_problem_without_input(&response, 401, "unauthenticated");
            assert_eq!(response.header("www-authenticate"), Some("Bearer"), "{what}");
        }
        for header in
            [None, Some(format!("Basic {CANARY}")), Some(ada.token.clone()), Some(format!("Token {}", ada.token))]
        {
            let request = send(&app.anonymous(), ada.id);
            let request = match header {
                Some(header) => request.header("authorization", header),
                None => request,
            };
            expect_problem_without_input(&request.await, 401, "unauthenticated");
        }
        tested += 1;
    }
    assert!(tested >= 18, "only {tested} operations need a session");
}

#[tokio::test]
async fn the_bearer_scheme_is_case_insensitive() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let response =
            app.anonymous().get("/api/auth/me").header("authorization", format!("{scheme} {}", ada.token)).await;
        assert_eq!(response.status, 200, "{scheme:?}");
    }
}

#[tokio::test]
async fn an_unreadable_body_is_rejected_with_the_matching_error() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let mut tested = 0;
    for operation in Operation::all() {
        let Some(valid) = operation.body_with(|| "valid text".to_owned()) else { continue };
        let send = || request(&ada, ada.id, operation);
        let what = operation.route();
        for malformed in
            ["", "{", "null", "[]", "7", "\"kanarienvogel\"", "{\"kanarienvogel\": }", "{\"a\": 1}}", "\u{0}"]
        {
            expect_problem_without_input(&send().body("application/json", malformed).await, 400, "malformed");
        }
        let deep = format!("{{\"content\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
        expect_problem_without_input(&send().body("application/json", deep).await, 400, "malformed");

        for content_type in
            ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp", "kanarienvogel"]
        {
            let response = send().body(content_type, valid.to_string()).await;
            expect_problem_without_input(&response, 415, "unsupported_media_type");
        }
        let encoded = send().json(&valid).header("content-encoding", "gzip").await;
        expect_problem_without_input(&encoded, 415, "unsupported_media_type");

        let mut large = valid.clone();
        large["padding"] = json!(CANARY.repeat(512 * 1024 / CANARY.len()));
        expect_problem_without_input(&send().json(&large).await, 413, "too_large");
        let beyond_lambda = send().body("application/json", vec![b' '; 7 * 1024 * 1024]).await;
        assert_eq!(beyond_lambda.status, 413, "{what}: the gateway rejects a body that exceeds Lambda's limit");
        tested += 1;
    }
    assert!(tested >= 8, "only {tested} operations read a body");
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_malformed() {
    let app = TestApp::shared().await;
    let mut event = events::read("auth-login", "success");
    event["isBase64Encoded"] = json!(true);
    event["body"] = json!("eyJlbWFpbCI6ICL//iJ9");
    let response = app.invoke("auth-login", &event).await.unwrap();
    assert_eq!(response["statusCode"], 400, "{response}");
}

#[tokio::test]
async fn every_spelling_of_the_json_media_type_is_accepted_and_unknown_fields_are_ignored() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        let response = ada
            .request("POST", "/api/journal/entries")
            .body(content_type, "\n{\"content\": \"x\", \"unknown\": {}}\n")
            .await;
        assert_eq!(response.status, 201, "{content_type}: {}", response.text());
    }
    assert_eq!(ada.get("/api/journal/entries?unknown=1").await.status, 200);
    assert_eq!(ada.patch(ada.profile_path(), &json!({"unknown": 7})).await.status, 200);
}

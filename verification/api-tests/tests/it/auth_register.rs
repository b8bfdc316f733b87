//! Tests of `POST /api/auth/register`.

use std::collections::BTreeSet;

use api_tests::{TestApp, member_names, send_all, sorted_statuses, unique_email};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn the_response_contains_the_account_without_its_password() {
    let app = TestApp::shared().await;
    let email = unique_email();
    let response =
        app.anonymous().post("/api/auth/register", &json!({"email": email, "password": "nine quiet herons"})).await;
    assert_eq!((response.status, response.header("cache-control")), (201, Some("no-store")));
    let account = response.json();
    assert_eq!(member_names(&account), BTreeSet::from(["created_at", "email", "id", "is_active", "updated_at"]));
    assert_eq!((&account["email"], &account["is_active"]), (&json!(email), &json!(true)));
}

#[tokio::test]
async fn an_email_is_registered_only_once_regardless_of_case() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    for email in [ada.email.clone(), ada.email.to_uppercase(), format!("  {}  ", ada.email)] {
        let again = json!({"email": email, "password": "another password"});
        app.anonymous().post("/api/auth/register", &again).await.expect_problem(409, "email_taken");
    }
    ada.login_again().await;
}

#[tokio::test]
async fn if_eight_registrations_of_one_email_race_only_one_succeeds() {
    let app = TestApp::shared().await;
    let credentials = json!({"email": unique_email(), "password": "nine quiet herons"});
    let client = app.anonymous();
    let responses = send_all((0..8).map(|_| client.post("/api/auth/register", &credentials))).await;
    assert_eq!(sorted_statuses(&responses), [201, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn fields_that_clients_may_not_set_are_ignored() {
    let app = TestApp::shared().await;
    let (email, id) = (unique_email(), Uuid::now_v7());
    let body = json!({
        "email": email, "password": "nine quiet herons", "id": id, "is_active": false, "journal_entry_count": 7,
        "created_at": "2001-01-01T00:00:00Z", "role": "admin",
    });
    let account = app.anonymous().post("/api/auth/register", &body).await.expect_success();
    assert_ne!(account["id"], json!(id));
    assert_eq!(account["is_active"], true);
    assert!(!account["created_at"].as_str().unwrap().starts_with("2001"));
    let count: i64 = app.query_scalar("SELECT journal_entry_count FROM users WHERE email = $1", &[&email]).await;
    assert_eq!(count, 0);
}

#[tokio::test]
async fn a_password_is_stored_as_argon2id_with_the_documented_cost() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    let stored: String = app.query_scalar("SELECT password_hash FROM users WHERE id = $1", &[&ada.id]).await;
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    let bob = app.register_and_login().await;
    let other: String = app.query_scalar("SELECT password_hash FROM users WHERE id = $1", &[&bob.id]).await;
    assert_eq!(ada.password, bob.password);
    assert_ne!(stored, other, "each password has its own salt");
}

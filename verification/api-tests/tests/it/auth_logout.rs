//! Tests of `POST /api/auth/logout`.

use api_tests::{TestApp, send_all, sorted_statuses};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn a_logout_ends_every_session_of_the_account_even_if_it_is_cached() {
    let app = TestApp::shared().await;
    let phone = app.register_and_login().await;
    let (laptop, never_used) = (phone.login_again().await, phone.login_again().await);
    let other = app.new_user().await;
    for _ in 0..2 {
        phone.list_entries().await;
        laptop.list_entries().await;
        other.list_entries().await;
    }
    laptop.get("/api/journal/entries").until_hit().await;
    let response = phone.request("POST", "/api/auth/logout").await;
    assert_eq!(response.expect_success(), json!({"message": "Successfully logged out"}));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    for session in [&phone, &laptop, &never_used] {
        for path in ["/api/journal/entries", "/api/auth/me", &phone.profile_path()] {
            session.get(path).await.expect_problem(401, "unauthenticated");
        }
        session.post("/api/journal/entries", &json!({"content": "x"})).await.expect_problem(401, "unauthenticated");
        session.request("POST", "/api/auth/logout").await.expect_problem(401, "unauthenticated");
    }
    assert_eq!(other.list_entries().await.status, 200);
    assert_eq!(phone.login_again().await.list_entries().await.status, 200);
    let entries: i64 = app.query_scalar("SELECT count(*) FROM journal_entries WHERE user_id = $1", &[&phone.id]).await;
    assert_eq!(entries, 0, "an ended session has created an entry");
}

#[tokio::test]
async fn scope_this_ends_only_the_callers_session() {
    let app = TestApp::shared().await;
    let phone = app.register_and_login().await;
    let laptop = phone.login_again().await;
    laptop.list_entries().await;
    phone.request("POST", "/api/auth/logout?scope=this").await.expect_success();
    phone.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
    assert_eq!(laptop.get("/api/auth/me").await.status, 200);
    laptop.request("POST", "/api/auth/logout?scope=all").await.expect_success();
    laptop.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn no_environment_accepts_a_token_after_its_logout_is_acknowledged() {
    let app = TestApp::shared().await;
    for _ in 0..10 {
        let ada = app.new_user().await;
        // Several environments read the session first.
        join_all((0..3).map(|_| ada.list_entries())).await;
        ada.request("POST", "/api/auth/logout").await.expect_success();
        let after = send_all((0..6).map(|_| ada.get("/api/journal/entries"))).await;
        assert_eq!(sorted_statuses(&after), [401; 6]);
    }
}

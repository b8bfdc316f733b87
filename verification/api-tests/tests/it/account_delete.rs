//! Tests of `DELETE /api/account`.

use api_tests::{TestApp, send_all};
use serde_json::json;

#[tokio::test]
async fn deletion_removes_all_data_of_the_account_and_ends_its_sessions_at_once() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.register_and_login().await, app.new_user().await);
    bob.create_entry("stays").await;
    let laptop = ada.login_again().await;
    let entry = json!({"content": "to be forgotten"});
    ada.post("/api/journal/entries", &entry).header("idempotency-key", "once").await.expect_success();
    let reads = ["/api/journal/entries".to_owned(), ada.profile_path(), "/api/auth/me".to_owned()];
    for read in &reads {
        ada.get(read).until_hit().await;
    }
    assert_eq!(ada.request("DELETE", "/api/account").await.status, 204);
    let guards: Vec<String> = app.redis(redis::cmd("KEYS").arg(format!("*:{}:guard", ada.id))).await;
    assert!(guards.is_empty(), "records behind {guards:?} could still be served");
    for (session, read) in
        [&*ada, &*laptop].into_iter().flat_map(|session| reads.iter().map(move |read| (session, read)))
    {
        session.get(read).await.expect_problem(401, "unauthenticated");
    }
    for table in [
        "users WHERE id",
        "user_profiles WHERE user_id",
        "sessions WHERE user_id",
        "journal_entries WHERE user_id",
        "idempotency_keys WHERE user_id",
    ] {
        let left: i64 = app.query_scalar(&format!("SELECT count(*) FROM {table} = $1"), &[&ada.id]).await;
        assert_eq!(left, 0, "{table}");
    }
    let kept: i64 =
        app.query_scalar("SELECT count(*) FROM idempotency_keys WHERE response::text LIKE '%forgotten%'", &[]).await;
    assert_eq!(kept, 0);
    app.anonymous().post("/api/auth/login", &ada.credentials()).await.expect_problem(401, "wrong_credentials");
    assert_eq!(bob.list_entries().await.json()["total"], 1);
    // The email address can be registered again.
    app.anonymous().post("/api/auth/register", &ada.credentials()).await.expect_success();
}

#[tokio::test]
async fn a_repeated_deletion_gets_the_same_response_but_only_with_the_same_token() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let other = app.anonymous().with_token(app.open_session(ada.id).await);
    for _ in 0..3 {
        assert_eq!(ada.request("DELETE", "/api/account").await.status, 204);
    }
    let bob = app.new_user().await;
    for response in send_all((0..4).map(|_| bob.request("DELETE", "/api/account"))).await {
        assert_eq!(response.status, 204, "one of several concurrent deletions: {}", response.text());
    }
    other.request("DELETE", "/api/account").await.expect_problem(401, "unauthenticated");
    ada.get("/api/auth/me").await.expect_problem(401, "unauthenticated");
}

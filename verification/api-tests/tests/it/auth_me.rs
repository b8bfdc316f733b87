//! `GET /api/auth/me`.

use api_tests::TestApp;
use serde_json::json;

#[tokio::test]
async fn the_account_is_the_callers_own_and_the_cached_answer_is_the_same() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    let first = ada.get("/api/auth/me").await;
    let account = first.expect_success();
    let mut members: Vec<_> = account.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["created_at", "email", "id", "is_active", "updated_at"]);
    assert_eq!((&account["id"], &account["email"]), (&json!(ada.id), &json!(ada.email)));
    let second = ada.get("/api/auth/me").until_hit().await;
    assert_ne!(first.cache_status(), "hit");
    assert_eq!(second.expect_success(), account);
}

//! Tests of `GET /api/auth/me`.

use std::collections::BTreeSet;

use api_tests::{TestApp, member_names};
use serde_json::json;

#[tokio::test]
async fn the_response_is_the_account_of_the_caller_and_is_the_same_from_the_cache() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    let first = ada.get("/api/auth/me").await;
    let account = first.expect_success();
    assert_eq!(member_names(&account), BTreeSet::from(["created_at", "email", "id", "is_active", "updated_at"]));
    assert_eq!((&account["id"], &account["email"]), (&json!(ada.id), &json!(ada.email)));
    let second = ada.get("/api/auth/me").until_hit().await;
    assert_ne!(first.cache_status(), "hit");
    assert_eq!(second.expect_success(), account);
}

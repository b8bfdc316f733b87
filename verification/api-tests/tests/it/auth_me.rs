//! `GET /api/auth/me`.

use api_tests::Kai;
use serde_json::json;

#[tokio::test]
async fn the_account_is_the_callers_own_and_the_same_from_the_cache() {
    let kai = Kai::shared().await;
    let ada = kai.register_and_login().await;
    let first = ada.get("/api/auth/me").await;
    let account = first.good();
    let mut members: Vec<_> = account.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["created_at", "email", "id", "is_active", "updated_at"]);
    assert_eq!((&account["id"], &account["email"]), (&json!(ada.id), &json!(ada.email)));
    let second = ada.get("/api/auth/me").until_hit().await;
    assert_ne!(first.cache(), "hit");
    assert_eq!(second.good(), account);
}

//! Tests of `GET /api/users/{user_id}/profile`.

use std::collections::BTreeSet;

use api_tests::{TestApp, member_names};
use serde_json::json;

#[tokio::test]
async fn a_new_account_has_an_empty_profile() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    let profile = ada.get(ada.profile_path()).await.expect_success();
    let expected = ["communication_style", "created_at", "id", "preferences", "traits", "updated_at", "user_id"];
    assert_eq!(member_names(&profile), BTreeSet::from(expected));
    assert_eq!(
        (&profile["user_id"], &profile["traits"], &profile["preferences"]),
        (&json!(ada.id), &json!({}), &json!({}))
    );
}

#[tokio::test]
async fn the_second_read_is_a_hit_with_the_same_body() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let (first, second) = (ada.get(ada.profile_path()).await, ada.get(ada.profile_path()).until_hit().await);
    assert_ne!(first.cache_status(), "hit");
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn another_users_profile_is_forbidden_whether_it_exists_or_not() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    bob.get(bob.profile_path()).await.expect_success();
    for other in [bob.id, uuid::Uuid::now_v7()] {
        ada.get(format!("/api/users/{other}/profile")).await.expect_problem(403, "forbidden");
    }
    ada.get("/api/users/me/profile").await.expect_problem(422, "invalid_fields");
}

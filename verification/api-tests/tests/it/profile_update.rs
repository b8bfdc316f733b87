//! Tests of `PATCH /api/users/{user_id}/profile`.

use api_tests::{TestApp, send_all};
use serde_json::{Value, json};

#[tokio::test]
async fn absent_fields_are_unchanged_and_null_clears_the_style() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let traits = json!({"openness": 0.7, "interests": ["walking", "jazz"], "nested": {"a": null}});
    let response = ada.patch(ada.profile_path(), &json!({"traits": traits, "communication_style": "gentle"})).await;
    let changed = response.expect_success();
    assert_eq!((&changed["traits"], &changed["communication_style"]), (&traits, &json!("gentle")));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let changed = ada.patch(ada.profile_path(), &json!({"preferences": {"language": "en"}})).await.expect_success();
    assert_eq!((&changed["traits"], &changed["communication_style"]), (&traits, &json!("gentle")));
    let changed =
        ada.patch(ada.profile_path(), &json!({"communication_style": null, "traits": null})).await.expect_success();
    assert_eq!((&changed["traits"], &changed["communication_style"]), (&traits, &Value::Null));
    assert_eq!(ada.get(ada.profile_path()).await.expect_success(), changed);
    assert!(changed["updated_at"].as_str() > changed["created_at"].as_str());
}

#[tokio::test]
async fn every_read_after_an_update_shows_the_change() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for number in 0..40 {
        let style = format!("style {number}");
        ada.patch(ada.profile_path(), &json!({"communication_style": style})).await.expect_success();
        for response in send_all((0..3).map(|_| ada.get(ada.profile_path()))).await {
            assert_eq!(response.expect_success()["communication_style"], style);
        }
        let cached = ada.get(ada.profile_path()).until_hit().await;
        assert_eq!(cached.expect_success()["communication_style"], style);
    }
}

#[tokio::test]
async fn another_users_profile_cannot_be_changed() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let before = bob.get(bob.profile_path()).await.expect_success();
    let change = json!({"communication_style": "taken over", "user_id": bob.id, "id": before["id"]});
    ada.patch(bob.profile_path(), &change).await.expect_problem(403, "forbidden");
    // The id of a user in the body is ignored, because it is not a field of the profile.
    ada.patch(ada.profile_path(), &change).await.expect_success();
    assert_eq!(bob.get(bob.profile_path()).await.expect_success(), before);
    let stored: Option<String> =
        app.query_scalar("SELECT communication_style FROM user_profiles WHERE user_id = $1", &[&bob.id]).await;
    assert_eq!(stored, None);
}

#[tokio::test]
async fn the_largest_numbers_are_returned_as_they_were_sent() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let traits =
        json!({"large": f64::MAX, "small": f64::MIN, "fine": 0.1, "tiny": f64::MIN_POSITIVE, "whole": u64::MAX});
    let changed = ada.patch(ada.profile_path(), &json!({"traits": traits})).await.expect_success();
    let large = |profile: &Value| profile["traits"]["large"].as_f64();
    assert_eq!((large(&changed), changed["traits"]["whole"].as_u64()), (Some(f64::MAX), Some(u64::MAX)), "{changed}");
    assert_eq!(ada.get(ada.profile_path()).await.expect_success(), changed);
}

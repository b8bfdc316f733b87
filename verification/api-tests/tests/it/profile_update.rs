//! `PATCH /api/users/{user_id}/profile`.

use api_tests::Kai;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_absent_stays_and_null_clears_the_style() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let traits = json!({"openness": 0.7, "interests": ["walking", "jazz"], "nested": {"a": null}});
    let reply = ada.patch(ada.profile_path(), &json!({"traits": traits, "communication_style": "gentle"})).await;
    let changed = reply.good();
    assert_eq!((&changed["traits"], &changed["communication_style"]), (&traits, &json!("gentle")));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let changed = ada.patch(ada.profile_path(), &json!({"preferences": {"language": "en"}})).await.good();
    assert_eq!((&changed["traits"], &changed["communication_style"]), (&traits, &json!("gentle")));
    let changed = ada.patch(ada.profile_path(), &json!({"communication_style": null, "traits": null})).await.good();
    assert_eq!((&changed["traits"], &changed["communication_style"]), (&traits, &Value::Null));
    assert_eq!(ada.get(ada.profile_path()).await.good(), changed);
    assert!(changed["updated_at"].as_str() > changed["created_at"].as_str());
}

#[tokio::test]
async fn after_an_update_the_next_read_shows_it_always() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    for number in 0..40 {
        let style = format!("style {number}");
        ada.patch(ada.profile_path(), &json!({"communication_style": style})).await.good();
        let reads = futures_util::future::join_all((0..3).map(|_| async { ada.get(ada.profile_path()).await })).await;
        for read in reads {
            assert_eq!(read.good()["communication_style"], style);
        }
        let cached = ada.get(ada.profile_path()).until_hit().await;
        assert_eq!(cached.good()["communication_style"], style);
    }
}

#[tokio::test]
async fn nobody_changes_the_profile_of_somebody_else() {
    let kai = Kai::shared().await;
    let (ada, bob) = (kai.settle().await, kai.settle().await);
    let before = bob.get(bob.profile_path()).await.good();
    let change = json!({"communication_style": "taken over", "user_id": bob.id, "id": before["id"]});
    ada.patch(bob.profile_path(), &change).await.expect_problem(403, "forbidden");
    // In the body a user's id is no field of a profile: it is ignored, and what changes is the caller's own.
    ada.patch(ada.profile_path(), &change).await.good();
    assert_eq!(bob.get(bob.profile_path()).await.good(), before);
    let stored: Option<String> =
        kai.value("SELECT communication_style FROM user_profiles WHERE user_id = $1", &[&bob.id]).await;
    assert_eq!(stored, None);
}

#[tokio::test]
async fn the_largest_numbers_come_back_as_they_were_sent() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let traits =
        json!({"large": f64::MAX, "small": f64::MIN, "fine": 0.1, "tiny": f64::MIN_POSITIVE, "whole": u64::MAX});
    let changed = ada.patch(ada.profile_path(), &json!({"traits": traits})).await.good();
    let large = |profile: &serde_json::Value| profile["traits"]["large"].as_f64();
    assert_eq!((large(&changed), changed["traits"]["whole"].as_u64()), (Some(f64::MAX), Some(u64::MAX)), "{changed}");
    assert_eq!(ada.get(ada.profile_path()).await.good(), changed);
}

//! Concurrent requests in one environment, as on Lambda Managed Instances.

use api_tests::{Setup, TestApp};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn sixty_four_users_in_eight_environments_see_only_their_own_data() {
    let app = TestApp::start_with(Setup { concurrency: Some(8), environments: 8, ..Setup::default() }).await;
    // An environment does not accept a second request while it is starting, so all of them are
    // started first.
    let first = app.new_user().await;
    join_all((0..8).map(|_| first.create_entry("x"))).await;
    join_all((0..8).map(|_| first.list_entries())).await;
    join_all((0..8).map(|_| async { first.get(first.profile_path()).await.expect_success() })).await;
    join_all((0..8).map(|_| async { first.patch(first.profile_path(), &json!({})).await.expect_success() })).await;
    join_all((0..8).map(|_| async { first.get("/api/auth/me").await.expect_success() })).await;
    let users = join_all((0..64).map(|_| app.new_user())).await;
    let visits = users.iter().map(|user| async {
        let canary = format!("canary-{}", user.id.simple());
        user.create_entry(&canary).await;
        user.patch(user.profile_path(), &json!({"communication_style": canary})).await.expect_success();
        let (mut hits, mut rounds) = (0, 0);
        while rounds < 3 || hits == 0 {
            rounds += 1;
            assert!(rounds < 50, "the cache was not used");
            let (list, profile, me) =
                (user.list_entries().await, user.get(user.profile_path()).await, user.get("/api/auth/me").await);
            hits += [&list, &profile, &me].into_iter().filter(|response| response.cache_status() == "hit").count();
            assert_eq!((&list.json()["total"], &list.json()["entries"][0]["content"]), (&json!(1), &json!(canary)));
            assert_eq!(profile.expect_success()["communication_style"], canary);
            assert_eq!(me.expect_success()["id"], json!(user.id));
            for response in [&list, &profile] {
                assert_eq!(response.text().matches("canary-").count(), 1);
            }
        }
    });
    join_all(visits).await;
    for function in ["journal-list", "journal-create", "profile-get"] {
        let environments = app.emulator.environments();
        let number = environments.iter().filter(|info| info.function == function).count();
        assert!((1..=8).contains(&number), "{number} environments of {function}");
    }
}

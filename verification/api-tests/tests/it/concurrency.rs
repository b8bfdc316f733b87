//! Many requests in one environment, as on Lambda Managed Instances.

use api_tests::{Kai, Setup};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn sixty_four_people_in_eight_environments_see_their_own_and_nothing_else() {
    let kai = Kai::start_with(Setup { concurrency: Some(8), environments: 8, ..Setup::default() }).await;
    // An environment that is starting takes no second request: all of them are started first.
    let first = kai.settle().await;
    join_all((0..8).map(|_| first.write("x"))).await;
    join_all((0..8).map(|_| first.list())).await;
    join_all((0..8).map(|_| async { first.get(first.profile_path()).await.good() })).await;
    join_all((0..8).map(|_| async { first.patch(first.profile_path(), &json!({})).await.good() })).await;
    join_all((0..8).map(|_| async { first.get("/api/auth/me").await.good() })).await;
    let people = join_all((0..64).map(|_| kai.settle())).await;
    let visits = people.iter().map(|person| async {
        let canary = format!("canary-{}", person.id.simple());
        person.write(&canary).await;
        person.patch(person.profile_path(), &json!({"communication_style": canary})).await.good();
        let mut hits = 0;
        for _ in 0..3 {
            let (list, profile, me) =
                (person.list().await, person.get(person.profile_path()).await, person.get("/api/auth/me").await);
            hits += [&list, &profile, &me].into_iter().filter(|reply| reply.cache() == "hit").count();
            assert_eq!((&list.json()["total"], &list.json()["entries"][0]["content"]), (&json!(1), &json!(canary)));
            assert_eq!(profile.good()["communication_style"], canary);
            assert_eq!(me.good()["id"], json!(person.id));
            for reply in [&list, &profile] {
                assert_eq!(reply.text().matches("canary-").count(), 1);
            }
        }
        hits
    });
    let hits: usize = join_all(visits).await.into_iter().sum();
    assert!(hits >= 64, "only {hits} hits: the cache took no part");
    for function in ["journal-list", "journal-create", "profile-get"] {
        let environments = kai.emulator.environments();
        let number = environments.iter().filter(|info| info.function == function).count();
        assert!((1..=8).contains(&number), "{number} environments of {function}");
    }
}

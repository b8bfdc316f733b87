//! A scenario with the journal and the profile, for systems with different database and Redis
//! servers.

use api_tests::{TestApp, TestUser};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

/// Runs the scenario for several users concurrently, so that several environments of each function
/// are used.
pub(crate) async fn journal_and_profile(app: &TestApp) {
    let users = join_all((0..4).map(|_| app.register_and_login())).await;
    join_all(users.iter().map(|user| check_journal(app, user))).await;
    join_all(users.iter().map(|user| check_profile(user, &users))).await;
    for user in &users {
        user.request("POST", "/api/auth/logout").await.expect_success();
        for path in ["/api/journal/entries", "/api/auth/me", &user.profile_path()] {
            user.get(path).await.expect_problem(401, "unauthenticated");
        }
    }
}

async fn check_journal(app: &TestApp, user: &TestUser) {
    assert_eq!(user.list_entries().await.json()["total"], 0);
    for number in 0..25 {
        let content = format!("{}-{number}", user.id);
        let request = user.post("/api/journal/entries", &json!({"content": content, "mood": 6, "tags": ["a", "b"]}));
        let request = request.header("idempotency-key", &content);
        let entry = request.clone().await;
        assert_eq!(entry.status, 201, "{}", entry.text());
        if number % 5 == 0 {
            assert_eq!(request.await.json(), entry.json(), "a retry gets the first result");
        }
        let newest = user.list_entries().await.json();
        assert_eq!((&newest["entries"][0], &newest["total"]), (&entry.json(), &json!(number + 1)));
    }
    let pages = [1, 2].map(|page| format!("/api/journal/entries?page={page}"));
    let (first, second) = join(user.get(&*pages[0]).into_future(), user.get(&*pages[1]).into_future()).await;
    assert_eq!(
        (&first.expect_success()["has_more"], &second.expect_success()["has_more"]),
        (&json!(true), &json!(false))
    );
    let contents = [first.json(), second.json()].map(|page| page["entries"].as_array().unwrap().clone()).concat();
    let expected: Vec<Value> = (0..25).rev().map(|number| format!("{}-{number}", user.id).into()).collect();
    assert_eq!(contents.iter().map(|entry| entry["content"].clone()).collect::<Vec<_>>(), expected);
    let mut outcomes = Vec::new();
    while outcomes.last().is_none_or(|outcome| outcome != "hit") {
        assert!(outcomes.len() < 20, "no hits: {outcomes:?}");
        app.wait_until_idle().await;
        let response = user.list_entries().await;
        assert_eq!(response.json(), first.json());
        outcomes.push(response.cache_status().to_owned());
    }
    let tag = first.header("etag").unwrap();
    assert_eq!(user.get(&*pages[0]).header("if-none-match", tag).await.status, 304);
    assert_eq!(
        user.get("/api/journal/entries?fields=id").await.expect_success()["entries"][0],
        json!({"id": contents[0]["id"]})
    );
}

async fn check_profile(user: &TestUser, users: &[TestUser]) {
    assert_eq!(user.get(user.profile_path()).await.expect_success()["communication_style"], Value::Null);
    for style in ["gentle", "direct", "brief"] {
        let change = json!({"communication_style": style, "traits": {"style": style}});
        assert_eq!(user.patch(user.profile_path(), &change).await.expect_success()["communication_style"], style);
        let profile = user.get(user.profile_path()).await.expect_success();
        assert_eq!((&profile["communication_style"], &profile["traits"]), (&json!(style), &json!({"style": style})));
    }
    for other in users.iter().filter(|other| other.id != user.id) {
        user.get(other.profile_path()).await.expect_problem(403, "forbidden");
    }
}

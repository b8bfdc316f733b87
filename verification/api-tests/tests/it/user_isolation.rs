//! No user ever sees the data of another user.

use api_tests::{TestApp, TestUser, send_all};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join;
use serde_json::json;

#[tokio::test]
async fn two_concurrent_users_see_only_their_own_data() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let check = async |me: &TestUser, other: &TestUser, mine: &str, theirs: &str| {
        for round in 1..=15 {
            me.create_entry(&format!("{mine} {round}")).await;
            let responses = send_all([
                me.get("/api/journal/entries"),
                me.get("/api/journal/entries?fields=content"),
                me.get(me.profile_path()),
                me.get("/api/auth/me"),
                me.patch(me.profile_path(), &json!({"traits": {"canary": mine}})),
                me.get(format!("/api/journal/entries?user_id={}", other.id)),
                me.get(other.profile_path()),
                me.patch(other.profile_path(), &json!({"traits": {"canary": mine}})),
                me.post("/api/journal/entries", &json!({"content": mine, "user_id": other.id})),
            ])
            .await;
            for (index, response) in responses.iter().enumerate() {
                let text = response.text();
                assert_eq!(response.status, if index < 5 { 200 } else { 403 }, "{index}: {text}");
                for foreign in [theirs, &other.id.to_string(), &other.email] {
                    assert!(!text.contains(foreign), "{index}: {text}");
                }
            }
            assert_eq!(responses[0].json()["total"], round);
            assert!(responses[0].text().contains(mine));
        }
    };
    join(check(&ada, &bob, "ada's canary", "bob's canary"), check(&bob, &ada, "bob's canary", "ada's canary")).await;
}

#[tokio::test]
async fn a_token_with_another_users_id_is_rejected() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    bob.create_entry("private").await;
    bob.list_entries().await;
    let mut bytes = URL_SAFE_NO_PAD.decode(&ada.token).unwrap();
    bytes[..16].copy_from_slice(bob.id.as_bytes());
    let client = app.anonymous().with_token(URL_SAFE_NO_PAD.encode(bytes));
    for path in ["/api/journal/entries", "/api/auth/me", &bob.profile_path()] {
        client.get(path).await.expect_problem(401, "unauthenticated");
    }
    client.post("/api/journal/entries", &json!({"content": "x"})).await.expect_problem(401, "unauthenticated");
    client.patch(bob.profile_path(), &json!({"communication_style": "x"})).await.expect_problem(401, "unauthenticated");
    client.request("POST", "/api/auth/logout").await.expect_problem(401, "unauthenticated");
    assert_eq!(bob.list_entries().await.json()["total"], 1);
}

#[tokio::test]
async fn a_record_copied_to_another_key_is_never_served() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    for user in [&ada, &bob] {
        user.create_entry(&format!("of {}", user.id)).await;
        user.get("/api/journal/entries").until_hit().await;
    }
    // An attacker with access to Redis copies Bob's page, and even his guard, over Ada's.
    for name in ["guard", "page:1:size:20"] {
        let [from, to] = [&bob, &ada].map(|user| format!("journal:list:{}:{name}", user.id));
        let _: i64 = app.redis(redis::cmd("COPY").arg(from).arg(to).arg("REPLACE")).await;
    }
    let page = ada.list_entries().await;
    assert_ne!(page.cache_status(), "hit");
    assert!(page.text().contains(&format!("of {}", ada.id)) && !page.text().contains(&bob.id.to_string()));
    assert_eq!(ada.get("/api/journal/entries").until_hit().await.body, page.body);
}

//! The main use case end to end: sign in, write entries, and read the journal.

use std::collections::HashSet;

use api_tests::{TestApp, entry_ids};
use serde_json::{Value, json};

#[tokio::test]
async fn a_user_registers_signs_in_writes_reads_and_signs_out() {
    let app = TestApp::shared().await;
    let ada = app.register_and_login().await;
    let mut written = Vec::new();
    for number in 1..=25 {
        let entry = json!({"title": format!("Day {number}"), "content": "A walk.", "mood": 7.5, "tags": ["walk"]});
        let response = ada.post("/api/journal/entries", &entry).await;
        assert_eq!(response.status, 201, "{}", response.text());
        written.push(response.json()["id"].as_str().unwrap().to_owned());
    }

    let first = ada.get("/api/journal/entries?page=1&page_size=20").await;
    let page_1 = first.expect_success();
    assert_eq!((&page_1["total"], &page_1["has_more"], entry_ids(&page_1).len()), (&json!(25), &json!(true), 20));
    let page_2 = ada.get("/api/journal/entries?page=2&page_size=20").await.expect_success();
    assert_eq!((&page_2["total"], &page_2["has_more"], entry_ids(&page_2).len()), (&json!(25), &json!(false), 5));
    let listed: Vec<_> = [entry_ids(&page_1), entry_ids(&page_2)].concat();
    written.reverse();
    assert_eq!(listed, written, "the newest entry is listed first");
    assert_eq!(listed.iter().collect::<HashSet<_>>().len(), 25, "each entry is listed once");

    let again = ada.get("/api/journal/entries?page=1&page_size=20").until_hit().await;
    assert_ne!(first.cache_status(), "hit");
    assert_eq!(first.body, again.body);

    let profile = ada.get(ada.profile_path()).await.expect_success();
    assert_eq!((&profile["user_id"], &profile["communication_style"]), (&json!(ada.id), &Value::Null));
    ada.patch(ada.profile_path(), &json!({"communication_style": "gentle"})).await.expect_success();
    assert_eq!(ada.get(ada.profile_path()).await.expect_success()["communication_style"], "gentle");

    ada.request("POST", "/api/auth/logout").await.expect_success();
    for path in ["/api/journal/entries", "/api/auth/me", &ada.profile_path()] {
        ada.get(path).await.expect_problem(401, "unauthenticated");
    }
}

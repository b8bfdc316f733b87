//! Tests of `GET /api/account`.

use std::collections::BTreeSet;

use api_tests::TestApp;
use serde_json::{Value, json};

#[tokio::test]
async fn the_export_contains_all_data_of_its_owner_and_nothing_of_others() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.register_and_login().await, app.new_user().await);
    bob.create_entry("private").await;
    let entry = ada.create_entry("mine").await;
    ada.patch(ada.profile_path(), &json!({"communication_style": "gentle"})).await.expect_success();
    let response = ada.get("/api/account").await;
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let export = response.expect_success();
    assert_eq!(export["account"], ada.get("/api/auth/me").await.expect_success());
    assert_eq!(export["profile"], ada.get(ada.profile_path()).await.expect_success());
    assert_eq!((&export["journal_entries"], &export["next_cursor"]), (&json!([entry]), &Value::Null));
    assert_eq!(export["journal_entries_total"], 1);
    let sessions = export["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), &sessions[0]["revoked_at"]), (1, &Value::Null));
    for secret in ["private", &bob.id.to_string(), "argon2", "hash", &ada.token] {
        assert!(!response.text().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_long_journal_is_exported_in_pages_that_contain_each_entry_once() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let entries = "INSERT INTO journal_entries (id, user_id, content) SELECT gen_random_uuid(), $1, repeat('\"', 40000) FROM generate_series(1, 120)";
    app.query(entries, &[&ada.id]).await;
    let (mut seen, mut path) = (BTreeSet::new(), "/api/account".to_owned());
    let mut pages = Vec::new();
    loop {
        let page = ada.get(&path).header("accept-encoding", "gzip").await.expect_success();
        let entries = page["journal_entries"].as_array().unwrap();
        pages.push(entries.len());
        seen.extend(entries.iter().map(|entry| entry["id"].to_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/account?cursor={next}");
    }
    assert_eq!((pages, seen.len()), (vec![50, 50, 20], 120));
    ada.get("/api/account?cursor=yesterday").await.expect_problem(422, "invalid_fields");
}

//! `GET /api/account`.

use api_tests::Kai;
use serde_json::{Value, json};

#[tokio::test]
async fn everything_that_is_kept_is_told_to_its_owner_and_to_nobody_else() {
    let kai = Kai::shared().await;
    let (ada, bob) = (kai.register_and_login().await, kai.settle().await);
    bob.write("private").await;
    let entry = ada.write("mine").await;
    ada.patch(ada.profile_path(), &json!({"communication_style": "gentle"})).await.good();
    let reply = ada.get("/api/account").await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let export = reply.good();
    assert_eq!(export["account"], ada.get("/api/auth/me").await.good());
    assert_eq!(export["profile"], ada.get(ada.profile_path()).await.good());
    assert_eq!((&export["journal_entries"], &export["next_cursor"]), (&json!([entry]), &Value::Null));
    assert_eq!(export["journal_entries_total"], 1);
    let sessions = export["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), &sessions[0]["revoked_at"]), (1, &Value::Null));
    for secret in ["private", &bob.id.to_string(), "argon2", "hash", &ada.token] {
        assert!(!reply.text().contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_long_journal_is_told_page_by_page_each_entry_once() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let entries = "INSERT INTO journal_entries (id, user_id, content) SELECT gen_random_uuid(), $1, repeat('\"', 40000) FROM generate_series(1, 120)";
    kai.query(entries, &[&ada.id]).await;
    let (mut seen, mut path) = (std::collections::BTreeSet::new(), "/api/account".to_owned());
    let mut pages = Vec::new();
    loop {
        let page = ada.get(&path).header("accept-encoding", "gzip").await.good();
        let entries = page["journal_entries"].as_array().unwrap();
        pages.push(entries.len());
        seen.extend(entries.iter().map(|entry| entry["id"].to_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/account?cursor={next}");
    }
    assert_eq!((pages, seen.len()), (vec![50, 50, 20], 120));
    ada.get("/api/account?cursor=yesterday").await.expect_problem(422, "invalid_fields");
}

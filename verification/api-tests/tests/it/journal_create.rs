//! Tests of `POST /api/journal/entries`.

use std::collections::BTreeSet;
use std::time::Duration;

use api_tests::openapi::Operation;
use api_tests::{TestApp, member_names, wait_until};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use uuid::Uuid;

/// Returns the example of the document that sets every field of an entry.
pub(crate) fn full_body() -> Value {
    let operation = Operation::of_route("POST /api/journal/entries").unwrap();
    let fields: BTreeSet<&str> = operation.body_fields().map(|(name, _)| name).collect();
    let settable: BTreeSet<&str> = fields.difference(&BTreeSet::from(["user_id"])).copied().collect();
    let examples = operation.example_bodies();
    let full = examples.into_iter().find(|example| member_names(example) == settable);
    full.unwrap_or_else(|| panic!("no example of the document sets all of {settable:?}")).clone()
}

#[tokio::test]
async fn an_entry_is_returned_and_listed_as_it_was_written() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let mut body = full_body();
    for (member, value) in [
        ("title", json!("After the rain 🌦️")),
        ("content", json!("Zeile eins\n\tline two \u{202e}right to left")),
        ("tags", json!(["walk", "größe"])),
    ] {
        body[member] = value;
    }
    let response = ada.post("/api/journal/entries", &body).await;
    assert_eq!((response.status, response.header("cache-control")), (201, Some("no-store")));
    let entry = response.json();
    for (member, value) in body.as_object().unwrap() {
        assert_eq!(&entry[member], value);
    }
    // The entry has no other members than those that the server sets.
    let set_by_server = ["id", "user_id", "ai_insights", "created_at", "updated_at"];
    let expected: BTreeSet<&str> = member_names(&body).into_iter().chain(set_by_server).collect();
    assert_eq!(member_names(&entry), expected);
    assert_eq!(
        (&entry["user_id"], &entry["ai_insights"], &entry["created_at"]),
        (&json!(ada.id), &Value::Null, &entry["updated_at"])
    );
    assert_eq!(entry["id"].as_str().unwrap().parse::<Uuid>().unwrap().get_version_num(), 7);
    assert_eq!(ada.list_entries().await.json()["entries"], json!([entry]));
}

/// A quotation mark takes two bytes in JSON, and four in the JSON that a function returns to the
/// gateway.
#[tokio::test]
async fn a_page_of_the_largest_entries_is_returned_even_if_every_character_is_escaped() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    ada.create_entry(&"\"".repeat(40_000)).await;
    let copies = "INSERT INTO journal_entries (id, user_id, content)
        SELECT gen_random_uuid(), user_id, content FROM journal_entries, generate_series(1, 99) WHERE user_id = $1";
    app.query(copies, &[&ada.id]).await;
    ada.create_entry("invalidates the cache").await;
    for encoding in ["gzip", "identity"] {
        let response = ada.get("/api/journal/entries?page_size=100").header("accept-encoding", encoding).await;
        assert_eq!(response.status, 200, "{encoding}: {}", response.text());
    }
}

#[tokio::test]
async fn the_largest_entry_is_accepted_and_100_of_them_can_be_listed() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let mut body = full_body();
    let operation = Operation::of_route("POST /api/journal/entries").unwrap();
    for (name, schema) in operation.body_fields() {
        if let Some(length) = schema["maxLength"].as_u64() {
            body[name] = json!("ä".repeat(usize::try_from(length).unwrap()));
        }
    }
    body["content"] = json!("All in all a day.\n\n".repeat(2_105) + "\"Yes\"");
    assert_eq!(body["content"].as_str().unwrap().len(), 40_000);
    let id =
        ada.post("/api/journal/entries", &body).await.expect_success()["id"].as_str().unwrap().parse::<Uuid>().unwrap();
    let columns = "SELECT string_agg(column_name, ', ') FROM information_schema.columns
        WHERE table_name = 'journal_entries' AND is_generated = 'NEVER' AND column_name <> 'id'";
    let columns: String = app.query_scalar(columns, &[]).await;
    let copies = format!(
        "INSERT INTO journal_entries (id, {columns}) SELECT gen_random_uuid(), {columns}
        FROM journal_entries, generate_series(1, 99) WHERE id = $1"
    );
    app.query(&copies, &[&id]).await;
    ada.create_entry("invalidates the cache").await;
    for encoding in ["gzip", "identity"] {
        let response = ada.get("/api/journal/entries?page_size=100").header("accept-encoding", encoding).await;
        assert_eq!(response.expect_success()["entries"].as_array().unwrap().len(), 100, "{encoding}");
    }
}

#[tokio::test]
async fn a_body_that_names_another_user_is_forbidden_and_writes_nothing() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let body = |user: Uuid| json!({"content": "whose?", "user_id": user});
    ada.post("/api/journal/entries", &body(bob.id)).await.expect_problem(403, "forbidden");
    assert_eq!(ada.post("/api/journal/entries", &body(ada.id)).await.status, 201);
    assert_eq!(
        (&ada.list_entries().await.json()["total"], &bob.list_entries().await.json()["total"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn fields_that_clients_may_not_set_are_ignored() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let id = Uuid::now_v7();
    let body = json!({
        "content": "x", "id": id, "created_at": "2001-01-01T00:00:00Z", "updated_at": "2001-01-01T00:00:00Z",
        "ai_insights": {"sentiment": "forged"},
    });
    let entry = ada.post("/api/journal/entries", &body).await.expect_success();
    assert_ne!(entry["id"], json!(id));
    assert_eq!(entry["ai_insights"], Value::Null);
    assert!(!entry["created_at"].as_str().unwrap().starts_with("2001"));
}

#[tokio::test]
async fn the_stored_entry_count_is_exact_under_concurrent_writes_and_deletions() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let writers = (0..16).map(|_| async {
        for _ in 0..4 {
            ada.create_entry("one of many").await;
        }
    });
    let oldest = "DELETE FROM journal_entries WHERE id IN
        (SELECT id FROM journal_entries WHERE user_id = $1 ORDER BY created_at LIMIT 3) RETURNING id";
    let deletions = async {
        for _ in 0..8 {
            let limit = Duration::from_secs(20);
            wait_until(limit, "there is an entry", async || !app.query(oldest, &[&ada.id]).await.is_empty()).await;
        }
    };
    join(join_all(writers), deletions).await;
    let counted: i64 = app.query_scalar("SELECT count(*) FROM journal_entries WHERE user_id = $1", &[&ada.id]).await;
    let stored: i64 = app.query_scalar("SELECT journal_entry_count FROM users WHERE id = $1", &[&ada.id]).await;
    assert_eq!(stored, counted);
    assert!((40..=56).contains(&counted), "{counted} entries are left");
    ada.create_entry("invalidates the cache").await;
    assert_eq!(ada.list_entries().await.json()["total"], json!(counted + 1));
    app.query("DELETE FROM journal_entries WHERE user_id = $1", &[&ada.id]).await;
    let stored: i64 = app.query_scalar("SELECT journal_entry_count FROM users WHERE id = $1", &[&ada.id]).await;
    assert_eq!(stored, 0);
}

//! Tests of `GET /api/journal/entries` with cursors.

use std::collections::{BTreeMap, BTreeSet};

use api_tests::{TestApp, TestUser, entry_ids};
use serde_json::{Value, json};
use uuid::Uuid;

/// Reads all pages by cursor, and calls `between` before each page except the first. Returns the
/// ids in their order.
async fn read_all_pages(user: &TestUser, first: &str, mut between: impl AsyncFnMut()) -> Vec<Uuid> {
    let (mut seen, mut query) = (Vec::new(), first.to_owned());
    loop {
        let body = user.get(format!("/api/journal/entries?{query}")).await.expect_success();
        seen.extend(entry_ids(&body).iter().map(|id| id.parse::<Uuid>().unwrap()));
        assert_eq!(body["has_more"], json!(body["next_cursor"].is_string()));
        assert!(body.get("total").is_none() && body.get("page").is_none(), "{body}");
        let Value::String(next) = &body["next_cursor"] else { return seen };
        query = format!("{first}&cursor={next}");
        between().await;
    }
}

const INSERT: &str = "INSERT INTO journal_entries (id, user_id, content, created_at)
    SELECT gen_random_uuid(), $1, 'x', timestamptz '2025-10-20 12:00:00Z' - (n / 7) * interval '1 s' FROM generate_series(1, $2) n
    RETURNING id";

/// Inserts entries directly into the database. Every seven of them have the same time.
async fn insert(app: &TestApp, user: Uuid, number: i32) -> Vec<Uuid> {
    app.query(INSERT, &[&user, &number]).await.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_entry_is_listed_once_in_order_even_if_times_are_equal() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    insert(app, ada.id, 40).await;
    let newest_first = "SELECT id FROM journal_entries WHERE user_id = $1 ORDER BY created_at DESC, id DESC";
    let expected: Vec<Uuid> = app.query(newest_first, &[&ada.id]).await.iter().map(|row| row.get(0)).collect();
    for limit in [1, 3, 20, 40, 100] {
        assert_eq!(read_all_pages(&ada, &format!("limit={limit}"), async || {}).await, expected, "limit {limit}");
    }
}

#[tokio::test]
async fn entries_are_listed_exactly_once_while_others_are_created_and_deleted() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for round in 0..5 {
        app.query("DELETE FROM journal_entries WHERE user_id = $1", &[&ada.id]).await;
        let lasting: BTreeSet<Uuid> = insert(app, ada.id, 60).await.into_iter().collect();
        let mut transient = insert(app, ada.id, 60).await;
        ada.create_entry("invalidates the cache").await;
        let seen = read_all_pages(&ada, "limit=7", async || {
            // Deletes and inserts rows with the same times directly in the database, before and
            // after the position of the cursor.
            let gone = transient.split_off(transient.len().saturating_sub(4));
            app.query("DELETE FROM journal_entries WHERE id = ANY($1)", &[&gone]).await;
            transient.extend(insert(app, ada.id, 5).await);
        })
        .await;
        let mut counts = BTreeMap::new();
        seen.iter().for_each(|id| *counts.entry(*id).or_insert(0) += 1);
        assert!(counts.values().all(|count| *count == 1), "round {round}: an entry was seen twice");
        let missed: Vec<_> = lasting.iter().filter(|id| !counts.contains_key(id)).collect();
        assert!(missed.is_empty(), "round {round}: {missed:?}");
    }
}

#[tokio::test]
async fn a_plain_timestamp_as_cursor_excludes_entries_of_that_time() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    insert(app, ada.id, 13).await;
    let count = async |cursor: &str| {
        let body = ada.get(format!("/api/journal/entries?limit=100&cursor={cursor}")).await.expect_success();
        body["entries"].as_array().unwrap().len()
    };
    // Six entries have exactly this time, and seven entries are one second older.
    assert_eq!(count("2025-10-20T12:00:00Z").await, 7);
    assert_eq!(count("2025-10-20T12:00:00.000001Z").await, 13);
    assert_eq!(count("2025-10-20T14:00:00%2B02:00").await, 7);
    assert_eq!(count("2025-10-20T11:59:59Z").await, 0);
    for wrong in ["", "yesterday", "2025-10-20T12:00:00Z_x"] {
        let response = ada.get(format!("/api/journal/entries?cursor={wrong}")).await;
        response.expect_problem(422, "invalid_fields");
    }
    ada.get("/api/journal/entries?cursor=2025-10-20T12:00:00Z&page=2").await.expect_problem(422, "invalid_fields");
}

#[tokio::test]
async fn a_page_by_cursor_is_cached_until_the_journal_changes() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    insert(app, ada.id, 13).await;
    let path = "/api/journal/entries?limit=5&fields=id";
    let first = ada.get(path).await;
    assert_eq!(first.json()["entries"][0].as_object().unwrap().len(), 1);
    assert_eq!(ada.get(path).until_hit().await.body, first.body);
    let entry = ada.create_entry("newest").await;
    assert_eq!(ada.get(path).await.json()["entries"][0]["id"], entry["id"]);
}

//! Tests of `GET /api/journal/entries/{entry_id}`.

use api_tests::{TestApp, entry_path};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn an_entry_is_read_as_it_was_written_and_then_served_from_the_cache() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let entry = ada.create_entry("a long day").await;
    let path = entry_path(&entry);
    let first = ada.get(&path).await;
    assert_eq!(first.expect_success(), entry);
    assert_ne!(first.cache_status(), "hit");
    let again = ada.get(&path).until_hit().await;
    assert_eq!(again.body, first.body);
    let unchanged = ada.get(&path).header("if-none-match", first.header("etag").unwrap()).await;
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
}

#[tokio::test]
async fn a_missing_entry_and_another_users_entry_get_the_same_404() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let entry = bob.create_entry("private").await;
    let path = entry_path(&entry);
    bob.get(&path).until_hit().await;
    let foreign = ada.get(&path).await.expect_problem(404, "not_found");
    let absent = ada.get(format!("/api/journal/entries/{}", Uuid::now_v7())).await.expect_problem(404, "not_found");
    assert_eq!(foreign["detail"], absent["detail"]);
    ada.get("/api/journal/entries/7").await.expect_problem(422, "invalid_fields");
    // The absence of an entry is not cached: an entry that is created later is found.
    let id = Uuid::now_v7();
    let path = format!("/api/journal/entries/{id}");
    ada.get(&path).await.expect_problem(404, "not_found");
    app.query("INSERT INTO journal_entries (id, user_id, content) VALUES ($1, $2, 'x')", &[&id, &ada.id]).await;
    assert_eq!(ada.get(&path).await.expect_success()["id"], json!(id));
}

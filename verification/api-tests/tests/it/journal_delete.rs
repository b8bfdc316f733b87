//! Tests of `DELETE /api/journal/entries/{entry_id}`.

use api_tests::{TestApp, entry_path};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_deleted_entry_is_removed_from_every_response_and_from_the_database() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let body = json!({"content": "to be forgotten"});
    let entry = ada.post("/api/journal/entries", &body).header("idempotency-key", "once").await.expect_success();
    ada.create_entry("to be kept").await;
    let path = entry_path(&entry);
    let reads = [path.clone(), "/api/journal/entries".to_owned(), "/api/journal/entries?limit=5".to_owned()];
    for read in &reads {
        assert!(ada.get(read).until_hit().await.text().contains("to be forgotten"));
    }
    let deleted = ada.request("DELETE", &path).await;
    assert_eq!((deleted.status, deleted.body.len(), deleted.header("content-type")), (204, 0, None));
    for read in &reads {
        assert!(!ada.get(read).await.text().contains("to be forgotten"), "{read}");
    }
    ada.get(&path).await.expect_problem(404, "not_found");
    assert_eq!(ada.list_entries().await.json()["total"], 1);
    ada.request("DELETE", &path).await.expect_problem(404, "not_found");
    let stored = "SELECT count(*) FROM idempotency_keys WHERE response::text LIKE '%to be forgotten%'";
    assert_eq!(
        app.query_scalar::<i64>(stored, &[]).await,
        0,
        "the response that was stored with the key is deleted too"
    );
}

#[tokio::test]
async fn if_match_deletes_only_the_version_that_was_read() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let entry = ada.create_entry("first").await;
    let path = entry_path(&entry);
    let etag = ada.get(&path).await.header("etag").unwrap().to_owned();
    ada.patch(&path, &json!({"content": "second"})).await.expect_success();
    ada.request("DELETE", &path).header("if-match", &etag).await.expect_problem(412, "precondition_failed");
    ada.request("DELETE", &path).header("if-match", [b'"', 0xe4, b'"']).await.expect_problem(422, "invalid_fields");
    let etag = ada.get(&path).await.header("etag").unwrap().to_owned();
    assert_eq!(ada.request("DELETE", &path).header("if-match", &etag).await.status, 204);
}

#[tokio::test]
async fn another_users_entry_cannot_be_deleted() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let entry = bob.create_entry("private").await;
    let path = entry_path(&entry);
    ada.request("DELETE", &path).await.expect_problem(404, "not_found");
    ada.request("DELETE", format!("/api/journal/entries/{}", Uuid::now_v7())).await.expect_problem(404, "not_found");
    ada.request("DELETE", "/api/journal/entries/7").await.expect_problem(422, "invalid_fields");
    assert_eq!(bob.get(&path).await.expect_success(), entry);
}

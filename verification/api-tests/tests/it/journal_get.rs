//! `GET /api/journal/entries/{entry_id}`.

use api_tests::Kai;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn an_entry_is_read_as_it_was_written_and_then_from_the_cache() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let entry = ada.write("a long day").await;
    let path = format!("/api/journal/entries/{}", entry["id"].as_str().unwrap());
    let first = ada.get(&path).await;
    assert_eq!((first.good(), first.cache()), (entry.clone(), "miss"));
    let again = ada.get(&path).until_hit().await;
    assert_eq!(again.body, first.body);
    let known = ada.get(&path).header("if-none-match", first.header("etag").unwrap()).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
}

#[tokio::test]
async fn an_entry_that_is_not_there_or_not_ones_own_is_not_found_and_told_no_further() {
    let kai = Kai::shared().await;
    let (ada, bob) = (kai.settle().await, kai.settle().await);
    let entry = bob.write("private").await;
    let path = format!("/api/journal/entries/{}", entry["id"].as_str().unwrap());
    bob.get(&path).until_hit().await;
    let foreign = ada.get(&path).await.expect_problem(404, "not_found");
    let absent = ada.get(format!("/api/journal/entries/{}", Uuid::now_v7())).await.expect_problem(404, "not_found");
    assert_eq!(foreign["detail"], absent["detail"]);
    ada.get("/api/journal/entries/7").await.expect_problem(422, "invalid_fields");
    // What was not found is not remembered: once it is there, it is found.
    let id = Uuid::now_v7();
    let path = format!("/api/journal/entries/{id}");
    ada.get(&path).await.expect_problem(404, "not_found");
    kai.query("INSERT INTO journal_entries (id, user_id, content) VALUES ($1, $2, 'x')", &[&id, &ada.id]).await;
    assert_eq!(ada.get(&path).await.good()["id"], json!(id));
}

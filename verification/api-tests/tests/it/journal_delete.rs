//! `DELETE /api/journal/entries/{entry_id}`.

use api_tests::Kai;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_deleted_entry_is_gone_from_every_answer_and_from_the_database() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let draft = json!({"content": "to be forgotten"});
    let entry = ada.post("/api/journal/entries", &draft).header("idempotency-key", "once").await.good();
    ada.write("to be kept").await;
    let path = format!("/api/journal/entries/{}", entry["id"].as_str().unwrap());
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
    assert_eq!(ada.list().await.json()["total"], 1);
    ada.request("DELETE", &path).await.expect_problem(404, "not_found");
    let kept = "SELECT count(*) FROM idempotency_keys WHERE response::text LIKE '%to be forgotten%'";
    assert_eq!(kai.value::<i64>(kept, &[]).await, 0, "what the key had kept is gone too");
}

#[tokio::test]
async fn with_if_match_only_the_version_that_was_read_is_deleted() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let entry = ada.write("first").await;
    let path = format!("/api/journal/entries/{}", entry["id"].as_str().unwrap());
    let etag = ada.get(&path).await.header("etag").unwrap().to_owned();
    ada.patch(&path, &json!({"content": "second"})).await.good();
    ada.request("DELETE", &path).header("if-match", &etag).await.expect_problem(412, "precondition_failed");
    ada.request("DELETE", &path).header("if-match", [b'"', 0xe4, b'"']).await.expect_problem(422, "invalid_fields");
    let etag = ada.get(&path).await.header("etag").unwrap().to_owned();
    assert_eq!(ada.request("DELETE", &path).header("if-match", &etag).await.status, 204);
}

#[tokio::test]
async fn nobody_deletes_an_entry_that_is_not_theirs() {
    let kai = Kai::shared().await;
    let (ada, bob) = (kai.settle().await, kai.settle().await);
    let entry = bob.write("private").await;
    let path = format!("/api/journal/entries/{}", entry["id"].as_str().unwrap());
    ada.request("DELETE", &path).await.expect_problem(404, "not_found");
    ada.request("DELETE", format!("/api/journal/entries/{}", Uuid::now_v7())).await.expect_problem(404, "not_found");
    ada.request("DELETE", "/api/journal/entries/7").await.expect_problem(422, "invalid_fields");
    assert_eq!(bob.get(&path).await.good(), entry);
}

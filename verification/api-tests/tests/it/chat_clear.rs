//! Tests of `DELETE /api/chat/session/{user_id}`.

use api_tests::TestApp;
use serde_json::json;

#[tokio::test]
async fn a_cleared_conversation_is_removed_from_the_database_and_from_every_response() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let key = "clear-me";
    let send = || ada.post("/api/chat", &json!({"message": "Hello Kai"})).header("idempotency-key", key);
    send().await.expect_success();
    ada.get("/api/chat/history").until_hit().await;
    let path = format!("/api/chat/session/{}", ada.id);
    for time in ["the first time", "again"] {
        let cleared = ada.request("DELETE", &path).await.expect_success();
        assert_eq!(cleared, json!({"status": "session cleared", "user_id": ada.id}), "{time}");
        assert_eq!(ada.get("/api/chat/history").await.expect_success()["messages"], json!([]), "{time}");
    }
    let kept = "SELECT (SELECT count(*) FROM conversations WHERE user_id = $1) + (SELECT count(*) FROM idempotency_keys WHERE scope = $1)";
    assert_eq!(app.query_scalar::<i64>(kept, &[&ada.id]).await, 0);
    // The idempotency key is deleted too, so the message gets a new answer.
    assert!(send().await.expect_success()["metadata"]["conversation_id"].is_string());
}

//! The function on a schedule that finishes what the cache could not be told in time.

use api_tests::Kai;
use serde_json::json;

#[tokio::test]
async fn what_is_in_the_outbox_is_invalidated_once_and_for_all() {
    let kai = Kai::start().await;
    let ada = kai.settle().await;
    let bob = kai.settle().await;
    for person in [&ada, &bob] {
        person.get("/api/journal/entries").until_hit().await;
    }
    // A write that Redis was not told about.
    kai.query("INSERT INTO journal_entries (id, user_id, content) VALUES (gen_random_uuid(), $1, 'x')", &[&ada.id])
        .await;
    let guard = format!("journal:list:{}:guard", ada.id);
    kai.query("INSERT INTO cache_outbox (guard) SELECT $1 FROM generate_series(1, 250)", &[&guard]).await;
    let stale = ada.get("/api/journal/entries").until_hit().await;
    assert_eq!(stale.json()["total"], 0, "nothing has been invalidated yet");

    let event = super::events::read("cache-monitor", "schedule");
    let done = kai.invoke("cache-monitor", &event).await.unwrap();
    assert_eq!(done, json!({"drained": 250, "purged": 0}));
    let page = ada.list().await;
    assert_ne!(page.cache(), "hit");
    assert_eq!(page.json()["total"], 1);
    let again = kai.invoke("cache-monitor", &event).await.unwrap();
    assert_eq!(again, json!({"drained": 0, "purged": 0}));
}

#[tokio::test]
async fn what_has_expired_is_swept_up_and_what_has_not_stays() {
    let kai = Kai::start().await;
    let ada = kai.settle().await;
    let (dead, revoked) = (kai.open_session(ada.id).await, kai.open_session(ada.id).await);
    for (sql, token) in [("expires_at = now()", &dead), ("revoked_at = now()", &revoked)] {
        kai.query(&format!("UPDATE sessions SET {sql} WHERE token_hash = $1"), &[&super::at_rest::hash(token)]).await;
    }
    for key in ["one", "two"] {
        let entry = ada.post("/api/journal/entries", &json!({"content": "x"}));
        entry.header("idempotency-key", key).await.good();
    }
    kai.query(
        "UPDATE idempotency_keys SET expires_at = now() WHERE ctid = (SELECT min(ctid) FROM idempotency_keys)",
        &[],
    )
    .await;

    let done = kai.invoke("cache-monitor", &super::events::read("cache-monitor", "schedule")).await.unwrap();
    assert_eq!(done, json!({"drained": 0, "purged": 2}));
    let left: i64 =
        kai.value("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM idempotency_keys)", &[]).await;
    assert_eq!(left, 3);
    assert_eq!(ada.list().await.json()["total"], 2);
}

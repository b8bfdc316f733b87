//! Tests of `GET /api/chat/history`.

use api_tests::{TestApp, TestUser};
use serde_json::{Value, json};
use uuid::Uuid;

use super::chat_send::say;

/// Inserts a conversation with `messages` messages directly into the database. Each pair of
/// consecutive messages has the same time.
async fn insert_conversation(app: &TestApp, ada: &TestUser, messages: i32) {
    let id = Uuid::now_v7();
    app.query("INSERT INTO conversations (id, user_id) VALUES ($1, $2)", &[&id, &ada.id]).await;
    let sql = "INSERT INTO messages (id, conversation_id, role, content, created_at)
        SELECT gen_random_uuid(), $1, CASE WHEN n % 2 = 0 THEN 'user' ELSE 'assistant' END, n::text, now() - interval '1 hour' + (n / 2) * interval '1 ms'
        FROM generate_series(0, $2 - 1) n";
    app.query(sql, &[&id, &messages]).await;
}

fn contents(history: &Value) -> Vec<i32> {
    let messages = history["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn a_new_user_has_an_empty_history() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let history = ada.get("/api/chat/history").await.expect_success();
    assert_eq!(history, json!({"conversation_id": null, "messages": [], "next_cursor": null, "has_more": false}));
}

#[tokio::test]
async fn the_newest_messages_are_listed_oldest_first_by_default_50_and_at_most_200() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    insert_conversation(app, &ada, 250).await;
    for (query, expected) in [("", 50), ("?limit=7", 7), ("?limit=200", 200)] {
        let history = ada.get(format!("/api/chat/history{query}")).await.expect_success();
        let mut numbers = contents(&history);
        assert_eq!((numbers.len(), history["has_more"].as_bool()), (expected, Some(true)), "{query}");
        assert!(numbers.is_sorted_by_key(|number| number / 2), "{numbers:?}");
        numbers.sort_unstable();
        // The ids determine the order of two messages with the same time.
        assert!(numbers.iter().all(|number| *number >= 250 - i32::try_from(expected).unwrap() - 1), "{numbers:?}");
    }
    for wrong in ["limit=0", "limit=201", "limit=x", "before=yesterday", "user_id=7"] {
        ada.get(format!("/api/chat/history?{wrong}")).await.expect_problem(422, "invalid_fields");
    }
}

#[tokio::test]
async fn paging_back_lists_every_message_once_while_new_ones_arrive() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    insert_conversation(app, &ada, 61).await;
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = ada.get(format!("/api/chat/history?limit=8{before}")).await.expect_success();
        seen.extend(contents(&page));
        say(&ada, "7000").await;
        assert_eq!(page["has_more"], json!(page["next_cursor"].is_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        before = format!("&before={cursor}");
    }
    seen.sort_unstable();
    // The messages that arrived in the meantime are newer than the cursor.
    assert_eq!(seen, (0..61).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_history_is_cached_for_30_minutes_until_a_new_message() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    say(&ada, "Hello Kai").await;
    ada.get("/api/chat/history").await.expect_success();
    let hit = ada.get("/api/chat/history").until_hit().await;
    let left: i64 = app.redis(redis::cmd("TTL").arg(format!("conversation:{}", ada.id))).await;
    assert!((1740..=1800).contains(&left), "{left} s");
    let etag = hit.header("etag").unwrap();
    assert_eq!(ada.get("/api/chat/history").header("if-none-match", etag).await.status, 304);
    say(&ada, "And another thing").await;
    let after = ada.get("/api/chat/history").header("if-none-match", etag).await;
    assert_eq!(after.expect_success()["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn another_users_conversation_is_not_accessible() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    say(&ada, "Hello Kai").await;
    assert_eq!(bob.get("/api/chat/history").await.expect_success()["messages"], json!([]));
    bob.get(format!("/api/chat/history?user_id={}", ada.id)).await.expect_problem(403, "forbidden");
    bob.request("DELETE", format!("/api/chat/session/{}", ada.id)).await.expect_problem(403, "forbidden");
}

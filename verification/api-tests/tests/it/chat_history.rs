//! `GET /api/chat/history`.

use api_tests::{Kai, Person};
use serde_json::{Value, json};
use uuid::Uuid;

/// A conversation of so many messages, put into the database directly, two of each at the same time.
async fn conversation(kai: &Kai, ada: &Person, messages: i32) {
    let id = Uuid::now_v7();
    kai.query("INSERT INTO conversations (id, user_id) VALUES ($1, $2)", &[&id, &ada.id]).await;
    let sql = "INSERT INTO messages (id, conversation_id, role, content, created_at)
        SELECT gen_random_uuid(), $1, CASE WHEN n % 2 = 0 THEN 'user' ELSE 'assistant' END, n::text, now() - interval '1 hour' + (n / 2) * interval '1 ms'
        FROM generate_series(0, $2 - 1) n";
    kai.query(sql, &[&id, &messages]).await;
}

fn contents(history: &Value) -> Vec<i32> {
    let messages = history["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn nobody_has_said_anything_yet() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let history = ada.get("/api/chat/history").await.good();
    assert_eq!(history, json!({"conversation_id": null, "messages": [], "next_cursor": null, "has_more": false}));
}

#[tokio::test]
async fn fifty_messages_by_default_and_two_hundred_at_most_the_newest_of_them_oldest_first() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    conversation(kai, &ada, 250).await;
    for (query, expected) in [("", 50), ("?limit=7", 7), ("?limit=200", 200)] {
        let history = ada.get(format!("/api/chat/history{query}")).await.good();
        let mut numbers = contents(&history);
        assert_eq!((numbers.len(), history["has_more"].as_bool()), (expected, Some(true)), "{query}");
        assert!(numbers.is_sorted_by_key(|number| number / 2), "{numbers:?}");
        numbers.sort_unstable();
        // Of two with the same time it is their ids that decide.
        assert!(numbers.iter().all(|number| *number >= 250 - i32::try_from(expected).unwrap() - 1), "{numbers:?}");
    }
    for wrong in ["limit=0", "limit=201", "limit=x", "before=yesterday", "user_id=7"] {
        ada.get(format!("/api/chat/history?{wrong}")).await.expect_problem(422, "invalid_fields");
    }
}

#[tokio::test]
async fn walking_back_shows_every_message_once_while_new_ones_are_said() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    conversation(kai, &ada, 61).await;
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = ada.get(format!("/api/chat/history?limit=8{before}")).await.good();
        seen.extend(contents(&page));
        super::chat_send::say(&ada, "7000").await;
        assert_eq!(page["has_more"], json!(page["next_cursor"].is_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        before = format!("&before={cursor}");
    }
    seen.sort_unstable();
    // What was said meanwhile is newer than where the walk is.
    assert_eq!(seen, (0..61).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_history_is_cached_for_half_an_hour_until_somebody_speaks() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    super::chat_send::say(&ada, "Hello Kai").await;
    ada.get("/api/chat/history").await.good();
    let hit = ada.get("/api/chat/history").until_hit().await;
    let left: i64 = kai.redis(redis::cmd("TTL").arg(format!("conversation:{}", ada.id))).await;
    assert!((1790..=1800).contains(&left), "{left} s");
    let etag = hit.header("etag").unwrap();
    assert_eq!(ada.get("/api/chat/history").header("if-none-match", etag).await.status, 304);
    super::chat_send::say(&ada, "And another thing").await;
    let after = ada.get("/api/chat/history").header("if-none-match", etag).await;
    assert_eq!(after.good()["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_conversation_is_nobody_elses() {
    let kai = Kai::shared().await;
    let (ada, bob) = (kai.settle().await, kai.settle().await);
    super::chat_send::say(&ada, "Hello Kai").await;
    assert_eq!(bob.get("/api/chat/history").await.good()["messages"], json!([]));
    bob.get(format!("/api/chat/history?user_id={}", ada.id)).await.expect_problem(403, "forbidden");
    bob.request("DELETE", format!("/api/chat/session/{}", ada.id)).await.expect_problem(403, "forbidden");
}

//! What clients notice when a server or an environment fails: each test on servers of its own, one at a time.

mod killed_environments;
mod load;
mod logout;
mod postgres;
mod redis;
mod session_revocation;
mod silent_disconnects;

use std::time::Duration;

use api_tests::{Setup, TestApp, TestUser, wait_until};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// Two tests that load the same processor would each see faults that are not theirs.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// A system with a Redis of its own.
fn own_redis() -> Setup {
    Setup { redis: api_tests::RedisChoice::Own, ..Setup::default() }
}

/// Reads what a person has until all of it comes from the cache.
async fn warm(user: &TestUser) {
    wait_until(Duration::from_secs(10), "hits", async || {
        let (list, profile) = (user.list_entries().await, user.get(user.profile_path()).await);
        [list.cache_status(), profile.cache_status(), user.get("/api/auth/me").await.cache_status()] == ["hit"; 3]
    })
    .await;
}

/// An entry that is written once however often it is sent: its content, without spaces, is its key.
fn create(user: &TestUser, content: &str) -> api_tests::Request {
    user.post("/api/journal/entries", &json!({"content": content})).header("idempotency-key", content)
}

/// How often each content is in the database.
async fn rows(app: &TestApp, user: &TestUser) -> Vec<(String, i64)> {
    let sql = "SELECT content, count(*) FROM journal_entries WHERE user_id = $1 GROUP BY content ORDER BY content";
    app.query(sql, &[&user.id]).await.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The milliseconds under a name of a metric document.
fn milliseconds(document: &Value, name: &str) -> f64 {
    document[name].as_f64().unwrap_or_else(|| panic!("{name} in {document}"))
}

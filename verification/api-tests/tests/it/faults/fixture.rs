//! The functions that all tests of faults share.

use std::time::Duration;

use api_tests::{RedisChoice, Request, Setup, TestApp, TestUser, wait_until};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// Waits until no other test of faults is running. Two concurrent tests would slow each other down,
/// which would look like a fault.
pub(super) async fn exclusive() -> MutexGuard<'static, ()> {
    static EXCLUSIVE: Mutex<()> = Mutex::const_new(());
    EXCLUSIVE.lock().await
}

/// Returns a setup with a dedicated Redis.
pub(super) fn own_redis() -> Setup {
    Setup { redis: RedisChoice::Own, ..Setup::default() }
}

/// Reads the list, the profile and the account of a user until all of them are cached.
pub(super) async fn warm_cache(user: &TestUser) {
    wait_until(Duration::from_secs(10), "the list, the profile and the account are cached", async || {
        let (list, profile) = (user.list_entries().await, user.get(user.profile_path()).await);
        [list.cache_status(), profile.cache_status(), user.get("/api/auth/me").await.cache_status()] == ["hit"; 3]
    })
    .await;
}

/// Builds a request that creates an entry only once, even if it is sent several times. The content,
/// which has no spaces, is also the idempotency key.
pub(super) fn create_once(user: &TestUser, content: &str) -> Request {
    user.post("/api/journal/entries", &json!({"content": content})).header("idempotency-key", content)
}

/// Returns the contents of the entries in the database, with the number of entries for each
/// content.
pub(super) async fn stored_contents(app: &TestApp, user: &TestUser) -> Vec<(String, i64)> {
    let sql = "SELECT content, count(*) FROM journal_entries WHERE user_id = $1 GROUP BY content ORDER BY content";
    app.query(sql, &[&user.id]).await.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Returns a duration in a metric line, in milliseconds.
pub(super) fn milliseconds(document: &Value, name: &str) -> f64 {
    document[name].as_f64().unwrap_or_else(|| panic!("{name} is not a number in {document}"))
}

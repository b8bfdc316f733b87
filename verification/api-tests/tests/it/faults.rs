//! What clients notice when a server or an environment fails: each test on servers of its own, one at a time.

mod death;
mod load;
mod logout;
mod postgres;
mod redis;
mod revocation;
mod silence;

use std::time::Duration;

use api_tests::{Kai, Person, Setup};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep};

/// Two tests that load the same processor would each see faults that are not theirs.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// A system with a Redis of its own.
fn own_redis() -> Setup {
    Setup { redis: api_tests::RedisChoice::Own, ..Setup::default() }
}

/// Waits until something is so, and fails if that takes longer.
pub(crate) async fn within(patience: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + patience;
    while !condition().await {
        assert!(Instant::now() < end, "not within {patience:?}: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Reads what a person has until all of it comes from the cache.
async fn warm(person: &Person) {
    within(Duration::from_secs(10), "hits", async || {
        let (list, profile) = (person.list().await, person.get(person.profile_path()).await);
        [list.cache(), profile.cache(), person.get("/api/auth/me").await.cache()] == ["hit"; 3]
    })
    .await;
}

/// An entry that is written once however often it is sent: its content, without spaces, is its key.
fn create(person: &Person, content: &str) -> api_tests::Request {
    person.post("/api/journal/entries", &json!({"content": content})).header("idempotency-key", content)
}

/// How often each content is in the database.
async fn rows(kai: &Kai, person: &Person) -> Vec<(String, i64)> {
    let sql = "SELECT content, count(*) FROM journal_entries WHERE user_id = $1 GROUP BY content ORDER BY content";
    kai.query(sql, &[&person.id]).await.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The milliseconds under a name of a metric document.
fn milliseconds(document: &Value, name: &str) -> f64 {
    document[name].as_f64().unwrap_or_else(|| panic!("{name} in {document}"))
}

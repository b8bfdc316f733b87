//! A user with data in every cache family, and the keys of their records.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use api_tests::openapi::Operation;
use api_tests::{Response, TestApp, TestUser, token_hash, wait_until};
use redis::Cmd;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::chat_send::say;

const SESSION: &str = "/api/auth/me";
const NEWEST: &str = "/api/journal/entries?page_size=1";
const HISTORY: &str = "/api/chat/history";

/// The minimum number of cached reads.
const MIN_CACHED_READS: usize = 7;

/// Returns the paths of all cached reads of the document. The first read is the one that caches
/// only the session, which all other reads cache too.
fn cached_paths(user: Uuid, entry: &str) -> Vec<String> {
    let mut paths = vec![SESSION.to_owned()];
    for operation in Operation::all().iter().filter(|operation| operation.is_cached_read()) {
        match operation.path {
            SESSION => {}
            "/api/journal/entries" => paths.extend([NEWEST.to_owned(), format!("{NEWEST}&page=2")]),
            path => paths.push(path.replace("{user_id}", &user.to_string()).replace("{entry_id}", entry)),
        }
    }
    assert!(paths.len() >= MIN_CACHED_READS, "{paths:?}");
    assert!(paths.iter().all(|path| !path.contains('{')), "the test has no value for a placeholder: {paths:?}");
    paths
}

/// A read that is served from the cache.
pub(super) struct CachedRead {
    pub(super) path: String,
    /// The key of the record, or empty if the read has not been cached yet.
    pub(super) record: String,
    /// The key of the guard, or empty if the read has not been cached yet.
    pub(super) guard: String,
    /// The expected response, which comes from the database.
    pub(super) expected: Value,
}

/// A user whose reads are cached.
pub(super) struct CachedUser {
    user: TestUser,
    pub(super) reads: Vec<CachedRead>,
    redis: MultiplexedConnection,
    /// The text that was written last.
    latest: String,
}

impl Deref for CachedUser {
    type Target = TestUser;

    fn deref(&self) -> &TestUser {
        &self.user
    }
}

impl CachedUser {
    /// Creates a user whose reads are all cached.
    pub(super) async fn start(app: &TestApp) -> Self {
        Self::start_with_redis(app, app.redis_url()).await
    }

    /// Creates a user whose reads are all cached. `redis_url` is another URL of the Redis that the
    /// functions use.
    pub(super) async fn start_with_redis(app: &TestApp, redis_url: &str) -> Self {
        let mut cached_user = Self::new(app, redis_url).await;
        app.wait_until_idle().await;
        let keys = cached_user.keys().await;
        cached_user.delete(&keys).await;
        let mut session = BTreeSet::new();
        for index in 0..cached_user.reads.len() {
            let path = cached_user.reads[index].path.clone();
            cached_user.get(&path).until_hit().await;
            app.wait_until_idle().await;
            let keys = cached_user.keys().await;
            let new: BTreeSet<String> = keys.difference(&session).cloned().collect();
            let (guards, records): (Vec<_>, Vec<_>) = new.iter().cloned().partition(|key| key.ends_with(":guard"));
            let ([record], [guard]) = (&records[..], &guards[..]) else {
                panic!("{path} is cached in other than one record with one guard: {new:?}")
            };
            cached_user.reads[index].record.clone_from(record);
            cached_user.reads[index].guard.clone_from(guard);
            // Without these keys, the next read also creates its guard, even if it is the same one.
            // The session remains cached.
            match path.as_str() {
                SESSION => session = keys,
                _ => cached_user.delete(&new).await,
            }
        }
        for read in &cached_user.reads {
            cached_user.get(&read.path).until_hit().await;
        }
        cached_user
    }

    /// Creates a user with data. The reads are not necessarily cached.
    pub(super) async fn new(app: &TestApp, redis_url: &str) -> Self {
        let client = redis::Client::open(redis_url).unwrap();
        let redis = client.get_multiplexed_async_connection().await.unwrap();
        let mut cached_user = Self { user: app.new_user().await, reads: Vec::new(), redis, latest: String::new() };
        let first = cached_user.create_entry("the first entry").await["id"].as_str().unwrap().to_owned();
        cached_user.write_everything(app).await;
        for path in cached_paths(cached_user.id, &first) {
            let (record, guard) = (String::new(), String::new());
            cached_user.reads.push(CachedRead { path, record, guard, expected: Value::Null });
        }
        cached_user.reread().await;
        cached_user
    }

    /// Returns the keys of the user's records and of their guards.
    async fn keys(&self) -> BTreeSet<String> {
        let token = const_hex::encode(token_hash(&self.token));
        let mut keys = BTreeSet::new();
        for pattern in [format!("*{}*", self.id), format!("session:{token}")] {
            let found: Vec<String> =
                redis::cmd("KEYS").arg(pattern).query_async(&mut self.redis.clone()).await.unwrap();
            // Cached answers of the model are looked up by messages and not by reads.
            keys.extend(found.into_iter().filter(|key| !key.starts_with("ai:")));
        }
        keys
    }

    /// Deletes keys directly in Redis.
    async fn delete(&self, keys: &BTreeSet<String>) {
        for key in keys {
            self.run(&[Cmd::del(key)]).await;
        }
    }

    /// Writes a new text to every family, independently of the state of the cache.
    pub(super) async fn write_everything(&mut self, app: &TestApp) {
        self.latest = Uuid::new_v4().simple().to_string();
        self.create_entry(&self.latest).await;
        self.patch(self.profile_path(), &json!({"communication_style": self.latest})).await.expect_success();
        say(self, &self.latest).await;
        let elsewhere = self.with_token(app.open_session(self.id).await);
        let _ = elsewhere.request("POST", "/api/auth/logout?scope=this").await;
    }

    /// Updates the expected responses, and then reads until every read is served from the cache.
    pub(super) async fn refresh(&mut self) {
        self.reread().await;
        self.warm().await;
    }

    /// Updates the expected responses, which must contain the latest text.
    pub(super) async fn reread(&mut self) {
        for index in 0..self.reads.len() {
            self.reads[index].expected = self.get(&self.reads[index].path).await.expect_success();
        }
        for path in [&self.profile_path(), NEWEST, HISTORY] {
            let read = self.reads.iter().find(|read| read.path == path).unwrap();
            assert!(
                read.expected.to_string().contains(&self.latest),
                "{} does not contain the latest write",
                read.path
            );
        }
    }

    /// Reads until every read is served from the cache.
    pub(super) async fn warm(&self) {
        for read in &self.reads {
            wait_until(Duration::from_secs(10), &read.path, async || {
                self.check(read, "warm").await.cache_status() == "hit"
            })
            .await;
        }
    }

    /// Reads, and asserts that the response is the expected one.
    pub(super) async fn check(&self, read: &CachedRead, what: &str) -> Response {
        let response = self.get(&read.path).await;
        assert_eq!(response.status, 200, "{what}: {}: {}", read.path, response.text());
        assert_eq!(response.json(), read.expected, "{what}: {}", read.path);
        response
    }

    /// Executes commands directly in Redis.
    pub(super) async fn run(&self, commands: &[Cmd]) {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command.clone());
        }
        pipeline.exec_async(&mut self.redis.clone()).await.unwrap();
    }

    /// Returns the keys and the values of the records, in the order of the reads.
    pub(super) async fn records(&self) -> Vec<(String, Vec<u8>)> {
        self.values(self.reads.iter().map(|read| read.record.clone())).await
    }

    /// Returns the keys and the values of the guards, in the order of the reads.
    pub(super) async fn guards(&self) -> Vec<(String, Vec<u8>)> {
        self.values(self.reads.iter().map(|read| read.guard.clone())).await
    }

    async fn values(&self, keys: impl Iterator<Item = String>) -> Vec<(String, Vec<u8>)> {
        let mut values = Vec::new();
        for key in keys {
            let value: Option<Vec<u8>> =
                redis::cmd("GET").arg(&key).query_async(&mut self.redis.clone()).await.unwrap();
            let value = value.unwrap_or_else(|| panic!("{key} does not exist"));
            values.push((key, value));
        }
        values
    }
}

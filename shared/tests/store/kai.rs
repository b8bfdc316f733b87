//! A store with a database, a Redis and a user of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dev_servers::testing::{self, TestRedis, until};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::AppState;
use shared::cache::{Cache, Unreachable};
use shared::config::Config;
use shared::domain::validation::FieldReader;
use shared::domain::{Credentials, Email, ListQuery, NewEntry, Token};
use shared::secret::SecretKey;
use tokio_postgres::{NoTls, Row};

/// The key with which records are sealed.
pub(crate) const CACHE_KEY: [u8; 32] = [7; 32];

/// A database and a Redis of one test, and a user with a session.
pub(crate) struct Kai {
    pub(crate) server: TestRedis,
    database_url: String,
    pub(crate) token: Token,
}

impl Kai {
    pub(crate) async fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let (server, admin) = (TestRedis::node(), testing::postgres());
        let name = format!("shared_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        admin.drop_database(&name).await.unwrap();
        admin.clone_database(&testing::template_database(), &name).await.unwrap();
        let database_url = admin.url(&name);
        let state = environment(&server.url(), &database_url);
        let email = Email::parse(&"someone@example.org".into()).unwrap();
        let account = state.store.accounts().register(&email, "not a hash", None).await.unwrap();
        let grant = state
            .store
            .sessions()
            .create(&Credentials { user: account.id, password_hash: "not a hash".to_owned() }, None)
            .await
            .unwrap();
        Self { server, database_url, token: grant.token }
    }

    /// Returns the state of a new environment.
    pub(crate) fn environment(&self) -> AppState {
        self.environment_at(&self.server.url())
    }

    /// Returns the state of a new environment that connects to Redis at this URL.
    pub(crate) fn environment_at(&self, redis_url: &str) -> AppState {
        environment(redis_url, &self.database_url)
    }

    /// Returns the state of a new environment that has not noticed any failure. It shares the
    /// connections to the database with the environment `beside`.
    pub(crate) fn newcomer(&self, redis_url: &str, beside: &AppState) -> AppState {
        let mut state = beside.for_request();
        state.store.cache =
            Cache::new(&redis_url.parse().unwrap(), &SecretKey::new(CACHE_KEY), Arc::clone(&state.store.metrics));
        state
    }

    /// Returns the state of an environment whose circuit breaker is open, as after some requests
    /// during an outage.
    pub(crate) async fn environment_that_gave_up(&self) -> AppState {
        let state = self.environment();
        until(async || state.store.cache.ping().await == Err(Unreachable::CircuitOpen { opened: false })).await;
        state
    }

    pub(crate) async fn write(&self, state: &AppState, content: &str) {
        let body = json!({"content": content}).to_string();
        let draft: NewEntry = FieldReader::from_json(body.as_bytes()).unwrap().parse().unwrap();
        state.store.journal().create(&self.token, &draft, None).await.unwrap();
    }

    /// Returns the texts of the entries on the first page, newest first.
    pub(crate) async fn list(&self, state: &AppState) -> Vec<String> {
        let listing: ListQuery = FieldReader::default().parse().unwrap();
        let document = state.for_request().store.journal().list(&self.token, &listing).await.unwrap();
        let page: Value = serde_json::from_slice(&document.into_body(false).0).unwrap();
        let contents = page["entries"].as_array().unwrap().iter().map(|entry| entry["content"].as_str().unwrap());
        contents.map(str::to_owned).collect()
    }

    /// Lists the entries until the page comes from the cache.
    pub(crate) async fn warm(&self, state: &AppState) {
        until(async || {
            let request = state.for_request();
            let listing: ListQuery = FieldReader::default().parse().unwrap();
            request.store.journal().list(&self.token, &listing).await.unwrap();
            request.metrics().cache_hits() == 2
        })
        .await;
    }

    /// Returns the guards in the outbox, in the order in which they were added.
    pub(crate) async fn outbox(&self) -> Vec<String> {
        let rows = self.query("SELECT guard FROM cache_outbox ORDER BY id").await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Returns the number of these tokens whose sessions are live in the database.
    pub(crate) async fn alive(&self, tokens: impl Iterator<Item = &Token>) -> i64 {
        let hashes = tokens.map(|token| {
            let hash = Sha256::digest(URL_SAFE_NO_PAD.decode(token.expose()).unwrap());
            format!("'\\x{}'", const_hex::encode(hash))
        });
        let sql = format!(
            "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE s.revoked_at IS NULL AND s.created_at > u.sessions_since AND s.token_hash IN ({})",
            hashes.collect::<Vec<_>>().join(", ")
        );
        self.query(&sql).await[0].get(0)
    }

    /// Executes SQL text that contains several statements.
    pub(crate) async fn run(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await.unwrap();
        tokio::select! {
            done = client.batch_execute(sql) => done.unwrap(),
            ended = connection => panic!("the connection ended: {ended:?}"),
        }
    }

    pub(crate) async fn query(&self, sql: &str) -> Vec<Row> {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await.unwrap();
        tokio::select! {
            rows = client.query(sql, &[]) => rows.unwrap(),
            ended = connection => panic!("the connection ended: {ended:?}"),
        }
    }

    pub(crate) fn guard(&self, prefix: &str) -> String {
        format!("{prefix}:{}:guard", self.token.user_id())
    }
}

fn environment(redis_url: &str, database_url: &str) -> AppState {
    let config = Config::from_lookup(|name| {
        Some(match name {
            "DATABASE_URL" => database_url.to_owned(),
            "REDIS_URL" => redis_url.to_owned(),
            // Some tests use this many connections at the same time. With a smaller pool, they
            // would spend more time opening connections than using them.
            "DB_POOL_SIZE" => "40".to_owned(),
            "CACHE_KEY" => STANDARD.encode(CACHE_KEY),
            _ => return None,
        })
    });
    AppState::try_from(config.unwrap()).unwrap()
}

//! One running system.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dev_servers::{Postgres, PostgresOptions, Redis, RedisOptions, testing};
use emulator::{Emulator, InvocationError, LogBuffer, Options, Template, Variable};
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};
use uuid::Uuid;

use crate::client::{Client, Reply};
use crate::emf;
use crate::person::Person;
use crate::proxy::{Protocol, Proxy};
use crate::setup::{PostgresChoice, RedisChoice, Setup};

/// The functions behind the emulator, with a database, a Redis and collected logs.
#[derive(Debug)]
pub struct Kai {
    /// The gateway and the functions.
    pub emulator: Emulator,
    /// Everything that the functions and the platform have logged.
    pub logs: LogBuffer,
    /// Before the database, where the setup asked for it.
    pub postgres_proxy: Option<Proxy>,
    /// Before Redis, where the setup asked for it.
    pub redis_proxy: Option<Proxy>,
    /// The Postgres of its own, where the setup asked for it.
    pub own_postgres: Option<Postgres>,
    /// The Redis of its own, where the setup asked for it.
    pub own_redis: Option<Redis>,
    database_url: String,
    redis_url: String,
    seen_urls: [String; 2],
    folder: TempDir,
}

static SHARED: OnceCell<Kai> = OnceCell::const_new();

impl Kai {
    /// The system that tests share that touch their own users only.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(Self::start).await
    }

    /// A system of its own.
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// A system of its own, made as the setup says.
    pub async fn start_with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = format!("kai_{}", Uuid::new_v4().simple());
        let mut own_postgres = None;
        let database_url = match setup.postgres {
            PostgresChoice::Migrated => {
                let admin = testing::postgres();
                admin.clone_database(&testing::template_database(), &database).await.expect("a copy of the template");
                admin.url(&database)
            }
            PostgresChoice::Empty => {
                testing::postgres().create_database(&database).await.expect("a database");
                testing::postgres().url(&database)
            }
            PostgresChoice::Own(settings) => {
                let options = PostgresOptions { disposable: true, settings, ..PostgresOptions::default() };
                let postgres = Postgres::start(&folder.path().join("postgres"), &options).expect("a Postgres");
                postgres.create_database(&database).await.expect("a database");
                own_postgres.insert(postgres).url(&database)
            }
            PostgresChoice::At(url) => url,
        };
        let mut own_redis = None;
        let redis_url = match setup.redis {
            RedisChoice::Shared => testing::redis(),
            RedisChoice::Own => {
                // `DEBUG POPULATE` fills it in a moment.
                let directives = vec![("enable-debug-command".to_owned(), "local".to_owned())];
                let options = RedisOptions { directives, ..RedisOptions::default() };
                let redis = Redis::start(&folder.path().join("redis"), &options).expect("a Redis");
                own_redis.insert(redis).url()
            }
            RedisChoice::At(url) => url,
        };
        let (mut postgres_proxy, mut redis_proxy) = (None, None);
        let (mut seen_database_url, mut seen_redis_url) = (database_url.clone(), redis_url.clone());
        if setup.proxied {
            let proxy = Proxy::start(testing::port(&database_url), Protocol::Postgres).await;
            seen_database_url = testing::with_port(&database_url, postgres_proxy.insert(proxy).port());
            if !redis_url.starts_with("redis-cluster:") {
                let proxy = Proxy::start(testing::port(&redis_url), Protocol::Redis).await;
                seen_redis_url = testing::with_port(&redis_url, redis_proxy.insert(proxy).port());
            }
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("randomness");
        let mut variables: Vec<(&str, String)> = vec![
            ("DATABASE_URL", seen_database_url.clone()),
            ("REDIS_URL", seen_redis_url.clone()),
            ("CACHE_KEY", STANDARD.encode(key)),
            ("OPERATOR_KEY", "*".to_owned()),
        ];
        variables.extend(setup.variables.iter().cloned());
        let logs = LogBuffer::default();
        let mut template = template();
        for function in &mut template.functions {
            // Tests fire them when it suits: a minute that passes in the middle of a count would spoil it.
            function.schedules.clear();
            if !setup.delivers_logs {
                function.subscriptions.clear();
            }
            for (name, value) in &setup.variables {
                // Also what the template does not declare, such as the authorities that a function trusts.
                function.variables.insert((*name).to_owned(), Variable::Value(value.clone()));
            }
            if let Some(limit) = setup.concurrency {
                let limit = Variable::Value(limit.to_string());
                function.variables.insert("AWS_LAMBDA_MAX_CONCURRENCY".to_owned(), limit);
            }
        }
        let options = Options {
            template,
            binaries: testing::functions(),
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            max_environments: setup.environments,
            throttle: false,
            logs: emf::strict(if setup.keeps_logs { logs.sink() } else { Options::default().logs }),
            ..Options::default()
        };
        let emulator = Emulator::start(options).await.expect("an emulator");
        let kai = Self {
            emulator,
            logs,
            postgres_proxy,
            redis_proxy,
            own_postgres,
            own_redis,
            database_url,
            redis_url,
            seen_urls: [seen_database_url, seen_redis_url],
            folder,
        };
        if kai.own_postgres.is_some() {
            kai.invoke("db-migrate", &json!({"direction": "up"})).await.expect("a migration");
        }
        kai
    }

    /// Somebody who is not signed in.
    pub fn anonymous(&self) -> Client {
        Client::new(self.emulator.address(), None)
    }

    /// Somebody new who has just registered and signed in, over the API.
    pub async fn register_and_login(&self) -> Person {
        let (email, password) = (unique_email(), "nine quiet herons".to_owned());
        let credentials = json!({"email": email, "password": password});
        let account = self.anonymous().post("/api/auth/register", &credentials).await.good();
        let login = self.anonymous().post("/api/auth/login", &credentials).await.good();
        let id = account["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let token = login["access_token"].as_str().expect("a token").to_owned();
        Person::new(&self.anonymous(), id, email, password, token)
    }

    /// Somebody new with a session, put into the database directly: for tests that need many people or are not about signing in.
    /// The password does not sign in.
    pub async fn settle(&self) -> Person {
        let (id, email) = (Uuid::now_v7(), unique_email());
        self.query(
            "WITH account AS (INSERT INTO users (id, email, password_hash) VALUES ($1, $2, '!') RETURNING id)
            INSERT INTO user_profiles (id, user_id) SELECT $3, id FROM account",
            &[&id, &email, &Uuid::now_v7()],
        )
        .await;
        let token = self.open_session(id).await;
        Person::new(&self.anonymous(), id, email, String::new(), token)
    }

    /// A session put into the database directly; returns its token.
    pub async fn open_session(&self, user: Uuid) -> String {
        let (token, hash) = new_token(user);
        let sql =
            "INSERT INTO sessions (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')";
        self.query(sql, &[&Uuid::now_v7(), &user, &hash]).await;
        token
    }

    /// Runs a function on an event.
    ///
    /// # Errors
    /// What the function reported.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, InvocationError> {
        let reply = self.emulator.invoke(function, event.to_string()).await?;
        Ok(serde_json::from_slice(&reply).expect("JSON"))
    }

    /// The URL of the database, not through a proxy.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The URL of Redis, not through a proxy.
    pub fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// The URLs of the database and of Redis that the functions are given, of the proxies where there are any.
    pub fn seen_urls(&self) -> [&str; 2] {
        self.seen_urls.each_ref().map(String::as_str)
    }

    /// A folder that lives as long as the system, with the logs of its own servers below it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a statement on the database, past the functions.
    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        let (client, connection) = tokio_postgres::connect(&self.database_url, NoTls).await.expect("a connection");
        tokio::select! {
            rows = client.query(sql, params) => rows.unwrap_or_else(|error| panic!("{error:?}: {sql}")),
            ended = connection => panic!("the connection ended: {ended:?}"),
        }
    }

    /// The first column of the only row that a statement gives.
    pub async fn value<T: for<'a> tokio_postgres::types::FromSql<'a>>(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> T {
        let rows = self.query(sql, params).await;
        assert_eq!(rows.len(), 1, "rows of {sql}");
        rows[0].get(0)
    }

    /// Runs a command in Redis, past the functions.
    pub async fn redis<T: FromRedisValue>(&self, command: &Cmd) -> T {
        let client = redis::Client::open(self.redis_url.as_str()).expect("a URL");
        // Filling Redis takes longer than the driver waits by default.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let mut connection = connection.expect("a connection");
        command.query_async(&mut connection).await.expect("a reply")
    }

    /// How often Redis has run each command since it started, by lower-case name.
    pub async fn command_counts(&self) -> std::collections::BTreeMap<String, u64> {
        let info: String = self.redis(redis::cmd("INFO").arg("commandstats")).await;
        let line = |line: &str| {
            let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), stats.split(',').next()?.parse().ok()?))
        };
        info.lines().filter_map(line).collect()
    }

    /// Every line of the functions' logs that claims to be a metric document, parsed.
    pub fn metrics(&self) -> Vec<Value> {
        let lines = self.logs.lines();
        let documents = lines.iter().filter(|line| emf::claims_to_be(&line.text));
        documents
            .map(|line| serde_json::from_str(&line.text).unwrap_or_else(|error| panic!("{error}: {line:?}")))
            .collect()
    }

    /// The metric document of one request.
    pub fn metrics_of(&self, reply: &Reply) -> Value {
        let id = reply.header("x-request-id").expect("a request id");
        let mut found: Vec<_> = self.metrics().into_iter().filter(|document| document["requestId"] == id).collect();
        assert_eq!(found.len(), 1, "metric documents of request {id}");
        found.remove(0)
    }

    /// What `GET /health/detailed` tells an operator of everything that was answered before.
    pub async fn performance(&self, window: &str) -> Value {
        self.emulator.delivered().await;
        let health = self.anonymous().get(format!("/health/detailed?window={window}")).await.good();
        health["performance"].clone()
    }

    /// Waits until every environment is idle and what they have sent has arrived.
    pub async fn settled(&self) {
        self.emulator.idle().await;
        for proxy in self.postgres_proxy.iter().chain(&self.redis_proxy) {
            proxy.quiet().await;
        }
    }
}

/// A token of a user's, and the hash that the database knows it by.
pub fn new_token(user: Uuid) -> (String, Vec<u8>) {
    let mut token = [0; 48];
    let (owner, secret) = token.split_at_mut(16);
    owner.copy_from_slice(user.as_bytes());
    getrandom::fill(secret).expect("randomness");
    (URL_SAFE_NO_PAD.encode(token), Sha256::digest(token).to_vec())
}

/// The repository's template.
pub fn template() -> Template {
    Template::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml")).expect("the template")
}

fn unique_email() -> String {
    format!("{}@example.org", Uuid::new_v4().simple())
}

//! What a request is given.

use std::sync::Arc;
use std::time::Duration;

use cache::Cache;
use db::{Db, PoolSize};
use domain::Store;
use domain::password::Passwords;
use futures_util::future::join;
use llm::Model;
use metrics::RequestMetrics;
use secret::Secret;
use tokio::time::timeout;

use crate::config::{Config, ConfigError, Variables};

/// How long INIT waits for its connections: an unavailable backend must not prevent the environment from starting.
const CONNECT_BUDGET: Duration = Duration::from_millis(300);

/// The parts that handlers work with. Built once for an environment; each request gets a clone with metrics of its own.
#[derive(Clone)]
pub struct AppState {
    /// Redis and Postgres.
    pub store: Store,
    /// What replies in the chat.
    pub model: Model,
    /// Argon2id.
    pub passwords: Passwords,
    /// The key that an operator presents; without one nobody is an operator.
    pub(crate) operator_key: Option<Secret<String>>,
    /// The key that `CloudFront` presents; without one, its headers are not trusted.
    pub(crate) edge_key: Option<Secret<String>>,
    /// The DynamoDB table with the sums of requests.
    pub performance_table: Option<String>,
    /// The name of the cache in `ElastiCache`, if it is there.
    pub cache_id: Option<String>,
}

/// Why an environment cannot serve requests.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum StartupError {
    /// Variables are missing or malformed.
    Config(#[from] ConfigError),
    /// The database needs TLS, and the system has no certificates.
    Database(#[from] db::Error),
}

impl TryFrom<Variables> for AppState {
    type Error = StartupError;

    fn try_from(variables: Variables) -> Result<Self, StartupError> {
        Ok(Config::try_from(variables)?.try_into()?)
    }
}

impl TryFrom<Config> for AppState {
    type Error = db::Error;

    /// Puts the parts together without connecting. Fails if TLS is required and the system has no certificates.
    fn try_from(config: Config) -> Result<Self, db::Error> {
        let metrics = Arc::new(RequestMetrics::default());
        let Config { database, cache, keys, .. } = config;
        let size = PoolSize { kept: database.pool_size, overflow: database.max_overflow };
        let store = Store {
            cache: Cache::new(&cache.url, &keys.cache, Arc::clone(&metrics)),
            db: Db::new(&database.url, size, database.slow_query_threshold, Arc::clone(&metrics))?,
            metrics,
            hmac_key: keys.cache.derive("pseudonym"),
            local_counters: Arc::default(),
        };
        Ok(Self {
            store,
            model: config.llm.map_or(Model::RuleBased, |endpoint| Model::Remote(Arc::new(endpoint))),
            passwords: Passwords::default(),
            operator_key: keys.operator,
            edge_key: keys.edge,
            performance_table: config.telemetry.performance_table,
            cache_id: cache.id,
        })
    }
}

impl AppState {
    /// Connects to both backends concurrently, and waits a bounded time. An unavailable backend is not an error.
    pub async fn connect(&self) {
        let _ = timeout(CONNECT_BUDGET, join(self.store.cache.connect(), self.store.db.connect())).await;
    }

    /// The metrics of this request.
    pub fn metrics(&self) -> &RequestMetrics {
        &self.store.metrics
    }

    /// The same state for a new request without a name.
    #[must_use]
    pub fn for_request(&self) -> Self {
        self.with_metrics(Arc::default())
    }

    /// The same state for the request that these metrics belong to.
    #[must_use]
    pub fn with_metrics(&self, metrics: Arc<RequestMetrics>) -> Self {
        Self { store: self.store.with_metrics(metrics), ..self.clone() }
    }
}

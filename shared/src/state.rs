//! The state that handlers use.

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

/// The time that INIT waits for connections. An unavailable backend must not prevent the
/// environment from starting.
const CONNECT_BUDGET: Duration = Duration::from_millis(300);

/// The state of an execution environment. Each request gets a clone with its own metrics.
#[derive(Clone)]
pub struct AppState {
    /// The data in Redis and Postgres.
    pub store: Store,
    /// The model that replies to chat messages.
    pub model: Model,
    /// The hashing of passwords with Argon2id.
    pub passwords: Passwords,
    /// The key that operators send. Without a key, no client is an operator.
    pub(crate) operator_key: Option<Secret<String>>,
    /// The key that `CloudFront` sends. Without a key, its headers are not trusted.
    pub(crate) edge_key: Option<Secret<String>>,
    /// The name of the DynamoDB table with the statistics of requests.
    pub performance_table: Option<String>,
    /// The name of the cache in `ElastiCache`, if the cache is in `ElastiCache`.
    pub cache_id: Option<String>,
}

/// The reason why an environment cannot serve requests.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum StartupError {
    /// Variables are missing or malformed.
    Config(#[from] ConfigError),
    /// The database requires TLS, and there are no certificate authorities.
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

    /// Creates the state without connecting. Returns an error if the database requires TLS and
    /// there are no certificate authorities.
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
    /// Connects to both backends concurrently, for up to 300 ms. An unavailable backend is not an
    /// error.
    pub async fn connect(&self) {
        let _ = timeout(CONNECT_BUDGET, join(self.store.cache.connect(), self.store.db.connect())).await;
    }

    /// Returns the metrics of this request.
    pub fn metrics(&self) -> &RequestMetrics {
        &self.store.metrics
    }

    /// Returns the same state with new metrics, without the id and the endpoint of a request.
    #[must_use]
    pub fn for_request(&self) -> Self {
        self.with_metrics(Arc::default())
    }

    /// Returns the same state with the metrics of another request.
    #[must_use]
    pub fn with_metrics(&self, metrics: Arc<RequestMetrics>) -> Self {
        Self { store: self.store.with_metrics(metrics), ..self.clone() }
    }
}

//! What a request is given.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::time::timeout;

use crate::cache::Cache;
use crate::config::{Config, ConfigError, Variables};
use crate::db::{self, Db, PoolSize};
use crate::llm::Model;
use crate::metrics::Meter;
use crate::password::Passwords;
use crate::secret::{Secret, SecretKey};
use crate::store::LocalCounters;

/// How long INIT waits for its connections: a backend that is away must not keep the environment from starting.
const CONNECT_BUDGET: Duration = Duration::from_millis(300);

/// The parts that handlers work with. Built once for an environment; each request gets a clone with a meter of its own.
#[derive(Clone)]
pub struct State {
    /// Redis.
    pub cache: Cache,
    /// Postgres.
    pub db: Db,
    /// What answers in the chat.
    pub model: Model,
    /// Argon2id.
    pub passwords: Passwords,
    /// What this request counts.
    pub meter: Arc<Meter>,
    /// For names that must not be read back: of e-mail addresses, sources, request bodies.
    pub pseudonyms: SecretKey,
    /// What an operator shows; without one everybody is an operator.
    pub(crate) operator_key: Option<Secret<String>>,
    /// What `CloudFront` shows; without one nobody is believed to be it.
    pub(crate) edge_key: Option<Secret<String>>,
    /// The table of DynamoDB in which requests are summed up.
    pub performance_table: Option<String>,
    /// What the cache is called in `ElastiCache`, if it is there.
    pub cache_id: Option<String>,
    /// Counts log-ins while Redis is away.
    pub(crate) counters: Arc<LocalCounters>,
}

/// An environment cannot be worked in.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum Unfit {
    /// Of variables that are missing or malformed.
    Config(#[from] ConfigError),
    /// Of certificates.
    Database(#[from] db::Error),
}

impl TryFrom<Variables> for State {
    type Error = Unfit;

    fn try_from(variables: Variables) -> Result<Self, Unfit> {
        Ok(Config::try_from(variables)?.try_into()?)
    }
}

impl TryFrom<Config> for State {
    type Error = db::Error;

    /// Puts the parts together without connecting. Fails when TLS is asked for and the system has no certificates.
    fn try_from(config: Config) -> Result<Self, db::Error> {
        let meter = Arc::new(Meter::default());
        let size = PoolSize { kept: config.db_pool_size, overflow: config.db_max_overflow };
        Ok(Self {
            cache: Cache::new(&config.redis, &config.cache_key, Arc::clone(&meter)),
            db: Db::new(&config.database, size, config.slow_query_threshold, Arc::clone(&meter))?,
            model: config.llm.map_or(Model::BuiltIn, |endpoint| Model::Remote(Arc::new(endpoint))),
            passwords: Passwords::default(),
            meter,
            pseudonyms: config.cache_key.derive("pseudonym"),
            operator_key: config.operator_key,
            edge_key: config.edge_key,
            performance_table: config.performance_table,
            cache_id: config.cache_id,
            counters: Arc::default(),
        })
    }
}

impl State {
    /// Starts both connections at once and waits a bounded time. Neither being away is an error.
    pub async fn connect(&self) {
        let _ = timeout(CONNECT_BUDGET, join(self.cache.connect(), self.db.connect())).await;
    }

    /// The same parts for a new request without a name.
    #[must_use]
    pub fn for_request(&self) -> Self {
        self.with_meter(Arc::default())
    }

    /// The same parts for the request that this meter belongs to.
    #[must_use]
    pub fn with_meter(&self, meter: Arc<Meter>) -> Self {
        Self {
            cache: self.cache.with_meter(Arc::clone(&meter)),
            db: self.db.with_meter(Arc::clone(&meter)),
            meter,
            ..self.clone()
        }
    }
}
